"""What stands between a signed request and the service: regions, permissions, rates, latency.

Source: control-plane reference, §2.5 and §4.5 [?]; the numbers are settings, none are published.
"""

import math
import random
import re
from datetime import datetime

from agentrun_simulator.errors import GatewayError
from agentrun_simulator.settings import Latency, RateLimit, Settings

_P99_DEVIATIONS = 2.326347874
"""Standard deviations between the median and the 99th percentile of a normal distribution."""


class Admission:
    """Applies the settings of one simulator; remembers how much of each rate is used up."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._buckets: dict[tuple[int, str], _Bucket] = {}
        seed = settings.seed
        # A sequence of its own, so that latencies do not change the ids.
        self._random = random.Random(None if seed is None else f"latency {seed}")  # noqa: S311 - no secret

    def check(
        self, action: str, *, account: str, access_key_id: str, region: str, now: datetime
    ) -> None:
        """Let a request pass, and charge it to the rates it falls under.

        Raises:
            GatewayError: 404 for a region that is not served, 403 for a call that is denied, 429
                for one above a rate.
        """
        if self._settings.regions and region not in self._settings.regions:
            message = f"The specified region {region} does not exist."
            raise GatewayError(404, "InvalidRegionId.NotFound", message)
        for denial in self._settings.denials:
            is_meant = denial.account in (None, account) and denial.access_key_id in (
                None,
                access_key_id,
            )
            if is_meant and re.fullmatch(denial.action, action):
                message = "You are not authorized to do this action."
                raise GatewayError(403, denial.code, message)
        for number, limit in enumerate(self._settings.rate_limits):
            if re.fullmatch(limit.action, action):
                bucket = self._buckets.setdefault((number, account), _Bucket(limit, now))
                bucket.take(now)

    def latency_seconds(self, action: str) -> float:
        """Return how long a call is to take; the first rule that fits says so."""
        for rule in self._settings.latencies:
            if re.fullmatch(rule.action, action):
                return self._drawn(rule)
        return 0.0

    def _drawn(self, rule: Latency) -> float:
        if rule.median_seconds == 0 or rule.p99_seconds is None:
            return rule.median_seconds
        spread = math.log(rule.p99_seconds / rule.median_seconds) / _P99_DEVIATIONS
        return self._random.lognormvariate(math.log(rule.median_seconds), spread)


class _Bucket:
    """A token bucket: full at first, refilled steadily."""

    def __init__(self, limit: RateLimit, now: datetime) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._moment = now

    def take(self, now: datetime) -> None:
        passed = max((now - self._moment).total_seconds(), 0.0)
        filled = self._tokens + passed * self._limit.per_second
        self._tokens, self._moment = min(filled, float(self._limit.burst)), now
        if self._tokens < 1:
            wait_ms = math.ceil((1 - self._tokens) / self._limit.per_second * 1000)
            headers = {"x-acs-retry-after": str(wait_ms)} if self._limit.retry_after else {}
            message = "Request was denied due to user flow control."
            raise GatewayError(429, "Throttling.User", message, headers)
        self._tokens -= 1
