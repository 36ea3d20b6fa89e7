"""A lab whose engine runs by itself, on virtual time: passes side by side, as in a process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from fakes.lab import Lab

_SPINS = 40
"""Turns of the event loop after which everything rests that does not wait for time to pass."""
_STEP_SECONDS = 0.05


class Live:
    """The running engine of a lab, and the time in which it runs."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.calls_at: list[tuple[float, str]] = []
        """When each call to cloud or cluster was made."""

    def note(self, name: str) -> None:
        """Remember a call; `Calls.before` of the lab."""
        self.calls_at.append((self.lab.clock.monotonic(), name))

    async def elapse(self, seconds: float, each_step: Callable[[], None] = lambda: None) -> None:
        """Let time pass; `each_step` is called twenty times a second."""
        for _ in range(round(seconds / _STEP_SECONDS)):
            each_step()
            await self.settle()
            self.lab.clock.advance(_STEP_SECONDS)
        await self.settle()

    async def settle(self) -> None:
        """Let everything run that waits for no time to pass."""
        for _ in range(_SPINS):
            self.lab.deliver()
            await asyncio.sleep(0)

    async def seconds_until(self, call: str, limit: float = 120.0) -> float:
        """Return how long it takes from now until a call is made."""
        begun, known = self.lab.clock.monotonic(), len(self.calls_at)
        while True:
            await self.settle()
            for at, name in self.calls_at[known:]:
                if name == call:
                    return at - begun
            if self.lab.clock.monotonic() - begun > limit:
                raise AssertionError(f"no {call} within {limit} seconds")
            self.lab.clock.advance(_STEP_SECONDS)


class AtOnce(ThreadPoolExecutor):
    """Does in its place what belongs in a thread: virtual time does not wait for a real one."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the caller's
            done.set_exception(error)
        return done


@asynccontextmanager
async def running(lab: Lab) -> AsyncIterator[Live]:
    """Run the engine of a lab within the block."""
    live = Live(lab)
    lab.deliver()
    asyncio.get_running_loop().set_default_executor(AtOnce())
    lab.clock.jumps, lab.calls.before = False, live.note
    engine = asyncio.ensure_future(lab.engine.run())
    await live.settle()
    try:
        yield live
        assert not engine.done(), "the engine ended"
    finally:
        lab.calls.before = lambda _name: None
        lab.leadership.holds = False
        engine.cancel()
        await asyncio.gather(engine, return_exceptions=True)
