"""How a history has to end: faults stop, the world converges, and then nothing happens any more."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from agentrun_operator.core.identity import FINALIZER
from soak.cloud import OUTSIDER
from soak.conditions import ready_of
from soak.convergence import Convergence
from soak.obstacles import waits_for_another
from soak.restores import map_of
from soak.slots import SLOTS, Slot, held

if TYPE_CHECKING:
    from soak.simulation import Simulation

CONVERGENCE_SECONDS = 700.0
"""Bound of the time to converge without faults, in virtual seconds."""
QUIET_SECONDS = 145.0
"""Two resyncs and a bit."""
ROTATION_SECONDS = 8.0
EDIT_SECONDS = 20.0
"""A resource may be in transition for 12 seconds, which is looked at every 4."""
_STEP_SECONDS = 5.0
_RETRY_SECONDS = 10.0
"""At least so long between two tries, in the average; the backoff's cap is 20 here."""
_MAX_QUIET_PASSES = 40
"""Of one object while nothing happens: polls only."""


class Endings:
    """The last part of a history."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._checks = simulation.checks

    async def run(self) -> None:
        """Let the world come to rest, and look at it."""
        simulation = self._simulation
        simulation.faults_end()
        simulation.actions.defaults.vouch()
        if not await self._namespaces_end():
            return
        simulation.actions.heal()
        if not await self._settles("converges", Convergence(simulation).problems):
            return
        simulation.is_calm = True
        self._no_orphans()
        self._one_object_per_resource()
        await self._stays_quiet()
        await self._rotation_is_quick()
        await self._map_is_quick()
        await self._edit_is_quick()
        if simulation.schedule.ends_empty and not simulation.history.violations:
            simulation.is_calm = not simulation.schedule.last_troubles
            for step in simulation.schedule.last_troubles:
                simulation.trace(f"> {step}")
                simulation.actions.perform(step)
            simulation.trace("> delete everything")
            simulation.actions.tenants.delete_everything()
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

    async def _namespaces_end(self) -> bool:
        """A namespace that is deleted ends, in whatever order its content goes.

        The one exception: nobody has the keys of its account any more. Then its objects have to
        say so, and it ends once a human gave the resources up.
        """
        simulation = self._simulation
        tenants, convergence = simulation.actions.tenants, Convergence(simulation)

        def left() -> list[str]:
            ending = sorted(simulation.kube.terminating)
            return [problem for name in ending for problem in convergence.left_in(name)]

        def stuck() -> list[str]:
            locked = [n for n in simulation.kube.terminating if tenants.is_locked_out(n)]
            return convergence.silent_in(locked) if locked else left()

        if not await self._settles("namespaces end", stuck):
            return False
        for namespace in sorted(simulation.kube.terminating):
            if convergence.left_in(namespace):
                simulation.trace(f"> the resources of {namespace} are given up")
                tenants.give_up(namespace)
        return await self._settles("namespaces end", left)

    # ------------------------------------------------ rest

    async def _stays_quiet(self) -> None:
        """Converged means no writes: neither to the cloud nor to objects, over whole resyncs."""
        checks, kube = self._checks, self._simulation.kube
        checks.writes.clear()
        checks.passes.clear()
        await asyncio.sleep(QUIET_SECONDS)
        # What the cloud refuses, because of another resource that stays, is tried now and then.
        stuck = [
            f"status {key.kind} {key}"
            for key, raw in kube.objects.items()
            if "deletionTimestamp" in raw["metadata"]
        ]
        refused = self._refused()
        retried = [
            w for w in checks.writes if w.startswith("Delete") or w in stuck or w.endswith(refused)
        ]
        others = [w for w in checks.writes if w not in retried]
        limit = (len(stuck) + len(refused)) * QUIET_SECONDS / _RETRY_SECONDS
        if others or len(retried) > limit:
            checks.violated("quiet", f"{len(checks.writes)} writes, {(others or retried)[:3]}")
        for key, passes in checks.passes.items():
            if passes > _MAX_QUIET_PASSES:
                checks.violated("quiet", f"{passes} passes over {key}")

    def _refused(self) -> tuple[str, ...]:
        """Return how the writes end that the cloud refuses because of what a spec names."""
        objects = self._simulation.kube.objects
        return tuple(f" for {key}" for key, raw in objects.items() if waits_for_another(raw))

    async def _rotation_is_quick(self) -> None:
        """A new value of a Secret reaches the cloud within seconds, and nobody but its users."""
        simulation = self._simulation
        slot = next((s for s in _ROTATED if s.key in simulation.kube.objects), _ROTATED[0])
        raw = simulation.kube.find(slot.key)
        if raw is None or simulation.history.violations or ready_of(raw)[0] != "True":
            return
        spec = raw["spec"]
        if "Observe" in spec.values() or spec.get("driftPolicy") in ("Report", "Ignore"):
            return
        if simulation.chance.happens("cut in rotation", 0.3):
            # Where no watch can go on, the LIST that follows has to tell.
            simulation.actions.hang_up(1, expires=True)
        simulation.trace("> rotate the Secret")
        simulation.checks.writes.clear()
        simulation.actions.tenants.secret("rotate", slot.namespace)
        await asyncio.sleep(ROTATION_SECONDS)
        record = simulation.cloud.resource_of(slot, raw, raw["status"])
        have = held(record.data, "credentialSecret") if record is not None else None
        if have != simulation.actions.tenants.token(slot.namespace):
            self._checks.violated("rotation is quick", f"{slot.name} still has {have!r}")
        others = [
            w
            for w in self._checks.writes
            if w.startswith("Update") and not _uses(w, slot) and not w.endswith(self._refused())
        ]
        if others:
            self._checks.violated("rotation touches its users", f"{others[:3]}")

    async def _map_is_quick(self) -> None:
        """A published address that somebody deletes is back when the watch has told of it."""
        simulation = self._simulation
        for slot in (SLOTS["solo"], SLOTS["ep"], SLOTS["b-solo"]):
            raw = simulation.kube.find(slot.key)
            if raw is None or simulation.history.violations or ready_of(raw)[0] != "True":
                continue
            published = map_of(slot, raw)
            if published is None or simulation.kube.find(published) is None:
                continue
            simulation.trace(f"> delete {published}")
            simulation.kube.delete(published)
            await asyncio.sleep(ROTATION_SECONDS)
            if simulation.kube.find(published) is None:
                self._checks.violated("a map is quickly back", f"{published} is still missing")
            return

    async def _edit_is_quick(self) -> None:
        """An edit reaches the cloud when the watch tells of it, not with the next resync."""
        simulation = self._simulation
        for slot in _EDITED:
            raw = simulation.kube.find(slot.key)
            if raw is None or simulation.history.violations or ready_of(raw)[0] != "True":
                continue
            if any(name.endswith("Policy") for name in raw["spec"]) or raw["status"].get("adopted"):
                continue
            variant = 0 if raw["spec"].get("description") != "variant 0" else 1
            simulation.trace(f"> edit {slot.name}")
            simulation.actions.apply(slot.name, variant, None)
            await asyncio.sleep(EDIT_SECONDS)
            record = simulation.cloud.resource_of(slot, raw, raw["status"])
            have = held(record.data, "description") if record is not None else None
            if have != f"variant {variant}":
                self._checks.violated("an edit is quick", f"{slot.name} still has {have!r}")
            return

    def _one_object_per_resource(self) -> None:
        """Two objects never both take a resource for theirs."""
        claimed: dict[tuple[str, str, str], str] = {}
        for slot in SLOTS.values():
            raw = self._simulation.kube.find(slot.key)
            status = (raw or {}).get("status") or {}
            found = status.get("externalId")
            if raw is None or not found or raw["spec"].get("managementPolicy") == "Observe":
                continue
            if "adopted" not in status or ready_of(raw)[1] == "ExternalNameConflict":
                # It never took charge of what it observed; or its record is from a backup, and
                # it says whose the resource is now.
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
        excused = uids | checks.abandoned | checks.leaving | {OUTSIDER}
        for record, owner in cloud.ledger.items():
            if owner.uid in excused or record in checks.kept:
                continue
            checks.violated("no orphans", f"{record.family.name} {record.name} of {owner.uid}")


_EDITED = tuple(SLOTS[name] for name in ("solo", "b-solo", "bare", "b-bare", "svc", "tpl"))
_ROTATED = (SLOTS["cred"], SLOTS["b-cred"])
_USERS = ("cred", "run", "svc", "bot")


def _uses(write: str, rotated: Slot) -> bool:
    """Whether a write to the cloud was for a user of the Secret that was rotated."""
    users = [s for s in SLOTS.values() if s.object_name in _USERS]
    return any(write.endswith(f" for {s.key}") for s in users if s.namespace == rotated.namespace)
