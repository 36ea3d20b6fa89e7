"""What looks at the resource of one object showed, those of passes and those of LISTs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agentrun_operator.reconcile.ports import Clock


@dataclass(slots=True)
class Looks:
    """When the resource was seen last, or missed first, and how it stood."""

    known_since: float | None = None
    """Monotonic time of this process's first pass: a look before that is on no record."""
    seen_at: float | None = None
    """Monotonic time of the last look, a LIST's too, that found the resource."""
    patience: float = float("inf")
    """For so many seconds after it what was seen counts."""
    is_overdue: bool = False
    """A pass was asked for since, because that time is over."""
    absent_since: float | None = None
    """Monotonic time of the first of the looks in a row that found nothing. Looks within the settle
    window of a create do not count."""
    is_listed: bool | None = None
    """Whether a LIST shows what these looks did not find; None before one was asked."""
    unlisted_since: float | None = None
    """Monotonic time of the first of the LISTs in a row that failed when they were asked so."""
    stamp: tuple[Any, Any] | None = None
    """Change token and state of the last look; another stamp in a LIST asks for a pass."""
    differs: bool = False
    """Whether the last read of the resource itself showed a difference that still stands."""

    @property
    def counts_from(self) -> float | None:
        """From when on it counts how long the resource was not seen."""
        return self.seen_at if self.seen_at is not None else self.known_since

    def begin(self, now: float) -> None:
        """Note that a pass begins."""
        if self.known_since is None:
            self.known_since = now

    def note_seen(self, at: float) -> None:
        """Remember a look, begun at a monotonic time, that found the resource."""
        self.seen_at = at if self.seen_at is None else max(self.seen_at, at)
        self.is_overdue = False
        self.is_listed = self.unlisted_since = None

    def note_present(self, at: float, patience: float) -> None:
        """Remember a look of a pass that found the resource."""
        self.absent_since = None
        self.patience = patience
        self.note_seen(at)

    def note_absent(self, now: float) -> None:
        """Remember that a look found nothing, unless the one before it found nothing either."""
        if self.absent_since is None:
            self.absent_since = now

    def note_update(self) -> None:
        """Note that an update went out, which is to take back what differed."""
        self.differs = False

    def note_overdue(self) -> None:
        """Note that nobody could look for too long, and that the object says so."""
        self.is_overdue = True

    def prove_absence_anew(self, now: float) -> None:
        """Begin to prove an absence anew: what proved it before proves nothing now."""
        self.is_listed = None
        if self.absent_since is not None:
            self.absent_since = now

    def note_listed(self, now: float, *, is_shown: bool) -> None:
        """Remember what a LIST shows that was asked because looks found nothing.

        What it shows, or showed, has to be proven missing from the start.
        """
        if is_shown or self.is_listed:
            self.absent_since = now
        self.is_listed, self.unlisted_since = is_shown, None

    def note_unlisted(self, now: float) -> float:
        """Note that such a LIST failed; return for how many seconds they have done so."""
        if self.unlisted_since is None:
            self.unlisted_since = now
        return now - self.unlisted_since

    def await_create(self) -> None:
        """Note that a create is about to be sent: only looks after it tell anything about it."""
        self.absent_since = None

    def wants_pass(self, now: float) -> bool:
        """Return whether the last look is too long ago, once until the resource is seen again."""
        seen = self.counts_from
        if seen is None or self.is_overdue or now - seen < self.patience:
            return False
        self.is_overdue = True
        return True


def wall_time(clock: Clock, at: float) -> datetime:
    """Return when a monotonic time was, by the wall clock of now."""
    return clock.now() - timedelta(seconds=clock.monotonic() - at)
