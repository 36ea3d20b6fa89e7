"""The invariants that are checked at each step, each with its reason."""

import json
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentrun_operator.core.identity import (
    ADOPT_ANNOTATION,
    FINALIZER,
    ObjectKey,
    adopted_tag,
    ownership_tag,
)
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.ports import Json
from agentrun_simulator.store import Record
from fakes.kube_server import OURS, Place
from soak.conditions import brief, condition
from soak.deletions import Deletions
from soak.naming import slots_named
from soak.process import CLUSTER_ID, OPERATOR_NAMESPACE, Process, current
from soak.restores import BLIND_SECONDS
from soak.slots import NAMESPACES, SLOT_OF, SLOTS, held, wanted
from soak.tenancy import Tenancy

if TYPE_CHECKING:
    from soak.simulation import Simulation

CANARY = "canary-"
_WINDOW_SECONDS = 10.0
_MAX_PASSES = 40
"""Of one object within the window; the busiest honest history stays far below."""
_MAX_STRIKES = 7
"""The first, and one after each of five corrections; one more for a correction under way."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that did not hold."""

    invariant: str
    message: str
    at: float

    def __str__(self) -> str:
        return f"{self.invariant}: {self.message} (at {self.at:.1f}s)"


class Checks:
    """Looks at everything that processes do to the world."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._passes: dict[ObjectKey, deque[float]] = {}
        self._complete: set[Process] = set()
        self.kept: set[Record] = set()
        """Resources that were left alone on purpose when their object went."""
        self.abandoned: set[str] = set()
        """Uids of objects that vanished without having been released."""
        self.leaving: set[str] = set()
        """Uids of objects that left what they made, which may come late."""
        self.deletions = Deletions(simulation)
        self.writes: list[str] = []
        """Every write to cluster and cloud since the last `forget_writes`, Leases aside."""
        self.passes: Counter[ObjectKey] = Counter()
        self._adopted: dict[Record, str] = {}
        """By resource: the uid of the object that adopted it last, from another one maybe."""
        self._strikes: Counter[tuple[object, ...]] = Counter()
        self.tenancy = Tenancy(simulation, self)

    def is_adopted_away(self, record: Record, uid: str) -> bool:
        """Whether another object than one has adopted a resource since: its record counts more."""
        return self._adopted.get(record, uid) != uid

    def violated(self, invariant: str, message: str) -> None:
        """Note a violation."""
        found = Violation(invariant, message, self._simulation.loop.time() - 1000.0)
        self._simulation.history.violations.append(found)
        self._simulation.trace(f"! {found}")

    # ------------------------------------------------ the engine itself

    def engine_died(self, process: Process, error: Exception) -> None:
        """The engine survives everything but the loss of its lease."""
        self.violated("engine alive", f"{process.name} died of {error!r}")

    def log(self, method: str, event: Json) -> None:
        """A traceback in the log is a bug of ours; and no value of a Secret is ever logged."""
        text = str(event)
        if method in ("exception", "error", "critical"):
            self.violated("no internal error", text[:600])
        if CANARY in text:
            self.violated("no secret shown", f"log: {text[:300]}")

    def event(self, obj: KubeObject, kind: str, reason: str, message: str) -> None:
        """No value of a Secret is ever shown in an event, and no event is untrue."""
        self._simulation.trace(f"  event {kind} {reason} on {obj.key}: {message}")
        # What carries another one's mark is not what the DELETE was sent for.
        told = ("DELETE had been sent", "whether a DELETE reached it", "carries the mark of")
        is_told = any(words in message for words in told)
        # An older status that was written back knows nothing of it.
        is_told |= obj.key in self._simulation.actions.restores.written_at
        if reason == "Retained" and self.deletions.were_sent_for(obj) and not is_told:
            self.violated("retained is true", f"{obj.key}: {message}; DELETE was sent before")
        if CANARY in message:
            self.violated("no secret shown", f"event on {obj.key}: {message}")

    def struck(self, record: Record) -> None:
        """Two masters do not fight for ever: a process gives in after so many corrections."""
        simulation = self._simulation
        named = list(slots_named(simulation.kube, record.name))
        processes = simulation.living()
        # As far as a process knows: an edit that its watch has yet to tell begins nothing anew.
        known = [p.world.cache for p in processes if p.world is not None]
        found = [cache.get(slot.key) for cache in known for slot in named]
        asked = [(obj.uid, obj.generation, dict(obj.annotations)) for obj in found if obj]
        tokens = [simulation.actions.tenants.token(name) for name in NAMESPACES]
        names = [process.name for process in processes]
        # Nor had an older status acted on what is written by now.
        statuses = [simulation.actions.restores.written_at.get(slot.key) for slot in named]
        # What was made again is written by a new try, which no correction is.
        needs = [id(simulation.actions.record(SLOTS[n])) for slot in named for n in slot.needs]
        what = (id(record), str(asked), str(tokens), str(names), str(statuses), str(needs))
        self._strikes[what] += 1
        if self._strikes[what] > _MAX_STRIKES:
            self.violated("nobody fights", f"{record.name} was corrected {_MAX_STRIKES} times")

    def pass_begins(self, _process: Process, obj: KubeObject) -> None:
        """No hot loop: nothing makes an object be looked at again and again without a pause."""
        self.passes[obj.key] += 1
        now = self._simulation.loop.time()
        times = self._passes.setdefault(obj.key, deque())
        times.append(now)
        while times and times[0] < now - _WINDOW_SECONDS:
            times.popleft()
        if len(times) == _MAX_PASSES:
            self.violated("no hot loop", f"{obj.key}: {_MAX_PASSES} passes in {_WINDOW_SECONDS}s")

    # ------------------------------------------------ writes to the cluster

    def kube_write(self, process: Process, name: str, place: Place, body: Any) -> None:
        """Look at a write that is about to be applied."""
        if place.kind == "Lease":
            return
        self._simulation.actions.overtake(place.key, body if name.startswith("status") else None)
        self.writes.append(f"{name} {place.key}")
        self._simulation.trace(f"  {process.name} {name} {place.key}{brief(name, body)}")
        self.only_the_leader_writes(process, f"{name} {place.key}")
        self.sees_the_whole_picture(process, f"{name} {place.key}")
        if CANARY in json.dumps(body):
            self.violated("no secret shown", f"{name} {place.key}: {json.dumps(body)[:400]}")
        if place.kind not in OURS:
            if place.kind != "ConfigMap":
                self.violated("only our writes", f"{name} {place.key}")
            return
        raw = self._simulation.kube.find(place.key)
        if raw is None:
            return
        if place.subresource == "status":
            self._status_write(process, place, raw, body)
        elif isinstance(body, list):
            self._release(place, raw, body)
        elif set(body["metadata"]) - {"resourceVersion", "finalizers"} or set(body) != {"metadata"}:
            self.violated("only our writes", f"{name} {place.key}: {body}")

    def only_the_leader_writes(self, process: Process, what: str) -> None:
        """Two leaders: who lost the lease to another process writes nothing any more."""
        if not process.settings.leader_election:
            return
        place = ObjectKey("Lease", OPERATOR_NAMESPACE, process.settings.lease_name)
        lease = self._simulation.kube.find(place)
        holder = ((lease or {}).get("spec") or {}).get("holderIdentity")
        if holder and holder != process.name:
            self.violated("only the leader writes", f"{process.name} {what}, {holder} leads")

    def sees_the_whole_picture(self, process: Process, what: str) -> None:
        """Nothing is written before everything that exists has been seen: the start-up barrier."""
        if process in self._complete:
            return
        self._complete.add(process)
        assert process.world is not None
        cache = process.world.cache
        for key, raw in self._simulation.kube.objects.items():
            is_old = process.begun_at > self._simulation.seconds_of(raw)
            if key.kind in OURS and is_old and cache.version(key) is None:
                self.violated("start-up barrier", f"{process.name} {what}, {key} was not seen yet")

    def holding(self, process: Process, obj: KubeObject) -> frozenset[ObjectKey]:
        """Return who keeps an object from being deleted, as far as a process knows.

        Those that refer to it and have a resource, or may have one, which is to go with them.
        """
        if not obj.deleting or obj.key not in SLOT_OF or process.world is None:
            return frozenset()
        needed, cache = SLOT_OF[obj.key].name, process.world.cache
        found = {slot.key: cache.get(slot.key) for slot in SLOTS.values() if needed in slot.needs}
        return frozenset(
            key
            for key, user in found.items()
            if user is not None
            # An edit may have let go of it, for what is another namespace's.
            and not (user.spec.get("credentialRef") or {}).get("externalName")
            and FINALIZER in user.finalizers
            and (user.external_id or user.status.get("creation"))
            and not self._simulation.actions.defaults.may_keep(key, user.spec, user.status)
        )

    def _status_write(self, process: Process, place: Place, raw: Json, body: list[Json]) -> None:
        if body[0]["value"] != raw["metadata"]["uid"]:
            return
        status = body[1]["value"]
        self._simulation.history.reasons.add(condition(status, "Ready").get("reason", ""))
        self._generation_not_ahead(place, raw, status)
        self._conditions_make_sense(process, place, raw, status)
        if place.key in SLOT_OF:
            self._record_stands(place, raw, status)
            self._ready_is_true(place, raw, status)
            self._adoption_is_allowed(place, raw, status)
            self._drift_is_admitted(place, raw, status)
            self.tenancy.writes_status(place, raw, status)

    def _generation_not_ahead(self, place: Place, raw: Json, status: Json) -> None:
        """A status never speaks of a generation that does not exist yet."""
        generation = raw["metadata"]["generation"]
        spoken = [status.get("observedGeneration", -1)]
        spoken += [c.get("observedGeneration", -1) for c in status.get("conditions") or ()]
        if max(spoken) > generation:
            self.violated("generation not ahead", f"{place.key}: {max(spoken)} > {generation}")

    def _conditions_make_sense(
        self, process: Process, place: Place, raw: Json, status: Json
    ) -> None:
        """Reconciling and Stalled exclude each other; times move with the status only.

        Whose last write was applied and not answered knows older times, until its watch tells. What
        somebody else wrote there is no status of ours, nor is what is bound to another object.
        """
        unanswered_at = process.wire.unanswered.get(place.key, float("-inf"))
        is_behind = (
            process.wire.awake_since(unanswered_at) < BLIND_SECONDS
            or self._simulation.actions.restores.was_written_lately(place.key)
            or _is_copied(place, raw)
        )
        old = {c["type"]: c for c in raw.get("status", {}).get("conditions") or ()}
        new = {c["type"]: c for c in status.get("conditions") or ()}
        if {"Reconciling", "Stalled"} <= set(new):
            self.violated("conditions", f"{place.key}: both Reconciling and Stalled")
        for name, after in new.items():
            before = old.get(name)
            if (
                before is not None
                and not is_behind
                and before["status"] == after["status"]
                and before["lastTransitionTime"] != after["lastTransitionTime"]
            ):
                self.violated("conditions", f"{place.key}: {name} moved without a flip")
            if after.get("reason") == "InternalError":
                self.violated("no internal error", f"{place.key}: {after['message']}")

    def _record_stands(self, place: Place, raw: Json, status: Json) -> None:
        """What an object has on record stays there until the answer to a successor's create.

        A sandbox that ended has a successor of its own. What was written for another object, or by
        somebody else a moment ago, is no record of ours. Of two with one resource on record, as
        when an object only observed for a moment, one gives in.
        """
        before = raw.get("status") or {}
        is_lost = before.get("externalId") and not status.get("externalId")
        is_restarted = before.get("incarnation") != status.get("incarnation")
        is_foreign = before.get("boundTo", {}).get("uid") != raw["metadata"]["uid"]
        is_foreign |= self._simulation.actions.restores.was_written_lately(place.key)
        mine, same = raw["metadata"]["uid"], self._simulation.kube.of_kind(place.kind)
        others = [o.get("status") or {} for o in same if o["metadata"]["uid"] != mine]
        is_foreign |= before.get("externalId") in [o.get("externalId") for o in others]
        if is_lost and "adopted" in before and not (is_restarted or is_foreign):
            self.violated("a record stands", f"{place.key}: {before['externalId']} is erased")

    def _ready_is_true(self, place: Place, raw: Json, status: Json) -> None:
        """Ready is never said of a generation that is not in place in the cloud.

        Changes of others in the last moments are forgiven: the pass could not have seen them.
        """
        slot = SLOT_OF[place.key]
        ready = condition(status, "Ready")
        generation = raw["metadata"]["generation"]
        spec = raw["spec"]
        if (
            ready.get("status") != "True"
            or status.get("observedGeneration") != generation
            or any(c["type"] == "Paused" for c in status["conditions"])
            or spec.get("managementPolicy") == "Observe"
            or spec.get("driftPolicy") in ("Ignore", "Report")
        ):
            return
        record = self._simulation.cloud.resource_of(slot, raw, status)
        if record is None:
            if not self._simulation.cloud.was_touched:
                self.violated("ready is true", f"{place.key}: no resource in the cloud")
            return
        want = wanted(slot, spec, "", "").get("description")
        if (
            want is not None
            and slot.kind != "Credential"
            and record not in (self._simulation.actions.edited)
        ):
            have = held(record.data, "description")
            if have != want and not self._simulation.cloud.was_touched:
                self.violated(
                    "ready is true",
                    f"{place.key}: generation {generation} wants {want!r}, the cloud has {have!r}",
                )

    def _drift_is_admitted(self, place: Place, raw: Json, status: Json) -> None:
        """Ready is never said of a resource that the pass itself has seen to differ.

        Unlike `_ready_is_true` this holds under `Report`, too, and whatever others do meanwhile.
        """
        found = current.get()
        if found is None or found.obj.key != place.key:
            return
        spec = found.obj.spec
        if spec.get("driftPolicy") == "Ignore" or spec.get("managementPolicy") == "Observe":
            return
        is_paused = bool(condition(status, "Paused"))
        if condition(status, "Ready").get("status") != "True" or is_paused:
            return
        is_said = condition(raw.get("status") or {}, "Ready") == condition(status, "Ready")
        if is_said and self._simulation.actions.restores.was_written_lately(place.key):
            # The record of an older status is corrected before a report follows.
            return
        if status.get("drift"):
            paths = [entry["path"] for entry in status["drift"]]
            self.violated("drift is admitted", f"{place.key}: Ready beside a drift of {paths}")
        elif found.drift and status.get("observedGeneration") == found.obj.generation:
            self.violated("drift is admitted", f"{place.key}: Ready, although {found.drift}")

    def _adoption_is_allowed(self, place: Place, raw: Json, status: Json) -> None:
        """Adopted is only what carries nobody's mark, and where the policy lets us."""
        before = raw.get("status") or {}
        if not status.get("adopted") or before.get("adopted"):
            return
        slot = SLOT_OF[place.key]
        record = self._simulation.cloud.resource_of(slot, raw, status)
        if record is not None:
            self._adopted[record] = raw["metadata"]["uid"]
        found = current.get()
        versions = [raw, *([{"spec": found.obj.spec, "metadata": {}}] if found else [])]
        tags = (record.data.get("systemTags") or ()) if record is not None else ()
        others = set(tags) - {adopted_tag(ownership_tag(CLUSTER_ID, place.key))}
        is_foreign = any(t.startswith("k8s:") or t == "x-agentrun-super" for t in others)
        is_forced = ADOPT_ANNOTATION in raw["metadata"].get("annotations", {}) or (
            found is not None and ADOPT_ANNOTATION in found.obj.annotations
        )
        policies = {v["spec"].get("adoptionPolicy") for v in versions}
        is_refused = policies == {"Never"} or (policies == {None} and not slot.adopts_unasked)
        if (is_foreign or is_refused) and not is_forced:
            self.violated("adoption rules", f"{place.key}: tags {list(tags)}, policy {policies}")

    def _release(self, place: Place, raw: Json, body: list[Json]) -> None:
        """Our finalizer goes only when the cloud has nothing of ours any more, or is to keep it."""
        uid = raw["metadata"]["uid"]
        removes = any(step["op"] == "remove" for step in body)
        if not removes or FINALIZER not in raw["metadata"].get("finalizers", ()):
            return
        if body[0]["value"] != uid or place.key not in SLOT_OF:
            return
        cloud = self._simulation.cloud
        cloud.take_stock()
        made = [r for r, o in cloud.ledger.items() if o.uid == uid]
        mine = [r for r in made if not self.is_adopted_away(r, uid)]
        found = current.get()
        specs = [raw["spec"], *([found.obj.spec] if found else [])]
        statuses = [raw.get("status") or {}, *([found.obj.status] if found else [])]
        may_keep = self._simulation.actions.defaults.may_keep
        if any(may_keep(place.key, spec, status) for spec in specs for status in statuses):
            # What another one adopted since is to be left as well: by its maker, or by the other.
            self.kept.update(made, (r for r, by in self._adopted.items() if by == uid))
            self.leaving.add(uid)
            return
        adopted = cloud.resource_of(SLOT_OF[place.key], raw, raw.get("status") or {})
        if adopted in self._simulation.actions.restores.taken_over:
            adopted = None
        is_adopted = raw.get("status", {}).get("adopted")
        if is_adopted and adopted is not None and adopted not in mine:
            mine.append(adopted)
        if mine:
            states = ", ".join(f"{r.name} {r.status}" for r in mine)
            self.violated("released when gone", f"{place.key}: the cloud still has {states}")
        if uid in cloud.late_owners():
            self.violated("released when gone", f"{place.key}: a create is still on its way")


def _is_copied(place: Place, raw: Json) -> bool:
    """Whether the status that an object has is bound to another one."""
    bound = raw.get("status", {}).get("boundTo") or {}
    at = (bound.get("namespace") or "", bound.get("name"))
    return bool(bound) and at != (place.key.namespace or "", place.key.name)
