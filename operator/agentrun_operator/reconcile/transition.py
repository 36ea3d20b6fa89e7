"""How long the cloud has been at work on the resource of one object."""

from dataclasses import dataclass


@dataclass(slots=True)
class Transition:
    """Work that a write of ours began, or that a look found under way."""

    since: float | None = None
    """Monotonic time."""
    is_polled: bool = False
    """The poller lists more often while this is True."""

    def begin(self, now: float) -> None:
        """Note a write that the cloud is going to work on from now on."""
        self.since = now

    def go_on(self, now: float) -> None:
        """Note that the cloud is at work, whatever it began with."""
        if self.since is None:
            self.since = now

    def end(self) -> None:
        """Note that the resource is as specified."""
        self.since = None

    def exceeds(self, seconds: float, now: float) -> bool:
        """Whether the work takes longer than it may."""
        return self.since is not None and now - self.since > seconds
