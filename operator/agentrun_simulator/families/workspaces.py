"""Workspace (control-plane reference, §8.11): every account has a default one."""

from typing import Any

from agentrun_simulator.engine import DEFAULT_WORKSPACE, Call, Engine
from agentrun_simulator.errors import bad_request
from agentrun_simulator.families.common import ARN
from agentrun_simulator.family import SYNCHRONOUS, Family, Filter, Match, Paging


def _delete(engine: Engine, call: Call) -> dict[str, Any]:
    if engine.record(call).data["isDefault"]:
        raise bad_request("the default workspace cannot be deleted")
    return engine.delete(call)


WORKSPACE = Family(
    name="Workspace",
    noun="workspace",
    collection="/workspaces",
    key_field="workspaceId",
    name_field="name",
    updated_field="updatedAt",
    lifecycle=SYNCHRONOUS,
    paging=Paging(items="workspaces"),
    filters=(Filter("name", match=Match.CONTAINS), Filter("resourceGroupId")),
    assigned={"workspaceArn": f"{ARN}:workspaces/{{name}}"},
    defaults={"isDefault": False},
    required=("name",),
    initial=({"name": DEFAULT_WORKSPACE, "isDefault": True},),
    verbs={"delete": _delete},
)
