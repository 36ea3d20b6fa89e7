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
    pinned = (raw["status"].get("account") or {}).get("accountId")
    asked = (raw["spec"].get("accountRef") or {}).get("name")
    is_moved = asked == OTHERS[slot.namespace].name
    return str(pinned or (OTHER if is_moved else MAIN).account_id)


def _claim(raw: Json) -> tuple[bool, str, str]:
    """Return what orders the claims of one name: who has the resource, then who is older."""
    status, meta = raw["status"], raw["metadata"]
    has_it = status.get("creation") or (status.get("externalId") and "adopted" in status)
    key = ObjectKey.of(raw, raw["kind"])
    return not has_it, meta["creationTimestamp"], str(key)
