"""Template with its MCP switch (control-plane reference, §8.5)."""

from datetime import datetime
from typing import Any

from agentrun_simulator.calls import Call
from agentrun_simulator.engine import Engine, ServedFamily
from agentrun_simulator.errors import bad_request
from agentrun_simulator.families.common import (
    ARN,
    IN_WORKSPACE,
    STATUS_FILTER,
    WORKSPACE_FILTERS,
    registry_password,
    scaling_status,
)
from agentrun_simulator.family import Filter, Match, Reference
from agentrun_simulator.store import CREATING, READY, Record, Tenant


def _activate(engine: Engine, call: Call) -> dict[str, Any]:
    record = engine.record(call)
    record.data["mcpOptions"] = engine.checked_body(call)
    record.data["mcpState"] = {"accessEndpoint": "/mcp", "status": CREATING}

    def finish(done: Record, _: datetime) -> None:
        done.data["mcpState"] = {"accessEndpoint": "/mcp", "status": READY}

    call.tenant.plan(record, engine.due(call), finish, concern="mcp")
    return engine.render(call.tenant, record)


def _stop(engine: Engine, call: Call) -> dict[str, Any]:
    record = engine.record(call)
    status = record.data.get("mcpState", {}).get("status", "")
    if status != READY:
        raise bad_request(f"template is not ready for stop, current MCP status is {status}")
    left = engine.settings.switches.mcp_after_stop
    if left == "absent":
        del record.data["mcpState"]
    else:
        record.data["mcpState"] = record.data["mcpState"] | {"status": left}
    return engine.render(call.tenant, record)


def _render(engine: Engine, _: Tenant, __: Record, answer: dict[str, Any]) -> None:
    registry_password(answer, engine.settings.switches)
    scaling_status(answer)


TEMPLATE = ServedFamily(
    name="Template",
    noun="template",
    collection="/templates",
    key_field="templateName",
    name_field="templateName",
    filters=(
        Filter("templateName", match=Match.CONTAINS),
        Filter("templateType"),
        STATUS_FILTER,
        *WORKSPACE_FILTERS,
    ),
    assigned={
        "templateId": "{uuid}.schema",
        "templateArn": f"{ARN}:templates/{{uuid}}",
        "resourceName": "agentrun-{uuid}",
    },
    as_text=("sandboxIdleTimeoutInSeconds", "sandboxTTLInSeconds"),
    references=(
        Reference(("credentialConfiguration", "credentialName"), "Credential"),
        IN_WORKSPACE,
    ),
    render=_render,
    actions={"ActivateTemplateMCP": _activate, "StopTemplateMCP": _stop},
)
