"""Which of several objects may have an external name, by what their statuses say."""

from collections.abc import Iterator

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Json
from fakes.kube_server import KubeServer
from soak.cloud import MAIN, OTHER
from soak.naming import name_of
from soak.slots import SLOTS, Slot
from soak.tenants import OTHERS


def comes_late(kube: KubeServer, slot: Slot, raw: Json) -> bool:
    """Whether another object has the name, or claimed it before."""
    return any(_claim(other) < _claim(raw) for other in _namesakes(kube, slot, raw))


def is_had_by_another(kube: KubeServer, slot: Slot, raw: Json) -> bool:
    """Whether another object has, or may have, what goes by the name."""
    return any(_may_have_it(other) for other in _namesakes(kube, slot, raw))


def may_be_known(slot: Slot, raw: Json) -> bool:
    """Whether a look tells whose a resource is: by a mark, or by the record of a predecessor."""
    return slot.kind == "AgentRuntime" or not _is_bound(raw)


def _namesakes(kube: KubeServer, slot: Slot, raw: Json) -> Iterator[Json]:
    """Yield the other objects that claim a name."""
    named = (slot.kind, name_of(kube, slot), _account_of(slot, raw))
    for each in SLOTS.values():
        other = kube.find(each.key)
        if each is slot or other is None or other["spec"].get("managementPolicy") == "Observe":
            continue
        if (each.kind, name_of(kube, each), _account_of(each, other)) == named:
            yield other


def _account_of(slot: Slot, raw: Json) -> str:
    """Return the account that an object lives in, or asks for before it lives anywhere."""
    has_one = raw["status"].get("externalId") or raw["status"].get("creation")
    pinned = (raw["status"].get("account") or {}).get("accountId") if has_one else None
    asked = (raw["spec"].get("accountRef") or {}).get("name")
    is_moved = asked == OTHERS[slot.namespace].name
    return str(pinned or (OTHER if is_moved else MAIN).account_id)


def _claim(raw: Json) -> tuple[bool, bool, str, str]:
    """Return what orders the claims of one name: who has the resource, who had it, who is older."""
    key = ObjectKey.of(raw, raw["kind"])
    born = raw["metadata"]["creationTimestamp"]
    return not _may_have_it(raw), not _has_record(raw), born, str(key)


def _may_have_it(raw: Json) -> bool:
    # What a predecessor had proves nothing before a look has confirmed it.
    return _has_record(raw) and _is_bound(raw)


def _has_record(raw: Json) -> bool:
    status = raw["status"]
    return bool(status.get("creation") or (status.get("externalId") and "adopted" in status))


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
    # What a predecessor had may have been adopted by another before this one was restored.
    if observes or not _is_bound(raw) or "adopted" not in status or not status.get("externalId"):
        return None
    return slot.kind, _account_of(slot, raw), str(status["externalId"])
