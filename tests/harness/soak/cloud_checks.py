"""The invariants of what a process sends to the cloud, each with its reason."""

import json
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING

from agentrun_operator.api.auth import encode_segment
from agentrun_operator.api.exchange import Call
from agentrun_operator.api.identity import GET_CALLER_IDENTITY
from agentrun_operator.core.identity import (
    ADOPT_ANNOTATION,
    FINALIZER,
    PAUSED_ANNOTATION,
    adopted_tag,
    ownership_tag,
)
from agentrun_operator.core.objects import KubeObject, parse_time
from agentrun_simulator.exchange import Exchange
from agentrun_simulator.store import Record
from soak.checks import Checks
from soak.cloud import FOREIGN, Owner
from soak.loop import to_loop
from soak.naming import name_of
from soak.process import CLUSTER_ID, Pass, Process, current
from soak.slots import SLOT_OF, SLOTS, held, wanted
from soak.tenants import SHARED

if TYPE_CHECKING:
    from soak.simulation import Simulation

_POST_SECONDS = 60.0
"""How long after its look-up a POST may still be carried out."""


class CloudChecks:
    """Implements `cloud.Watcher` for one process."""

    def __init__(self, simulation: "Simulation", checks: Checks, process: Process) -> None:
        self._simulation = simulation
        self._checks = checks
        self._process = process

    def sending(self, call: Call) -> None:
        """Nothing is checked before a request arrives."""

    def before_write(self, call: Call, exchange: Exchange) -> None:
        """Look at a write that has arrived and is about to be applied, or lost."""
        checks, found = self._checks, current.get()
        whose = f" for {found.obj.key}" if found else ""
        checks.writes.append(f"{call.action} {call.path}{whose}")
        effect = f" [{exchange.fault.effect}]" if exchange.fault else ""
        self._simulation.trace(
            f"  {self._process.name} {call.action} {call.path.rpartition('/')[2]}{effect} "
            f"{json.dumps(call.body, sort_keys=True) if call.body else ''}"
        )
        checks.only_the_leader_writes(self._process, call.action)
        checks.sees_the_whole_picture(self._process, call.action)
        if found is None:
            checks.violated("writes belong to a pass", call.action)
            return
        self._in_a_known_account(call, exchange)
        self._in_the_pinned_account(found, call, exchange)
        self._policies_allow(found, call)
        checks.tenancy.sends(found.obj, call, exchange)
        self._simulation.actions.defaults.sends(call, exchange)
        if call.method == "POST" and call.action.startswith("Create"):
            self._create(found, call, exchange)
        else:
            self._change(found, call, exchange)

    def answered(self, call: Call, exchange: Exchange, status: int | None) -> None:
        """Look at what a request led to."""
        found = current.get()
        self._in_a_known_account(call, exchange)
        if call.path.endswith("/versions"):
            self._one_version_of_each_head(exchange)
            return
        if call.method == "GET":
            is_good = status == HTTPStatus.OK and _says_something(exchange)
            if is_good and exchange.route is not None:
                family = exchange.route.family.name
                self._simulation.freshness.looked(exchange.entry.account, family)
            if found is not None:
                self._in_the_pinned_account(found, call, exchange)
                self._read(found, call, exchange, status)
            return
        if found is not None and status == HTTPStatus.OK and call.method in ("PUT", "PATCH"):
            found.drift = ""
        was_lost = exchange.fault is not None and exchange.fault.effect == "drop-before"
        arrived = status == HTTPStatus.OK or (status is None and not was_lost)
        if found is not None and call.method == "DELETE" and arrived:
            self._checks.deletions.note(found.obj.uid)
        if found is not None and call.action.startswith("Create") and status == HTTPStatus.OK:
            # What that DELETE was sent for has a successor.
            self._checks.deletions.forget(found.obj.uid)
        effect = f" [{exchange.fault.effect}]" if exchange.fault else ""
        self._simulation.trace(f"  cloud answers {status} to {call.action}{effect}")
        if found is not None and call.action.startswith("Create"):
            self._one_resource(found)

    # ------------------------------------------------ the rules

    def _in_a_known_account(self, call: Call, exchange: Exchange) -> None:
        """Whatever a Secret contains, nothing but the question whose keys they are is asked."""
        if exchange.entry.account == FOREIGN.account_id and call != GET_CALLER_IDENTITY:
            self._checks.violated("foreign account", f"{call.action} in {FOREIGN.account_id}")

    def _read(self, found: Pass, call: Call, exchange: Exchange, status: int | None) -> None:
        """Keep in mind what a read told the pass, for the checks of what it does then."""
        if not _says_something(exchange):
            return
        if status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
            found.looked.add(call.path)
        slot = SLOT_OF.get(found.obj.key)
        if status != HTTPStatus.OK or slot is None or not call.action.startswith("Get"):
            return
        record = self._simulation.cloud.at(exchange)
        if record is not None and record.family.name == slot.family:
            want = wanted(slot, dict(found.obj.spec), "", "").get("description")
            have = held(record.data, "description")
            differs = want is not None and slot.kind != "Credential" and have != want
            found.drift = f"description {have!r} instead of {want!r}" if differs else ""

    def _in_the_pinned_account(self, found: Pass, call: Call, exchange: Exchange) -> None:
        """What has, or may have, a resource never calls another account, not even to read.

        What is merely observed was neither created nor adopted, and follows its reference. Nor is a
        restored record one of its own whose resource another object has adopted meanwhile, or that
        was copied from another object. Where nobody verifies whose keys an Account has, a look
        alone shows that it leads elsewhere.
        """
        unverified = self._simulation.actions.ways.unverified
        if call.method == "GET" and exchange.entry.account == unverified:
            return
        raw = self._simulation.kube.find(found.obj.key)
        if raw is None or raw["metadata"]["uid"] != found.obj.uid:
            return
        status = raw.get("status") or {}
        pinned = (status.get("account") or {}).get("accountId")
        is_in_charge = status.get("externalId") and "adopted" in status
        bound, key = status.get("boundTo") or {}, found.obj.key
        is_own = (bound.get("name", key.name), bound.get("namespace", key.namespace)) == (
            key.name,
            key.namespace,
        )
        lives_there = pinned and is_own and (is_in_charge or status.get("creation"))
        asked = exchange.entry.account
        slot = SLOT_OF.get(found.obj.key)
        record = None if slot is None else self._simulation.cloud.resource_of(slot, raw, status)
        is_lost = record is not None and self._checks.is_adopted_away(record, found.obj.uid)
        if lives_there and asked and pinned != asked and not is_lost:
            self._checks.violated(
                "pinned account",
                f"{found.obj.key}: {call.action} in {exchange.entry.account}, not {pinned}",
            )

    def _policies_allow(self, found: Pass, call: Call) -> None:
        """Observe never writes; a paused object is left alone unless it is being deleted."""
        obj = found.obj
        if obj.spec.get("managementPolicy") == "Observe":
            self._checks.violated("observe only reads", f"{obj.key}: {call.action}")
        if obj.annotations.get(PAUSED_ANNOTATION) == "true" and not obj.deleting:
            self._checks.violated("paused", f"{obj.key}: {call.action}")

    def _create(self, found: Pass, call: Call, exchange: Exchange) -> None:
        """No create is blind: claimed, looked up, and marked, in this pass, before the POST."""
        obj, checks = found.obj, self._checks
        assert exchange.route is not None
        family = exchange.route.family
        body = dict(call.body or {})
        name = str(body.get(family.name_field) or body.get(family.key_field))
        if obj.uid in self._simulation.cloud.late_owners():
            checks.violated("no create is blind", f"{obj.key}: another create is still on its way")
        for told in (name, *(body.get("systemTags") or ())):
            self._simulation.cloud.posted[exchange.entry.account, family.name, told] = obj.uid
        # Where the key is ours to know, only a GET of it proves absence; else a LIST by name.
        is_known = family.key_field == family.name_field
        place = f"{call.path}/{encode_segment(name)}" if is_known else call.path
        if place not in found.looked:
            checks.violated("no create is blind", f"{obj.key}: not looked up before {call.action}")
        # A second POST, whatever became of this one, needs a look of its own.
        found.looked.clear()
        raw = self._simulation.kube.find(obj.key)
        if raw is None or raw["metadata"]["uid"] != obj.uid:
            if obj.uid not in checks.abandoned:
                checks.violated(
                    "claimed before create", f"{obj.key} is gone, {call.action} all the same"
                )
            return
        if FINALIZER not in raw["metadata"].get("finalizers", ()):
            checks.violated("claimed before create", f"{obj.key}: no finalizer at {call.action}")
        status = raw.get("status") or {}
        if status.get("externalId"):
            self._absence_is_true(f"{obj.key}: {call.action}")
        # Race: somebody may write an older status between the mark and the create.
        is_overwritten = self._simulation.actions.restores.was_written_lately(obj.key)
        if not status.get("creation") and not is_overwritten:
            checks.violated("no create is blind", f"{obj.key}: no mark at {call.action}")
        pinned = status.get("account") or {}
        is_lent = (pinned.get("kind"), pinned.get("name")) == (SHARED.kind, SHARED.name)
        if is_lent and self._simulation.actions.tenants.is_refused(obj.key.namespace):
            checks.violated(
                "only who may", f"{obj.key}: {call.action} in an account not lent to it"
            )

    def _absence_is_true(self, what: str) -> None:
        """Nothing is made again that the cloud merely denies."""
        restores = self._simulation.actions.restores
        if restores.is_emptied:
            self._checks.violated("mass absence", f"{what} in an emptied account")
        if restores.is_disputed:
            self._checks.violated("disputed absence", f"{what} of what LISTs show")

    def _change(self, found: Pass, call: Call, exchange: Exchange) -> None:
        """Nobody else's resource is touched: ours, or adopted by the rules of adoption."""
        assert exchange.route is not None
        record = self._simulation.cloud.at(exchange)
        if record is None:
            return
        obj = found.obj
        if call.method == "DELETE":
            self._nobody_uses_it(found, call)
        self._is_asked_for(found, call, record)
        self._is_in_the_spec(found, call, record)
        owner = self._simulation.cloud.ledger.get(record)
        tags = set(record.data.get("systemTags") or ())
        ours = ownership_tag(CLUSTER_ID, obj.key)
        is_marked = tags & {ours, adopted_tag(ours)} == {ours}
        is_mine = is_marked or (owner is not None and owner.uid == obj.uid)
        if is_mine:
            return
        unset = "" if SLOT_OF[obj.key].adopts_unasked else "Never"
        policy = obj.spec.get("adoptionPolicy") or unset
        is_forced = obj.annotations.get(ADOPT_ANNOTATION) == "force"
        others = tags - {ours, adopted_tag(ours)}
        is_foreign = any(t.startswith("k8s:") or t == "x-agentrun-super" for t in others)
        is_adopted = bool(obj.status.get("adopted"))
        restores = self._simulation.actions.restores
        was_ours = restores.taken_over.get(record, 0.0) > found.begun
        if was_ours or restores.is_known_by_parent(record, obj.uid):
            return
        if not tags and owner is not None and self._nothing_tells(found, owner.uid):
            return
        if not tags and owner is not None and self._may_be_announced(found, owner):
            # It stays so: what the pass notes is all that anybody knows of it from now on.
            owner.uid = obj.uid
            return
        defaults = self._simulation.actions.defaults
        is_told = obj.spec.get("deletionPolicy") == "Delete"
        is_told |= defaults.may_say("Delete", obj.key, obj.spec, obj.status)
        if call.method == "DELETE" and not is_told:
            self._checks.violated(
                "nobody else's resource", f"{obj.key}: {call.action} of one that it did not make"
            )
        elif (policy == "Never" or is_foreign) and not (is_forced or is_adopted):
            self._checks.violated("nobody else's resource", f"{obj.key}: {call.action}, no leave")

    def _may_be_announced(self, found: Pass, owner: Owner) -> bool:
        """Whether it was made within a minute of the look-up before a create.

        No process knows what one that is gone has sent, and what is there may be that.
        """
        looked_up = parse_time(found.obj.creation.get("lookedUpAt"))
        if looked_up is None or not found.obj.awaits_answer:
            return False
        since = to_loop(looked_up)
        return self._process.begun_at > since and since <= owner.made_at <= since + _POST_SECONDS

    def _nothing_tells(self, found: Pass, maker: str) -> bool:
        """Whether both announced a create of one name, and neither had its answer by then.

        What is there is what either sent, has no mark, and nothing told anybody its id.
        """
        place = SLOT_OF.get(found.obj.key)
        if place is None or not found.obj.awaits_answer:
            return False
        for slot in SLOTS.values():
            raw = self._simulation.kube.find(slot.key)
            if raw is None or raw["metadata"]["uid"] != maker or slot.kind != place.kind:
                continue
            other = KubeObject.of(raw, slot.kind)
            kube = self._simulation.kube
            return other.awaits_answer and name_of(kube, slot) == name_of(kube, place)
        return False

    def _is_asked_for(self, found: Pass, call: Call, record: Record) -> None:
        """Report and Ignore leave alone what somebody else changed, whatever wakes the pass."""
        obj = found.obj
        if obj.spec.get("driftPolicy") not in ("Report", "Ignore"):
            return
        raw = self._simulation.kube.find(obj.key)
        if raw is None or raw["metadata"]["uid"] != obj.uid or call.method == "DELETE":
            return
        restores = self._simulation.actions.restores
        for field in ("description", "cpu"):
            sent = (call.body or {}).get(field)
            is_kept = sent is None or sent == record.data.get(field)
            if not is_kept and restores.is_overwritten_unasked(record, raw, field):
                self._checks.violated(
                    "nothing unasked",
                    f"{obj.key}: {call.action} takes back somebody else's change of {field}",
                )

    def _is_in_the_spec(self, found: Pass, call: Call, record: Record) -> None:
        """Defaults of a create are never sent to what exists."""
        for name in ("cpu", "memory", "port"):
            sent = (call.body or {}).get(name)
            if sent is not None and name not in found.obj.spec and sent != record.data.get(name):
                self._checks.violated(
                    "nothing unasked", f"{found.obj.key}: {call.action} sets {name} to {sent}"
                )

    def _nobody_uses_it(self, found: Pass, call: Call) -> None:
        """What is referred to goes after those that do; one of them may go during the pass."""
        users = found.held_by & self._checks.holding(self._process, found.obj)
        if users:
            names = ", ".join(sorted(map(str, users)))
            self._checks.violated("users hold", f"{found.obj.key}: {call.action}, used by {names}")

    def _one_version_of_each_head(self, exchange: Exchange) -> None:
        """No version equals the one before it; nothing takes a twin away again."""
        record = self._simulation.cloud.at(exchange)
        for before, version in pairwise(record.versions if record is not None else ()):
            if before["data"] == version["data"]:
                number = version["agentRuntimeVersion"]
                self._checks.violated("one version of a head", f"{exchange.keys}: {number}")

    def _one_resource(self, found: Pass) -> None:
        """At most one cloud resource per object that is alive and not on its way out."""
        living = [
            record
            for record, owner in self._simulation.cloud.ledger.items()
            if owner.uid == found.obj.uid
            and record not in self._checks.kept
            and not self._checks.is_adopted_away(record, found.obj.uid)
            and record.status not in ("DELETING", "TERMINATED")
        ]
        self._leave_below_others(found, living)
        living = [record for record in living if record not in self._checks.kept]
        if len(living) > 1:
            names = ", ".join(f"{record.name}/{record.key}" for record in living)
            self._checks.violated("at most one resource", f"{found.obj.key} has {names}")

    def _leave_below_others(self, found: Pass, living: list[Record]) -> None:
        """Note what an object leaves below a parent whose object stands for another one now.

        A parent can go from under a child only where the child's resource is to be left: another
        one is in use until its user is gone.
        """
        obj = found.obj
        if not self._simulation.actions.defaults.may_keep(obj.key, obj.spec, obj.status):
            return
        ledger = self._simulation.cloud.ledger
        newest = max(living, key=lambda record: ledger[record].made_at, default=None)
        if newest is not None:
            self._checks.kept.update(r for r in living if r.parent != newest.parent)


def _says_something(exchange: Exchange) -> bool:
    """Whether the answer to a request is one of the API, be it late or a lie."""
    fault = exchange.fault
    return fault is None or fault.effect not in ("error", "html", "empty")
