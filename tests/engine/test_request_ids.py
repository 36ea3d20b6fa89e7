"""Whoever asks the vendor's support needs the request id of the call that failed; once."""

import re

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, keys, lab_for
from fakes.lab import Lab

SPEC = {"type": "CodeInterpreter"}
NAMED = re.compile(r" \(request id ([0-9A-F-]{36})\)$")


def fault(status: int, code: str, action: str = "CreateTemplate") -> Fault:
    return Fault(effect="error", action=action, status=status, code=code, times=None)


def message(lab: Lab, key: ObjectKey) -> str:
    return str(lab.get(key).ready["message"])


def failed(lab: Lab, action: str = "CreateTemplate") -> list[str]:
    """Return the request ids of an operation so far, the first one first."""
    return [r["requestId"] for r in lab.simulator.requests() if r["action"] == action]


REPEATED = pytest.mark.parametrize(
    ("status", "code"), [(403, "NoPermission"), (503, "ERR_X"), (400, "QuotaExceeded")]
)
"""Failures that are tried again although nobody edits anything."""


@REPEATED
async def test_creates_that_go_on_failing_keep_the_first_id(status: int, code: str) -> None:
    """Each try is announced, which is a write; what people read stays as it was."""
    lab = Lab()
    await lab.ready_account()
    lab.simulator.inject(fault(status, code))
    key = lab.cluster.apply("SandboxTemplate", "py", SPEC)
    await lab.elapse(300)
    tries, said = failed(lab), set[str]()
    lab.calls.after = lambda _: said.add(message(lab, key))
    await lab.elapse(1800)
    assert len(failed(lab)) > len(tries)
    (only,) = said
    found = NAMED.search(only)
    assert found
    assert found[1] in tries


@REPEATED
async def test_updates_that_go_on_failing_cost_no_write(status: int, code: str) -> None:
    lab = Lab()
    await lab.ready_account()
    key = lab.cluster.apply("SandboxTemplate", "py", SPEC)
    await lab.elapse(10)
    lab.simulator.inject(fault(status, code, action="UpdateTemplate"))
    lab.edit(key, description="another")
    await lab.elapse(300)
    said, tries = message(lab, key), failed(lab, "UpdateTemplate")
    lab.calls.take()
    await lab.elapse(1800)
    assert len(failed(lab, "UpdateTemplate")) > len(tries)
    assert "write_status" not in lab.calls.take()
    found = NAMED.search(said)
    assert found
    assert found[1] in tries
    assert message(lab, key) == said


async def test_conditions_and_event_name_the_same_call() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.simulator.inject(fault(400, "ERR_VALIDATION_FAILED"))
    key = lab.cluster.apply("SandboxTemplate", "py", SPEC)
    await lab.elapse(10)
    (ident,) = failed(lab)
    conditions = lab.get(key).status["conditions"]
    named = [c["type"] for c in conditions if c["message"].endswith(f" (request id {ident})")]
    assert named == ["Ready", "Synced", "Stalled"]
    assert [e for e in lab.cluster.events if ident in str(e)]


async def test_an_edit_that_fails_again_names_its_own_call() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.simulator.inject(fault(400, "ERR_VALIDATION_FAILED"))
    key = lab.cluster.apply("SandboxTemplate", "py", SPEC)
    await lab.elapse(10)
    lab.edit(key, description="another")
    await lab.elapse(10)
    first, second = failed(lab)
    assert first not in message(lab, key)
    assert message(lab, key).endswith(f" (request id {second})")


async def test_an_account_names_the_call_that_its_keys_failed() -> None:
    lab = Lab()
    key = await lab.ready_account()
    lab.simulator.inject(fault(403, "NoPermission", action="List.*"))
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(200)
    assert NAMED.search(message(lab, key))
    said = message(lab, key)
    await lab.elapse(1200)
    assert message(lab, key) == said


async def test_no_secret_stands_in_the_place_of_a_request_id() -> None:
    """A key may look like a request id; whoever answers may put it there."""
    secret = "5EC4E75A-0000-4000-8000-5EC4E75EC4E7"
    lab = await lab_for(SAMPLES["Credential"])
    await keys(lab, secret)
    headers = {"x-acs-request-id": secret}
    refused = fault(400, "ERR_VALIDATION_FAILED", action="CreateCredential")
    lab.simulator.inject(refused.model_copy(update={"headers": headers}))
    key = lab.cluster.apply("Credential", "it", SAMPLES["Credential"].spec)
    await lab.elapse(30)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert secret not in str([lab.cluster.raw(key), lab.cluster.events])
