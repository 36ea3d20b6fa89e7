"""What nearly every kind says of itself: description, workspace, role, inbound credential."""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Form,
    Immutable,
    Inline,
    Local,
    Name,
    ObservedModel,
    Ref,
    Reference,
    Reserved,
    SpecModel,
)
from agentrun_operator.core.forms import NO_BLANKS
from agentrun_operator.core.grants import EXECUTION_ROLES, WORKSPACES
from agentrun_operator.core.kind import Derived, Rule
from agentrun_operator.core.policies import NamedSpec
from agentrun_operator.core.resolution import Resolution

Description = Annotated[str, Field(max_length=256)]
RoleArn = Annotated[
    str,
    Field(max_length=512, pattern=r"^acs:ram::[0-9]+:role/.+$"),
    Form(
        r"^acs:ram::[0-9]+:role/[A-Za-z0-9._@/-]+$",
        "must be the ARN of a RAM role, acs:ram::<account>:role/<name>, "
        "like acs:ram::1234567890:role/agentrun",
        ("acs:ram::12345:role/a", "acs:ram::12345:role/b"),
    ),
    Reserved(EXECUTION_ROLES),
]

InboundCredential = Annotated[Reference, Ref("Credential", {"purpose": ("Inbound",)})]
"""A Credential that callers present."""
CredentialRef = Annotated[InboundCredential, ApiName("credentialName")]
ModelCredentialRef = Annotated[
    Reference, Ref("Credential", {"purpose": ("OutboundModel",)}), ApiName("credentialName")
]
"""A Credential that is presented to a model provider."""
OutboundCredentialRef = Annotated[
    Reference,
    Ref("Credential", {"purpose": ("OutboundModel", "OutboundTool")}),
    ApiName("credentialName"),
]
"""A Credential that is presented to some other service: not what callers present (§8.6)."""


class Workspace(SpecModel):
    """A workspace of the account."""

    id: Annotated[Name, ApiName("workspaceId"), Immutable(), NO_BLANKS, Reserved(WORKSPACES)]
    """Id of the workspace."""


class PlacedSpec(NamedSpec):
    """A resource with a description, in a workspace."""

    description: Description | None = None
    """Free text, at most 256 characters."""
    workspace: Annotated[Workspace | None, Inline(), Local(), Immutable()] = None
    """Workspace it belongs to. Unset, and without workspaceRef: its create takes the one of the
    account's spec.defaults; without that AgentRun uses its own default workspace. Immutable."""
    workspace_ref: Annotated[
        Reference | None, Ref("Workspace"), ApiName("workspaceId"), Local(), Immutable()
    ] = None
    """The Workspace it belongs to; externalName is the workspace's id. Excludes workspace.
    Immutable, also where both lead to the same workspace."""


def _workspace_id(spec: PlacedSpec, resolution: Resolution) -> str | None:
    if spec.workspace is not None:
        return spec.workspace.id
    there = spec.workspace_ref
    return None if there is None else resolution.reference("Workspace", there)


PLACE = Derived(
    "workspaceId",
    "workspace.id",
    _workspace_id,
    is_value=True,
    immutable=True,
    clear="",
    account_default="workspace.id",
)
ONE_PLACE = Rule(
    "!has(self.workspace) || !has(self.workspaceRef)",
    "workspace and workspaceRef exclude each other; keep one",
    "workspaceRef",
)


class PlacedObserved(ObservedModel):
    """What `status.atProvider` shows of every such resource."""

    workspace_id: str | None = None
    """Workspace it landed in."""
    created_at: str | None = None
    """When it was created."""
