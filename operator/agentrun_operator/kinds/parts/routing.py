"""Which versions answer at an endpoint. Source: control-plane reference, §8.2.

The API documents weights from 0 to 1, agentrun-cli passes percents through unchanged; which of the
two the account takes is a setting of the account.
"""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import ApiName, EncodedBy, SpecModel
from agentrun_operator.core.forms import Version
from agentrun_operator.core.kind import Rule
from agentrun_operator.core.resolution import Resolution


def _weight(route: "Route", resolution: Resolution) -> float:
    percent = route.weight_percent
    return percent if resolution.percent_weights else percent / 100


class Route(SpecModel):
    """One version and its share."""

    version: Version
    """Version number, or LATEST."""
    weight_percent: Annotated[int, ApiName("weight"), EncodedBy(_weight), Field(ge=0, le=100)]
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
)
