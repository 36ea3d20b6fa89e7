"""Workspace (control-plane reference, §8.11): every account has a default one."""

from typing import Any

from agentrun_simulator import schema
from agentrun_simulator.calls import Call
from agentrun_simulator.engine import DEFAULT_WORKSPACE, Engine, ServedFamily
from agentrun_simulator.errors import bad_request
from agentrun_simulator.families.common import ARN
from agentrun_simulator.family import SYNCHRONOUS, Filter, Match, Paging

_DISCOVERY = "discovery"
"""Where a record keeps the sub-document; never part of the workspace's own answer."""


def _delete(engine: Engine, call: Call) -> dict[str, Any]:
    if engine.record(call).data["isDefault"]:
        raise bad_request("the default workspace cannot be deleted")
    return engine.delete(call)


def _get_discovery(engine: Engine, call: Call) -> dict[str, Any]:
    found: dict[str, Any] = engine.record(call).data.get(_DISCOVERY, {})
    return dict(found)


def _update_discovery(engine: Engine, call: Call) -> dict[str, Any]:
    record = engine.record(call)
    body = engine.checked_body(call)
    record.data[_DISCOVERY] = record.data.get(_DISCOVERY, {}) | {
        name: value
        for name, value in body.items()
        if name in schema.properties(call.operation.body or {})
    }
    return _get_discovery(engine, call)


WORKSPACE = ServedFamily(
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
    actions={
        "GetWorkspaceDiscoveryEndpoints": _get_discovery,
        "UpdateWorkspaceDiscoveryEndpoints": _update_discovery,
    },
)
