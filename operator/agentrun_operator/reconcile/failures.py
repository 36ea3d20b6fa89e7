"""How often in a row things went wrong for one object; drives the pauses before the next try."""

from dataclasses import dataclass

from agentrun_operator.reconcile.intervals import doubled

_CONFLICT_SECONDS = 0.2
_CONFLICT_DOUBLINGS = 9


@dataclass(slots=True)
class Failures:
    """Failed passes in a row."""

    count: int = 0
    since: float | None = None
    """Monotonic time of the first one that an error of the taxonomy ended."""

    def note(self) -> int:
        """Count a failure; return how many there were in a row."""
        self.count += 1
        return self.count

    def note_at_least(self, count: int) -> None:
        """Count no less than so many: calls of others failed before this one."""
        self.count = max(self.count, count)

    def note_error(self, now: float) -> float:
        """Note that an error of the taxonomy ended a pass; return the seconds since the first."""
        if self.since is None:
            self.since = now
        return now - self.since

    def end(self) -> None:
        """Note a pass that went well."""
        self.count, self.since = 0, None


@dataclass(slots=True)
class Conflicts:
    """What the cluster refused pass after pass, and what follows from it."""

    count: int = 0
    """Writes in a row that were out of date."""
    is_unsure: bool = False
    """The cached object may lack a write of ours, or the cause of a conflict."""
    forbidden: str = ""
    """What RBAC did not allow since the last pass that had nothing left to do."""

    def note(self) -> float:
        """Count a conflict; return the seconds until the next try.

        The watch is about to bring the newer version. A write that stays refused for another reason
        must not be repeated without a pause.
        """
        self.count += 1
        self.is_unsure = self.count > 1
        return doubled(_CONFLICT_SECONDS, min(self.count, _CONFLICT_DOUBLINGS))

    def note_unanswered(self) -> None:
        """Note a write whose answer got lost."""
        self.is_unsure = True

    def note_read(self) -> None:
        """Note that the object was read from the cluster itself."""
        self.is_unsure = False

    def note_forbidden(self, what: str) -> bool:
        """Note what RBAC did not allow; return whether it is something else than before."""
        is_news, self.forbidden = self.forbidden != what, what
        return is_news

    def note_allowed(self) -> None:
        """Note a pass that had nothing left to do."""
        self.forbidden = ""

    def end(self) -> None:
        """Note a pass without a conflict."""
        self.count = 0
