"""ModelProxy: one address in front of one or several model services.

Source: control-plane reference, §8.3. The answer to a duplicate create is a 500.
"""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Cpu,
    CreateDefault,
    Immutable,
    Local,
    Memory,
    Name,
    Unordered,
    WriteOnly,
)
from agentrun_operator.core.forms import RegionId
from agentrun_operator.core.kind import Column, KeyedBy, ResourceKind, Rest
from agentrun_operator.core.words import SMALL_LETTERS, OpenWord, Words
from agentrun_operator.kinds.parts.connection import WriteConnection
from agentrun_operator.kinds.parts.network import PRIVATE_NEEDS_VPC, Network
from agentrun_operator.kinds.parts.observability import Arms, Log
from agentrun_operator.kinds.parts.placement import (
    ONE_PLACE,
    PLACE,
    CredentialRef,
    PlacedObserved,
    PlacedSpec,
    RoleArn,
)
from agentrun_operator.kinds.parts.proxy_policies import ENDPOINT_RULES, Policies, ProxyEndpoint
from agentrun_operator.kinds.parts.rules import required


class ModelProxySpec(PlacedSpec):
    """Desired state of one model proxy."""

    mode: Annotated[
        OpenWord | None,
        ApiName("proxyMode"),
        Words({"Single": "single", "Multi": "multi"}, SMALL_LETTERS),
        Immutable(),
    ] = None
    """Single (one endpoint) or Multi (balanced over several)."""
    cpu: Annotated[Cpu | None, Immutable(), CreateDefault("2")] = None
    """Cores, 0.05 to 16, like 2, 0.5 or 500m. Immutable; admission does not see an edit, so the
    object says ImmutableFieldChanged instead."""
    memory: Annotated[Memory | None, Immutable(), CreateDefault("4Gi")] = None
    """Memory in whole Mi or Gi, 128Mi to 32Gi. Immutable."""
    execution_role_arn: RoleArn | None = None
    """RAM role of the proxy, `acs:ram::<account>:role/<name>`."""
    credential_ref: CredentialRef | None = None
    """The Credential that callers of the proxy present (purpose Inbound)."""
    endpoints: Annotated[
        tuple[ProxyEndpoint, ...],
        ApiName("proxyConfig.endpoints"),
        Unordered(),
        Field(max_length=32),
    ] = ()
    """The model services behind the proxy, at most 32."""
    policies: Annotated[Policies | None, ApiName("proxyConfig.policies")] = None
    """How calls are treated."""
    network: Annotated[Network | None, ApiName("networkConfiguration")] = None
    """Network; server default: public."""
    log: Annotated[Log | None, ApiName("logConfiguration")] = None
    """Where logs go."""
    arms: Annotated[Arms | None, ApiName("armsConfiguration"), WriteOnly()] = None
    """Application monitoring."""
    litellm_version: Annotated[Name | None, Immutable()] = None
    """Version of LiteLLM, e.g. `v1.78.5-nightly`; server default: the newest. Immutable."""
    model_type: Annotated[Name | None, Immutable()] = None
    """Type of the models, e.g. `llm`, `text-embedding`, `rerank`. Immutable."""
    service_region_id: Annotated[RegionId | None, Immutable()] = None
    """Region of the service, e.g. `cn-hangzhou`. Immutable."""
    write_connection_to: Annotated[WriteConnection | None, Local()] = None
    """ConfigMap that gets the proxy's address."""


class ModelProxyObserved(PlacedObserved):
    """What `status.atProvider` shows."""

    model_proxy_id: str | None = None
    """Informative id; the API's key is the name."""
    endpoint: str | None = None
    """Address of the proxy."""
    function_name: str | None = None
    """The function behind it."""


KIND = ResourceKind(
    kind="ModelProxy",
    plural="modelproxies",
    short_names=("armp",),
    summary="One address in front of one or several model services.",
    spec=ModelProxySpec,
    observed=ModelProxyObserved,
    rest=Rest(
        "/agents/model-proxies",
        noun="ModelProxy",
        nouns="ModelProxies",
        key=KeyedBy.NAME,
        id_field="modelProxyId",
        name_field="modelProxyName",
    ),
    derived=(PLACE,),
    rules=(
        required("mode", "set it to Single or Multi"),
        # The service demands the role although the schema of the API does not.
        required("executionRoleArn", "set it to a role that AgentRun may assume"),
        required("endpoints", "name at least one model service"),
        *ENDPOINT_RULES,
        PRIVATE_NEEDS_VPC,
        ONE_PLACE,
    ),
    columns=(Column("Mode", ".spec.mode"), Column("Endpoint", ".status.atProvider.endpoint")),
    connection={"url": "endpoint"},
)
