"""What a life leaves in the log: a line per write to the cloud and per change of Ready, no more."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from fakes.lab import Lab
from fakes.log_lines import listening, parsed

WHO = ("controller", "controllerGroup", "controllerKind", "namespace", "name", "account")
OURS = (
    "sandboxtemplate",
    "agentrun.dev",
    "SandboxTemplate",
    "team-a",
    "py",
    "Account team-a/default",
)


async def template(lab: Lab) -> ObjectKey:
    await lab.ready_account()
    spec = {"type": "CodeInterpreter", "description": "one"}
    return lab.cluster.apply("SandboxTemplate", "py", spec)


def told(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return of each line its event and what it is about."""
    return [(line["msg"], line.get("operation") or line["now"]) for line in lines]


async def test_a_life_is_told_write_by_write() -> None:
    lab = Lab()
    with listening("INFO") as said:
        key = await template(lab)
        await lab.elapse(10)
        lab.edit(key, description="two")
        await lab.elapse(10)
        lab.cluster.delete(key)
        await lab.elapse(30)
    lines = [line for line in parsed(said) if line["name"] == "py"]
    assert told(lines) == [
        ("Ready changed", "False Creating"),
        ("cloud write", "CreateTemplate"),
        ("Ready changed", "True Available"),
        ("cloud write", "UpdateTemplate"),
        ("Ready changed", "False Updating"),
        ("Ready changed", "True Available"),
        ("Ready changed", "False Deleting"),
        ("cloud write", "DeleteTemplate"),
    ]
    assert {tuple(line[key] for key in WHO) for line in lines} == {OURS}
    writes = [line for line in lines if line["msg"] == "cloud write"]
    assert [line["row"] for line in writes] == ["absent", "edited", "there"]
    assert writes[1]["fields"] == ["description"]
    requests = {r["requestId"]: r["action"] for r in lab.simulator.requests()}
    assert [requests[line["requestID"]] for line in writes] == [w["operation"] for w in writes]
    assert len({line["reconcileID"] for line in lines}) > 2


async def test_quiet_passes_leave_no_line() -> None:
    lab = Lab()
    key = await template(lab)
    await lab.elapse(60)
    with listening("INFO") as said:
        await lab.elapse(3600)
        lab.annotate(key, reconcile_requested_at="now")
        await lab.elapse(10)
    assert parsed(said) == []


async def test_drift_is_told_with_names_of_fields_alone() -> None:
    lab = Lab()
    key = await template(lab)
    await lab.elapse(10)
    lab.simulator.edit("Template", key.name, {"description": "a-foreign-word"})
    with listening("DEBUG") as said:
        await lab.elapse(200)
    (write,) = [line for line in parsed(said) if line["msg"] == "cloud write"]
    assert (write["row"], write["fields"]) == ("drifted", ["description"])
    assert "a-foreign-word" not in said.getvalue()
    assert lab.ready(key) == ("True", "Available")


@pytest.mark.parametrize("status", [400, 403, 503])
async def test_a_failure_is_told_once_per_change_of_ready(status: int) -> None:
    lab = Lab()
    lab.simulator.inject(Fault(effect="error", action="CreateTemplate", status=status, times=None))
    with listening("INFO") as said:
        await template(lab)
        await lab.elapse(120)
    lines = parsed(said)
    writes = [line for line in lines if line["msg"] == "cloud write"]
    assert {line["code"] for line in writes} == {str(status)}
    changes = [
        line["now"] for line in lines if line["msg"] == "Ready changed" and line["name"] == "py"
    ]
    assert len(changes) == len(set(changes)) == 2


async def test_the_wire_log_has_object_account_and_request() -> None:
    lab = Lab()
    with listening("DEBUG") as said:
        await template(lab)
        await lab.elapse(10)
    calls = [line for line in parsed(said) if line["msg"] == "api call" and line["name"] == "py"]
    assert {tuple(line[key] for key in WHO) for line in calls} == {OURS}
    known = {r["requestId"] for r in lab.simulator.requests()}
    assert {line["requestID"] for line in calls} <= known
    assert {line["operation"] for line in calls} >= {"GetTemplate", "CreateTemplate"}
