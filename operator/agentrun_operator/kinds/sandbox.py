"""Sandbox: one isolated environment, started from a template; the API has no update for it.

Source: control-plane reference, §8.4, with its two spellings of the idle timeout.
"""

from typing import Annotated, Literal

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Immutable,
    Local,
    ObservedModel,
    Ref,
    Reference,
    WriteOnly,
)
from agentrun_operator.core.kind import (
    Column,
    KeyedBy,
    Paging,
    Phase,
    ResourceKind,
    Rest,
    Rule,
    Verb,
)
from agentrun_operator.core.policies import EndsByItself
from agentrun_operator.kinds.parts.rules import required
from agentrun_operator.kinds.parts.storage import Nas, OssMount, PolarFs


class SandboxSpec(EndsByItself):
    """Desired state of one sandbox."""

    template_ref: Annotated[
        Reference | None, Ref("SandboxTemplate"), ApiName("templateName"), Immutable()
    ] = None
    """The SandboxTemplate it starts from; network, size and image come from there."""
    idle_timeout_seconds: Annotated[
        int | None,
        ApiName("sandboxIdleTimeoutInSeconds", reads="sandboxIdleTimeoutSeconds"),
        Immutable(),
        Field(ge=1, le=86_400),
    ] = None
    """Seconds without a call after which it ends; server default: the template's. Immutable."""
    nas: Annotated[Nas | None, ApiName("nasConfig"), Immutable(), WriteOnly()] = None
    """NAS file systems to mount. Immutable."""
    oss_mount: Annotated[OssMount | None, ApiName("ossMountConfig"), Immutable(), WriteOnly()] = (
        None
    )
    """OSS buckets to mount. Immutable."""
    polar_fs: Annotated[PolarFs | None, ApiName("polarFsConfig"), Immutable(), WriteOnly()] = None
    """PolarFS instances to mount. Immutable."""
    desired_state: Annotated[Literal["Running", "Paused", "Stopped"], Local()] = "Running"
    """Running, Paused (its memory is kept, for at most 30 days) or Stopped, which is final."""


class SandboxObserved(ObservedModel):
    """What `status.atProvider` shows."""

    sandbox_id: str | None = None
    """The API's key, chosen by the operator."""
    sandbox_arn: str | None = None
    """ARN."""
    template_id: str | None = None
    """Id of the template it started from."""
    created_at: str | None = None
    """When it was started."""
    ended_at: str | None = None
    """When it ended."""


KIND = ResourceKind(
    kind="Sandbox",
    plural="sandboxes",
    short_names=("arsb",),
    summary="One isolated environment, started from a template.",
    spec=SandboxSpec,
    observed=SandboxObserved,
    rest=Rest(
        "/sandboxes",
        noun="Sandbox",
        nouns="Sandboxes",
        key=KeyedBy.CHOSEN_ID,
        id_field="sandboxId",
        name_field=None,
        name_filter={"sandboxId": "{name}"},
        live_filters=({"status": "READY"}, {"status": "PAUSED"}),
        paging=Paging.TOKENS,
        updatable=False,
        state_reason_field=None,
        verbs={
            "Running": Verb("READY", "ResumeSandbox", "PUT", "resume"),
            "Paused": Verb("PAUSED", "PauseSandbox", "PUT", "pause"),
            "Stopped": Verb("TERMINATED", "StopSandbox", "POST", "stop"),
        },
    ),
    phases={"PAUSED": Phase.IDLE, "TERMINATED": Phase.ENDED},
    name_pattern=r"^.+$",
    rules=(
        required("templateRef", "name the SandboxTemplate to start from"),
        Rule(
            "oldSelf.desiredState != 'Stopped' || self.desiredState == 'Stopped'",
            "desiredState Stopped is final; create another Sandbox",
            "desiredState",
            once_it_exists=True,
        ),
    ),
    columns=(
        Column("Template", ".spec.templateRef.name"),
        Column("State", ".status.atProvider.state"),
    ),
)
