"""What "converged" means for each object, given what users and the cloud did to it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agentrun_operator.reconcile.ports import Json
from agentrun_simulator.store import Record
from soak.cloud import MAIN
from soak.slots import ACCOUNT, SETTINGS, SLOTS, Slot, held, is_ours, wanted

if TYPE_CHECKING:
    from soak.simulation import Simulation

_FOR_HUMANS = ("AccountChanged", "AccountMismatch", "Contested")
"""Reasons that only a human can end, whatever the world looks like."""


class Convergence:
    """Compares every object with the cloud."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._kube = simulation.kube

    def problems(self) -> list[str]:
        """Say of each object why it is not as it has to be."""
        self._simulation.cloud.take_stock()
        leads = [p for p in self._simulation.living() if p.engine and p.engine.is_synced]
        return (
            ["nobody leads", *self._objects()]
            if not leads
            else [
                *self._account(),
                *self._objects(),
            ]
        )

    def left(self) -> list[str]:
        """Say which objects are not gone yet, although everything was deleted.

        What the cloud refuses to delete, because a resource that was kept refers to it, stays;
        so does the account that it lives in.
        """
        found = []
        for slot in SLOTS.values():
            raw = self._kube.find(slot.key)
            if raw is not None and not self._is_needed_in_the_cloud(slot, raw):
                found.append(f"{slot.name}: {ready_of(raw)}")
        if all(self._kube.find(slot.key) is None for slot in SLOTS.values()):
            left = [k for k in self._kube.objects if k.kind == "Account"]
            found += [f"{key}: {ready_of(self._kube.objects[key])}" for key in left]
        return found

    def _is_needed_in_the_cloud(self, slot: Slot, raw: Json) -> bool:
        record = self._simulation.cloud.record_of(slot, raw, raw["status"])
        if record is None:
            return False
        account = (raw["status"].get("account") or {}).get("accountId") or MAIN.account_id
        return any(True for _ in self._simulation.cloud.tenant(account).users(record))

    def _account(self) -> Iterator[str]:
        account = self._kube.find(ACCOUNT)
        if account is None:
            self._simulation.actions.restore_accounts()
            yield "the account was missing"
        elif ready_of(account)[0] != "True" and not self._is_leaving(account):
            yield f"account: {ready_of(account)}"

    def _objects(self) -> Iterator[str]:
        for slot in SLOTS.values():
            raw = self._kube.find(slot.key)
            if raw is None:
                continue
            if "deletionTimestamp" in raw["metadata"]:
                if not self._users(slot):
                    yield f"{slot.name} is still being deleted: {ready_of(raw)}"
            elif raw["status"].get("observedGeneration") != raw["metadata"]["generation"]:
                yield f"{slot.name}: generation not observed, {ready_of(raw)}"
            elif not self._is_excused(slot, raw):
                for problem in self._differences(slot, raw):
                    yield f"{slot.name}: {problem}"

    def _is_leaving(self, account: Json) -> bool:
        """Whether the account is held by objects that stay."""
        return ready_of(account)[1] == "DeletionBlocked" and any(
            self._kube.find(slot.key) is not None for slot in SLOTS.values()
        )

    def _users(self, slot: Slot) -> list[str]:
        """Return the objects that refer to a slot, and have a resource."""
        found = []
        for user in SLOTS.values():
            raw = self._kube.find(user.key)
            status = (raw or {}).get("status") or {}
            has_one = status.get("externalId") or status.get("creation")
            if slot.name in user.needs and has_one:
                found.append(user.name)
        return found

    # ------------------------------------------------ the cloud against the spec

    def _differences(self, slot: Slot, raw: Json) -> Iterator[str]:
        status, reason = ready_of(raw)
        if status != "True":
            message = next(
                c["message"] for c in raw["status"]["conditions"] if c["type"] == "Ready"
            )
            yield f"{status}/{reason}: {message}"
            return
        record = self._simulation.cloud.record_of(slot, raw, raw["status"])
        if record is None:
            yield "Ready, and the cloud has no resource of it"
            return
        shown = raw["status"].get("atProvider", {}).get("state")
        if record.status and (record.status != "READY" or shown != record.status):
            yield f"Ready, the cloud says {record.status}, status says {shown}"
        spec = raw["spec"]
        observes = spec.get("managementPolicy") == "Observe"
        if not observes and spec.get("driftPolicy") not in ("Report", "Ignore"):
            yield from self._drift(slot, raw, record)

    def _drift(self, slot: Slot, raw: Json, record: Record) -> Iterator[str]:
        """Compare the cloud with what the spec and its references say."""
        spec = raw["spec"]
        settings = self._kube.find(SETTINGS) or {}
        level = settings.get("data", {}).get("level", "")
        for path, want in wanted(slot, spec, self._simulation.actions.token, level).items():
            have = held(record.data, path)
            if have != want:
                yield f"Ready, and {path} is {have!r} instead of {want!r}"
        have = held(record.data, "description")
        # What a former object had applied to an adopted resource is not this one's to clear.
        is_its_own = slot.name != "box" and not raw["status"].get("adopted")
        if "description" not in spec and is_its_own and is_ours(have):
            yield f"Ready, and the description {have!r} was not cleared"

    # ------------------------------------------------ what only a human could change

    def _is_excused(self, slot: Slot, raw: Json) -> bool:
        """Whether an object may stay as it is."""
        reason = ready_of(raw)[1]
        waits = self._may_wait(slot, raw)
        if waits:
            return reason in waits
        return reason in _FOR_HUMANS or self._has_an_obstacle(slot, raw, reason)

    def _may_wait(self, slot: Slot, raw: Json) -> tuple[str, ...]:
        """Return the reasons that fit what the object waits for; empty if it need not wait."""
        status = raw["status"]
        account = self._kube.find(ACCOUNT)
        if account is not None and self._is_leaving(account) and not status.get("externalId"):
            return ("DependencyNotReady", "ReferenceNotFound")
        if raw["spec"].get("accountRef") or (status.get("account") or {}).get("name") == "other":
            return (*_FOR_HUMANS, "ReferenceNotFound", "Available", "ExternalResourceMissing")
        for name in slot.needs:
            need = self._kube.find(SLOTS[name].key)
            if need is None:
                return ("ReferenceNotFound", *_FOR_HUMANS)
            if "deletionTimestamp" in need["metadata"] or ready_of(need)[0] != "True":
                return ("DependencyNotReady", "Available", *_FOR_HUMANS)
        return ()

    def _has_an_obstacle(self, slot: Slot, raw: Json, reason: str) -> bool:
        """Whether something else stands in the way, and the status says so."""
        spec = raw["spec"]
        rivals = [s for s in SLOTS.values() if s.external_name == slot.external_name]
        taken = sum(self._kube.find(rival.key) is not None for rival in rivals) > 1
        obstacles = {
            "ExternalNameConflict": taken,
            "ExternalResourceMissing": spec.get("managementPolicy") == "Observe",
            "AlreadyExistsNotOwned": self._is_somebody_elses(slot, raw),
            "ImmutableFieldChanged": self._is_somebody_elses(slot, raw),
            "DriftDetected": spec.get("driftPolicy") == "Report",
        }
        return bool(obstacles.get(reason))

    def _is_somebody_elses(self, slot: Slot, raw: Json) -> bool:
        """Whether the name is taken in the cloud by what this object did not make."""
        cloud = self._simulation.cloud
        for record in cloud.tenant().records(slot.family):
            if record.name == slot.external_name:
                owner = cloud.ledger.get(record)
                return bool(owner is None or owner.uid != raw["metadata"]["uid"])
        return False


def ready_of(raw: Json) -> tuple[str, str]:
    """Return status and reason of the Ready condition, empty without one."""
    for condition in (raw.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready":
            return condition["status"], condition["reason"]
    return "", ""
