"""Sandbox (control-plane reference, §8.4): create-only, ends on its own, stays listed after."""

from datetime import datetime, timedelta
from typing import Any

from agentrun_simulator.calls import Call
from agentrun_simulator.clock import wire_timestamp
from agentrun_simulator.engine import Engine, ServedFamily
from agentrun_simulator.errors import bad_request, not_found
from agentrun_simulator.families.common import ARN, STATUS_FILTER
from agentrun_simulator.family import Filter, Lifecycle, Paging, Reference
from agentrun_simulator.store import READY, Record, Tenant

PAUSED = "PAUSED"
TERMINATED = "TERMINATED"
MAX_LIFE_SECONDS = 21600
"""Longest life of a sandbox whose template says nothing else, in seconds (§8.4)."""


def _create(engine: Engine, call: Call) -> dict[str, Any]:
    wanted = call.body.get("sandboxId")
    if engine.settings.switches.duplicate_sandbox_id == "return-existing" and wanted:
        existing = call.tenant.get("Sandbox", str(wanted))
        if existing is not None:
            return engine.render(call.tenant, existing)
    return engine.create(call)


def _prepare(_: Engine, call: Call, record: Record) -> None:
    """Take over what the sandbox inherits from its template, which must be READY."""
    name = record.data["templateName"]
    template = call.tenant.get("Template", name)
    if template is None:
        raise not_found("template", name)
    if template.status != READY:
        raise bad_request(f"template {name} must be in READY status")
    inherited = template.data.get("sandboxIdleTimeoutInSeconds")
    # Quirk: requests know two spellings, answers the shorter one (§8.4).
    idle = record.data.pop("sandboxIdleTimeoutInSeconds", inherited)
    if idle is not None:
        record.data.setdefault("sandboxIdleTimeoutSeconds", idle)
    record.data["templateId"] = template.data["templateId"]
    record.data["templateType"] = template.data["templateType"]


def _on_ready(_: Engine, tenant: Tenant, record: Record, moment: datetime) -> None:
    """Let the sandbox end when it is idle or too old, whichever comes first (§5.2)."""
    template = tenant.get("Template", record.data["templateName"])
    life = (template.data.get("sandboxTTLInSeconds") if template else None) or MAX_LIFE_SECONDS
    end = record.created + timedelta(seconds=life)
    if idle := record.data.get("sandboxIdleTimeoutSeconds"):
        end = min(end, moment + timedelta(seconds=idle))
    tenant.plan(record, end, _terminate)


def _terminate(record: Record, moment: datetime) -> None:
    record.status, record.updated = TERMINATED, moment
    record.pending.clear()
    record.data["endedAt"] = wire_timestamp(moment)


def _stop(engine: Engine, call: Call) -> dict[str, Any]:
    record = engine.record(call)
    if record.status != TERMINATED:
        _terminate(record, call.now)
    return engine.render(call.tenant, record)


def _pause(engine: Engine, call: Call) -> dict[str, Any]:
    record = _in_status(engine, call, READY)
    record.status, record.updated = PAUSED, call.now
    record.pending.clear()
    return engine.render(call.tenant, record)


def _resume(engine: Engine, call: Call) -> dict[str, Any]:
    record = _in_status(engine, call, PAUSED)
    record.updated = call.now
    engine.become_ready(call.tenant, record, call.now)
    return engine.render(call.tenant, record)


def _in_status(engine: Engine, call: Call, status: str) -> Record:
    record = engine.record(call)
    if record.status != status:
        raise bad_request(f"sandbox {record.key} must be in {status} status")
    return record


SANDBOX = ServedFamily(
    name="Sandbox",
    noun="sandbox",
    collection="/sandboxes",
    key_field="sandboxId",
    name_field="sandboxId",
    lifecycle=Lifecycle(creating=True),
    paging=Paging(by_token=True),
    filters=(
        Filter("sandboxId"),
        STATUS_FILTER,
        Filter("templateName"),
        Filter("templateType"),
    ),
    assigned={"sandboxArn": f"{ARN}:sandboxes/{{id}}"},
    references=(Reference(("templateName",), "Template", is_child=True),),
    prepare=_prepare,
    on_ready=_on_ready,
    verbs={"create": _create},
    actions={"StopSandbox": _stop, "PauseSandbox": _pause, "ResumeSandbox": _resume},
)
