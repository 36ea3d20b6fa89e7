"""Calls and budgets by account: few labels, whatever the number of accounts."""

from prometheus_client import CollectorRegistry

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.budget import Budget
from agentrun_operator.reconcile.clients import OWN_ACCOUNT
from agentrun_operator.telemetry.accounts import Accounts
from fakes.clock import VirtualClock

FIRST = ObjectKey("Account", "team-a", "default")
SECOND = ObjectKey("Account", "team-b", "default")
SHARED = ObjectKey("ClusterAccount", "", "prod")
CALL = {"operation": "GetTool", "code": "200"}


class Scraped:
    """Accounts and what a scrape shows of them."""

    def __init__(self, most: int = 50) -> None:
        self.accounts = Accounts(most)
        self.registry = CollectorRegistry()
        self.registry.register(self.accounts)

    def calls(self, account: str) -> float | None:
        return self.value("agentrun_api_requests_total", account=account, **CALL)

    def value(self, series: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(series, labels)

    def call(self, *sources: ObjectKey | None) -> None:
        for source in sources:
            self.accounts.called(source, CALL["operation"], CALL["code"])


def test_accounts_have_labels_that_no_other_can_have() -> None:
    scraped = Scraped()
    scraped.call(FIRST, FIRST, SHARED, OWN_ACCOUNT, None)
    labels = ("team-a/default", "prod", "_operator", "_other")
    assert [scraped.calls(label) for label in labels] == [2, 1, 1, 1]


def test_accounts_beyond_the_bound_count_together() -> None:
    scraped = Scraped(most=1)
    scraped.call(FIRST, SECOND, SHARED, FIRST)
    assert [scraped.calls(label) for label in ("team-a/default", "_other")] == [2, 2]
    assert scraped.calls("team-b/default") is None


def test_an_account_that_is_gone_leaves_its_label() -> None:
    scraped = Scraped(most=1)
    budget = Budget(VirtualClock(), 4.0)
    scraped.accounts.budgets = lambda: {FIRST: budget}
    scraped.call(FIRST, SECOND)
    scraped.accounts.is_there = lambda source: source != FIRST
    scraped.accounts.forgotten(FIRST)
    assert scraped.calls("team-a/default") is None, "a scrape gives it no label"
    scraped.call(FIRST)
    scraped.call(SHARED)
    assert scraped.calls("team-a/default") is None
    assert [scraped.calls(label) for label in ("prod", "_other")] == [1, 2]


async def test_budgets_are_read_at_the_scrape() -> None:
    clock = VirtualClock()
    budget = Budget(clock, 4.0)
    scraped = Scraped()
    scraped.accounts.budgets = lambda: {FIRST: budget}
    await budget.acquire()
    account = {"account": "team-a/default"}
    assert scraped.value("agentrun_account_budget_tokens", **account) == 3
    budget.throttled(None)
    assert scraped.value("agentrun_account_throttles_total", **account) == 1
    assert scraped.value("agentrun_account_budget_calls_per_second", **account) == 2
    assert scraped.value("agentrun_account_turned_away_total", **account) == 0


def test_budgets_of_accounts_beyond_the_bound_are_added_up() -> None:
    clock = VirtualClock()
    budgets = {source: Budget(clock, 4.0) for source in (FIRST, SECOND, SHARED)}
    scraped = Scraped(most=1)
    scraped.accounts.budgets = lambda: budgets
    assert scraped.value("agentrun_account_budget_tokens", account="_other") == 8
