"""ScalingConfig. Source: control-plane reference, §7. Answers have it inside `scalingStatus`."""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import Clear, Name, SpecModel, Unordered
from agentrun_operator.core.forms import Moment, TimeZone
from agentrun_operator.core.kind import Rule

Instances = Annotated[int, Field(ge=0, le=10_000)]


class ScheduledPolicy(SpecModel):
    """A number of instances at certain times."""

    name: Name
    """Name of the policy."""
    schedule_expression: Annotated[str, Field(min_length=1, max_length=256)]
    """When it starts, e.g. `cron(0 30 8 * * *)`."""
    start_time: Moment | None = None
    """First moment it applies, ISO 8601."""
    end_time: Moment | None = None
    """Last moment it applies, ISO 8601."""
    time_zone: TimeZone | None = None
    """Time zone of the expression, e.g. `Asia/Shanghai`."""
    target: Instances
    """Instances at least while it applies; not below minInstances."""


class Scaling(SpecModel):
    """How many instances stand ready."""

    min_instances: Annotated[Instances | None, Clear(0)] = None
    """Instances at least."""
    scheduled_policies: Annotated[
        tuple[ScheduledPolicy, ...], Unordered("name"), Field(max_length=32)
    ] = ()
    """More of them at certain times, at most 32 policies."""


SCALING_RULE = Rule(
    "!has(self.scaling) || !has(self.scaling.minInstances)"
    " || !has(self.scaling.scheduledPolicies)"
    " || self.scaling.scheduledPolicies.all(p, p.target >= self.scaling.minInstances)",
    "scaling.scheduledPolicies[].target must not be below scaling.minInstances; raise it",
    "scaling.scheduledPolicies",
)
