"""SandboxTemplate (Template in the API): what sandboxes are started from.

Source: control-plane reference, §8.5. Answers have the two timeouts as text and the scaling inside
`scalingStatus`. A comment of the update calls containerConfiguration immutable, its schema does
not; a refusal by the service is reported as such. `mcpOptions` and `mcpState` belong to operations
of their own (activate, stop) and are not offered: calls that bring about a state take no options,
and are for kinds without an update; what `mcpState` says after a stop is not attested either.
"""

from typing import Annotated, Any

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Clear,
    FreeForm,
    Immutable,
    Sensitive,
    ServerDefault,
    Unordered,
)
from agentrun_operator.core.kind import Column, KeyedBy, ResourceKind, Rest, Rule
from agentrun_operator.kinds.parts.environment import ENVIRONMENT, left_out
from agentrun_operator.kinds.parts.placement import PLACE, InboundCredential, PlacedObserved
from agentrun_operator.kinds.parts.rules import required
from agentrun_operator.kinds.parts.scaling import SCALING_RULE, Scaling
from agentrun_operator.kinds.parts.storage import TemplateOssMount
from agentrun_operator.kinds.parts.template_type import TemplateType
from agentrun_operator.kinds.parts.workload import WORKLOAD_RULES, WorkloadSpec

Seconds = Annotated[int, Field(ge=1, le=86_400)]


class SandboxTemplateSpec(WorkloadSpec):
    """Desired state of one sandbox template."""

    type: Annotated[TemplateType | None, ApiName("templateType"), Immutable()] = None
    """CodeInterpreter, Browser, AllInOne (the SDK gives it cpu "4" and memory 8Gi) or CustomImage,
    which needs a container; the other types take base images only."""
    disk_size: Annotated[int | None, Immutable(), Field(ge=1, le=1_000_000)] = None
    """Disk in MB; the SDK uses 10240 for Browser and AllInOne, 512 for the others. Immutable."""
    credential_ref: Annotated[
        InboundCredential | None, ApiName("credentialConfiguration.credentialName")
    ] = None
    """The Credential that callers of a sandbox present (purpose Inbound)."""
    allow_anonymous_manage: Annotated[bool | None, ServerDefault("false")] = None
    """Whether unsigned calls may create, stop and delete sandboxes; server default false."""
    sandbox_idle_timeout_seconds: Annotated[
        Seconds | None, ApiName("sandboxIdleTimeoutInSeconds")
    ] = None
    """Seconds without a call after which a sandbox ends; the SDK uses 1800."""
    sandbox_ttl_seconds: Annotated[Seconds | None, ApiName("sandboxTTLInSeconds")] = None
    """Seconds a sandbox lives at most; server default 21600. Deprecated in the API's answers."""
    enable_agent: bool | None = None
    """Whether the agent inside sandboxes runs."""
    enable_pre_stop: bool | None = None
    """Whether a sandbox is told before it is stopped."""
    pre_stop_timeout_seconds: Annotated[
        int | None, ApiName("preStopTimeoutInSeconds"), Field(ge=0, le=86_400), Clear(0)
    ] = None
    """Seconds that it then has."""
    scaling: Annotated[Scaling | None, ApiName("scalingConfig", reads="scalingStatus")] = None
    """How many instances stand ready."""
    template_configuration: Annotated[dict[str, Any] | None, FreeForm(), Sensitive()] = None
    """Further settings, which depend on the type; passed on as they are."""
    oss_mounts: Annotated[
        tuple[TemplateOssMount, ...],
        ApiName("ossConfiguration"),
        Unordered("mountPoint"),
        Field(max_length=16),
    ] = ()
    """OSS buckets to mount, at most 16."""


class SandboxTemplateObserved(PlacedObserved):
    """What `status.atProvider` shows."""

    template_id: str | None = None
    """Informative id; the API's key is the name."""
    template_arn: str | None = None
    """ARN."""
    resource_name: str | None = None
    """The function behind it."""


KIND = ResourceKind(
    kind="SandboxTemplate",
    plural="sandboxtemplates",
    short_names=("arsbt",),
    summary="What sandboxes are started from.",
    spec=SandboxTemplateSpec,
    observed=SandboxTemplateObserved,
    rest=Rest(
        "/templates",
        noun="Template",
        nouns="Templates",
        key=KeyedBy.NAME,
        id_field="templateId",
        name_field="templateName",
        name_filter={"templateName": "{name}"},
    ),
    derived=(ENVIRONMENT, PLACE),
    rules=(
        required("type", "set it, e.g. to CodeInterpreter"),
        Rule(
            "!has(self.type) || self.type != 'CustomImage' || has(self.container)",
            "container is required with type CustomImage; name the image",
            "container",
        ),
        *WORKLOAD_RULES,
        SCALING_RULE,
    ),
    cautions=(left_out,),
    columns=(Column("Type", ".spec.type"),),
)
