"""A token bucket whose rate follows what the API complains of.

A 429 halves the rate and empties the bucket, and each untroubled call raises the rate a little.
"""

from agentrun_operator.reconcile.ports import Clock

_FLOOR_PER_SECOND = 0.5
_RECOVERY = 0.02
"""Share of the full rate that each untroubled call gives back."""
_CALM_SECONDS = 60.0


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
        self._complained_until = float("-inf")

    def of_same_rate(self) -> "Bucket":
        """Return a full bucket of the same rate, which from now on has a history of its own."""
        other = Bucket(self._clock, self._full_rate)
        other.per_second = self.per_second
        return other

    @property
    def is_calm(self) -> bool:
        """Whether the pause after the last 429 has been over for a while."""
        return self._clock.monotonic() >= self._complained_until + _CALM_SECONDS

    @property
    def tokens(self) -> float:
        """How many calls may be sent at once; below 0 after a 429."""
        self._refill()
        return self._tokens

    @property
    def is_slow(self) -> bool:
        """Whether the rate is not what it may be yet."""
        return self.per_second < self._full_rate

    def configure(self, per_second: float) -> bool:
        """Take over an edited rate; return whether it is another one."""
        if per_second == self._full_rate:
            return False
        self._full_rate = per_second
        self.per_second = per_second
        return True

    def seconds_to_token(self) -> float:
        """Return how long it takes until a call may be sent."""
        self._refill()
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self.per_second

    def take(self) -> None:
        """Note that a call is sent."""
        self._tokens -= 1

    def slow_down(self, pause: float) -> None:
        """Follow a 429 that asks for a pause of so many seconds."""
        self._refill()
        until = self._clock.monotonic() + pause
        self._complained_until = max(self._complained_until, until)
        self.per_second = max(_FLOOR_PER_SECOND, self.per_second / 2)
        self._tokens = min(self._tokens, 0.0)

    def speed_up(self) -> None:
        """Follow a call that went well: a little faster, up to the configured rate."""
        if self.is_slow:
            step = self._full_rate * _RECOVERY
            self.per_second = min(self._full_rate, self.per_second + step)

    def _refill(self) -> None:
        """Let time pass. A pause saves up one call, which shows whether others may follow."""
        now = self._clock.monotonic()
        self._fill_until(min(now, self._complained_until), most=1.0)
        self._fill_until(now, most=max(1.0, self.per_second))

    def _fill_until(self, until: float, *, most: float) -> None:
        if until > self._filled_at:
            gained = (until - self._filled_at) * self.per_second
            self._tokens = min(most, self._tokens + gained)
            self._filled_at = until
