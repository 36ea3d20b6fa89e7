"""An edit that comes while the cloud is at work is sent, whatever becomes of process and work."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import PROXY, RUNTIME, SAMPLES, cloud_key, made, ready
from fakes.lab import Lab

RUNTIMES = SAMPLES["AgentRuntime"]


async def edited_while_updating(effect: str = "", **policies: str) -> tuple[Lab, ObjectKey]:
    """Return a lab whose runtime is being updated, was edited since, and lost its operator."""
    lab, key = await ready(RUNTIMES, **policies)
    if effect:
        lab.simulator.inject(Fault.model_validate({"action": "Update.*", "effect": effect}))
    lab.edit(key, description="second")
    await lab.drain()
    assert lab.condition(key, "Synced") == ("True", "Updating"), "the edit was sent"
    lab.edit(key, description="third")
    await lab.drain()
    assert lab.condition(key, "Synced") == ("False", "Updating"), "this one was not"
    lab.restart()
    return lab, key


@pytest.mark.parametrize("policy", ["Correct", "Report", "Ignore"])
async def test_it_is_no_drift_to_the_next_process(policy: str) -> None:
    lab, key = await edited_while_updating(driftPolicy=policy)
    await lab.elapse(60)
    assert made(lab, RUNTIMES)[0]["description"] == "third"
    assert lab.ready(key) == ("True", "Available")
    assert lab.condition(key, "Synced") == ("True", "Available")


async def test_it_is_tried_after_the_update_before_it_failed() -> None:
    lab, key = await edited_while_updating("update-failed")
    await lab.elapse(60)
    assert made(lab, RUNTIMES)[0]["description"] == "third"
    assert lab.ready(key) == ("True", "Available")


@pytest.mark.parametrize(("policy", "text"), [("Correct", "third"), ("Ignore", "second")])
async def test_a_resource_adopted_in_transition_gets_the_spec(policy: str, text: str) -> None:
    lab, first = await ready(SAMPLES["ModelProxy"], deletionPolicy="Retain")
    lab.edit(first, description="second")
    await lab.drain()
    assert lab.ready(first) == ("False", "Updating")
    lab.cluster.delete(first)
    await lab.drain()
    spec = {**PROXY, "externalName": "it", "description": "third", "driftPolicy": policy}
    key = lab.cluster.apply("ModelProxy", "next", spec)
    await lab.drain()
    is_sent = lab.condition(key, "Synced") != ("False", "Updating")
    assert not (is_sent and policy == "Correct"), "nothing of it was sent"
    lab.restart()
    await lab.elapse(60)
    assert lab.get(key).status["adopted"] is True
    assert made(lab, SAMPLES["ModelProxy"])[0]["description"] == text
    assert lab.ready(key) == ("True", "Available")


async def test_an_update_ends_the_wait_for_the_create() -> None:
    lab = Lab()
    await lab.ready_account()
    key = lab.cluster.apply("AgentRuntime", "it", RUNTIME)
    await lab.drain()
    lab.edit(key, description="second")
    for _ in range(40):
        await lab.elapse(0.5)
        if "UpdateAgentRuntime" in lab.calls.names:
            break
    assert lab.ready(key) == ("False", "Updating")
    assert lab.get(key).status.get("creation") is None
    before = len(lab.cluster.events)
    await lab.elapse(60)
    told = [e.reason for e in lab.cluster.events[before:] if e.key == key]
    assert "Creating" not in told
    assert lab.ready(key) == ("True", "Available")


async def test_a_request_lets_a_field_be_cleared_once_more() -> None:
    lab, key = await ready(RUNTIMES)
    lab.edit(key, description=None)
    await lab.drain()
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": "console"})
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "CannotClear")
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available")
    assert not made(lab, RUNTIMES)[0].get("description")
