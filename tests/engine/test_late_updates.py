"""The answer of an update is lost; carried out late, it undoes a newer one."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, made, ready, updates
from engine.test_write_only import ARMS, sent
from fakes.lab import Lab

LATE = 14.0
"""Seconds until the lost update is carried out, well within the window."""


def lose_next(lab: Lab, action: str = "Update.*") -> None:
    fault = {"action": action, "effect": "drop-late", "times": 1, "seconds": LATE}
    lab.simulator.inject(Fault.model_validate(fault))


def rotate(lab: Lab, value: str) -> None:
    lab.cluster.put_secret("keys", {"token": value})


def stands(lab: Lab) -> Any:
    return made(lab, SAMPLES["ModelService"])[0]["providerSettings"]["apiKey"]


async def at_rest(lab: Lab, key: ObjectKey) -> None:
    """The object is Ready, and nothing is sent any more."""
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    lab.calls.take()
    await lab.elapse(300)
    assert updates(lab) == 0


@pytest.mark.parametrize("policy", ["Correct", "Report", "Ignore"])
async def test_the_newer_key_is_sent_once_more(policy: str) -> None:
    lab, key = await ready(SAMPLES["ModelService"], driftPolicy=policy)
    lose_next(lab)
    rotate(lab, "canary-2")
    await lab.elapse(5)
    rotate(lab, "canary-3")
    await lab.elapse(5)
    assert stands(lab) == "canary-3"
    await lab.elapse(10)
    assert stands(lab) == "canary-2", "the late one was carried out"
    await lab.elapse(60)
    assert stands(lab) == "canary-3"
    assert updates(lab) == 4, "lost, repeated, newer, and that once more"
    await at_rest(lab, key)


async def test_a_late_repeat_of_the_desired_state_is_not_sent_again() -> None:
    lab, key = await ready(SAMPLES["ModelService"])
    lose_next(lab)
    rotate(lab, "canary-2")
    await lab.elapse(100)
    assert updates(lab) == 2
    assert stands(lab) == "canary-2"
    await at_rest(lab, key)


async def test_back_and_forth_within_the_window() -> None:
    lab, key = await ready(SAMPLES["ModelService"])
    for value in ("canary-2", "canary-3", "canary-2"):
        lose_next(lab)
        rotate(lab, value)
        await lab.elapse(5)
    await lab.elapse(100)
    assert stands(lab) == "canary-2"
    await at_rest(lab, key)


async def test_the_next_try_is_lost_as_well() -> None:
    lab, key = await ready(SAMPLES["ModelService"])
    lose_next(lab)
    rotate(lab, "canary-2")
    await lab.elapse(5)
    rotate(lab, "canary-3")
    await lab.elapse(5)
    lab.simulator.inject(
        Fault.model_validate({"action": "Update.*", "effect": "drop-before", "times": 2})
    )
    await lab.elapse(150)
    assert stands(lab) == "canary-3"
    await at_rest(lab, key)


async def test_what_left_the_spec_is_cleared_once_more() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    rotate(lab, "canary")
    lose_next(lab)
    lab.edit(key, arms=ARMS)
    await lab.elapse(5)
    lab.edit(key, arms=None)
    await lab.elapse(5)
    assert len(sent(lab)) == 3, "lost, repeated, cleared"
    await lab.elapse(100)
    assert len(sent(lab)) == 4
    assert sent(lab)[-1] == sent(lab)[-2]
    await at_rest(lab, key)


async def test_what_came_back_is_sent_once_more_after_a_late_clearing() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    rotate(lab, "canary")
    lab.edit(key, arms=ARMS)
    await lab.elapse(100)
    lose_next(lab)
    lab.edit(key, arms=None)
    await lab.elapse(5)
    lab.edit(key, arms=ARMS)
    await lab.elapse(100)
    assert sent(lab)[-1]["armsConfiguration"]["enableArms"] is True
    assert len(sent(lab)) == 5, "set; lost, repeated; set again, and once more"
    await at_rest(lab, key)


@pytest.mark.parametrize("kind", ["AgentRuntime", "ModelProxy", "AgentRuntimeEndpoint"])
async def test_what_a_read_shows_is_corrected_after_the_window(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    lose_next(lab)
    lab.edit(key, description="second")
    await lab.elapse(5)
    lab.edit(key, description="third")
    await lab.elapse(80)
    assert made(lab, SAMPLES[kind])[0]["description"] == "third"
    await at_rest(lab, key)


@pytest.mark.parametrize("kind", ["AgentRuntime", "ModelProxy", "AgentRuntimeEndpoint"])
async def test_what_went_meanwhile_is_cleared_once_more(kind: str) -> None:
    """A look confirmed the clearing before the late update brought the value back."""
    lab, key = await ready(SAMPLES[kind], description="first")
    lose_next(lab)
    lab.edit(key, description="second")
    await lab.elapse(5)
    lab.edit(key, description=None)
    await lab.elapse(5)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert not made(lab, SAMPLES[kind])[0].get("description")
    await lab.elapse(10)
    assert made(lab, SAMPLES[kind])[0]["description"] == "second", "the late one was carried out"
    await lab.elapse(60)
    assert not made(lab, SAMPLES[kind])[0].get("description")
    await at_rest(lab, key)


async def test_a_late_value_that_left_the_spec_is_told_under_report() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"], description="first", driftPolicy="Report")
    lose_next(lab)
    lab.edit(key, description="second")
    await lab.elapse(5)
    lab.edit(key, description=None)
    await lab.elapse(100)
    assert [d["path"] for d in lab.get(key).status["drift"]] == ["description"]
    await lab.elapse(600)
    assert [d["path"] for d in lab.get(key).status["drift"]] == ["description"]


async def test_a_late_verb_is_corrected_after_the_window() -> None:
    lab, key = await ready(SAMPLES["Sandbox"], idleTimeoutSeconds=20_000)
    lose_next(lab, "PauseSandbox")
    lab.edit(key, desiredState="Paused")
    await lab.elapse(5)
    lab.edit(key, desiredState="Running")
    await lab.elapse(80)
    assert [r["status"] for r in made(lab, SAMPLES["Sandbox"])] == ["READY"]
    assert lab.ready(key) == ("True", "Available")


async def test_a_runtime_is_not_restarted_over_it() -> None:
    """What it carries a read shows, but for its pull secret, and that did not change."""
    lab, key = await ready(SAMPLES["AgentRuntime"])
    lose_next(lab)
    lab.edit(key, container={"image": "registry.example.com/agent:v1", "command": ["serve"]})
    await lab.elapse(5)
    lab.edit(key, description="third")
    lab.calls.take()
    await lab.elapse(120)
    assert updates(lab) == 1
    await at_rest(lab, key)
