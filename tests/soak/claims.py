"""Which of several objects may have an external name, by what their statuses say."""

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Json
from soak.cloud import MAIN, OTHER
from soak.kube import KubeServer
from soak.slots import SLOTS, Slot
from soak.tenants import OTHERS


def comes_late(kube: KubeServer, slot: Slot, raw: Json) -> bool:
    """Whether another object has the name, or claimed it before."""
    named = (slot.kind, slot.external_name, _account_of(slot, raw))
    for rival in SLOTS.values():
        other = kube.find(rival.key)
        if rival is slot or other is None or other["spec"].get("managementPolicy") == "Observe":
            continue
        place = (rival.kind, rival.external_name, _account_of(rival, other))
        if place == named and _claim(other) < _claim(raw):
            return True
    return False


def _account_of(slot: Slot, raw: Json) -> str:
    """Return the account that an object lives in, or asks for before it lives anywhere."""
    has_one = raw["status"].get("externalId") or raw["status"].get("creation")
    pinned = (raw["status"].get("account") or {}).get("accountId") if has_one else None
    asked = (raw["spec"].get("accountRef") or {}).get("name")
    is_moved = asked == OTHERS[slot.namespace].name
    return str(pinned or (OTHER if is_moved else MAIN).account_id)


def _claim(raw: Json) -> tuple[bool, str, str]:
    """Return what orders the claims of one name: who has the resource, then who is older."""
    status, meta = raw["status"], raw["metadata"]
    has_it = status.get("creation") or (status.get("externalId") and "adopted" in status)
    # What a predecessor had counts for nothing before a look has confirmed it.
    has_it = has_it and _is_bound(raw)
    key = ObjectKey.of(raw, raw["kind"])
    return not has_it, meta["creationTimestamp"], str(key)


def shared_records(kube: KubeServer) -> list[str]:
    """Say which objects have on record what another one has as well: it is one's alone."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for slot in SLOTS.values():
        raw = kube.find(slot.key)
        ident = None if raw is None else _recorded(slot, raw)
        if ident is not None:
            found.setdefault(ident, []).append(slot.name)
    shared = [names for names in found.values() if len(names) > 1]
    return [f"{' and '.join(names)} have the same on record" for names in shared]


def _is_bound(raw: Json) -> bool:
    """Whether a status was written for the object that it stands on, not for a predecessor."""
    return raw["status"].get("boundTo", {}).get("uid") in (None, raw["metadata"]["uid"])


def _recorded(slot: Slot, raw: Json) -> tuple[str, str, str] | None:
    status = raw["status"]
    # Who only observes looks at what is another one's.
    observes = raw["spec"].get("managementPolicy") == "Observe"
    if observes or "adopted" not in status or not status.get("externalId"):
        return None
    return slot.kind, _account_of(slot, raw), str(status["externalId"])
