"""Flow: a sequence of steps that AgentRun runs by itself, and calls agents and services in.

Source: control-plane reference, §8.14. Synchronous and without a state. Left out: the draft, a
document beside the flow with operations of its own, as the update takes all that it has; and its
versions. Publishing looks for the versions of a resource below its id, and those of a flow stand
below its name, while only its id tells a flow from its successor.
"""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import ApiName
from agentrun_operator.core.forms import NO_BLANKS, ResourceGroupId
from agentrun_operator.core.kind import Column, KeyedBy, ResourceKind, Rest
from agentrun_operator.kinds.parts.flow_document import (
    DEFINITION,
    DOCUMENT_RULES,
    FlowDocumentSpec,
)
from agentrun_operator.kinds.parts.placement import (
    ONE_PLACE,
    PLACE,
    PlacedObserved,
    PlacedSpec,
    RoleArn,
)


class FlowSpec(PlacedSpec, FlowDocumentSpec):
    """Desired state of one flow."""

    execution_role_arn: RoleArn | None = None
    """RAM role that the flow reaches other services with, `acs:ram::<account>:role/<name>`."""
    disable_public_network_access: bool | None = None
    """Whether endpoints that say nothing of it are reached from inside only."""
    external_storage_location: Annotated[str | None, Field(max_length=1024), NO_BLANKS] = None
    """Where the history of its runs is kept, such as a path in OSS, at most 1024 characters."""
    enable_tracing: Annotated[bool | None, ApiName("tracingConfiguration.enabled")] = None
    """Whether its runs are traced."""
    resource_group_id: ResourceGroupId | None = None
    """Resource group it belongs to."""


class FlowObserved(PlacedObserved):
    """What `status.atProvider` shows."""

    flow_id: str | None = None
    """Informative id; the API's key is the name."""
    flow_arn: str | None = None
    """ARN."""


KIND = ResourceKind(
    kind="Flow",
    plural="flows",
    short_names=("arflow",),
    summary="A sequence of steps that AgentRun runs by itself.",
    spec=FlowSpec,
    observed=FlowObserved,
    rest=Rest(
        "/flows",
        noun="Flow",
        nouns="Flows",
        key=KeyedBy.NAME,
        id_field="flowId",
        name_field="flowName",
        name_filter={"flowName": "{name}"},
        state_field=None,
        state_reason_field=None,
    ),
    derived=(DEFINITION, PLACE),
    rules=(*DOCUMENT_RULES, ONE_PLACE),
    columns=(Column("Tracing", ".spec.enableTracing", "boolean"),),
)
