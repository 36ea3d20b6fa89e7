"""A token bucket whose rate follows what the API complains of.

A 429 halves the rate and empties the bucket, and each untroubled call raises the rate a little.
"""

from agentrun_operator.reconcile.ports import Clock

_FLOOR_PER_SECOND = 0.5
_RECOVERY = 0.02
"""Share of the full rate that each untroubled call gives back."""


class Bucket:
    """So many calls a second, and a burst of as many at once."""

    def __init__(self, clock: Clock, per_second: float) -> None:
        """Start full."""
        self._clock = clock
        self._full_rate = per_second
        self.per_second = per_second
        """The rate in force: at most the configured one."""
        self._tokens = max(1.0, per_second)
        self._filled_at = clock.monotonic()

    @property
    def tokens(self) -> float:
        """How many calls may be sent at once; below 0 after a 429."""
        self._refill()
        return self._tokens

    @property
    def is_slow(self) -> bool:
        """Whether the rate is not what it may be yet."""
        return self.per_second < self._full_rate

    def configure(self, per_second: float) -> None:
        """Take over an edited rate."""
        if per_second != self._full_rate:
            self._full_rate = per_second
            self.per_second = per_second

    def seconds_to_token(self) -> float:
        """Return how long it takes until a call may be sent."""
        self._refill()
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self.per_second

    def take(self) -> None:
        """Note that a call is sent."""
        self._tokens -= 1

    def slow_down(self) -> None:
        """Follow a 429."""
        self._refill()
        self.per_second = max(_FLOOR_PER_SECOND, self.per_second / 2)
        self._tokens = min(self._tokens, 0.0)

    def speed_up(self) -> None:
        """Follow a call that went well: a little faster, up to the configured rate."""
        if self.is_slow:
            step = self._full_rate * _RECOVERY
            self.per_second = min(self._full_rate, self.per_second + step)

    def _refill(self) -> None:
        now = self._clock.monotonic()
        gained = (now - self._filled_at) * self.per_second
        self._tokens = min(max(1.0, self.per_second), self._tokens + gained)
        self._filled_at = now
