"""Traces of the real engine and client, on the real simulator, which verifies every signature."""

import json

from opentelemetry.trace import StatusCode

from agentrun_simulator.faults import Fault
from engine.specs import CREDENTIAL, SECRET_VALUE
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab
from fakes.traces import MemoryTraces, rows, told


async def traced() -> tuple[Lab, MemoryTraces]:
    traces = MemoryTraces()
    lab = Lab(tracer=traces.tracer)
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    return lab, traces


async def test_a_pass_tells_its_rows_and_its_calls() -> None:
    lab, traces = await traced()
    key = lab.cluster.apply("Credential", "cred", CREDENTIAL)
    await lab.elapse(10)
    assert lab.ready(key) == ("True", "Available")
    creating = traces.passes(kind="Credential")[0]
    assert told(creating) == {
        "agentrun.namespace": "team-a",
        "agentrun.kind": "Credential",
        "agentrun.name": "cred",
        "agentrun.uid": lab.get(key).uid,
        "agentrun.generation": 1,
        "agentrun.retries": 0,
        "agentrun.row": "nothing differs",
        "agentrun.action": "settle",
        "agentrun.result": "success",
        "agentrun.reason": "Available",
    }
    assert rows(creating) == [
        "finalizer missing",
        "not looked yet",
        "absent",
        "not looked yet",
        "nothing differs",
    ]
    calls = traces.calls(creating)
    assert [call.name for call in calls] == ["GetCredential", "CreateCredential", "GetCredential"]
    create = calls[1]
    (asked,) = [r for r in lab.simulator.requests() if r["action"] == "CreateCredential"]
    assert told(create)["agentrun.request_id"] == asked["requestId"]
    assert told(create)["http.response.status_code"] == 200


async def test_passes_that_fail_are_counted_and_marked() -> None:
    lab, traces = await traced()
    refusal = {"action": "CreateCredential", "status": 403, "code": "NoPermission", "times": 2}
    rule = {"effect": "error", **refusal}
    lab.simulator.inject(Fault.model_validate(rule))
    lab.cluster.apply("Credential", "cred", CREDENTIAL)
    await lab.elapse(120)
    failed = traces.passes(kind="Credential", result="error")
    assert [told(each)["agentrun.retries"] for each in failed] == [0, 1]
    assert all(each.status.status_code is StatusCode.ERROR for each in failed)
    assert traces.passes(kind="Credential", reason="Available", retries=2)


async def test_a_poll_is_a_trace_of_its_own() -> None:
    lab, traces = await traced()
    for number in range(5):
        lab.cluster.apply("Credential", f"cred-{number}", CREDENTIAL)
    await lab.elapse(200)
    assert any(span.parent is None for span in traces.spans() if span.name == "ListCredentials")


async def test_no_value_gets_into_a_trace() -> None:
    """Created, refused with a message that quotes it, drifted, rotated and deleted."""
    lab, traces = await traced()
    said = f"refused {SECRET_VALUE}, {json.dumps(SECRET_VALUE)}"
    rule = {
        "effect": "error",
        "action": "UpdateCredential",
        "status": 400,
        "code": "ERR_BAD_REQUEST",
        "message": said,
    }
    key = lab.cluster.apply("Credential", "cred", {**CREDENTIAL, "description": "told-to-nobody"})
    await lab.elapse(10)
    lab.simulator.inject(Fault.model_validate(rule))
    lab.edit(key, description="another-word")
    await lab.elapse(60)
    lab.cluster.put_secret("keys", {"token": f"{SECRET_VALUE}-rotated"})
    await lab.elapse(60)
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert {"CreateCredential", "UpdateCredential", "DeleteCredential"} <= {
        span.name for span in traces.spans()
    }
    texts = (SECRET_VALUE, "told-to-nobody", "another-word", *keys_of(MAIN).values())
    assert [text for text in texts if text in traces.shown()] == []
