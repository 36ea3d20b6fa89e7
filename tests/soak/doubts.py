"""Accounts that may lead to another cloud than before, so that a human has to decide."""

from typing import TYPE_CHECKING

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Json
from soak.slots import SLOTS

if TYPE_CHECKING:
    from soak.simulation import Simulation


def is_doubted(simulation: "Simulation", key: ObjectKey) -> bool:
    """Whether an account made anew shows nothing of what objects have on record there."""
    account = simulation.kube.find(key)
    if account is None or "AccountChanged" not in ready_of(account):
        return False
    found = [(slot, simulation.kube.find(slot.key)) for slot in SLOTS.values()]
    living = [(slot, raw) for slot, raw in found if raw is not None and home_of(raw) == key]
    return not any(simulation.cloud.record_of(s, raw, raw["status"]) for s, raw in living)


def home_of(raw: Json) -> ObjectKey:
    """Return the account that an object is pinned to."""
    pinned = raw["status"].get("account") or {}
    namespace = raw["metadata"]["namespace"] if pinned.get("kind") == "Account" else ""
    return ObjectKey(str(pinned.get("kind")), namespace, str(pinned.get("name")))


def ready_of(raw: Json) -> tuple[str, str]:
    """Return status and reason of the Ready condition, empty without one."""
    for condition in (raw.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready":
            return condition["status"], condition["reason"]
    return "", ""
