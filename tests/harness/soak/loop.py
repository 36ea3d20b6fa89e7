"""An asyncio event loop whose time is virtual: it jumps to the next timer when nothing is ready."""

import asyncio
import random
from collections import deque
from datetime import UTC, datetime
from typing import Any

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
START_SECONDS = 1000.0
"""The loop's time at `START`."""
_MAX_STEPS = 100_000
"""At one moment; what goes on for longer wakes itself again and again, and time stands still."""


def to_loop(moment: datetime) -> float:
    """Return a moment in the loop's time."""
    return (moment - START).total_seconds() + START_SECONDS


class StuckError(Exception):
    """Time goes on no more: everybody waits for ever, or somebody never waits."""


class _Selector:
    """Stands where the loop waits for sockets; there are none."""

    def __init__(self, loop: "SimulatedLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise StuckError("nothing left to happen")
        self._loop.elapse(timeout)
        return []

    def close(self) -> None:
        """Nothing is open."""

    def get_map(self) -> dict[int, Any]:
        return {}


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs callbacks in an order that the seed chooses, at times that nobody waits for."""

    _scheduled: list[asyncio.TimerHandle]
    """The base class's timers, the next one first."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._now = START_SECONDS
        self._steps = 0
        """Since time went on."""
        self._selector = _Selector(self)
        self._shuffle = random.Random(seed ^ 0x5EED)  # noqa: S311 - scheduling, no secret
        self._clock_resolution = 1e-9
        self.failures: list[str] = []
        """Exceptions that no task was there to receive."""
        self.set_exception_handler(self._failed)

    def time(self) -> float:
        return self._now

    def elapse(self, seconds: float) -> None:
        """Move on by a time that the base class computed to the next timer."""
        if seconds > 0:
            due = self._scheduled[0].when() if self._scheduled else self._now + seconds
            self._steps = 0 if due > self._now else self._steps
            self._now = max(self._now, due)

    def _run_once(self) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            self._steps = 0
            raise StuckError("somebody wakes itself without an end")
        # Two tasks woken in one step have no order of their own; timers keep theirs by time.
        ready: deque[Any] = self._ready  # type: ignore[attr-defined]
        if len(ready) > 1:
            mixed = list(ready)
            self._shuffle.shuffle(mixed)
            ready.clear()
            ready.extend(mixed)
        super()._run_once()  # type: ignore[misc]

    def _process_events(self, events: list[Any]) -> None:
        """No sockets, no events."""

    def _write_to_self(self) -> None:
        """No other thread has to wake us."""

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")
