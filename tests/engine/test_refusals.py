"""A spec that the API refuses: not sent again, and what exists is looked at all the same."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, made, ready
from fakes.lab import Lab

PROXY = SAMPLES["ModelProxy"]


async def refused(lab: Lab, key: ObjectKey) -> None:
    """Edit an object so that its update is refused."""
    fault = {
        "action": "Update.*",
        "effect": "error",
        "status": 400,
        "code": "ERR_VALIDATION_FAILED",
        "message": "description: not in this tone",
        "times": 1000,
    }
    lab.simulator.inject(Fault.model_validate(fault))
    lab.edit(key, description="refused")
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "InvalidParameter")
    lab.calls.take()


async def test_it_is_not_sent_again_and_says_so_calmly() -> None:
    lab, key = await ready(PROXY)
    await refused(lab, key)
    await lab.elapse(400)
    version = lab.get(key).resource_version
    lab.calls.take()
    await lab.elapse(600)
    calls = lab.calls.take()
    assert set(calls) == {"GetModelProxy"}
    assert len(calls) <= 22, "as seldom as anything else that is at rest"
    assert lab.get(key).resource_version == version
    assert lab.condition(key, "Stalled") == ("True", "InvalidParameter")
    assert lab.message(key).startswith("UpdateModelProxy: HTTP 400 ERR_VALIDATION_FAILED; ")


async def test_drift_of_what_is_there_is_still_seen() -> None:
    lab, key = await ready(PROXY)
    await refused(lab, key)
    lab.simulator.edit("ModelProxy", "it", {"executionRoleArn": "acs:ram::1001:role/another"})
    await lab.elapse(400)
    paths = {entry["path"] for entry in lab.get(key).status["drift"]}
    assert paths == {"description", "executionRoleArn"}
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert "UpdateModelProxy" not in lab.calls.names


async def test_its_end_is_still_seen_and_made_up_for_once() -> None:
    lab, key = await ready(PROXY)
    await refused(lab, key)
    lab.simulator.remove("ModelProxy", "it")
    await lab.elapse(400)
    assert lab.ready(key) == ("True", "Available"), "a create is another request"
    assert lab.calls.names.count("CreateModelProxy") == 1


async def test_somebody_may_bring_it_to_the_spec() -> None:
    lab, key = await ready(PROXY)
    await refused(lab, key)
    lab.simulator.edit("ModelProxy", "it", {"description": "refused"})
    await lab.elapse(400)
    assert lab.ready(key) == ("True", "Available")
    lab.simulator.clear_faults()
    lab.simulator.edit("ModelProxy", "it", {"description": "by hand"})
    await lab.elapse(100)
    assert lab.resources("ModelProxy")[0]["description"] == "refused", "corrected as ever"


@pytest.mark.parametrize("way", ["edit", "request"])
async def test_it_is_sent_again_when_asked(way: str) -> None:
    lab, key = await ready(PROXY)
    await refused(lab, key)
    await lab.elapse(400)
    lab.calls.take()
    if way == "edit":
        lab.edit(key, description="still refused")
    else:
        lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(400)
    assert lab.calls.names.count("UpdateModelProxy") == 1


async def test_a_refused_create_leaves_nothing_to_look_at() -> None:
    lab = Lab()
    await lab.ready_account()
    fault = {"action": "Create.*", "effect": "error", "status": 400, "code": "ERR", "times": 1000}
    lab.simulator.inject(Fault.model_validate(fault))
    key = lab.cluster.apply("ModelProxy", "it", PROXY.spec)
    await lab.elapse(400)
    assert lab.ready(key) == ("False", "InvalidParameter")
    lab.calls.take()
    await lab.elapse(2000)
    assert lab.calls.take() == []


async def test_a_failed_resource_in_use_says_by_whom_it_is_used() -> None:
    lab = Lab()
    await lab.ready_account()
    failed = {"action": "Create.*", "effect": "create-failed", "reason": "no model", "times": 1}
    lab.simulator.inject(Fault.model_validate(failed))
    key = lab.cluster.apply("ModelProxy", "it", PROXY.spec)
    await lab.elapse(60)
    in_use = {
        "action": "Delete.*",
        "effect": "error",
        "status": 409,
        "code": "ERR_CONFLICT",
        "message": "ModelProxy it is in use by Sandbox box",
        "times": 1000,
    }
    lab.simulator.inject(Fault.model_validate(in_use))
    lab.edit(key, description="second")
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "ProviderFailed")
    assert lab.condition(key, "Stalled") == ("True", "ProviderFailed")
    assert "CREATE_FAILED; cannot replace it: DeleteModelProxy" in lab.message(key)
    assert "it is deleted when nothing in AgentRun uses it any more" in lab.message(key)
    version = lab.get(key).resource_version
    lab.calls.take()
    await lab.elapse(1800)
    assert lab.calls.take().count("DeleteModelProxy") in range(5, 8), "slowly, and not for nothing"
    assert lab.get(key).resource_version == version
    lab.simulator.clear_faults()
    await lab.elapse(400)
    assert lab.ready(key) == ("True", "Available")
    assert [r["description"] for r in lab.resources("ModelProxy")] == ["second"]


async def test_a_write_below_a_parent_that_failed_waits_for_the_parent() -> None:
    lab, key = await ready(SAMPLES["AgentRuntimeEndpoint"])
    runtime = ObjectKey("AgentRuntime", "team-a", "base")
    failed = {"action": "Update.*", "effect": "update-failed", "reason": "no capacity", "times": 1}
    lab.simulator.inject(Fault.model_validate(failed))
    lab.edit(runtime, description="second")
    await lab.elapse(60)
    assert lab.ready(runtime) == ("False", "ProviderFailed")
    lab.edit(key, description="second")
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "DependencyNotReady")
    assert lab.condition(key, "ReferencesResolved") == ("False", "DependencyNotReady")
    assert "; see the conditions of AgentRuntime team-a/base" in lab.message(key)
    assert lab.message(key).endswith("AgentRun says: runtime must be in READY status")
    await lab.elapse(300)
    version = lab.get(key).resource_version
    lab.calls.take()
    await lab.elapse(1800)
    assert lab.calls.take().count("UpdateAgentRuntimeEndpoint") <= 8
    assert lab.get(key).resource_version == version
    lab.edit(runtime, description="third")
    await lab.elapse(20)
    assert lab.ready(runtime) == ("True", "Available")
    assert lab.ready(key) == ("True", "Available"), "its parent's recovery wakes it"
    assert made(lab, SAMPLES["AgentRuntimeEndpoint"])[0]["description"] == "second"


async def test_create_conflict_without_visible_resource_backs_off() -> None:
    lab = Lab()
    await lab.ready_account()
    taken = {
        "action": "Create.*",
        "effect": "error",
        "status": 409,
        "code": "ERR_CONFLICT",
        "message": "ModelProxy it already exists",
        "times": None,
    }
    lab.simulator.inject(Fault.model_validate(taken))
    key = lab.cluster.apply("ModelProxy", "it", PROXY.spec)
    await lab.elapse(1800)
    assert lab.ready(key) == ("False", "AlreadyExistsNotOwned")
    assert lab.message(key).startswith("CreateModelProxy: HTTP 409 ERR_CONFLICT; no look shows it")
    assert lab.calls.names.count("CreateModelProxy") <= 15
    lab.simulator.clear_faults()
    await lab.elapse(400)
    assert lab.ready(key) == ("True", "Available")
