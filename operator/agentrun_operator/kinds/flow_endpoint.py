"""FlowEndpoint: an address of a flow, and which of its versions answer there.

Source: control-plane reference, §8.14. Synchronous and without a state; no answer has a URL. What
versions look like, and whether one that does not exist is refused, is not attested.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from agentrun_operator.core.fields import (
    MAX_NAME,
    ApiName,
    Clear,
    Immutable,
    Local,
    ObservedModel,
    Ref,
    Reference,
    SpecModel,
    Unordered,
    Unquoted,
)
from agentrun_operator.core.forms import NO_BLANKS
from agentrun_operator.core.kind import Column, KeyedBy, ResourceKind, Rest
from agentrun_operator.core.policies import NamedSpec
from agentrun_operator.core.quantities import number_as_text
from agentrun_operator.kinds.parts.placement import Description
from agentrun_operator.kinds.parts.routing import shares_told

FlowVersion = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME),
    BeforeValidator(number_as_text),
    Unquoted(means_text=True),
    NO_BLANKS,
]
"""1 and "1" are the same version."""


class FlowRoute(SpecModel):
    """One version and its weight."""

    version: FlowVersion
    """Version of the flow, in the words of the API."""
    weight: Annotated[int, Field(ge=0, le=100)]
    """Its weight among the calls, 0 to 100."""


class FlowEndpointSpec(NamedSpec):
    """Desired state of one endpoint of a flow."""

    flow_ref: Annotated[Reference, Ref("Flow"), Immutable(), Local()]
    """The Flow it belongs to; externalName is the flow's name. Immutable."""
    target_version: FlowVersion | None = None
    """Version of the flow that answers, in the words of the API."""
    routing: Annotated[
        tuple[FlowRoute, ...],
        ApiName("routingConfiguration"),
        Unordered("version"),
        Field(max_length=16),
    ] = ()
    """Versions that answer, by weight, at most 16."""
    # No update says "as the flow has it": `false` would open to the public what the flow closes.
    disable_public_network_access: Annotated[bool | None, Clear(None)] = None
    """Whether it is reached from inside only; server default: as its flow says. Cannot be unset."""
    description: Description | None = None
    """Free text, at most 256 characters."""


class FlowEndpointObserved(ObservedModel):
    """What `status.atProvider` shows."""

    flow_endpoint_id: str | None = None
    """Informative id; the API's key is the name, below the flow's."""
    flow_endpoint_arn: str | None = None
    """ARN."""
    flow_id: str | None = None
    """Informative id of the flow."""


def _served(resource: Mapping[str, Any]) -> str:
    """Return which versions answer at an endpoint, from a read of it."""
    shares = shares_told(resource.get("routingConfiguration"), lambda weight: f"{weight:.0f}")
    return shares or str(resource.get("targetVersion") or "")


KIND = ResourceKind(
    kind="FlowEndpoint",
    plural="flowendpoints",
    short_names=("arflowep",),
    summary="An address of a flow, and which of its versions answer there.",
    spec=FlowEndpointSpec,
    observed=FlowEndpointObserved,
    rest=Rest(
        "/flows/{parent}/endpoints",
        noun="FlowEndpoint",
        nouns="FlowEndpoints",
        key=KeyedBy.NAME,
        id_field="flowEndpointId",
        name_field="flowEndpointName",
        parent="flowRef",
        parent_param="flowId",
        state_field=None,
        state_reason_field=None,
    ),
    columns=(Column("Version", ".status.serves", wide=False),),
    serves=_served,
)
