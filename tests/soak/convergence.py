"""What "converged" means for each object, given what users and the cloud did to it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Json
from agentrun_simulator.store import Record
from soak.cloud import MAIN
from soak.slots import NAMESPACES, SLOT_OF, SLOTS, Slot, held, is_ours, wanted
from soak.tenants import OTHERS

if TYPE_CHECKING:
    from soak.simulation import Simulation

_FOR_HUMANS = ("AccountChanged", "AccountMismatch", "Contested")
"""Reasons that only a human can end, whatever the world looks like."""
_LOCKED_OUT = ("DeletionBlocked", "CredentialsNotFound", "CredentialsInvalid")
"""What an object that is to be deleted says when its account cannot be reached."""


class Convergence:
    """Compares every object with the cloud."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._kube = simulation.kube
        self._tenants = simulation.actions.tenants
        self.has_excused = False
        """Something waits for a human, and for its turn to say what it waits for."""

    def problems(self) -> list[str]:
        """Say of each object why it is not as it has to be."""
        self._simulation.cloud.take_stock()
        self.has_excused = False
        leads = [p for p in self._simulation.living() if p.engine and p.engine.is_synced]
        return (
            ["nobody leads", *self._objects()]
            if not leads
            else [
                *self._accounts(),
                *self._objects(),
            ]
        )

    def left(self) -> list[str]:
        """Say which objects are not gone yet, although everything was deleted.

        What the cloud refuses to delete, because a resource that was kept refers to it, stays;
        so does the account that it lives in.
        """
        return [problem for namespace in NAMESPACES for problem in self.left_in(namespace)]

    def left_in(self, namespace: str) -> list[str]:
        """Say the same of one namespace, and of the shared accounts if nobody uses them."""
        found, needed = [], False
        for slot in SLOTS.values():
            raw = self._kube.find(slot.key)
            if raw is None or slot.namespace != namespace:
                continue
            if self._is_needed_in_the_cloud(slot, raw):
                needed = True
            else:
                found.append(f"{slot.name}: {ready_of(raw)}")
        if not needed:
            mine = [k for k in self._kube.objects if k.kind == "Account"]
            found += [self._said(k) for k in mine if k.namespace == namespace]
        if all(key not in SLOT_OF for key in self._kube.objects):
            shared = self._kube.of_kind("ClusterAccount")
            leaving = [raw for raw in shared if "deletionTimestamp" in raw["metadata"]]
            found += [self._said(ObjectKey.of(raw, "ClusterAccount")) for raw in leaving]
        return found

    def _said(self, key: ObjectKey) -> str:
        return f"{key}: {ready_of(self._kube.objects[key])}"

    def silent_in(self, namespaces: list[str]) -> list[str]:
        """Say which objects of namespaces that nobody has the keys of do not say so."""
        found = []
        for slot in SLOTS.values():
            raw = self._kube.find(slot.key)
            if raw is not None and slot.namespace in namespaces:
                reason = ready_of(raw)[1]
                if reason not in _LOCKED_OUT and not self._is_needed_in_the_cloud(slot, raw):
                    found.append(f"{slot.name} does not say why it stays: {ready_of(raw)}")
        return found

    def _is_needed_in_the_cloud(self, slot: Slot, raw: Json) -> bool:
        record = self._simulation.cloud.record_of(slot, raw, raw["status"])
        if record is None:
            return False
        account = (raw["status"].get("account") or {}).get("accountId") or MAIN.account_id
        return any(True for _ in self._simulation.cloud.tenant(account).users(record))

    def _accounts(self) -> Iterator[str]:
        for namespace in self._simulation.schedule.namespaces:
            key = self._tenants.account_of(namespace)
            account = self._kube.find(key)
            if account is None:
                self._tenants.restore_accounts()
                yield f"{key} was missing"
            elif ready_of(account)[0] != "True" and not self._is_leaving(account):
                yield f"{key}: {ready_of(account)}"

    def _objects(self) -> Iterator[str]:
        for slot in SLOTS.values():
            raw = self._kube.find(slot.key)
            if raw is None:
                continue
            if "deletionTimestamp" in raw["metadata"]:
                if not self._users(slot):
                    yield f"{slot.name} is still being deleted: {ready_of(raw)}"
            elif not _is_observed(raw):
                yield f"{slot.name}: generation not observed, {ready_of(raw)}"
            elif self._is_excused(slot, raw):
                self.has_excused = True
            else:
                for problem in self._differences(slot, raw):
                    yield f"{slot.name}: {problem}"

    def _is_leaving(self, account: Json) -> bool:
        """Whether the account is held by objects that stay."""
        return ready_of(account)[1] == "DeletionBlocked" and any(
            self._kube.find(slot.key) is not None for slot in SLOTS.values()
        )

    def _users(self, slot: Slot) -> list[str]:
        """Return the objects that refer to a slot, and have a resource, or may have one."""
        found = []
        for user in SLOTS.values():
            raw = self._kube.find(user.key)
            status = (raw or {}).get("status") or {}
            has_one = status.get("externalId") or status.get("creation")
            may_have_one = raw is not None and _was_restored(raw)
            if slot.name in user.needs and (has_one or may_have_one):
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
        token, level = self._tenants.token(slot.namespace), self._tenants.level(slot.namespace)
        for path, want in wanted(slot, spec, token, level).items():
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
        account = self._kube.find(self._tenants.account_of(slot.namespace))
        if account is not None and self._is_leaving(account) and not status.get("externalId"):
            return ("DependencyNotReady", "ReferenceNotFound")
        if self._is_moved(slot, raw):
            return (*_FOR_HUMANS, "ReferenceNotFound", "Available", "ExternalResourceMissing")
        waits: tuple[str, ...] = ()
        for name in slot.needs:
            need = self._kube.find(SLOTS[name].key)
            if need is None:
                waits += ("ReferenceNotFound", *_FOR_HUMANS)
            elif "deletionTimestamp" in need["metadata"] or ready_of(need)[0] != "True":
                waits += ("DependencyNotReady", "Available", *_FOR_HUMANS)
        return waits

    @staticmethod
    def _is_moved(slot: Slot, raw: Json) -> bool:
        """Whether an object lives in the other account, or is asked to."""
        other = OTHERS[slot.namespace].name
        asked = (raw["spec"].get("accountRef") or {}).get("name")
        return other in (asked, (raw["status"].get("account") or {}).get("name"))

    def _has_an_obstacle(self, slot: Slot, raw: Json, reason: str) -> bool:
        """Whether something else stands in the way, and the status says so."""
        spec = raw["spec"]
        named = (slot.kind, slot.external_name)
        rivals = [s for s in SLOTS.values() if (s.kind, s.external_name) == named]
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


def _is_observed(raw: Json) -> bool:
    """Whether a status speaks of the spec as it is."""
    status = raw["status"]
    is_said = _was_restored(raw) and len(status) > 1
    return bool(status.get("observedGeneration") == raw["metadata"]["generation"] or is_said)


def _was_restored(raw: Json) -> bool:
    """Whether an object came back without a status, and nobody could look for what it had made.

    Until then its generation does not count as observed.
    """
    status = raw["status"]
    has_record = status.get("creation") or status.get("externalId")
    is_claimed = bool(raw["metadata"].get("finalizers"))
    return is_claimed and not has_record and status.get("observedGeneration") == -1


def ready_of(raw: Json) -> tuple[str, str]:
    """Return status and reason of the Ready condition, empty without one."""
    for condition in (raw.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready":
            return condition["status"], condition["reason"]
    return "", ""
