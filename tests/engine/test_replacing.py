"""What is on record stays there until its successor is, whatever is answered in between."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import (
    CREDENTIAL,
    SAMPLES,
    Sample,
    base,
    cloud_key,
    keys,
    lab_for,
    made,
    ready,
)
from engine.strangers import PROXY_BODY, by_hand
from fakes.lab import Lab

kinds = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
CONFLICT = {
    "action": "Create.*",
    "effect": "error",
    "status": 409,
    "code": "ERR_CONFLICT",
    "message": "already exists",
}


async def vanished(sample: Sample, **more: Any) -> tuple[Lab, ObjectKey]:
    """Return a lab whose object's resource somebody deleted a moment ago."""
    lab, key = await ready(sample, **more)
    await lab.elapse(60)
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    lab.annotate(key, reconcile_requested_at="now")
    return lab, key


@kinds
async def test_the_record_stays_until_a_create_is_on_record(sample: Sample) -> None:
    lab, key = await vanished(sample)
    before = lab.get(key).external_id
    fault = {"action": "Create.*", "effect": "drop-before", "times": 1}
    lab.simulator.inject(Fault.model_validate(fault))
    await lab.elapse(50)
    status = lab.get(key).status
    assert status["creation"]["replaces"] == before
    assert (status["externalId"], status["adopted"]) == (before, False)
    lab.restart()
    await lab.elapse(250)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert len(made(lab, sample)) == 1
    assert lab.get(key).status["adopted"] is False
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert made(lab, sample) == []


@pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
@kinds
async def test_a_successor_whose_answer_is_lost_is_ours(sample: Sample, *, restarted: bool) -> None:
    lab, key = await vanished(sample)
    fault = {"action": "Create.*", "effect": "drop-after", "times": 1}
    lab.simulator.inject(Fault.model_validate(fault))
    await lab.elapse(40)
    if restarted:
        lab.restart()
    await lab.elapse(150)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert len(made(lab, sample)) == 1
    assert lab.get(key).status["adopted"] is False
    assert "replaces" not in lab.get(key).status.get("creation", {})
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert made(lab, sample) == []


@kinds
async def test_a_refusal_to_create_leaves_the_record(sample: Sample) -> None:
    lab, key = await vanished(sample)
    before = lab.get(key).external_id
    fault = {"action": "Create.*", "effect": "error", "status": 400, "code": "ERR_BAD_REQUEST"}
    lab.simulator.inject(Fault.model_validate({**fault, "message": "no", "times": None}))
    await lab.elapse(300)
    assert lab.get(key).external_id == before
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert lab.calls.names.count(f"Create{sample.noun}") == 1, "not sent again unasked"
    lab.simulator.clear_faults()
    lab.annotate(key, reconcile_requested_at="again")
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert len(made(lab, sample)) == 1


@kinds
async def test_a_conflict_makes_nothing_foreign_that_is_on_record(sample: Sample) -> None:
    """The cloud says "absent" and then "exists already" of what it has had all the time."""
    lab, key = await ready(sample)
    await lab.elapse(60)
    absent = {"effect": "error", "status": 404, "code": "ERR_NOT_FOUND", "message": "no such"}
    lab.simulator.inject(
        Fault.model_validate({**absent, "action": f"Get{sample.noun}", "times": 3})
    )
    lab.simulator.inject(Fault.model_validate({**CONFLICT, "times": 2}))
    before = lab.get(key).external_id
    reasons: set[str] = set()
    lab.annotate(key, reconcile_requested_at="now")
    for _ in range(150):
        await lab.elapse(1)
        reasons.add(lab.ready(key)[1])
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert "AlreadyExistsNotOwned" not in reasons
    assert lab.get(key).external_id == before
    assert lab.get(key).status["adopted"] is False
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert made(lab, sample) == []


async def test_create_conflict_on_record_is_no_foreign_resource() -> None:
    sample = SAMPLES["ModelProxy"]
    lab, key = await vanished(sample)
    lab.simulator.inject(Fault.model_validate({**CONFLICT, "times": 3}))
    reasons: set[str] = set()
    for _ in range(200):
        await lab.elapse(1)
        reasons.add(lab.ready(key)[1])
    assert "AlreadyExistsNotOwned" not in reasons
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert lab.get(key).status["adopted"] is False


async def test_who_uses_a_resource_waits_while_it_is_created_anew() -> None:
    lab, endpoint = await ready(SAMPLES["AgentRuntimeEndpoint"])
    runtime = ObjectKey("AgentRuntime", "team-a", "base")
    fault = {"action": "CreateAgentRuntime", "effect": "drop-before", "times": 1}
    lab.simulator.inject(Fault.model_validate(fault))
    lab.simulator.remove("AgentRuntime", cloud_key(lab, runtime))
    lab.annotate(runtime, reconcile_requested_at="now")
    await lab.elapse(50)
    lab.annotate(endpoint, reconcile_requested_at="now")
    await lab.elapse(5)
    assert lab.ready(endpoint) == ("False", "DependencyNotReady"), lab.message(endpoint)
    await lab.elapse(250)
    assert lab.ready(endpoint) == ("True", "Available"), lab.message(endpoint)
    assert lab.get(endpoint).status["parentId"] == lab.get(runtime).external_id


async def test_a_successor_waits_for_an_observed_target_that_is_gone() -> None:
    sample = SAMPLES["AgentRuntime"]
    lab = await lab_for(sample)
    await keys(lab)
    credential = await base(lab, "Credential", CREDENTIAL)
    spec = {**sample.spec, "credentialRef": {"name": "base"}}
    runtime = lab.cluster.apply("AgentRuntime", "it", spec)
    await lab.elapse(15)
    lab.edit(credential, managementPolicy="Observe")
    lab.simulator.remove("AgentRuntime", cloud_key(lab, runtime))
    lab.simulator.remove("Credential", "base")
    await lab.elapse(100)
    assert lab.ready(credential) == ("False", "ExternalResourceMissing")
    assert lab.message(runtime).startswith(f"{credential} is not Ready: ExternalResourceMissing")
    assert lab.calls.names.count("CreateAgentRuntime") == 1, "the cloud would refuse it"
    lab.edit(credential, managementPolicy="Manage")
    await lab.elapse(100)
    assert [lab.ready(k) for k in (credential, runtime)] == [("True", "Available")] * 2


@pytest.mark.parametrize("is_lost", [False, True], ids=["never sent", "answer lost"])
async def test_what_follows_an_adopted_one_is_ours_after_a_restart(*, is_lost: bool) -> None:
    sample = SAMPLES["ModelProxy"]
    lab = await lab_for(sample)
    await by_hand(lab, "ModelProxy", PROXY_BODY)
    key = lab.cluster.apply("ModelProxy", "it", sample.spec)
    await lab.elapse(60)
    assert lab.get(key).status["adopted"] is True
    lab.simulator.remove("ModelProxy", "it")
    effect = "drop-after" if is_lost else "drop-before"
    lab.simulator.inject(Fault.model_validate({"action": "Create.*", "effect": effect, "times": 1}))
    lab.annotate(key, reconcile_requested_at="now")
    while "creation" not in lab.get(key).status:
        await lab.elapse(0.5)
    lab.restart()
    lab.cluster.delete(key)
    await lab.elapse(150)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []
