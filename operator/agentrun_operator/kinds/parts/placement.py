"""What nearly every kind says of itself: description, workspace, role, inbound credential."""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Form,
    Immutable,
    Inline,
    Name,
    ObservedModel,
    Ref,
    Reference,
    Reserved,
    SpecModel,
)
from agentrun_operator.core.forms import NO_BLANKS
from agentrun_operator.core.grants import EXECUTION_ROLES, WORKSPACES
from agentrun_operator.core.policies import NamedSpec

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


class Workspace(SpecModel):
    """A workspace of the account."""

    id: Annotated[Name, ApiName("workspaceId"), Immutable(), NO_BLANKS, Reserved(WORKSPACES)]
    """Id of the workspace."""


class PlacedSpec(NamedSpec):
    """A resource with a description, in a workspace."""

    description: Description | None = None
    """Free text, at most 256 characters."""
    workspace: Annotated[Workspace | None, Inline(), Immutable()] = None
    """Workspace it belongs to; server default: the account's default workspace. Immutable."""


class PlacedObserved(ObservedModel):
    """What `status.atProvider` shows of every such resource."""

    workspace_id: str | None = None
    """Workspace it landed in."""
    created_at: str | None = None
    """When it was created."""
