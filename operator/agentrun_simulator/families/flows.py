"""Flow with draft and versions, and FlowEndpoint (control-plane reference, §8.14): synchronous."""

import base64
import binascii
import copy
from typing import Any

from agentrun_simulator import listing, schema
from agentrun_simulator.calls import Call
from agentrun_simulator.clock import wire_timestamp
from agentrun_simulator.engine import Engine, ServedFamily
from agentrun_simulator.errors import invalid, not_found
from agentrun_simulator.families.common import ARN, IN_WORKSPACE, WORKSPACE_FILTERS
from agentrun_simulator.family import SYNCHRONOUS, Filter, Match
from agentrun_simulator.store import Record

_SNAPSHOT = frozenset(schema.properties(schema.named("FlowVersion")))
_DRAFT = "draft"
"""Where a record keeps draft fields that differ from the flow's own; never part of an answer."""


def _get_draft(engine: Engine, call: Call) -> dict[str, Any]:
    record = engine.record(call)
    return engine.render(call.tenant, _drafted(record))


def _update_draft(engine: Engine, call: Call) -> dict[str, Any]:
    record = engine.record(call)
    body = engine.checked_body(call)
    fields = {n: v for n, v in body.items() if n in schema.properties(call.operation.body or {})}
    if engine.settings.switches.flow_draft == "shared":
        record.data |= fields
    else:
        record.data[_DRAFT] = record.data.get(_DRAFT, {}) | fields
    record.updated = call.now
    return engine.render(call.tenant, _drafted(record))


def _drafted(record: Record) -> Record:
    """Return a flow as its draft shows it."""
    shown = copy.copy(record)
    shown.data = record.data | record.data.get(_DRAFT, {})
    return shown


def _publish(engine: Engine, call: Call) -> dict[str, Any]:
    """Keep a snapshot of the draft, which becomes the flow itself."""
    record = engine.record(call)
    body = engine.checked_body(call)
    record.data |= record.data.pop(_DRAFT, {})
    numbers = [int(version["flowVersion"]) for version in record.versions]
    snapshot = {n: copy.deepcopy(v) for n, v in record.data.items() if n in _SNAPSHOT}
    snapshot |= {
        "flowVersion": str(max(numbers, default=0) + 1),
        "description": body.get("description", ""),
        "createdAt": wire_timestamp(call.now),
    }
    record.versions.append(snapshot)
    return dict(snapshot)


def _list_versions(engine: Engine, call: Call) -> dict[str, Any]:
    return listing.number_page(call, engine.record(call).versions, dict)


def _get_version(engine: Engine, call: Call) -> dict[str, Any]:
    return dict(_version(engine, call))


def _delete_version(engine: Engine, call: Call) -> dict[str, Any]:
    engine.record(call).versions.remove(_version(engine, call))
    return {}


def _version(engine: Engine, call: Call) -> dict[str, Any]:
    for snapshot in engine.record(call).versions:
        if snapshot["flowVersion"] == call.keys[1]:
            return snapshot
    raise not_found("flow version", call.keys[1])


def _convert(engine: Engine, call: Call) -> dict[str, Any]:
    """Answer the source as the definition: what the service makes of it is not attested."""
    body = engine.checked_body(call)
    if "dslSource" not in body:
        raise invalid("DslSource is required")
    source, options = body["dslSource"], body.get("options", {})
    content = source["content"]
    if source.get("encoding") == "base64":
        try:
            content = base64.b64decode(content, validate=True).decode()
        except (binascii.Error, ValueError):
            raise invalid("dslSource.content is not valid base64") from None
    nodes = ("totalNodes", "compatibleNodes", "nodesNeedConfig", "nodesNeedConversion")
    summary = dict.fromkeys((*nodes, "unsupportedNodes"), 0)
    flow = {"flowName": options.get("flowName", "converted-flow"), "definition": content}
    return {"flow": flow, "conversionPlan": {"issues": [], "summary": summary}}


FLOW = ServedFamily(
    name="Flow",
    noun="flow",
    collection="/flows",
    key_field="flowName",
    name_field="flowName",
    lifecycle=SYNCHRONOUS,
    filters=(Filter("flowName", match=Match.CONTAINS), *WORKSPACE_FILTERS),
    assigned={"flowId": "{uuid}", "flowArn": f"{ARN}:flows/{{uuid}}"},
    # The path key; that an update takes it too may be an oversight of the schema (§8.14 [?]).
    fixed=("flowName",),
    references=(IN_WORKSPACE,),
    actions={
        "GetFlowDraft": _get_draft,
        "UpdateFlowDraft": _update_draft,
        "PublishFlowVersion": _publish,
        "ListFlowVersions": _list_versions,
        "GetFlowVersion": _get_version,
        "DeleteFlowVersion": _delete_version,
        "ConvertFlowDSL": _convert,
    },
)

FLOW_ENDPOINT = ServedFamily(
    name="FlowEndpoint",
    noun="flow endpoint",
    collection="/flows/{flowName}/endpoints",
    key_field="flowEndpointName",
    name_field="flowEndpointName",
    lifecycle=SYNCHRONOUS,
    parent="Flow",
    parent_fields={"flowId": "flowId"},
    assigned={
        "flowEndpointId": "{uuid}",
        "flowEndpointArn": f"{ARN}:flow-endpoints/{{uuid}}",
    },
    fixed=("flowEndpointName",),
)
