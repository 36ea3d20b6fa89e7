"""What a slot's resource is called, by its spec, its record, or what accounts put before names."""

from collections.abc import Iterator

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.ports import Json
from fakes.kube_server import KubeServer
from soak.slots import SLOTS, Slot

WORKSPACES = ("ws-1", "ws-2")
"""Names of what accounts may put objects into that name no workspace."""
PREFIXES = ("p-", "{namespace}-")
"""What accounts put before names in a history."""


def asked_for(slot: Slot, raw: Json | None) -> tuple[ObjectKey, ...]:
    """Return the accounts that an object may mean, the preferred one first."""
    ref = ((raw or {}).get("spec") or {}).get("accountRef")
    if ref:
        return (ObjectKey(ref["kind"], _home(slot, ref["kind"]), ref["name"]),)
    return tuple(
        ObjectKey(kind, _home(slot, kind), "default") for kind in ("Account", "ClusterAccount")
    )


def _home(slot: Slot, kind: str) -> str:
    return slot.namespace if kind == "Account" else ""


def has_record(status: Json) -> bool:
    """Whether a status tells of a resource, or of a create."""
    return bool(status.get("externalId") or status.get("creation"))


def takes_prefix(slot: Slot) -> bool:
    """Whether accounts put something before its name."""
    return catalogue()[slot.kind].takes_prefix


def name_of(kube: KubeServer, slot: Slot) -> str:
    """Return what the resource of a slot is called, or would be."""
    raw = kube.find(slot.key)
    own = slot.external if raw is None else raw["spec"].get("externalName")
    return str(own or f"{_prefix(kube, slot, raw)}{slot.object_name}")


def possible_names(slot: Slot) -> set[str]:
    """Return all that a slot's resource may be called in some history."""
    bare = {slot.external_name}
    if slot.external or not takes_prefix(slot):
        return bare
    return bare | {f"{filled(each, slot)}{slot.object_name}" for each in PREFIXES}


def _prefix(kube: KubeServer, slot: Slot, raw: Json | None) -> str:
    if not takes_prefix(slot):
        return ""
    status = (raw or {}).get("status") or {}
    if has_record(status):
        return str(status.get("namePrefix") or "")
    accounts = (kube.find(key) for key in asked_for(slot, raw))
    account = next((found for found in accounts if found is not None), None)
    given = (account or {"spec": {}})["spec"].get("defaults") or {}
    return filled(given.get("namePrefix") or "", slot)


def filled(prefix: str, slot: Slot) -> str:
    """Return a prefix with the namespace of a slot in it."""
    return prefix.replace("{namespace}", slot.namespace)


def vouched(given: Json, slot: Slot) -> set[str]:
    """Return the prefixes that an account tells of, now or formerly."""
    told = [given.get("namePrefix"), *given.get("formerNamePrefixes", ())]
    return {filled(each, slot) for each in told if each}


def is_in_doubt(kube: KubeServer, slot: Slot, raw: Json) -> bool:
    """Whether the account of an object does not vouch for the prefix on record."""
    status = raw["status"]
    prefix = status.get("namePrefix") if has_record(status) else None
    if not prefix or raw["spec"].get("externalName"):
        return False
    found = next((a for a in map(kube.find, asked_for(slot, raw)) if a is not None), None)
    return found is not None and prefix not in vouched(found["spec"].get("defaults") or {}, slot)


def slots_named(kube: KubeServer, name: str) -> Iterator[Slot]:
    """Yield the slots whose resource is called so."""
    return (slot for slot in SLOTS.values() if name_of(kube, slot) == name)
