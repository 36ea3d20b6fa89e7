"""A token bucket: how many calls per second one account gets from us."""

from agentrun_operator.reconcile.ports import Clock


class TokenBucket:
    """Fair in arrival order: each caller reserves the next free slot and sleeps until it."""

    def __init__(self, clock: Clock, per_second: float) -> None:
        """Allow `per_second` calls, and a burst of as many at once."""
        self._clock = clock
        self._interval = 1.0 / per_second
        self._burst = per_second
        self._next = clock.monotonic() - self._burst * self._interval

    async def acquire(self) -> None:
        """Wait for the next slot."""
        now = self._clock.monotonic()
        self._next = max(self._next, now - self._burst * self._interval) + self._interval
        if self._next > now:
            await self._clock.sleep(self._next - now)
