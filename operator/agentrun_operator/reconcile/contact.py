"""When an account last answered, and since when it does not: of each account one record.

Every call to the cloud reports here, whoever made it. So a LIST of the poller, a read of one object
and the proof of the account's own keys count alike.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from agentrun_operator.core.errors import (
    CredentialsInvalid,
    ForeignKeys,
    OperatorError,
    Throttled,
    Unavailable,
)
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import timestamp
from agentrun_operator.reconcile.ports import Clock

OUT_OF_REACH = (Unavailable, Throttled, CredentialsInvalid, ForeignKeys)
"""Failures that every other call to the account shares."""
FEW = 3
"""So many failures in a row, of whatever calls, are more than bad luck of one of them."""


@dataclass(slots=True)
class Contact:
    """What is known of the way to one account."""

    clock: Clock
    changed: Callable[[], None]
    """Called when the account gets out of reach, and when it is back."""
    answered_at: float = field(init=False)
    """Monotonic time of the last good answer; before any, the time since when we ask."""
    last_answer: datetime | None = None
    failing_since: datetime | None = None
    """Time of the first failure in the present row."""
    failures: int = 0
    error: OperatorError | None = None
    """The newest failure."""

    def __post_init__(self) -> None:
        """Begin now."""
        self.answered_at = self.clock.monotonic()

    @property
    def is_out(self) -> bool:
        """Whether the account is out of reach: refused keys say so at once."""
        return self.failures >= FEW or isinstance(self.error, CredentialsInvalid | ForeignKeys)

    def history(self) -> str:
        """Say since when there is no good answer, and when there was the last one."""
        since = timestamp(self.failing_since or self.clock.now())
        if self.last_answer is None:
            return f"no good answer since {since}, and none before since the operator started"
        return f"no good answer since {since}, the last one was at {timestamp(self.last_answer)}"

    def answered(self) -> None:
        """Note a good answer, or a refusal that concerns one call alone."""
        was_out = self.is_out
        self.answered_at = self.clock.monotonic()
        self.last_answer = self.clock.now()
        self.failing_since, self.failures, self.error = None, 0, None
        if was_out:
            self.changed()

    def failed(self, error: OperatorError) -> None:
        """Note a call that failed for a cause that every other call shares."""
        was_out = self.is_out
        self.failures += 1
        self.error = error
        if self.failing_since is None:
            self.failing_since = self.clock.now()
        if self.is_out and not was_out:
            self.changed()


class Contacts:
    """The records of all accounts, by the object that stands for the account."""

    def __init__(self, clock: Clock) -> None:
        """Start with none."""
        self._clock = clock
        self._by_source: dict[ObjectKey, Contact] = {}
        self._changed: Callable[[ObjectKey], None] = lambda _source: None

    def listen(self, changed: Callable[[ObjectKey], None]) -> None:
        """Call `changed(account)` when an account gets out of reach, and when it is back."""
        self._changed = changed

    def of(self, source: ObjectKey) -> Contact:
        """Return the record of an account."""
        known = self._by_source.get(source)
        if known is None:
            known = Contact(self._clock, lambda: self._changed(source))
            self._by_source[source] = known
        return known

    def keep(self, is_used: Callable[[ObjectKey], bool]) -> None:
        """Drop the records of accounts that are no longer used.

        Race: a client holds its record from before it is known. With another one in the place of
        that, the account would never hear of its outages.
        """
        self._by_source = {at: c for at, c in self._by_source.items() if is_used(at)}
