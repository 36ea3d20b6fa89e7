"""Ready has a date: it is not said for long of a resource that nobody could look at."""

from typing import TYPE_CHECKING

from soak.conditions import ready_of
from soak.slots import SLOTS

if TYPE_CHECKING:
    from soak.simulation import Simulation

CHECK_SECONDS = 5.0
_SLACK_SECONDS = 45.0
"""For the calls of one pass, the pause before it, and the write.

A call that hangs takes half a minute, and each of three that wait for their account's budget ten
seconds, where the API asks for pause after pause.
"""


class Freshness:
    """Knows when which collection of which account was last read with success, by anybody."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._seen: dict[tuple[str, str], float] = {}
        self._disturbed_at = 0.0

    def looked(self, account: str, family: str) -> None:
        """Note a GET or LIST that was answered as it should be."""
        self._seen[account, family] = self._simulation.loop.time()

    def check(self) -> None:
        """Look for what is still called Ready although nobody has seen it for too long."""
        simulation, now = self._simulation, self._simulation.loop.time()
        polling = simulation.settings.polling
        # From the last answer to any of an account's objects on, which may be one interval younger
        # than the last look at this one.
        limit = polling.steady_seconds * (polling.unseen_intervals + 1) + _SLACK_SECONDS
        living = simulation.living()
        synced = [p for p in living if p.engine is not None and p.engine.is_synced]
        is_frozen = any(p.wire.frozen_until > now for p in living)
        if not synced or is_frozen or simulation.kube_faults:
            self._disturbed_at = now
        # Another process knows of no look but its own.
        self._disturbed_at = max([self._disturbed_at, *(p.begun_at for p in synced)])
        if now - self._disturbed_at < limit:
            return
        for slot in SLOTS.values():
            raw = simulation.kube.find(slot.key)
            if raw is None or ready_of(raw) != ("True", "Available"):
                continue
            status, meta = raw["status"], raw["metadata"]
            is_left = any(c["type"] == "Paused" for c in status["conditions"])
            if is_left or "deletionTimestamp" in meta or not status.get("account"):
                continue
            place = (str(status["account"]["accountId"]), slot.family)
            unseen = now - max(self._seen.get(place, 0.0), simulation.seconds_of(raw))
            if unseen > limit:
                simulation.checks.violated(
                    "ready has a date", f"{slot.key}: Ready, and not seen for {unseen:.0f}s"
                )
