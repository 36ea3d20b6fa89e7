"""What the conditions of a raw object say."""

import json
from typing import Any

from agentrun_operator.reconcile.ports import Json


def ready_of(raw: Json) -> tuple[str, str]:
    """Return status and reason of the Ready condition, empty without one."""
    found = condition(raw.get("status") or {}, "Ready")
    return found.get("status", ""), found.get("reason", "")


def condition(status: Json, name: str) -> Json:
    """Return one condition of a status, empty without it."""
    found: list[Json] = [c for c in status.get("conditions") or () if c["type"] == name]
    return found[0] if found else {}


def brief(name: str, body: Any) -> str:
    """Return what the trace says of a write to the cluster."""
    if name.startswith("status"):
        status = body[1]["value"]
        ready = condition(status, "Ready")
        extra = [k for k in ("creation", "externalId", "adopted", "drift") if status.get(k)]
        return (
            f" {ready.get('status')}/{ready.get('reason')} of generation "
            f"{status.get('observedGeneration')} {' '.join(extra)}: {ready.get('message')}"
        )
    return f" {json.dumps(body, sort_keys=True)}"


def message_of(raw: Json) -> str:
    """Return the message of the Ready condition, empty without one."""
    for condition in (raw.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready":
            return str(condition["message"])
    return ""
