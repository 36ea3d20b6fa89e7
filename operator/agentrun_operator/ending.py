"""How the process ends: when it is asked to, when a part fails, and in any case in time.

Each wait at the end has a bound of its own. Above them stands a deadline that needs neither the
loop nor a thread of Python: what is stuck must not keep the process and its Lease.
"""

import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Collection, Coroutine, Iterable
from types import FrameType
from typing import Any, Final, NoReturn

import structlog

log = structlog.get_logger(__name__)

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
END_SECONDS: Final = 8.0
"""From the end of the drain to the end of the process, with everything that hangs."""
WATCH_SECONDS: Final = 3.0
"""For the watches, which have ended long before that in general."""
LEFTOVER_SECONDS: Final = 2.0
CANCEL_SECONDS: Final = 0.2


class Ending:
    """Turns the first signal into `stop`, the second into an end at once, and sets the deadline.

    Args:
        drain_seconds: How long running passes may finish their calls.
    """

    def __init__(self, drain_seconds: float) -> None:
        self.stop = asyncio.Event()
        self._seconds = drain_seconds + END_SECONDS
        self._is_asked = False
        self._is_armed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def take_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        """Handle signals from now on, also while the loop is stuck."""
        self._loop = loop
        for number in SIGNALS:
            signal.signal(number, self._asked)

    def arm(self) -> None:
        """Let the process be gone within the drain time and a little more, whatever hangs."""
        if not self._is_armed:
            self._is_armed = True
            # Says where each thread hangs: names of functions and lines, no values.
            faulthandler.dump_traceback_later(self._seconds, exit=True, file=sys.__stderr__ or 2)

    def _asked(self, number: int, _: FrameType | None) -> None:
        if self._is_asked:
            os._exit(128 + number)
        self._is_asked = True
        self.arm()
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed: there is nothing left to stop
                self._loop.call_soon_threadsafe(self.stop.set)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run to an end, in a loop of its own, on the main thread.

        Not `asyncio.run`: it waits without a bound for each task that was left behind.
        """
        loop = asyncio.new_event_loop()
        self.take_signals(loop)
        try:
            loop.run_until_complete(self._watched(work))
        finally:
            self.arm()
            loop.run_until_complete(_clear_away())
            loop.close()

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        deadline = asyncio.create_task(self._arm_at_end(), name="deadline")
        try:
            await work
        finally:
            deadline.cancel()

    async def _arm_at_end(self) -> None:
        await self.stop.wait()
        self.arm()


async def unless(stop: asyncio.Event, work: Awaitable[None]) -> bool:
    """Await something unless `stop` is set first; returns whether it was done."""
    task, stopper = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait([task, stopper], return_when=asyncio.FIRST_COMPLETED)
    stopper.cancel()
    if task.done():
        task.result()
        return True
    await end([task], seconds=WATCH_SECONDS)
    return False


async def within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    """Await something that may be left undone, for so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work


async def run_all(
    stop: asyncio.Event,
    *,
    engine: Awaitable[None],
    watches: Iterable[Awaitable[None]],
    lease: Iterable[Awaitable[None]],
    drain_seconds: float,
) -> None:
    """Run everything until `stop`, or until one part fails.

    Order: the engine drains first, while it can still write; the watches end by themselves at
    `stop`; the lease is held until nothing writes any more.
    """
    draining = asyncio.ensure_future(engine)
    following = [asyncio.ensure_future(part) for part in watches]
    holding = [asyncio.ensure_future(part) for part in lease]
    stopper = asyncio.ensure_future(stop.wait())
    try:
        done, _ = await asyncio.wait(
            [draining, *following, *holding, stopper], return_when=asyncio.FIRST_COMPLETED
        )
        for task in done - {stopper}:
            task.result()
    finally:
        stop.set()
        draining.cancel()
        await _wait([draining], drain_seconds + CANCEL_SECONDS)
        await _wait([*following, stopper], WATCH_SECONDS)
        await end([draining, *following, *holding], seconds=WATCH_SECONDS)


async def end(tasks: Collection[asyncio.Future[Any]], *, seconds: float) -> None:
    """Cancel tasks until they are done, or for so long; what goes on all the same is logged.

    Again and again, because a library may swallow a cancellation that comes while it cleans up.
    """
    left = list(tasks)
    until = asyncio.get_running_loop().time() + seconds
    while left := [task for task in left if not task.done()]:
        if asyncio.get_running_loop().time() >= until:
            log.error("tasks did not end", tasks=sorted(map(_name, left)))
            return
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=CANCEL_SECONDS)
    for task in tasks:
        _read(task)


async def _wait(tasks: Collection[asyncio.Future[Any]], seconds: float) -> None:
    done, _ = await asyncio.wait(tasks, timeout=seconds)
    for task in done:
        _read(task)


def _read(task: asyncio.Future[Any]) -> None:
    """Look at a result, or the loop reports an error as never retrieved: the first was raised."""
    if task.done() and not task.cancelled():
        task.exception()


def _name(task: asyncio.Future[Any]) -> str:
    return task.get_name() if isinstance(task, asyncio.Task) else repr(task)[:80]


async def _clear_away() -> None:
    """End what was left behind, within a bound."""
    here = asyncio.current_task()
    await end([t for t in asyncio.all_tasks() if t is not here], seconds=LEFTOVER_SECONDS)
    loop = asyncio.get_running_loop()
    # A generator of a library that still runs cannot be closed: no bug of a process that ends.
    loop.set_exception_handler(_tell_of_leftover)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CANCEL_SECONDS):
            await loop.shutdown_asyncgens()


def _tell_of_leftover(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    log.info("not closed at the end", error=context["message"])


def leave(code: int) -> NoReturn:
    """End the process with a code, not waiting for threads that a library has left behind.

    A name that is being resolved holds such a thread for as long as the resolver takes.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    main = threading.main_thread()
    if any(t is not main and not t.daemon for t in threading.enumerate()):
        os._exit(code)
    sys.exit(code)
