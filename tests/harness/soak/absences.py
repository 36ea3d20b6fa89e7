"""What an account says that misses much of what is on record, and who lets it go on."""

from typing import TYPE_CHECKING

from agentrun_operator.core.identity import ACCEPT_ABSENCE_ANNOTATION, ObjectKey
from agentrun_operator.reconcile.ports import Json
from soak.slots import SLOTS

if TYPE_CHECKING:
    from soak.simulation import Simulation


def accepts(simulation: "Simulation", key: ObjectKey, account: Json) -> bool:
    """Accept what an account misses, where that is gone indeed; returns whether that was done.

    What was only hidden is back by now, and the account has to notice that on its own.
    """
    since = (account["status"].get("massAbsence") or {}).get("since")
    annotations = account["metadata"].get("annotations", {})
    if since is None or annotations.get(ACCEPT_ABSENCE_ANNOTATION) == since:
        return False
    found = [(slot, simulation.kube.find(slot.key)) for slot in SLOTS.values()]
    mine = [(slot, raw) for slot, raw in found if raw is not None and _home_of(raw) == key]
    recorded = [(slot, raw) for slot, raw in mine if raw["status"].get("externalId")]
    if all(simulation.cloud.resource_of(slot, raw, raw["status"]) for slot, raw in recorded):
        return False

    def change(raw: Json) -> None:
        raw["metadata"]["annotations"] = {**annotations, ACCEPT_ABSENCE_ANNOTATION: since}

    simulation.kube.edit(key, change)
    return True


def _home_of(raw: Json) -> ObjectKey:
    pinned = raw["status"].get("account") or {}
    namespace = raw["metadata"]["namespace"] if pinned.get("kind") == "Account" else ""
    return ObjectKey(str(pinned.get("kind")), namespace, str(pinned.get("name")))
