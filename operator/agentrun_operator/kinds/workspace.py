"""Workspace: what keeps the resources of one team or stage apart from those of others.

Source: control-plane reference, §8.11. Synchronous: it is ready when the call returns. The API
refuses to delete the account's default workspace and one that is not empty. The discovery endpoints
are a document with operations of its own, and not offered.
"""

from typing import Annotated

from agentrun_operator.core.fields import Immutable, ObservedModel, WriteOnly
from agentrun_operator.core.forms import ResourceGroupId
from agentrun_operator.core.grants import WORKSPACES
from agentrun_operator.core.kind import Column, KeyedBy, ResourceKind, Rest
from agentrun_operator.core.policies import NamedSpec
from agentrun_operator.kinds.parts.placement import Description


class WorkspaceSpec(NamedSpec):
    """Desired state of one workspace."""

    description: Description | None = None
    """Free text, at most 256 characters; all that can be changed later."""
    resource_group_id: Annotated[ResourceGroupId | None, Immutable()] = None
    """Resource group; server default: the account's default group. Immutable."""
    enable_preset_model: Annotated[bool | None, Immutable(), WriteOnly()] = None
    """Whether it is made with the preset model. Immutable."""


class WorkspaceObserved(ObservedModel):
    """What `status.atProvider` shows."""

    workspace_id: str | None = None
    """The API's key, by which `spec.workspace.id` of other kinds names it."""
    workspace_arn: str | None = None
    """ARN."""
    is_default: bool | None = None
    """Whether it is the account's default workspace, which cannot be deleted."""
    created_at: str | None = None
    """When it was created."""


KIND = ResourceKind(
    kind="Workspace",
    plural="workspaces",
    short_names=("arws",),
    summary="What keeps the resources of one team or stage apart from those of others.",
    spec=WorkspaceSpec,
    observed=WorkspaceObserved,
    rest=Rest(
        "/workspaces",
        noun="Workspace",
        nouns="Workspaces",
        key=KeyedBy.ID,
        id_field="workspaceId",
        name_field="name",
        name_filter={"name": "{name}"},
        items="workspaces",
        change_token="updatedAt",  # noqa: S106 - a field name
        state_field=None,
        state_reason_field=None,
    ),
    grant=WORKSPACES,
    columns=(Column("Default", ".status.atProvider.isDefault", "boolean"),),
)
