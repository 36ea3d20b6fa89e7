"""AgentRuntimeEndpoint: an address of a runtime, and which versions answer there.

Source: control-plane reference, §8.2. The API refuses writes while the runtime is not READY.
`deleteScalingConfig` is no field: it is what an update sends when `scaling` left the spec.
"""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    ClearWith,
    EncodedBy,
    Immutable,
    Local,
    ObservedModel,
    Ref,
    Reference,
    ServerDefault,
    Unordered,
    VersionOf,
)
from agentrun_operator.core.forms import NamedVersion
from agentrun_operator.core.kind import Column, KeyedBy, Phase, ResourceKind, Rest
from agentrun_operator.core.policies import NamedSpec
from agentrun_operator.kinds.parts.connection import WriteConnection
from agentrun_operator.kinds.parts.placement import Description
from agentrun_operator.kinds.parts.routing import (
    ROUTING_RULES,
    RUNTIME,
    Route,
    served,
    wire_version,
)
from agentrun_operator.kinds.parts.scaling import SCALING_RULE, Scaling


class AgentRuntimeEndpointSpec(NamedSpec):
    """Desired state of one endpoint."""

    runtime_ref: Annotated[Reference, Ref("AgentRuntime"), Immutable(), Local()]
    """The AgentRuntime it belongs to; externalName is the runtime's id. Immutable."""
    target_version: Annotated[
        NamedVersion | None,
        EncodedBy(wire_version),
        VersionOf(RUNTIME),
        ServerDefault("LATEST"),
    ] = None
    """Version that answers: the number of one that was published, Published for the newest one,
    which it then follows, or LATEST for what is not published yet; server default LATEST. Excludes
    routing."""
    routing: Annotated[
        tuple[Route, ...],
        ApiName("routingConfiguration.versionWeights"),
        Unordered("version"),
        Field(max_length=16),
    ] = ()
    """Versions that answer, by share, at most 16. Excludes targetVersion."""
    scaling: Annotated[
        Scaling | None,
        ApiName("scalingConfig", reads="scalingStatus"),
        ClearWith("deleteScalingConfig", value=True),
    ] = None
    """How many instances stand ready."""
    disable_public_network_access: Annotated[bool | None, ServerDefault("false")] = None
    """Whether the endpoint is reached from inside only; server default false."""
    description: Description | None = None
    """Free text, at most 256 characters."""
    write_connection_to: Annotated[WriteConnection | None, Local()] = None
    """ConfigMap that gets the endpoint's address."""


class AgentRuntimeEndpointObserved(ObservedModel):
    """What `status.atProvider` shows."""

    agent_runtime_endpoint_id: str | None = None
    """The API's key, below the runtime's."""
    agent_runtime_endpoint_arn: str | None = None
    """ARN."""
    agent_runtime_id: str | None = None
    """The runtime's key."""
    endpoint_public_url: str | None = None
    """Address to call."""


KIND = ResourceKind(
    kind="AgentRuntimeEndpoint",
    plural="agentruntimeendpoints",
    short_names=("artep",),
    summary="An address of a runtime, and which versions answer there.",
    spec=AgentRuntimeEndpointSpec,
    observed=AgentRuntimeEndpointObserved,
    rest=Rest(
        "/agents/runtimes/{parent}/endpoints",
        noun="AgentRuntimeEndpoint",
        nouns="AgentRuntimeEndpoints",
        key=KeyedBy.ID,
        id_field="agentRuntimeEndpointId",
        name_field="agentRuntimeEndpointName",
        name_filter={"endpointName": "{name}", "searchMode": "exact"},
        parent="runtimeRef",
        parent_param="agentRuntimeId",
        change_token=None,
        created_field=None,
    ),
    # One sample of the help pages shows ACTIVE where the SDK's words have READY.
    phases={"ACTIVE": Phase.READY},
    name_pattern=r"^[a-zA-Z][a-zA-Z0-9_-]{0,63}$",
    rules=(*ROUTING_RULES, SCALING_RULE),
    columns=(
        Column("Target", ".spec.targetVersion"),
        Column("Version", ".status.serves", wide=False),
        Column("URL", ".status.atProvider.endpointPublicUrl"),
    ),
    serves=served,
    connection={"url": "endpointPublicUrl"},
)
