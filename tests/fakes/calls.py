"""Every call that leaves the process, in order; and the places where the process may die."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from agentrun_operator.reconcile.ports import ClusterUnavailable

T = TypeVar("T")


class Crash(BaseException):
    """The end of the process; derives from BaseException so that no handler of ours survives it."""


class FailsOnce:
    """Refuses the first call of a name, or loses its answer, and remembers that it came."""

    def __init__(self, call: str) -> None:
        self._call = call
        self.came = False

    def __call__(self, name: str) -> None:
        """Stand in `Calls.before` or `Calls.after`."""
        if name == self._call and not self.came:
            self.came = True
            raise ClusterUnavailable("no answer")


class Calls:
    """The log of external calls: writes to the cluster and requests to the cloud.

    `crash_after` lets the process die right after that many more calls, before anybody learns of
    the answer; `before` may fail a call instead of making it, `after` in spite of having made it.
    `meanwhile` is what else the process does while a call is under way.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.crash_after: int | None = None
        self.before: Callable[[str], None] = lambda _name: None
        self.after: Callable[[str], None] = lambda _name: None
        self.meanwhile: Callable[[str], Awaitable[None]] | None = None

    async def make(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        """Make one call, unless the process is dead or `before` objects."""
        if self.crash_after == 0:
            raise Crash(name)
        self.before(name)
        if self.meanwhile is not None:
            await self.meanwhile(name)
        self.names.append(name)
        try:
            answer = await call()
        finally:
            self._count(name)
        self.after(name)
        return answer

    def _count(self, name: str) -> None:
        if self.crash_after is not None:
            self.crash_after -= 1
            if self.crash_after == 0:
                raise Crash(name)

    def take(self) -> list[str]:
        """Return the names so far, and start over."""
        names, self.names = self.names, []
        return names
