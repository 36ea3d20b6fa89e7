"""What backups, tools and a cloud that lies do to objects: old and copied records, late changes."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentrun_operator.core.identity import FINALIZER, ObjectKey
from agentrun_operator.reconcile.ports import Json
from agentrun_simulator.faults import Fault
from agentrun_simulator.store import Record
from soak.cloud import OUTSIDER
from soak.conditions import ready_of
from soak.process import CLUSTER_ID
from soak.slots import NAMESAKES, SLOTS, Slot

if TYPE_CHECKING:
    from soak.simulation import Simulation

ELSEWHERE = "k8s:elsewhere/team-a/taken"
"""The mark of an object of another cluster."""
BLIND_SECONDS = 60.0
"""So long, standing still left out, a process may know what stood there before a write that it
did not see."""
_TRUTH_SECONDS = 15.0
"""So long after a lie the cloud tells the truth: two lies some time apart would be a proof."""


def map_of(slot: Slot, raw: Json | None) -> ObjectKey | None:
    """Return the ConfigMap that an object publishes its address in."""
    target = ((raw or {}).get("spec") or {}).get("writeConnectionTo")
    return target and ObjectKey("ConfigMap", slot.namespace, target["configMap"]["name"])


class Restores:
    """One method per step name."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._kube = simulation.kube
        self._lied_until = float("-inf")
        self._emptied_until = float("-inf")
        self._disputed_until = float("-inf")
        self.written_at: dict[ObjectKey, float] = {}
        """When somebody else wrote an object's status."""
        self.outages: list[tuple[float, float]] = []
        """When no call got through, from and until."""
        self.taken_over: dict[Record, float] = {}
        """When another cluster put its mark on a resource of ours."""
        self._lost: dict[Record, str] = {}
        """Children that an object made before it was restored without its status → its new uid."""
        self.overridden: dict[tuple[Record, str], tuple[str, int]] = {}
        """Fields that somebody else changed while they were as specified → owner's uid, and how
        often its user had edited the field by then."""

    # ------------------------------------------------ statuses

    def old_status(self, slot: str, share: float) -> None:
        """Write back what a status was once; `share` says how long ago."""
        raw = self._kube.find(SLOTS[slot].key)
        if raw is None:
            return
        known = [s for s in self._kube.statuses(SLOTS[slot].key) if s.get("externalId")]
        if known:
            self._put(SLOTS[slot].key, known[int(share * (len(known) - 1))])

    def copy_status(self, slot: str, *, replaces: bool = False) -> None:
        """Restore the object whose name a slot claims as the slot's, status included.

        With `replaces` it takes the place of a record of its own, too.
        """
        place = SLOTS[slot]
        original = self._kube.find(SLOTS[NAMESAKES[slot]].key)
        if original is None or self._simulation.actions.definitions.refuses(place.key):
            return
        status, present = original["status"], self._kube.find(place.key)
        if present is not None and present["status"].get("externalId") and not replaces:
            # Its own record would be gone, and with it the only proof that some kinds have.
            return
        if present is not None:
            self._put(place.key, status)
        else:
            spec = dict(original["spec"])
            if place.external:
                spec["externalName"] = place.external
                # Who copies an object beside it gives the copy a map of its own, or none.
                spec.pop("writeConnectionTo", None)
            body = {"metadata": {"finalizers": [FINALIZER]}, "spec": spec}
            self._kube.create(place.key, body, status=status)
            self.written_at[place.key] = self._simulation.loop.time()

    def strange_status(self, slot: str) -> None:
        """Put the status of a namesake of another namespace in the place of an object's own."""
        raw = self._kube.find(SLOTS[slot].key)
        if raw is not None and raw["status"].get("externalId"):
            theirs = {"namespace": "elsewhere", "uid": "uid-elsewhere"}
            status = {**raw["status"], "externalId": "elsewhere"}
            status["boundTo"] = {**status.get("boundTo", {}), **theirs}
            if "parentId" in status:
                status["parentId"] = "elsewhere"
            self._put(SLOTS[slot].key, status)

    def lose_status(self, old: Json, new: Json) -> None:
        """Note what an object made that came back with our finalizer and no status."""
        before, after = old["metadata"]["uid"], new["metadata"]["uid"]
        self._simulation.cloud.take_stock()
        ledger = self._simulation.cloud.ledger.items()
        self._lost |= {r: after for r, owner in ledger if owner.uid == before and r.parent}

    def is_known_by_parent(self, record: Record, uid: str) -> bool:
        """Whether the mark of a parent tells whose a child is, which no record does any more."""
        if self._lost.get(record) != uid or record.parent is None:
            return False
        tenants = self._simulation.cloud.tenants()
        parents = [t.get(str(record.family.parent), record.parent) for t in tenants]
        marks = [str(m) for p in parents if p is not None for m in p.data.get("systemTags") or ()]
        return any(mark.startswith(f"k8s:{CLUSTER_ID}/") for mark in marks)

    def _put(self, key: ObjectKey, status: Json) -> None:
        self.written_at[key] = self._simulation.loop.time()
        self._kube.put_status(key, status)

    def was_written_lately(self, key: ObjectKey) -> bool:
        """Whether somebody else wrote an object's status, and a process may not know of it yet."""
        written_at = self.written_at.get(key, float("-inf"))
        awake = (each.wire.awake_since(written_at) for each in self._simulation.living())
        return min(awake, default=float("inf")) < BLIND_SECONDS

    def take_over(self, slot: str) -> None:
        """Let another cluster put its mark on a resource, as `adopt: force` does."""
        actions, cloud = self._simulation.actions, self._simulation.cloud
        record = actions.record(SLOTS[slot])
        if record is None or not actions.is_recorded(record):
            return
        cloud.touch()
        cloud.simulator.edit(SLOTS[slot].family, record.key, {"systemTags": [ELSEWHERE]})
        cloud.ledger[record].uid = OUTSIDER
        self.taken_over[record] = self._simulation.loop.time()

    def address_map(self, slot: str, what: str) -> None:
        """Delete the ConfigMap with an object's address, edit it, or take its owner away."""
        key = map_of(SLOTS[slot], self._kube.find(SLOTS[slot].key))
        if key is None or self._kube.find(key) is None:
            return
        if what == "delete":
            self._kube.delete(key)
            return

        def change(raw: Json) -> None:
            if what == "edit":
                raw["data"] = {"url": "https://elsewhere.example"}
            raw["metadata"].pop("ownerReferences" if what == "orphan" else "", None)

        self._kube.edit(key, change)

    # ------------------------------------------------ accounts

    def gone_and_back(self, namespace: str, what: str, seconds: float) -> None:
        """Delete the Secret of an account, the account, or both; bring them back after a while."""
        tenants = self._simulation.actions.tenants
        account = tenants.account_of(namespace)
        if namespace in self._kube.terminating:
            return
        if what != "account":
            tenants.account("no-keys", namespace)
        if what != "secret":
            tenants.drop(account)

        def back() -> None:
            if not self._simulation.is_over and namespace not in self._kube.terminating:
                tenants.account("good-keys", namespace)
                tenants.restore_accounts()

        asyncio.get_running_loop().call_later(seconds, back)

    # ------------------------------------------------ deletion

    def retain_late(self, slot: str, seconds: float) -> None:
        """Delete an object, and change one's mind about its resource."""
        key = SLOTS[slot].key
        if self._kube.find(key) is None:
            return
        self._kube.delete(key)

        def retain() -> None:
            raw = self._kube.find(key)
            if raw is not None and "deletionTimestamp" in raw["metadata"]:
                spec = {**raw["spec"], "deletionPolicy": "Retain"}
                self._simulation.actions.tenants.set_spec(key, spec)

        asyncio.get_running_loop().call_later(seconds, retain)

    # ------------------------------------------------ the cloud

    def lie(self, seconds: float, times: int | None, action: str) -> None:
        """Let the cloud say for a moment that what it has does not exist."""
        loop, cloud = asyncio.get_running_loop(), self._simulation.cloud
        if loop.time() < self._lied_until + _TRUTH_SECONDS:
            return
        self._lied_until = loop.time() + seconds
        options: Mapping[str, Any] = {"effect": "absent", "action": action, "times": times}
        number = cloud.simulator.inject(Fault.model_validate(options))
        loop.call_later(seconds, cloud.core.faults.remove, number)
        cloud.touch()

    def emptied(self, seconds: float) -> None:
        """Let the cloud show nothing of what it has, for much longer than proves one absence."""
        self._emptied_until = self._simulation.loop.time() + seconds
        self._deny("Get.*|List.*", seconds)

    @property
    def is_emptied(self) -> bool:
        """Whether the cloud shows nothing of what it has."""
        return self._simulation.loop.time() < self._emptied_until

    def dispute(self, seconds: float) -> None:
        """Let every GET deny what LISTs show, for much longer than proves an absence."""
        self._disputed_until = self._simulation.loop.time() + seconds
        self._deny("Get.*", seconds)

    @property
    def is_disputed(self) -> bool:
        """Whether GETs deny what LISTs show."""
        return self._simulation.loop.time() < self._disputed_until

    def _deny(self, action: str, seconds: float) -> None:
        """Let reads find nothing for a while."""
        cloud = self._simulation.cloud
        options: Mapping[str, Any] = {"effect": "absent", "action": action, "times": None}
        number = cloud.simulator.inject(Fault.model_validate(options))
        asyncio.get_running_loop().call_later(seconds, cloud.core.faults.remove, number)

    def outage(self, seconds: float) -> None:
        """Let no call through for a while."""
        cloud = self._simulation.cloud
        fault = Fault.model_validate({"effect": "error", "status": 503, "times": None})
        number = cloud.simulator.inject(fault)
        loop = asyncio.get_running_loop()
        self.outages.append((loop.time(), loop.time() + seconds))
        loop.call_later(seconds, cloud.core.faults.remove, number)

    def override(self, record: Record, field: str) -> None:
        """Note that somebody else changes a field that is told to be as its object wants it.

        Until then it is an edit, which is sent again: nobody knows whether the cloud took it.
        """
        cloud = self._simulation.cloud
        cloud.take_stock()
        owner = cloud.ledger.get(record)
        key = self._kube.keys.get(owner.uid) if owner is not None else None
        raw = self._kube.find(key) if key is not None else None
        if owner is None or raw is None or raw["metadata"]["uid"] != owner.uid:
            return
        is_told = ready_of(raw)[1] in ("Available", "DriftDetected")
        if not is_told or raw["status"]["observedGeneration"] != raw["metadata"]["generation"]:
            return
        if as_wire(field, raw["spec"].get(field)) == record.data.get(field):
            self.overridden[record, field] = self._edits(raw, field)

    def is_overwritten_unasked(self, record: Record, raw: Json, field: str) -> bool:
        """Whether an object's user has not edited a field since somebody else changed it."""
        return self.overridden.get((record, field)) == self._edits(raw, field)

    def _edits(self, raw: Json, field: str) -> tuple[str, int]:
        uid = raw["metadata"]["uid"]
        edits = self._simulation.actions.tenants.described[uid] if field == "description" else 0
        return uid, edits


def as_wire(field: str, value: object) -> object:
    """Return how the API writes a value of a spec."""
    return float(str(value)) if field == "cpu" and value is not None else value
