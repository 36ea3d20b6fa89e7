"""What this process did for the resources that follow one another for one object."""

from dataclasses import dataclass

from agentrun_operator.reconcile.intervals import doubled

_FIRST_SECONDS = 10.0
_MOST_SECONDS = 300.0
_CALM_SECONDS = 600.0
"""One that lived so long starts the count anew. As the kubelet does it with containers."""


@dataclass(slots=True)
class Incarnations:
    """Starts and removals of the incarnations of one object."""

    succeeded: int = 0
    """The incarnation whose predecessor this process has removed, or tried to."""
    is_removed: bool = False
    """The present one was removed after its time to live."""
    restarts: int = 0
    """How many in a row ended soon after their start."""
    restarted_at: float = float("-inf")
    """Monotonic time at which the present one was begun."""

    def pause(self, now: float) -> float:
        """Return the seconds until the next one may follow: each start costs money."""
        if self.restarts == 0:
            return 0.0
        pause = doubled(_FIRST_SECONDS, self.restarts - 1, _MOST_SECONDS)
        return max(0.0, self.restarted_at + pause - now)

    def note_create(self) -> None:
        """Note that one is about to be created."""
        self.is_removed = False

    def note_removed(self) -> None:
        """Note that the present one was removed after its time to live."""
        self.is_removed = True

    def note_restart(self, now: float) -> None:
        """Count an incarnation that follows one that ended."""
        lived = now - self.restarted_at
        self.restarts = 1 if lived >= _CALM_SECONDS else self.restarts + 1
        self.restarted_at = now
