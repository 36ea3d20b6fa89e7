"""What several families share: filters, references, and how a few structures come back."""

from typing import Any

from agentrun_simulator.family import Filter, Match, Reference
from agentrun_simulator.settings import Switches

ARN = "acs:agentrun:{region}:{account}"
WORKSPACE_FILTERS = (
    Filter("workspaceId"),
    Filter("workspaceIds", "workspaceId", Match.ANY_OF),
)
STATUS_FILTER = Filter("status", match=Match.ANY_OF)
IN_WORKSPACE = Reference(("workspaceId",), "Workspace")
BY_CREDENTIAL = Reference(("credentialName",), "Credential")


def scaling_status(answer: dict[str, Any]) -> None:
    """Answer a `scalingConfig` as `scalingStatus`, mixed with live counters (§7, §8.5)."""
    config = answer.pop("scalingConfig", None)
    if config is not None:
        least = config.get("minInstances", 0)
        answer["scalingStatus"] = config | {"currentInstances": least, "targetInstances": least}


def registry_password(answer: dict[str, Any], switches: Switches) -> None:
    """Answer a registry password as `abc***`, where it is masked (§7 [H])."""
    container = answer.get("containerConfiguration") or {}
    registry = container.get("registryConfig") or {}
    login = registry.get("authConfig") or {}
    if switches.registry_password == "masked" and login.get("password"):
        hidden = login | {"password": f"{login['password'][:3]}***"}
        answer["containerConfiguration"] = container | {
            "registryConfig": registry | {"authConfig": hidden}
        }
