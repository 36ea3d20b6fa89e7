"""What accounts say for their objects in a history, and what has to follow from it."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentrun_operator.api.exchange import Call
from agentrun_operator.core.identity import ACCOUNT_KINDS, ObjectKey, ownership_tag
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.ports import Json
from agentrun_simulator.exchange import Exchange
from fakes.rests import rest_of
from soak.cloud import MAIN, OTHER
from soak.loop import START_SECONDS
from soak.naming import PREFIXES, asked_for, has_record, name_of, takes_prefix, vouched
from soak.process import CLUSTER_ID, current
from soak.slots import SLOT_OF, SLOTS, Slot
from soak.tenants import OTHERS, SHARED

if TYPE_CHECKING:
    from soak.simulation import Simulation

_BEGINNING_SECONDS = 0.1
LAG_SECONDS = 90.0
"""So long a process may go by what an account said before: a silent watch, and the resync."""


class Defaults:
    """Edits the defaults of accounts, remembers them, and judges by them."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._kube = simulation.kube
        self._wanted: dict[ObjectKey, Json] = {}
        """What the owner of an account writes into it whenever it is brought."""
        self._said: dict[ObjectKey, list[tuple[float, Json]]] = {}
        """What an account said, and from when on."""
        self._left: dict[str, ObjectKey] = {}
        """By uid of an object: the account that was forced out and whose word keeps it."""
        self._forced: set[ObjectKey] = set()
        self._kube.listeners.append(self._note)

    def _note(self, _event: str, key: ObjectKey, raw: Json) -> None:
        if key.kind in ACCOUNT_KINDS:
            given = raw["spec"].get("defaults") or {}
            said = self._said.setdefault(key, [])
            now = self._simulation.loop.time()
            if said and now < START_SECONDS + _BEGINNING_SECONDS:
                # No process has acted on what stood there before.
                said.clear()
            if not said or said[-1][1] != given:
                said.append((now, given))
        elif key in SLOT_OF and _has_own_word(raw["spec"]):
            self._left.pop(raw["metadata"]["uid"], None)

    # ------------------------------------------------ steps

    def account_defaults(self, account: str, namespace: str, given: Json) -> None:
        """Let the owner of an account write its defaults, as admission lets him."""
        tenants = self._simulation.actions.tenants
        named = {"other": OTHERS[namespace], "shared": SHARED}
        key = named.get(account) or tenants.account_of(namespace)
        present = self._kube.find(key)
        before, given = self._wanted.get(key, {}), self._placed(key, given)
        if present is not None:
            before = present["spec"].get("defaults") or {}
        former = {*before.get("formerNamePrefixes", ()), before.get("namePrefix")}
        former -= {None, given.get("namePrefix")}
        told = {**given, "formerNamePrefixes": sorted(former)}
        self._wanted[key] = {name: value for name, value in told.items() if value}
        if present is not None:
            tenants.set_spec(key, {**present["spec"], "defaults": self._wanted[key]})

    def _placed(self, account: ObjectKey, given: Json) -> Json:
        """Return defaults with the id of the workspace that they name."""
        name = given.get("workspace")
        if name is None:
            return given
        tenant = OTHER if account in OTHERS.values() else MAIN
        records = self._simulation.cloud.tenant(tenant.account_id).records("Workspace")
        found = [record.key for record in records if record.name == name]
        return {**given, "workspace": {"id": found[0]}} if found else {}

    def of(self, account: ObjectKey) -> Json:
        """Return the part of an account's spec that has its defaults."""
        wanted = self._wanted.get(account)
        return {"defaults": wanted} if wanted else {}

    def force_out(self, namespace: str, seconds: float) -> None:
        """Let the account of a namespace go although it is held; it comes back after a while."""
        tenants = self._simulation.actions.tenants
        account = tenants.account_of(namespace)
        if account.kind != "Account" or self._kube.find(account) is None:
            return
        for key, raw in self._kube.objects.items():
            if key in SLOT_OF and key.namespace == namespace and self._is_kept_by(account, raw):
                self._left[raw["metadata"]["uid"]] = account
        self._forced.add(account)
        self._kube.lose(account)

        def back() -> None:
            if not self._simulation.is_over and namespace not in self._kube.terminating:
                tenants.restore_accounts()

        asyncio.get_running_loop().call_later(seconds, back)

    def _is_kept_by(self, account: ObjectKey, raw: Json) -> bool:
        """Whether the resource of an object in an account is kept by its word, or as adopted."""
        status, said = raw["status"], self._policies(account)
        is_its = _pinned(raw) == account and "adopted" in status and status.get("externalId")
        if not is_its or _has_own_word(raw["spec"]):
            return False
        is_recorded = (status.get("retainedBy") or {}).get("name") == account.name
        return (said == {"Retain"} and is_recorded) or (status["adopted"] and "Delete" not in said)

    def forge_prefix(self, slot: str, prefix: str) -> None:
        """Let a status tell of a stranger's resource, whose name is longer than the object's."""
        place, simulation = SLOTS[slot], self._simulation
        raw = self._kube.find(place.key)
        if raw is None or not raw["status"].get("externalId"):
            return
        name = f"{prefix}{name_of(self._kube, place)}"
        simulation.actions.squat(slot, "", prefix=prefix)
        records = simulation.cloud.tenant().records(place.family)
        [theirs] = [record for record in records if record.name == name]
        ident = rest_of(place.kind).external_id_of(theirs.data)
        told = {"externalId": ident, "externalName": name, "namePrefix": prefix}
        self._kube.put_status(place.key, {**raw["status"], **told})

    def vouch(self) -> None:
        """Let the owners of all accounts tell of every prefix that there was."""
        for key in sorted(self._kube.objects):
            if key.kind in ACCOUNT_KINDS:
                spec = self._kube.objects[key]["spec"]
                given = spec.get("defaults") or {}
                former = [each for each in PREFIXES if each != given.get("namePrefix")]
                told = {**given, "formerNamePrefixes": former}
                self._wanted[key] = told
                if given != told and self._said_prefixes():
                    self._simulation.actions.tenants.set_spec(key, {**spec, "defaults": told})

    def _said_prefixes(self) -> bool:
        return any(given.get("namePrefix") for said in self._said.values() for _, given in said)

    # ------------------------------------------------ what an account says, or said a moment ago

    def _recent(self, account: ObjectKey) -> list[Json]:
        edge = self._simulation.loop.time() - LAG_SECONDS
        said = self._said.get(account, [])
        last = len(said) - 1
        return [given for n, (_, given) in enumerate(said) if n == last or said[n + 1][0] > edge]

    def _policies(self, account: ObjectKey) -> set[str | None]:
        return {given.get("deletionPolicy") for given in self._recent(account)}

    def _of_all(self, slot: Slot, raw: Json) -> list[Json]:
        """Return what the accounts say that an object may take it from."""
        places = {*asked_for(slot, raw), *asked_for(slot, None), _pinned(raw)} - {None}
        return [given for place in places if place for given in self._recent(place)]

    def may_say(self, policy: str, key: ObjectKey, spec: Any, status: Any) -> bool:
        """Whether an account may give a deletion policy to an object that has none itself."""
        if _has_own_word(spec):
            return False
        raw = {"spec": spec, "status": status, "metadata": {"namespace": key.namespace}}
        told = {given.get("deletionPolicy") for given in self._of_all(SLOT_OF[key], raw)}
        return policy in told or (policy == "Retain" and bool(status.get("retainedBy")))

    def may_keep(self, key: ObjectKey, spec: Any, status: Any) -> bool:
        """Whether a resource may be left alone when its object goes."""
        policy = spec.get("deletionPolicy")
        if policy == "Retain" or spec.get("managementPolicy") == "Observe":
            return True
        is_adopted = policy is None and bool(status.get("adopted"))
        return is_adopted or self.may_say("Retain", key, spec, status)

    def is_forced_out(self, account: ObjectKey) -> bool:
        """Whether an account is missing that went although it was held."""
        return account in self._forced and self._kube.find(account) is None

    # ------------------------------------------------ the rules

    def sends(self, call: Call, exchange: Exchange) -> None:
        """Look at a write: names, places and what is kept are as the accounts say."""
        found = current.get()
        raw = self._kube.find(found.obj.key) if found is not None else None
        if found is None or raw is None or raw["metadata"]["uid"] != found.obj.uid:
            return
        if found.obj.key in self._simulation.actions.restores.written_at:
            # What somebody else wrote there is no word of ours.
            return
        slot = SLOT_OF[found.obj.key]
        self._name_is_vouched_for(slot, found.obj, call, exchange)
        if call.method == "POST" and call.action.startswith("Create"):
            self._create(slot, raw, call, exchange)
        elif call.method == "DELETE" and found.obj.deleting and self._has_to_stay(raw, found.obj):
            self._violated("an account keeps", f"{slot.key}: {call.action}")

    def _name_is_vouched_for(
        self, slot: Slot, obj: KubeObject, call: Call, exchange: Exchange
    ) -> None:
        """Nothing is written by a name that no account of the object tells of."""
        prefix = obj.status.get("namePrefix")
        if not prefix or not obj.has_record or obj.spec.get("externalName"):
            return
        record = self._simulation.cloud.at(exchange) if call.method == "DELETE" else None
        tags = record.data.get("systemTags") or () if record is not None else ()
        if ownership_tag(CLUSTER_ID, obj.key) in tags:
            return
        raw = {"spec": obj.spec, "status": obj.status, "metadata": {"namespace": slot.namespace}}
        if not any(prefix in vouched(given, slot) for given in self._of_all(slot, raw)):
            self._violated("names are vouched for", f"{slot.key}: {call.action} by {prefix!r}")

    def _create(self, slot: Slot, raw: Json, call: Call, exchange: Exchange) -> None:
        """A create takes its name from the record, and its workspace from the account."""
        assert exchange.route is not None
        body, family = dict(call.body or {}), exchange.route.family
        pinned = _pinned(raw)
        given = self._recent(pinned) if pinned is not None else self._of_all(slot, raw)
        if takes_prefix(slot) and not raw["spec"].get("externalName"):
            prefix = str(raw["status"].get("namePrefix") or "")
            name = body.get(family.name_field) or body.get(family.key_field)
            if name != f"{prefix}{slot.object_name}":
                self._violated("names follow the account", f"{slot.key}: {name} behind {prefix!r}")
            known = {"", *(each for told in given for each in vouched(told, slot))}
            if prefix not in known:
                self._violated("names follow the account", f"{slot.key}: nobody says {prefix!r}")
        is_placed = any(each.account_default for each in catalogue()[slot.kind].derived)
        places = {(told.get("workspace") or {}).get("id") for told in given}
        if body.get("workspaceId") not in (places if is_placed else {None}):
            self._violated("places follow the account", f"{slot.key}: {body.get('workspaceId')}")

    def _has_to_stay(self, raw: Json, obj: KubeObject) -> bool:
        """Whether an account has said for long that a resource is kept, also one that is gone."""
        if _has_own_word(raw["spec"]) or _has_own_word(obj.spec):
            return False
        pinned = _pinned(raw)
        if pinned is None or obj.pinned_account != pinned:
            return False
        if self._kube.find(pinned) is not None and self._policies(pinned) == {"Retain"}:
            return True
        by = self._left.get(obj.uid)
        if by is None or raw["spec"].get("accountRef") or obj.spec.get("accountRef"):
            return False
        return self._kube.find(by) is None or self._policies(by) == {"Retain"}

    def problems(self, raw: Json) -> list[str]:
        """Say what a record at rest lacks: who keeps the resource, should its account be gone."""
        status, account = raw["status"], _pinned(raw)
        if "adopted" not in status or raw["spec"].get("managementPolicy") == "Observe":
            return []
        present = self._kube.find(account) if account is not None else None
        if account is None or present is None:
            return []
        if (present["spec"].get("defaults") or {}).get("deletionPolicy") != "Retain":
            return []
        told = status.get("retainedBy")
        wanted = {"kind": account.kind, "name": account.name}
        return [] if told == wanted else [f"kept by {account}, and retainedBy is {told}"]

    def _violated(self, invariant: str, message: str) -> None:
        self._simulation.checks.violated(invariant, message)


def _has_own_word(spec: Mapping[str, Any]) -> bool:
    return spec.get("deletionPolicy") is not None


def _pinned(raw: Json) -> ObjectKey | None:
    pin = raw["status"].get("account") or {}
    if not pin or not has_record(raw["status"]):
        return None
    namespace = raw["metadata"]["namespace"] if pin["kind"] == "Account" else ""
    return ObjectKey(str(pin["kind"]), namespace, str(pin["name"]))
