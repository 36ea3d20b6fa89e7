"""AgentRuntime: an agent as a service, from an image or from code.

Source: control-plane reference, §8.1. Left out: `credentialId` (superseded by credentialName),
`artifactType` (follows from container or code), `systemTags` (they carry ownership marks, which the
operator writes and merges itself).
"""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    CreateDefault,
    Immutable,
    Name,
    ServerDefault,
    UpdateOnly,
)
from agentrun_operator.core.forms import ResourceGroupId, WebAddress
from agentrun_operator.core.kind import Column, KeyedBy, ResourceKind, Rest
from agentrun_operator.core.policies import HasVersions
from agentrun_operator.kinds.parts.code import ARTIFACT_TYPE, ARTIFACTS, CODE_RULES, Code
from agentrun_operator.kinds.parts.container import Port
from agentrun_operator.kinds.parts.environment import ENVIRONMENT, left_out
from agentrun_operator.kinds.parts.placement import PLACE, CredentialRef, PlacedObserved
from agentrun_operator.kinds.parts.rules import exactly_one, never_switches
from agentrun_operator.kinds.parts.serving import HealthCheck, Protocol, open_to_all
from agentrun_operator.kinds.parts.sessions import SESSION_RULE, SessionSpec
from agentrun_operator.kinds.parts.storage import OssMount
from agentrun_operator.kinds.parts.workload import WORKLOAD_RULES, WorkloadSpec


class AgentRuntimeSpec(WorkloadSpec, SessionSpec, HasVersions):
    """Desired state of one agent runtime. Every update replaces its running instances."""

    code: Annotated[Code | None, ApiName("codeConfiguration")] = None
    """The code to run; excludes container."""
    port: Annotated[Port | None, CreateDefault(9000)] = None
    """Port that the agent listens on."""
    disk_size: Annotated[int | None, Field(ge=0, le=1_000_000)] = None
    """Disk, in the API's own unit, which its reference leaves open."""
    protocol: Annotated[Protocol | None, ApiName("protocolConfiguration")] = None
    """Which protocol the agent speaks; server default HTTP."""
    credential_ref: CredentialRef | None = None
    """The Credential that callers present (purpose Inbound). Without it a public endpoint is open
    to everybody: an agent server has no authentication of its own."""
    health_check: Annotated[HealthCheck | None, ApiName("healthCheckConfiguration")] = None
    """How AgentRun finds out whether an instance is healthy."""
    oss_mount: Annotated[OssMount | None, ApiName("ossMountConfig")] = None
    """OSS buckets to mount."""
    disable_ondemand: Annotated[bool | None, ServerDefault("false")] = None
    """Whether instances are started only by scaling, not by calls; server default false."""
    edition: Name | None = None
    """Edition of the service, in the words of the API."""
    external_agent_endpoint_url: WebAddress | None = None
    """Address of an agent that runs elsewhere and is registered here."""
    resource_group_id: Annotated[ResourceGroupId | None, Immutable()] = None
    """Resource group; server default: the account's default group. Immutable."""
    force_evict_instances: Annotated[bool | None, UpdateOnly()] = None
    """Whether an update ends running sessions in order to apply sooner. Goes along with updates
    that another change causes; changing it alone updates nothing."""


class AgentRuntimeObserved(PlacedObserved):
    """What `status.atProvider` shows."""

    agent_runtime_id: str | None = None
    """The API's key."""
    agent_runtime_arn: str | None = None
    """ARN."""
    agent_runtime_version: str | None = None
    """Newest version."""


KIND = ResourceKind(
    kind="AgentRuntime",
    plural="agentruntimes",
    short_names=("art",),
    summary="An agent as a service, from an image or from code.",
    spec=AgentRuntimeSpec,
    observed=AgentRuntimeObserved,
    rest=Rest(
        "/agents/runtimes",
        noun="AgentRuntime",
        nouns="AgentRuntimes",
        key=KeyedBy.ID,
        id_field="agentRuntimeId",
        name_field="agentRuntimeName",
        name_filter={"agentRuntimeName": "{name}", "searchMode": "exact"},
        tags_field="systemTags",
        # The update schema requires it; everything else that is not sent keeps its value.
        always_send=("cpu",),
        versions=Rest(
            "/agents/runtimes/{parent}/versions",
            noun="AgentRuntimeVersion",
            nouns="AgentRuntimeVersions",
            key=KeyedBy.ID,
            id_field="agentRuntimeVersion",
            name_field=None,
            parent_param="agentRuntimeId",
            creates_by="PublishRuntimeVersion",
        ),
    ),
    name_pattern=r"^[a-zA-Z][a-zA-Z0-9_-]{0,127}$",
    derived=(ENVIRONMENT, ARTIFACT_TYPE, PLACE),
    rules=(
        exactly_one(ARTIFACTS, "keep the one that this runtime is made from"),
        never_switches(ARTIFACTS, "create another AgentRuntime"),
        *WORKLOAD_RULES,
        *CODE_RULES,
        SESSION_RULE,
    ),
    cautions=(open_to_all, left_out),
    columns=(
        Column("Image", ".spec.container.image"),
        Column("Version", ".status.latestVersion"),
    ),
)
