"""How a history has to end: faults stop, the world converges, and then nothing happens any more."""

import asyncio
from typing import TYPE_CHECKING

from agentrun_operator.core.identity import FINALIZER
from agentrun_operator.reconcile.ports import Json
from agentrun_simulator.store import Record
from soak.cloud import OUTSIDER
from soak.kube import OURS
from soak.slots import ACCOUNT, SETTINGS, SLOTS, Slot, held, wanted

if TYPE_CHECKING:
    from soak.simulation import Simulation

CONVERGENCE_SECONDS = 700.0
"""Bound of the time to converge without faults, in virtual seconds."""
QUIET_SECONDS = 230.0
"""Two resyncs and a bit."""
_STEP_SECONDS = 5.0
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
        if not await self._settles("converges", self._unsettled):
            return
        self._no_orphans()
        await self._stays_quiet()
        if simulation.schedule.ends_empty and not simulation.history.violations:
            simulation.trace("> delete everything")
            simulation.actions.delete_everything()
            if await self._settles("deletions end", self._left_objects):
                self._no_orphans()

    async def _settles(self, what: str, problems: "object") -> bool:
        until = self._simulation.loop.time() + CONVERGENCE_SECONDS
        calm = 0
        left: list[str] = []
        while self._simulation.loop.time() < until:
            await asyncio.sleep(_STEP_SECONDS)
            if self._simulation.history.violations:
                return False
            left = problems()  # type: ignore[operator]
            calm = 0 if left else calm + 1
            if calm >= 2:
                return True
        self._checks.violated(what, "; ".join(left[:4]) or "it goes to and fro")
        return False

    # ------------------------------------------------ convergence

    def _unsettled(self) -> list[str]:
        """Say of each object why it is not as it has to be."""
        self._simulation.cloud.take_stock()
        kube = self._simulation.kube
        found = []
        account = kube.find(ACCOUNT)
        if account is None or (_ready(account)[0] != "True" and not self._is_leaving(account)):
            found.append(f"account: {_ready(account or {})}")
        for slot in SLOTS.values():
            raw = kube.find(slot.key)
            if raw is None:
                continue
            if "deletionTimestamp" in raw["metadata"]:
                if not self._users(slot):
                    found.append(f"{slot.name} is still being deleted: {_ready(raw)}")
            elif problem := self._problem(slot, raw):
                found.append(f"{slot.name}: {problem}")
        return found

    def _is_leaving(self, account: Json) -> bool:
        """Whether the account is held by objects that stay."""
        return _ready(account)[1] == "DeletionBlocked" and any(
            self._simulation.kube.find(slot.key) is not None for slot in SLOTS.values()
        )

    def _users(self, slot: Slot) -> list[str]:
        """Return the objects that refer to a slot and stay."""
        found = []
        for user in SLOTS.values():
            raw = self._simulation.kube.find(user.key)
            if slot.name in user.needs and raw is not None:
                found.append(user.name)
        return found

    def _problem(self, slot: Slot, raw: Json) -> str:
        status, reason = _ready(raw)
        spec = raw["spec"]
        if raw["status"].get("observedGeneration") != raw["metadata"]["generation"]:
            return f"generation {raw['metadata']['generation']} not observed, {status}/{reason}"
        if self._is_excused(slot, raw, reason):
            return ""
        record = self._simulation.cloud.record_of(slot, raw, raw["status"])
        if status != "True":
            message = next(
                (c["message"] for c in raw["status"]["conditions"] if c["type"] == "Ready"), ""
            )
            return f"{status}/{reason}: {message}"
        if record is None:
            return "Ready, and the cloud has no resource of it"
        if record.status not in ("", "READY"):
            return f"Ready, and the cloud says {record.status}"
        shown = raw["status"].get("atProvider", {}).get("state")
        if record.status and shown != record.status:
            return f"the cloud says {record.status}, status says {shown}"
        if spec.get("driftPolicy") in ("Report", "Ignore") or (
            spec.get("managementPolicy") == "Observe"
        ):
            return ""
        return self._differences(slot, spec, record)

    def _differences(self, slot: Slot, spec: Json, record: Record) -> str:
        """Compare the cloud with what the spec and its references say."""
        actions = self._simulation.actions
        level = (self._simulation.kube.find(SETTINGS) or {}).get("data", {}).get("level", "")
        for path, want in wanted(slot, spec, actions.token, level).items():
            have = held(record.data, path)
            if path == "description" and want == "" and self._simulation.cloud.ledger[
                record
            ].uid == OUTSIDER:
                continue  # never applied by us, so it is not ours to clear
            if have != want:
                return f"Ready, and {path} is {have!r} instead of {want!r}"
        return ""

    def _is_excused(self, slot: Slot, raw: Json, reason: str) -> bool:
        """Whether an object may stay as it is, because only a human could change that."""
        kube, spec, status = self._simulation.kube, raw["spec"], raw["status"]
        pinned = (status.get("account") or {}).get("name")
        if reason == "AccountChanged" or (pinned == "other" and slot.needs):
            return True
        if reason == "AccountMismatch":
            return True
        account = kube.find(ACCOUNT)
        if account is not None and self._is_leaving(account) and not status.get("externalId"):
            return reason in ("DependencyNotReady", "ReferenceNotFound")
        for name in slot.needs:
            need = kube.find(SLOTS[name].key)
            if need is None or "deletionTimestamp" in need["metadata"] or (
                _ready(need)[0] != "True"
            ):
                return reason in ("ReferenceNotFound", "DependencyNotReady", "Available")
        if reason == "ExternalNameConflict":
            rivals = [s for s in SLOTS.values() if s.external_name == slot.external_name]
            return sum(kube.find(s.key) is not None for s in rivals) > 1
        if spec.get("managementPolicy") == "Observe":
            return reason in ("ExternalResourceMissing", "Available")
        record = next(
            (
                r
                for r in self._simulation.cloud.tenant().records(slot.family)
                if r.name == slot.external_name
            ),
            None,
        )
        owner = self._simulation.cloud.ledger.get(record) if record is not None else None
        is_mine = owner is not None and owner.uid == raw["metadata"]["uid"]
        if reason in ("AlreadyExistsNotOwned", "ImmutableFieldChanged"):
            return record is not None and not is_mine
        if reason == "DriftDetected":
            return spec.get("driftPolicy") == "Report"
        return reason == "Contested"

    # ------------------------------------------------ rest

    async def _stays_quiet(self) -> None:
        """Converged means no writes: neither to the cloud nor to objects, over whole resyncs."""
        checks, kube = self._checks, self._simulation.kube
        checks.writes.clear()
        checks.passes = 0
        await asyncio.sleep(QUIET_SECONDS)
        if checks.writes:
            checks.violated("quiet", f"{len(checks.writes)} writes, {checks.writes[:3]}")
        objects = sum(key.kind in OURS for key in kube.objects)
        if checks.passes > _MAX_QUIET_PASSES * objects:
            checks.violated("quiet", f"{checks.passes} passes over {objects} objects")

    def _left_objects(self) -> list[str]:
        """Say which objects are not gone yet."""
        kube = self._simulation.kube
        return [f"{k}: {_ready(kube.objects[k])}" for k in sorted(kube.objects) if k.kind in OURS]

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


def _ready(raw: Json) -> tuple[str, str]:
    for condition in (raw.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready":
            return condition["status"], condition["reason"]
    return "", ""
