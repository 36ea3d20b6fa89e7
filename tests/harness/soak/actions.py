"""What the steps of a schedule do to the world."""

import asyncio
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from agentrun_operator.core.identity import ADOPT_ANNOTATION, PAUSED_ANNOTATION, ObjectKey
from agentrun_operator.core.identity import RECONCILE_REQUESTED_ANNOTATION as REQUESTED
from agentrun_operator.reconcile.ports import Json
from agentrun_simulator.faults import Fault
from agentrun_simulator.store import Record
from fakes.examples import examples
from soak.cloud import API, MODEL
from soak.conditions import ready_of
from soak.crds import Definitions
from soak.defaults import Defaults
from soak.expectations import Expectations
from soak.naming import name_of
from soak.restores import Restores
from soak.schedule import Step
from soak.slots import SLOT_OF, SLOTS, Slot, spec_of
from soak.tenancy import STRANGE_ROLE
from soak.tenants import OTHERS, Tenants
from soak.ways import Ways
from soak.wire import CrashPlan, KubeFault

if TYPE_CHECKING:
    from soak.simulation import Simulation

_STRIKE_SECONDS = 9.0


class Actions:
    """One method per step name; others are in `tenants`, `restores` and further modules."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._kube = simulation.kube
        self._serial = 0
        self._asked_again: set[str] = set()
        self._overtakes: dict[ObjectKey, tuple[str, int]] = {}
        self.tenants = Tenants(simulation)
        self.restores = Restores(simulation)
        self.ways = Ways(simulation)
        self.definitions = Definitions(simulation)
        self.defaults = Defaults(simulation)
        self._expectations = Expectations(simulation)
        self.edited: set[Record] = set()
        """Records that somebody else has had his hands on."""
        self.contested: set[Record] = set()
        """Records that another master changed back, whichever slot's name led him there."""

    def perform(self, step: Step) -> None:
        """Do one step; what makes no sense at the moment is left out."""
        doers = (
            self,
            self.tenants,
            self.restores,
            self.ways,
            self.definitions,
            self.defaults,
            self._expectations,
        )
        doer = next(doer for doer in doers if hasattr(doer, step.name))
        getattr(doer, step.name)(**step.options)

    # ------------------------------------------------ users

    def apply(self, slot: str, variant: int, policies: Mapping[str, str] | None) -> None:
        place = SLOTS[slot]
        raw = self._kube.find(place.key)
        if raw is None and self.definitions.refuses(place.key):
            return
        if raw is None:
            spec = spec_of(place, variant, policies or {})
            self._kube.create(place.key, {"metadata": {}, "spec": spec})
        elif "deletionTimestamp" not in raw["metadata"]:
            kept = _policies(raw["spec"]) if policies is None else policies
            named = {n: v for n, v in raw["spec"].items() if n == "externalName"}
            self.tenants.set_spec(place.key, {**spec_of(place, variant, kept), **named})

    def edit_under_report(self, slot: str, variant: int) -> None:
        """Edit an object while the next report that it is Ready is on its way."""
        self._overtakes[SLOTS[slot].key] = (slot, variant)

    def overtake(self, key: ObjectKey, body: Any) -> None:
        """Let an edit arrive before a write of a status that is about to be applied."""
        if body is None or key not in self._overtakes:
            return
        if ready_of({"status": body[1]["value"]})[0] == "True":
            slot, variant = self._overtakes.pop(key)
            self._simulation.trace(f"> {slot} is edited under its report")
            self.apply(slot, variant, None)

    def delete(self, slot: str) -> None:
        if self._kube.find(SLOTS[slot].key) is not None:
            self._kube.delete(SLOTS[slot].key)

    def recreate(self, slot: str, variant: int) -> None:
        """Delete, and create anew in the moment the name is free."""
        self.delete(slot)
        if self._kube.find(SLOTS[slot].key) is None:
            self.apply(slot, variant, {})
            return

        def once_gone(event: str, key: ObjectKey, _raw: Json) -> None:
            if event == "DELETED" and key == SLOTS[slot].key:
                self._kube.listeners.remove(once_gone)
                if not self._simulation.is_over:
                    asyncio.get_running_loop().call_soon(self.apply, slot, variant, {})

        self._kube.listeners.append(once_gone)

    def annotate(self, slot: str, what: str) -> None:
        now = self._simulation.now()
        self._serial += 1
        table: dict[str, dict[str, str | None]] = {
            "pause": {PAUSED_ANNOTATION: "true"},
            "pause-until": {PAUSED_ANNOTATION: (now + timedelta(seconds=40)).isoformat()},
            "unpause": {PAUSED_ANNOTATION: None},
            "request": {REQUESTED: str(self._serial)},
            "force": {ADOPT_ANNOTATION: "force"},
        }
        changes = table[what]

        def change(raw: Json) -> None:
            merged = {**raw["metadata"].get("annotations", {}), **changes}
            kept = {name: value for name, value in merged.items() if value is not None}
            raw["metadata"]["annotations"] = kept

        if self._kube.find(SLOTS[slot].key) is not None:
            self._kube.edit(SLOTS[slot].key, change)

    def policy(self, slot: str, field: str, value: str) -> None:
        raw = self._kube.find(SLOTS[slot].key)
        if raw is None:
            return
        spec = {name: old for name, old in raw["spec"].items() if name != field}
        self.tenants.set_spec(SLOTS[slot].key, {**spec, **({field: value} if value else {})})

    def reach(self, slot: str, what: str) -> None:
        """Let an object of a shared account ask for what is another namespace's."""
        raw, place = self._kube.find(SLOTS[slot].key), SLOTS[slot]
        is_shared = self.tenants.account_of(place.namespace).kind == "ClusterAccount"
        if raw is None or not (is_shared and self._simulation.schedule.strict):
            return
        spec = dict(raw["spec"])
        if what == "service" and "endpoints" in spec:
            strange = {"modelServiceRef": {"externalName": "svc"}, "modelNames": ["qwen-max"]}
            spec["endpoints"] = [strange]
        elif what == "role":
            spec["executionRoleArn"] = STRANGE_ROLE
        else:
            spec["credentialRef"] = {"externalName": "cred"}
        self.tenants.set_spec(place.key, spec)

    def heal(self) -> None:
        """Undo every obstacle that a human would have to remove."""
        self.tenants.heal()
        for key in sorted(self._kube.objects):
            if key in SLOT_OF:
                self._heal_object(key)

    def _heal_object(self, key: ObjectKey) -> None:
        """Ask for as little as possible: every touch wakes the engine, and hides what it missed."""
        raw = self._kube.objects[key]
        status = raw.get("status") or {}
        is_paused = PAUSED_ANNOTATION in raw["metadata"].get("annotations", {})
        found = {c["type"]: c["status"] for c in status.get("conditions") or ()}
        if is_paused:
            self.annotate(SLOT_OF[key].name, "unpause")
        # While it is paused, nobody can see whether it is stalled.
        if "Stalled" in found or (is_paused and found.get("Ready") == "False"):
            self.annotate(SLOT_OF[key].name, "request")
        lives_in = (status.get("account") or {}).get("name")
        if raw["spec"].get("accountRef") and lives_in != OTHERS[key.namespace].name:
            spec = {name: value for name, value in raw["spec"].items() if name != "accountRef"}
            self.tenants.set_spec(key, spec)

    def ask_again(self, slot: str) -> bool:
        """Ask for another try of what came to nothing, once; returns whether that was done."""
        raw = self._kube.objects[SLOTS[slot].key]
        uid = raw["metadata"]["uid"]
        if uid in self._asked_again or raw["spec"].get("managementPolicy") == "Observe":
            return False
        self._asked_again.add(uid)
        self.annotate(slot, "request")
        return True

    # ------------------------------------------------ the cloud

    def cloud_edit(self, slot: str, field: str = "description") -> None:
        record = self.record(SLOTS[slot])
        if record is None or slot == "box" or not self.is_recorded(record):
            return
        self._serial += 1
        self.edited.add(record)
        self.restores.override(record, field)
        value = f"outside {self._serial}" if field == "description" else 1.0
        cloud = self._simulation.cloud.simulator
        self._simulation.cloud.touch()
        cloud.edit(SLOTS[slot].family, record.key, {field: value})

    def fight(self, slot: str, seconds: float) -> None:
        """Let another master keep a resource as he wants it, whatever we make of it.

        Like us he looks now and then, and writes to what is at rest.
        """
        loop, simulation = asyncio.get_running_loop(), self._simulation
        until = loop.time() + seconds

        def strike() -> None:
            if loop.time() > until or simulation.is_over:
                return
            record = self.record(SLOTS[slot])
            if record is not None and self._is_open(SLOTS[slot], record):
                simulation.cloud.touch()
                self.contested.add(record)
                values = {"description": "theirs"}
                simulation.cloud.simulator.edit(SLOTS[slot].family, record.key, values)
                simulation.checks.struck(record)
            loop.call_later(_STRIKE_SECONDS, strike)

        if slot != "box":
            strike()

    def _is_open(self, slot: Slot, record: Record) -> bool:
        is_theirs = record.data.get("description") == "theirs"
        return self.is_recorded(record) and not is_theirs and slot.is_ready(record.status)

    def cloud_delete(self, slot: str) -> None:
        record = self.record(SLOTS[slot])
        if record is not None:
            self._simulation.cloud.touch()
            self._simulation.cloud.simulator.remove(SLOTS[slot].family, record.key)
            self._simulation.cloud.take_stock()

    def finish(self, slot: str) -> None:
        """Let a sandbox end, as by idleness."""
        record = self.record(SLOTS[slot])
        if record is not None:
            self._simulation.cloud.simulator.edit(
                SLOTS[slot].family, record.key, {"status": "TERMINATED"}
            )

    def squat(self, slot: str, tag: str, *, describes: bool = True, prefix: str = "") -> None:
        """Let somebody else make a resource of the slot's name, or of a longer one.

        It has a description, or none.
        """
        place = SLOTS[slot]
        is_taken = not prefix and self.record(place) is not None
        if place.name_field is None or place.is_below_another or is_taken:
            return
        name = f"{prefix}{name_of(self._kube, place)}"
        theirs = _SQUATS.get(place.kind) or examples()[place.kind].minimal.body
        body = {**theirs, place.name_field: name, "description": "mine"}
        if tag and place.kind == "AgentRuntime":
            body["systemTags"] = [tag]
        if place.kind == "Credential" or not describes:
            del body["description"]
        self._simulation.cloud.touch()
        where = f"{API}{place.collection}"
        self._simulation.cloud.outsider(where, body, f"Create{place.noun}")

    def fault(self, **options: Any) -> None:
        self._simulation.cloud.simulator.inject(Fault.model_validate(options))

    # ------------------------------------------------ the cluster

    def kube_fault(self, pattern: str, status: int, *, applied: bool, times: int) -> None:
        is_applied = applied and status not in {410, 409}
        fault = KubeFault(re.compile(pattern), status, is_applied, times)
        self._simulation.kube_faults.append(fault)

    def silence(self, seconds: float, *, relists: bool) -> None:
        """Let watches lose what happens; afterwards they begin anew, or never notice."""
        self._simulation.silence(seconds, relists=relists)

    def hang_up(self, nth: int, *, expires: bool) -> None:
        """Cut watches, every nth; with `expires`, nobody can go on where he was."""
        if expires:
            self._kube.compacted = self._kube.version
        for feed in list(self._kube.feeds)[::nth]:
            feed.hang_up()

    def expire(self, nth: int) -> None:
        """Answer 410 in the middle of watches."""
        for feed in list(self._kube.feeds)[::nth]:
            feed.expire()

    def lose_watch(self, slot: str) -> None:
        """Let the stream of a kind end without a trace."""
        for process in self._simulation.living():
            if process.watch is not None:
                process.watch.lose(SLOTS[slot].kind)

    def slow_watch(self, seconds: float) -> None:
        self._simulation.watch_seconds = seconds

    # ------------------------------------------------ the process

    def crash(self, pattern: str, *, is_after: bool, nth: int) -> None:
        for process in self._simulation.living():
            process.plan_crash(CrashPlan(re.compile(pattern), is_after, nth))

    def restart(self, *, graceful: bool) -> None:
        for process in self._simulation.living()[:1]:
            if graceful:
                process.stop.set()
            else:
                process.kill("killed")

    def freeze(self, seconds: float) -> None:
        for process in self._simulation.living()[:1]:
            process.freeze(seconds)

    def jump(self, seconds: float) -> None:
        self._simulation.wall_offset += timedelta(seconds=seconds)

    # ------------------------------------------------ parts

    def is_recorded(self, record: Record) -> bool:
        """Whether an object knows that it has made a resource.

        Who edits it between a create whose answer was lost and its recovery makes it a stranger's:
        nothing but its content tells then whose it is.
        """
        self._simulation.cloud.take_stock()
        owner = self._simulation.cloud.ledger.get(record)
        key = self._kube.keys.get(owner.uid) if owner is not None else None
        raw = self._kube.find(key) if key is not None else None
        if owner is None or raw is None or raw["metadata"]["uid"] != owner.uid:
            return True
        status = raw["status"]
        # The record of what it replaces stands until the answer to its successor's create. What it
        # merely observed before was never its own.
        is_in_charge = status.get("externalId") and "adopted" in status
        return bool(is_in_charge and "replaces" not in (status.get("creation") or {}))

    def record(self, slot: Slot) -> Record | None:
        name = name_of(self._kube, slot)
        for record in self._simulation.cloud.tenant().records(slot.family):
            if record.name == name or (slot.name == "box" and record.status != "TERMINATED"):
                return record
        return None


def _policies(spec: Json) -> dict[str, Any]:
    kept = ("accountRef", "publish", "targetVersion")
    return {n: v for n, v in spec.items() if n.endswith("Policy") or n in kept}


_PROXY = {
    "proxyMode": "single",
    "executionRoleArn": "acs:ram::10001:role/theirs",
    "cpu": 2.0,
    "memory": 4096,
    "proxyConfig": {"endpoints": []},
}
_SQUATS: Mapping[str, Json] = {  # of any other kind the minimal body of its examples
    "Credential": {
        "credentialAuthType": "api_key",
        "credentialSourceType": "internal",
        "credentialSecret": "theirs",
        "credentialPublicConfig": {},
    },
    "ModelService": MODEL,
    "ModelProxy": _PROXY,
    "AgentRuntime": {
        "artifactType": "Container",
        "containerConfiguration": {"image": "theirs"},
        "cpu": 1.0,
        "memory": 2048,
        "port": 8080,
        "networkConfiguration": {"networkMode": "PUBLIC"},
    },
    "SandboxTemplate": {
        "templateType": "CodeInterpreter",
        "cpu": 1.0,
        "memory": 2048,
        "networkConfiguration": {"networkMode": "PUBLIC"},
    },
}
