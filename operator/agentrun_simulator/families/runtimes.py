"""AgentRuntime with versions, and AgentRuntimeEndpoint (control-plane reference, §8.1, §8.2)."""

import copy
from typing import Any

from agentrun_simulator import listing
from agentrun_simulator.calls import Call
from agentrun_simulator.clock import wire_timestamp
from agentrun_simulator.engine import Engine, ServedFamily
from agentrun_simulator.errors import bad_request, not_found
from agentrun_simulator.families.common import (
    ARN,
    BY_CREDENTIAL,
    IN_WORKSPACE,
    STATUS_FILTER,
    WORKSPACE_FILTERS,
    registry_password,
    scaling_status,
)
from agentrun_simulator.family import Filter, Match
from agentrun_simulator.store import READY, Record, Tenant

HEAD = "LATEST"
"""Version word of what is not published yet (§5.4 [?])."""


def _get(engine: Engine, call: Call) -> dict[str, Any]:
    """Answer the head, or the published version that was asked for (§6)."""
    record = engine.record(call)
    version = call.query.get("agentRuntimeVersion") or HEAD
    if version == HEAD:
        return engine.render(call.tenant, record)
    for snapshot in record.versions:
        if snapshot["agentRuntimeVersion"] == version:
            published = copy.copy(record)
            published.data = snapshot["data"] | {"agentRuntimeVersion": version}
            return engine.render(call.tenant, published)
    raise not_found("agent runtime version", version)


def _publish(engine: Engine, call: Call) -> dict[str, Any]:
    record = engine.record(call)
    body = engine.checked_body(call)
    record.versions.append(
        {
            "agentRuntimeVersion": str(len(record.versions) + 1),
            "description": body.get("description", ""),
            "lastUpdatedAt": wire_timestamp(call.now),
            "data": copy.deepcopy(record.data),
        }
    )
    return _version(record, record.versions[-1])


def _list_versions(engine: Engine, call: Call) -> dict[str, Any]:
    record = engine.record(call)
    return listing.number_page(call, record.versions, lambda item: _version(record, item))


def _access_token(engine: Engine, _: Call) -> dict[str, Any]:
    """Answer a token that nothing accepts: neither its form nor its use is attested (§8.15)."""
    return {"accessToken": engine.identities.new().hex}


def _version(record: Record, snapshot: dict[str, Any]) -> dict[str, Any]:
    names = ("agentRuntimeId", "agentRuntimeName", "agentRuntimeArn")
    shown = {name: value for name, value in snapshot.items() if name != "data"}
    return {name: record.data[name] for name in names} | shown


def _render_runtime(engine: Engine, _: Tenant, __: Record, answer: dict[str, Any]) -> None:
    registry_password(answer, engine.settings.switches)


def _prepare_endpoint(_: Engine, call: Call, record: Record) -> None:
    runtime = call.tenant.get("AgentRuntime", call.keys[0])
    if runtime is None or runtime.status != READY:
        raise bad_request("runtime must be in READY status")
    if call.body.get("deleteScalingConfig"):
        record.data.pop("scalingConfig", None)


def _render_endpoint(_: Engine, __: Tenant, record: Record, answer: dict[str, Any]) -> None:
    answer["agentRuntimeId"] = record.parent
    scaling_status(answer)


AGENT_RUNTIME = ServedFamily(
    name="AgentRuntime",
    noun="agent runtime",
    collection="/agents/runtimes",
    key_field="agentRuntimeId",
    name_field="agentRuntimeName",
    filters=(
        Filter("agentRuntimeName", match=Match.CONTAINS),
        STATUS_FILTER,
        Filter("systemTags", match=Match.ALL_OF),
        Filter("resourceGroupId"),
        Filter("discoveryResourceGroupId", "resourceGroupId"),
        *WORKSPACE_FILTERS,
    ),
    assigned={"agentRuntimeArn": f"{ARN}:runtimes/{{id}}", "agentRuntimeVersion": HEAD},
    defaults={
        "sessionConcurrencyLimitPerInstance": 1,
        "disableOndemand": False,
        "disableSessionAffinity": False,
    },
    normalised={"sessionAffinityType": {"COOKIE": "GENERATED_COOKIE"}},
    # An update does not turn Code into Container [E].
    fixed=("artifactType",),
    transient=("forceEvictInstances",),
    references=(BY_CREDENTIAL, IN_WORKSPACE),
    blank_delete_answer=True,
    render=_render_runtime,
    verbs={"get": _get},
    actions={
        "PublishRuntimeVersion": _publish,
        "ListAgentRuntimeVersions": _list_versions,
        "GetAccessToken": _access_token,
    },
)

AGENT_RUNTIME_ENDPOINT = ServedFamily(
    name="AgentRuntimeEndpoint",
    noun="agent runtime endpoint",
    collection="/agents/runtimes/{agentRuntimeId}/endpoints",
    key_field="agentRuntimeEndpointId",
    name_field="agentRuntimeEndpointName",
    has_timestamps=False,
    filters=(Filter("endpointName", "agentRuntimeEndpointName", Match.CONTAINS),),
    parent="AgentRuntime",
    assigned={"agentRuntimeEndpointArn": f"{ARN}:runtime-endpoints/{{id}}"},
    assigned_when_ready={"endpointPublicUrl": "https://ar-{id}.{region}.agentrun.aliyuncs.com"},
    required=("agentRuntimeEndpointName",),
    transient=("deleteScalingConfig",),
    prepare=_prepare_endpoint,
    render=_render_endpoint,
)
