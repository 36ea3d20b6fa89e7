"""How many calls one account gets from us, and which of them go first.

Three lanes share one rate: what a user waits for, then what is in transition, then routine reads.
The rate follows the API: a 429 halves it and pauses everything as long as the API asks, and calm
raises it again step by step.
"""

import asyncio
import heapq
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum

from agentrun_operator.core.errors import Throttled
from agentrun_operator.reconcile.ports import Clock

_FLOOR_PER_SECOND = 0.5
_RECOVERY = 0.02
"""Share of the full rate that each untroubled call gives back."""
_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 1.0
"""Pause after a 429 that names none."""
_MIN_SLEEP_SECONDS = 0.001
"""A clock may be too coarse to tell that a shorter sleep is over."""


class Lane(IntEnum):
    """Who goes first; lower wins."""

    URGENT = 0
    """Deletions and edits: a person waits."""
    TRANSITION = 1
    """Reads of what is becoming ready."""
    ROUTINE = 2
    """Resync and drift checks."""


_lane: ContextVar[Lane] = ContextVar("lane", default=Lane.URGENT)


@contextmanager
def in_lane(lane: Lane) -> Iterator[None]:
    """Make the calls within, and the tasks started within, travel in one lane."""
    token = _lane.set(lane)
    try:
        yield
    finally:
        _lane.reset(token)


class Budget:
    """A token bucket with lanes. Single event loop, no locks."""

    def __init__(self, clock: Clock, per_second: float) -> None:
        """Allow `per_second` calls, and a burst of as many at once."""
        self._clock = clock
        self._full_rate = per_second
        self.per_second = per_second
        """The rate in force: at most the configured one."""
        self._tokens = max(1.0, per_second)
        self._filled_at = clock.monotonic()
        self._paused_until = float("-inf")
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._serial = itertools.count()
        self._pump: asyncio.Task[None] | None = None

    def configure(self, per_second: float) -> None:
        """Take over an edited rate."""
        if per_second != self._full_rate:
            self._full_rate = per_second
            self.per_second = per_second

    async def acquire(self) -> None:
        """Wait for a turn in the lane of the caller.

        Raises:
            Throttled: it would take so long that the caller had better come back, instead of
                keeping a worker from everybody else's account.
        """
        ahead = sum(1 for lane, _, _ in self._waiting if lane <= _lane.get())
        wait = self._seconds_to_token() + ahead / self.per_second
        if wait > _PATIENCE_SECONDS:
            raise Throttled("the account's budget is spent for now", retry_after=wait, is_ours=True)
        if not self._waiting and self._seconds_to_token() <= 0:
            self._tokens -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (_lane.get(), next(self._serial), turn))
        if self._pump is None or self._pump.done():
            self._pump = asyncio.ensure_future(self._serve())
        await turn

    def throttled(self, retry_after: float | None) -> None:
        """Slow down: the API said 429; `retry_after` in seconds if it said so."""
        self._refill()
        self.per_second = max(_FLOOR_PER_SECOND, self.per_second / 2)
        self._tokens = min(self._tokens, 0.0)
        pause = _PAUSE_SECONDS if retry_after is None else retry_after
        self._paused_until = max(self._paused_until, self._clock.monotonic() + pause)

    def succeeded(self) -> None:
        """Speed up a little, towards the configured rate."""
        if self.per_second < self._full_rate:
            step = self._full_rate * _RECOVERY
            self.per_second = min(self._full_rate, self.per_second + step)

    async def _serve(self) -> None:
        while self._waiting:
            pause = self._seconds_to_token()
            if pause > 0:
                await self._clock.sleep(max(pause, _MIN_SLEEP_SECONDS))
                continue
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._tokens -= 1
                turn.set_result(None)

    def _seconds_to_token(self) -> float:
        self._refill()
        pause = self._paused_until - self._clock.monotonic()
        if self._tokens >= 1:
            return max(0.0, pause)
        return max(pause, (1 - self._tokens) / self.per_second)

    def _refill(self) -> None:
        now = self._clock.monotonic()
        gained = (now - self._filled_at) * self.per_second
        self._tokens = min(max(1.0, self.per_second), self._tokens + gained)
        self._filled_at = now
