"""How many calls one account gets from us, and which of them go first.

Three lanes share one rate: what a user waits for, then what is in transition, then routine reads.
Where several namespaces use the account, each has an equal share of it (`shares.py`). The rate
follows the API: a 429 halves it and pauses everything as long as the API asks, and calm raises it
again step by step.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from enum import IntEnum

from agentrun_operator.core.errors import Throttled
from agentrun_operator.reconcile.bucket import Bucket
from agentrun_operator.reconcile.ports import Clock
from agentrun_operator.reconcile.shares import Shares

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
_tenant: ContextVar[str] = ContextVar("tenant", default="")
"""Namespace on whose behalf a call is made; empty: on behalf of all that use the account."""


def present_tenant() -> str:
    """Return on whose behalf calls are made here; empty: on behalf of all."""
    return _tenant.get()


@contextmanager
def in_lane(lane: Lane, tenant: str = "") -> Iterator[None]:
    """Make the calls within, and the tasks started within, travel in one lane for a namespace."""
    token, before = _lane.set(lane), _tenant.set(tenant)
    try:
        yield
    finally:
        _lane.reset(token)
        _tenant.reset(before)


def for_all() -> AbstractContextManager[None]:
    """Make the calls within on behalf of all: others would wait behind the one who began them."""
    return in_lane(_lane.get())


class Budget:
    """A token bucket with lanes. Single event loop, no locks."""

    def __init__(self, clock: Clock, per_second: float) -> None:
        """Allow `per_second` calls, and a burst of as many at once."""
        self._clock = clock
        self._bucket = Bucket(clock, per_second)
        self._paused_until = float("-inf")
        self._waiting = Shares()
        self._pump: asyncio.Task[None] | None = None
        self.waited_seconds = 0.0
        """How long callers waited for their turns, all together."""
        self.turned_away = 0
        """How many callers were told to come back later."""
        self.throttles = 0
        """How often the API said 429."""

    @property
    def per_second(self) -> float:
        """The rate in force: at most the configured one."""
        return self._bucket.per_second

    @property
    def tokens(self) -> float:
        """How many calls may be sent at once; below 0 after a 429."""
        return self._bucket.tokens

    @property
    def waiting(self) -> int:
        """How many callers wait for their turn."""
        return len(self._waiting)

    @property
    def pause_seconds(self) -> float:
        """For how long nothing is sent, because the API asked for that."""
        return max(0.0, self._paused_until - self._clock.monotonic())

    @property
    def is_throttled(self) -> bool:
        """Whether the API has said 429 a short while ago: the rate is not what it may be yet."""
        return self.pause_seconds > 0 or self._bucket.is_slow

    def configure(self, per_second: float) -> None:
        """Take over an edited rate."""
        self._bucket.configure(per_second)

    async def acquire(self) -> None:
        """Wait for a turn in the lane, and from the share, of the caller.

        Raises:
            Throttled: it would take so long that the caller had better come back, instead of
                keeping what waits behind it in line.
        """
        tenant, lane = _tenant.get(), _lane.get()
        wait = self._seconds_to_token() + self._waiting.ahead_of(tenant, lane) / self.per_second
        if wait > _PATIENCE_SECONDS:
            self.turned_away += 1
            raise _spent(wait)
        if not self._waiting and self._seconds_to_token() <= 0:
            self._bucket.take()
            return
        joined_at = self._clock.monotonic()
        turn = self._waiting.join(tenant, lane, now=joined_at)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.ensure_future(self._serve())
        try:
            await turn
        finally:
            self.waited_seconds += self._clock.monotonic() - joined_at

    def throttled(self, retry_after: float | None) -> None:
        """Slow down: the API said 429; `retry_after` in seconds if it said so."""
        self.throttles += 1
        self._bucket.slow_down()
        pause = _PAUSE_SECONDS if retry_after is None else retry_after
        self._paused_until = max(self._paused_until, self._clock.monotonic() + pause)

    def succeeded(self) -> None:
        """Speed up a little, towards the configured rate."""
        self._bucket.speed_up()

    async def _serve(self) -> None:
        while self._waiting:
            pause = self._seconds_to_token()
            if pause > 0:
                self._send_back()
                await self._clock.sleep(max(pause, _MIN_SLEEP_SECONDS))
                continue
            turn = self._waiting.next()
            if turn is not None:
                self._bucket.take()
                turn.set_result(None)

    def _send_back(self) -> None:
        """End the waits that last too long when the API asks for one pause after the other.

        The pass behind such a wait could not say meanwhile that its resource was not seen.
        """
        pause = self._paused_until - self._clock.monotonic()
        if pause > 0:
            for turn in self._waiting.leave(self._paused_until - _PATIENCE_SECONDS):
                self.turned_away += 1
                turn.set_exception(_spent(pause))

    def _seconds_to_token(self) -> float:
        pause = self._paused_until - self._clock.monotonic()
        return max(pause, self._bucket.seconds_to_token())


def _spent(retry_after: float) -> Throttled:
    message = "the account's budget is spent for now"
    return Throttled(message, retry_after=retry_after, is_ours=True)
