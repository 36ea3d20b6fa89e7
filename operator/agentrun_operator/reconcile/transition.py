"""How long the cloud has been at work on the resource of one object, and which end is expected."""

from dataclasses import dataclass


@dataclass(slots=True)
class ExpectedEnd:
    """The end of the work that a write of ours began: looks come early to see it."""

    write: str
    """Which write it was."""
    begun_at: float
    """Monotonic time of its answer."""
    busy_at: float | None = None
    """Monotonic time of the last look that showed the cloud at that work."""
    is_counted: bool = False
    """Whether it has raised the allowance for early looks."""
    prepaid: float = 0.0
    """Calls, or a part of one, that the next look at this resource alone has cost in advance."""
    is_seen: bool = False
    """A LIST has shown it, and a pass was asked for. Where a read does not agree with that LIST,
    regular looks are left: else each early one would wake another pass."""
    ident: str = ""
    """By which the resource is found in a LIST; empty before it was looked for in one."""

    def note_busy(self, at: float) -> None:
        """Note a look, begun at a monotonic time, that showed the cloud at work."""
        if at >= self.begun_at:
            self.busy_at = at if self.busy_at is None else max(self.busy_at, at)


@dataclass(slots=True)
class Transition:
    """Work that a write of ours began, or that a look found under way."""

    since: float | None = None
    """Monotonic time."""
    is_polled: bool = False
    """The poller lists more often while this is True (`MemoryBank.note_polled`)."""
    expected: ExpectedEnd | None = None
    """None where no write of ours is known to have begun it, or the cloud has been told something
    else since."""

    def begin(self, now: float, write: str, at: float) -> None:
        """Note a write, answered at `at`, that the cloud is going to work on from now on."""
        self.since = now
        self.expected = ExpectedEnd(write, at)

    def go_on(self, now: float) -> None:
        """Note that the cloud is at work, whatever it began with."""
        if self.since is None:
            self.since = now

    def expect_no_end(self) -> None:
        """Note that the cloud has been told something else, or has come to another end."""
        self.expected = None

    def end(self) -> None:
        """Note that the resource is as specified."""
        self.since = self.expected = None

    def exceeds(self, seconds: float, now: float) -> bool:
        """Whether the work takes longer than it may."""
        return self.since is not None and now - self.since > seconds
