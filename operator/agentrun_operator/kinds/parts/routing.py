"""Which versions answer at an endpoint. Source: control-plane reference, §8.2.

The API documents weights from 0 to 1, agentrun-cli passes percents through unchanged; which of the
two the account takes is a setting of the account.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field

from agentrun_operator.core.fields import ApiName, EncodedBy, SpecModel, VersionOf
from agentrun_operator.core.forms import Version
from agentrun_operator.core.kind import Rule
from agentrun_operator.core.resolution import Resolution

RUNTIME = "runtimeRef"
"""The reference that leads to what has the versions."""


def _weight(route: "Route", resolution: Resolution) -> float:
    percent = route.weight_percent
    takes_percent = resolution.compatibility.get("endpointWeights") == "Percent"
    return percent if takes_percent else percent / 100


def _percent(weight: Any) -> Any:
    """Return a weight in percent, to show it. Up to 1 it counts as a share of 1."""
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        return weight
    return round(weight * 100) if 0 < weight <= 1 else weight


def wire_version(spec: Any, resolution: Resolution) -> str | None:
    """Return the version that answers as the API has it: what `Published` means right now."""
    return resolution.version(RUNTIME, spec.target_version)


def served(resource: Mapping[str, Any]) -> str:
    """Return which versions answer at an endpoint, from a read of it."""
    routing = resource.get("routingConfiguration")
    weights = routing.get("versionWeights") if isinstance(routing, Mapping) else None
    shares = shares_told(weights, lambda weight: f"{_percent(weight):.0f}%")
    return shares or str(resource.get("targetVersion") or "LATEST")


def shares_told(shares: Any, told: Callable[[float], str]) -> str:
    """Return versions and weights of a read as one text; empty where it has none."""
    known = [s for s in shares if isinstance(s, Mapping)] if isinstance(shares, list) else []
    # The API may answer them in any order, and numbers in any spelling.
    texts = (f"{s.get('version')} ({_weight_told(s.get('weight'), told)})" for s in known)
    return ", ".join(sorted(texts))


def _weight_told(weight: Any, told: Callable[[float], str]) -> str:
    try:
        return told(float(weight))
    except (TypeError, ValueError):
        return "?"


class Route(SpecModel):
    """One version and its share."""

    version: Annotated[Version, VersionOf(RUNTIME)]
    """Number of a version that was published, or LATEST."""
    weight_percent: Annotated[
        int, ApiName("weight"), EncodedBy(_weight, _percent), Field(ge=0, le=100)
    ]
    """Share of the calls in percent; all shares sum to 100."""


ROUTING_RULES = (
    Rule(
        "!has(self.targetVersion) || !has(self.routing) || self.routing.size() == 0",
        "targetVersion and routing exclude each other; keep one",
        "routing",
    ),
    Rule(
        "!has(self.routing) || self.routing.size() == 0"
        " || self.routing.map(r, r.weightPercent).sum() == 100",
        "routing[].weightPercent must sum to 100; correct the weights",
        "routing",
    ),
    Rule(
        "!has(self.targetVersion) || string(self.targetVersion) != 'Published'"
        " || !has(self.runtimeRef.externalName)",
        "targetVersion Published follows an AgentRuntime of this namespace; name the number of a"
        " version with runtimeRef.externalName",
        "targetVersion",
    ),
)
