"""Time that moves only when a test says so."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class VirtualClock:
    """The engine's clock (`ports.Clock`); the simulated cloud sees it through `OffsetClock`.

    With `jumps`, a sleeper moves the time itself: for tests in which one thing runs at once.
    """

    def __init__(self, start: datetime = START, *, jumps: bool = False) -> None:
        self.jumps = jumps
        self._start = start
        self._elapsed = 0.0
        self._serial = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def set_forward(self, seconds: float) -> None:
        """Let the wall clock jump, as a correction does; no time passes."""
        self._start += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if self.jumps:
            # A real sleep always takes some time, however short it was meant to be.
            self.advance(max(1e-6, seconds))
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._elapsed + max(0.0, seconds)
        heapq.heappush(self._sleepers, (due, next(self._serial), future))
        await future

    def next_due(self) -> float | None:
        """Return the seconds until the first sleeper wakes; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] - self._elapsed if self._sleepers else None

    def advance(self, seconds: float) -> None:
        """Move on, and wake everybody who is due, in order; they run when the caller awaits."""
        self._elapsed += seconds
        while (due := self.next_due()) is not None and due <= 0:
            heapq.heappop(self._sleepers)[2].set_result(None)


class OffsetClock:
    """The same time, seen by a machine whose clock is wrong (the cloud's, as a rule)."""

    def __init__(self, clock: VirtualClock, offset_seconds: float = 0.0) -> None:
        self._clock = clock
        self.offset_seconds = offset_seconds

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.offset_seconds)
