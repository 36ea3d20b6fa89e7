"""What each account was asked, and how its budget stands.

Accounts are named, as nobody can find the one that is out otherwise: the first `MOST_ACCOUNTS` of
them. What the others do counts together.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.budget import Budget
from agentrun_operator.reconcile.clients import OWN_ACCOUNT

MOST_ACCOUNTS = 50
"""That have a label of their own."""
OTHERS = "_other"
OWN = "_operator"
"""No name of Kubernetes begins with an underscore."""

_GAUGES: Mapping[str, tuple[str, Callable[[Budget], float]]] = {
    "agentrun_account_budget_tokens": (
        "Calls that may be sent to the account at once, below 0 after a 429",
        lambda budget: budget.tokens,
    ),
    "agentrun_account_budget_calls_per_second": (
        "Calls per second that the account gets at the moment; 429s about all of it halve them",
        lambda budget: budget.per_second,
    ),
    "agentrun_account_waiting_calls": (
        "Calls that wait for the account's budget",
        lambda budget: budget.waiting,
    ),
}
_COUNTERS: Mapping[str, tuple[str, Callable[[Budget], float]]] = {
    "agentrun_account_throttled_seconds": (
        "Seconds that calls waited for the account's budget, all together",
        lambda budget: budget.waited_seconds,
    ),
    "agentrun_account_turned_away": (
        "Calls that were put off because the account's budget was spent for 10 seconds to come",
        lambda budget: budget.turned_away,
    ),
    "agentrun_account_throttles": (
        "Calls that the account was asked to slow down by, with a 429 or in other words",
        lambda budget: budget.throttles,
    ),
}


class Accounts(Collector):
    """Counts the calls by account; `budgets` is asked at each scrape, `is_there` before a label."""

    def __init__(self, most: int = MOST_ACCOUNTS) -> None:
        """Start with no account; `most` have a label of their own."""
        self._most = most
        self._named: dict[ObjectKey, str] = {}
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self.budgets: Callable[[], Mapping[ObjectKey, Budget]] = dict
        self.is_there: Callable[[ObjectKey], bool] = lambda _source: True

    def called(self, source: ObjectKey | None, operation: str, code: str) -> None:
        """Count a call of an account; None: of one that nobody named."""
        self._calls[operation, code, self._label(source)] += 1

    def forgotten(self, source: ObjectKey) -> None:
        """Drop what was counted of an account that is gone; another one may take its label."""
        label = self._named.pop(source, None)
        if label is not None:
            self._calls = Counter({at: n for at, n in self._calls.items() if at[2] != label})

    def collect(self) -> Iterator[Metric]:
        """Yield the families of the accounts."""
        calls = CounterMetricFamily(
            "agentrun_api_requests",
            "Calls of the AgentRun API by operation, HTTP status (or the error) and account",
            labels=("operation", "code", "account"),
        )
        for labels, count in self._calls.items():
            calls.add_metric(labels, count)
        yield calls
        budgets = [(self._label(source), budget) for source, budget in self.budgets().items()]
        for name, (meaning, read) in _GAUGES.items():
            yield _filled(GaugeMetricFamily(name, meaning, labels=("account",)), budgets, read)
        for name, (meaning, read) in _COUNTERS.items():
            yield _filled(CounterMetricFamily(name, meaning, labels=("account",)), budgets, read)

    def _label(self, source: ObjectKey | None) -> str:
        if source is None:
            return OTHERS
        # An account that is gone may still have calls under way. It is forgotten once: a label that
        # it took after that would never be free again.
        if source not in self._named and len(self._named) < self._most and self.is_there(source):
            self._named[source] = _name_of(source)
        return self._named.get(source, OTHERS)


def _name_of(source: ObjectKey) -> str:
    if source == OWN_ACCOUNT:
        return OWN
    return f"{source.namespace}/{source.name}" if source.namespace else source.name


def _filled(
    family: GaugeMetricFamily | CounterMetricFamily,
    budgets: list[tuple[str, Budget]],
    read: Callable[[Budget], float],
) -> Metric:
    sums: dict[str, float] = {}
    for label, budget in budgets:
        sums[label] = sums.get(label, 0.0) + read(budget)
    for label, value in sums.items():
        family.add_metric((label,), value)
    return family
