"""What the conditions of a raw object say."""

from agentrun_operator.reconcile.ports import Json


def ready_of(raw: Json) -> tuple[str, str]:
    """Return status and reason of the Ready condition, empty without one."""
    for condition in (raw.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready":
            return condition["status"], condition["reason"]
    return "", ""
