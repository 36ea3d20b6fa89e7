"""How many calls one account gets from us, and which of them go first.

Three lanes share one rate: what a user waits for, then what is in transition, then routine reads.
Where several namespaces use the account, each has an equal share of it (`shares.py`). The rate
follows the API: a 429 halves the rate of the calls that it is about (`throttling.py`) and pauses
them as long as the API asks, and calm raises it again step by step.
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
from agentrun_operator.reconcile.throttling import Scope, Throttling

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
_operation: ContextVar[str] = ContextVar("operation", default="")


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


@contextmanager
def calling(operation: str) -> Iterator[None]:
    """Make the requests within count as calls of one operation."""
    token = _operation.set(operation)
    try:
        yield
    finally:
        _operation.reset(token)


def for_all() -> AbstractContextManager[None]:
    """Make the calls within on behalf of all: others would wait behind the one who began them."""
    return in_lane(_lane.get())


class Budget:
    """A token bucket with lanes. Single event loop, no locks."""

    def __init__(self, clock: Clock, per_second: float) -> None:
        """Allow `per_second` calls, and a burst of as many at once."""
        self._clock = clock
        self._bucket = Bucket(clock, per_second)
        self._slowed: dict[Scope, Bucket] = {}
        """Of what a 429 was about that was not about the whole account: until its rate is back."""
        self._throttling = Throttling(clock)
        self._waiting = Shares()
        self._pump: asyncio.Task[None] | None = None
        self._pump_wakes_at = float("inf")
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
        """For how long nothing at all is sent, because the API asked for that."""
        return max(0.0, self._throttling.paused_until(Scope()) - self._clock.monotonic())

    def refused(self) -> list[tuple[Scope, float]]:
        """Return what the API refused a short while ago, and the seconds that are left to wait."""
        self._forget()
        return self._throttling.remembered()

    @property
    def is_throttled(self) -> bool:
        """Whether the API has said 429 a short while ago: some rate is not what it may be yet."""
        self._forget()
        return bool(self._throttling or self._slowed) or self._bucket.is_slow

    def configure(self, per_second: float) -> None:
        """Take over an edited rate."""
        if self._bucket.configure(per_second):
            self._slowed.clear()

    async def acquire(self) -> None:
        """Wait for a turn in the lane, and from the share, of the caller.

        Raises:
            Throttled: it would take so long that the caller had better come back, instead of
                keeping what waits behind it in line.
        """
        call, lane = _present_call(), _lane.get()
        if self._may_go(call) and not any(map(self._may_go, self._waiting.calls())):
            self._take(call)
            if self._waiting:
                # Somebody may have waited for this namespace to have its turn.
                self._wake_pump()
            return
        self._check_wait(call, lane)
        joined_at = self._clock.monotonic()
        turn = self._waiting.join(call.tenant, lane, now=joined_at, operation=call.operation)
        self._wake_pump()
        try:
            await turn
        finally:
            self.waited_seconds += self._clock.monotonic() - joined_at

    def check_turn(self, operation: str) -> None:
        """Refuse at once what a call of an operation would be refused for after a 429.

        Raises:
            Throttled: it would take so long that the caller had better come back.
        """
        if self._throttling or self._slowed:
            self._check_wait(Scope(operation, _tenant.get()), _lane.get())

    def throttled(self, retry_after: float | None) -> None:
        """Slow down: the API said 429; `retry_after` in seconds if it said so."""
        self.throttles += 1
        self._forget()
        pause = _PAUSE_SECONDS if retry_after is None else retry_after
        scope = self._throttling.refused(_present_call(), pause)
        if scope == Scope():
            self._bucket.slow_down(pause)
            return
        if scope not in self._slowed:
            self._slowed[scope] = self._bucket.of_same_rate()
        self._slowed[scope].slow_down(pause)

    def succeeded(self) -> None:
        """Speed up a little, towards the configured rate."""
        call = _present_call()
        if self._throttling:
            self._throttling.succeeded(call)
            if self._waiting:
                self._wake_pump()
        for bucket in self._buckets_of(call).values():
            bucket.speed_up()
        self._forget()

    def _check_wait(self, call: Scope, lane: Lane) -> None:
        wait = self._seconds_to_turn(call, lane)
        if wait > _PATIENCE_SECONDS:
            self._throttling.sent_away(call, wait)
            self.turned_away += 1
            raise _spent(call, wait)

    def _wake_pump(self) -> None:
        """Have those served who wait, sooner than the pump would look if need be."""
        now = self._clock.monotonic()
        if self._pump is not None and not self._pump.done():
            soonest = now + min(map(self._seconds_to_token, self._waiting.calls()), default=0.0)
            if soonest >= self._pump_wakes_at - _MIN_SLEEP_SECONDS:
                return
            self._pump.cancel()
        self._pump_wakes_at = now
        self._pump = asyncio.ensure_future(self._serve())

    async def _serve(self) -> None:
        while self._waiting:
            following = self._waiting.next(self._place_of)
            if following is not None:
                call, turn = following
                self._take(call)
                turn.set_result(None)
            elif self._waiting:
                self._send_back()
                pause = min(map(self._seconds_to_token, self._waiting.calls()), default=0.0)
                pause = max(pause, _MIN_SLEEP_SECONDS)
                self._pump_wakes_at = self._clock.monotonic() + pause
                await self._clock.sleep(pause)

    def _send_back(self) -> None:
        """End the waits that last too long when the API asks for one pause after the other.

        The pass behind such a wait could not say meanwhile that its resource was not seen.
        """
        now, paused_until = self._clock.monotonic(), self._throttling.paused_until
        for call, turn in self._waiting.leave(lambda call: paused_until(call) - _PATIENCE_SECONDS):
            pause = paused_until(call) - now
            self._throttling.sent_away(call, pause)
            self.turned_away += 1
            turn.set_exception(_spent(call, pause))

    def _take(self, call: Scope) -> None:
        self._throttling.served(call)
        for bucket in self._buckets_of(call).values():
            bucket.take()

    def _may_go(self, call: Scope) -> bool:
        return self._seconds_to_token(call) <= 0

    def _place_of(self, call: Scope) -> float | None:
        return self._throttling.place_of(call) if self._may_go(call) else None

    def _seconds_to_token(self, call: Scope) -> float:
        """Return how long it takes until a call may be sent if nobody is before it."""
        held = self._throttling.until(call) - self._clock.monotonic()
        return max(held, *(b.seconds_to_token() for b in self._buckets_of(call).values()))

    def _seconds_to_turn(self, call: Scope, lane: Lane) -> float:
        """Return, at a guess, how long it takes behind those who wait and go before."""
        until_of = self._throttling.until
        until = max(self._clock.monotonic(), until_of(call))

        def seconds_at(scope: Scope, bucket: Bucket) -> float:
            def counts(other: Scope) -> bool:
                return scope.covers(other) and until_of(other) <= until

            ahead = self._waiting.ahead_of(call.tenant, lane, counts)
            return self._seconds_to_token(call) + ahead / bucket.per_second

        return max(seconds_at(*each) for each in self._buckets_of(call).items())

    def _buckets_of(self, call: Scope) -> dict[Scope, Bucket]:
        """Return all that a call takes a token from."""
        slowed = {scope: bucket for scope, bucket in self._slowed.items() if scope.covers(call)}
        return {Scope(): self._bucket, **slowed}

    def _forget(self) -> None:
        """Drop what is as fast again as all else, or was not complained of for a while."""
        if self._throttling:
            self._throttling.forget()
        if self._slowed:
            self._slowed = {at: b for at, b in self._slowed.items() if b.is_slow and not b.is_calm}


def _present_call() -> Scope:
    return Scope(_operation.get(), _tenant.get())


def _spent(call: Scope, retry_after: float) -> Throttled:
    message = "the account's budget is spent for now"
    return Throttled(message, retry_after=retry_after, is_ours=True, operation=call.operation)
