"""How a history has to end: faults stop, the world converges, and then nothing happens any more."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from agentrun_operator.core.identity import FINALIZER
from soak.cloud import OUTSIDER
from soak.convergence import Convergence, ready_of
from soak.kube import OURS
from soak.slots import SLOTS, held

if TYPE_CHECKING:
    from soak.simulation import Simulation

CONVERGENCE_SECONDS = 700.0
"""Bound of the time to converge without faults, in virtual seconds."""
QUIET_SECONDS = 145.0
"""Two resyncs and a bit."""
ROTATION_SECONDS = 8.0
_STEP_SECONDS = 5.0
_RETRY_SECONDS = 10.0
"""At least so long between two tries, in the average; the backoff's cap is 20 here."""
_MAX_QUIET_PASSES = 40
"""Of one object, in average, while nothing happens: polls only."""


class Endings:
    """The last part of a history."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._checks = simulation.checks

    async def run(self) -> None:
        """Let the world come to rest, and look at it."""
        simulation = self._simulation
        simulation.faults_end()
        simulation.actions.heal()
        if not await self._settles("converges", Convergence(simulation).problems):
            return
        self._no_orphans()
        self._one_object_per_resource()
        await self._stays_quiet()
        await self._rotation_is_quick()
        if simulation.schedule.ends_empty and not simulation.history.violations:
            for step in simulation.schedule.last_troubles:
                simulation.trace(f"> {step}")
                simulation.actions.perform(step)
            simulation.trace("> delete everything")
            simulation.actions.delete_everything()
            if await self._settles("deletions end", Convergence(simulation).left):
                self._no_orphans()

    async def _settles(self, what: str, problems: Callable[[], list[str]]) -> bool:
        until = self._simulation.loop.time() + CONVERGENCE_SECONDS
        calm = 0
        left: list[str] = []
        while self._simulation.loop.time() < until:
            await asyncio.sleep(_STEP_SECONDS)
            if self._simulation.history.violations:
                return False
            left = problems()
            calm = 0 if left else calm + 1
            if calm >= 2:
                return True
        self._checks.violated(what, "; ".join(left[:4]) or "it goes to and fro")
        return False

    # ------------------------------------------------ rest

    async def _stays_quiet(self) -> None:
        """Converged means no writes: neither to the cloud nor to objects, over whole resyncs."""
        checks, kube = self._checks, self._simulation.kube
        checks.writes.clear()
        checks.passes = 0
        await asyncio.sleep(QUIET_SECONDS)
        # What the cloud refuses to delete is tried again, now and then.
        stuck = [
            f"status {key.kind} {key}"
            for key, raw in kube.objects.items()
            if "deletionTimestamp" in raw["metadata"]
        ]
        deletes = [w for w in checks.writes if w.startswith("Delete") or w in stuck]
        others = [w for w in checks.writes if w not in deletes]
        if others or len(deletes) > len(stuck) * QUIET_SECONDS / _RETRY_SECONDS:
            checks.violated("quiet", f"{len(checks.writes)} writes, {(others or deletes)[:3]}")
        objects = sum(key.kind in OURS for key in kube.objects)
        if checks.passes > _MAX_QUIET_PASSES * objects:
            checks.violated("quiet", f"{checks.passes} passes over {objects} objects")

    async def _rotation_is_quick(self) -> None:
        """A new value of a Secret reaches the cloud within seconds, not with the next poll."""
        simulation, slot = self._simulation, SLOTS["cred"]
        raw = simulation.kube.find(slot.key)
        if raw is None or simulation.history.violations or ready_of(raw)[0] != "True":
            return
        spec = raw["spec"]
        if "Observe" in spec.values() or spec.get("driftPolicy") in ("Report", "Ignore"):
            return
        simulation.trace("> rotate the Secret")
        simulation.actions.secret("rotate")
        await asyncio.sleep(ROTATION_SECONDS)
        record = simulation.cloud.record_of(slot, raw, raw["status"])
        have = held(record.data, "credentialSecret") if record is not None else None
        if have != simulation.actions.token:
            self._checks.violated("rotation is quick", f"cred still has {have!r}")

    def _one_object_per_resource(self) -> None:
        """Two objects never both take a resource for theirs."""
        claimed: dict[tuple[str, str, str], str] = {}
        for slot in SLOTS.values():
            raw = self._simulation.kube.find(slot.key)
            status = (raw or {}).get("status") or {}
            found = status.get("externalId")
            if raw is None or not found or raw["spec"].get("managementPolicy") == "Observe":
                continue
            place = (slot.kind, str((status.get("account") or {}).get("accountId")), found)
            if place in claimed:
                self._checks.violated("one object per resource", f"{claimed[place]}, {slot.name}")
            claimed[place] = slot.name

    def _no_orphans(self) -> None:
        """Nothing that we made is without an object, unless it was to be left."""
        cloud, checks = self._simulation.cloud, self._checks
        cloud.take_stock()
        uids = {
            raw["metadata"]["uid"]
            for raw in self._simulation.kube.objects.values()
            if FINALIZER in raw["metadata"].get("finalizers", ())
        }
        for record, owner in cloud.ledger.items():
            if owner.uid == OUTSIDER or record in checks.kept or owner.uid in uids:
                continue
            checks.violated("no orphans", f"{record.family.name} {record.name} of {owner.uid}")
