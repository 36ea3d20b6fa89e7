"""The answer of an update is lost; carried out late, it undoes a newer one."""

from typing import Any

import pytest

from agentrun_operator.core.identity import Locator, ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, Sample, made, ready, updates
from engine.test_write_only import ARMS, sent
from fakes.lab import Lab
from fakes.rests import rest_of

PROXY = SAMPLES["ModelProxy"]
LATE = 14.0
"""Seconds until the lost update is carried out, well within the window."""


def lose_next(lab: Lab, action: str = "Update.*") -> None:
    inject(lab, action=action, effect="drop-late", seconds=LATE)


def inject(lab: Lab, **fault: Any) -> None:
    lab.simulator.inject(Fault.model_validate({"action": "Update.*", "times": 1, **fault}))


def described(lab: Lab, sample: Sample = PROXY) -> Any:
    return made(lab, sample)[0].get("description")


async def came_back(
    started: tuple[Lab, ObjectKey], sample: Sample = PROXY
) -> tuple[Lab, ObjectKey]:
    """Have a lost update of the description, a confirmed clearing, and then that update."""
    lab, key = started
    lose_next(lab)
    lab.edit(key, description="second")
    await lab.elapse(5)
    lab.edit(key, description=None)
    await lab.elapse(5)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert not described(lab, sample)
    await lab.elapse(10)
    assert described(lab, sample) == "second", "the late one was carried out"
    return lab, key


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
    sample = SAMPLES[kind]
    lab, key = await came_back(await ready(sample, description="first"), sample)
    await lab.elapse(60)
    assert not described(lab, sample)
    await at_rest(lab, key)


async def test_what_only_the_lost_update_set_is_cleared() -> None:
    lab, key = await ready(PROXY, description=None)
    lose_next(lab)
    lab.edit(key, description="second")
    await lab.drain()
    lab.edit(key, description=None)
    await lab.elapse(LATE + 1)
    assert described(lab) == "second"
    await lab.elapse(60)
    assert not described(lab)
    await at_rest(lab, key)


async def test_what_a_lost_answer_set_at_once_is_cleared() -> None:
    lab, key = await ready(PROXY, description=None)
    inject(lab, effect="drop-after")
    lab.edit(key, description="second")
    await lab.drain()
    assert described(lab) == "second"
    lab.edit(key, description=None)
    await lab.elapse(100)
    assert not described(lab)
    await at_rest(lab, key)


@pytest.mark.parametrize("fault", [{"effect": "error", "status": 503}, {"effect": "drop-before"}])
async def test_a_failure_of_the_clearing_is_not_the_end_of_it(fault: dict[str, Any]) -> None:
    lab, key = await came_back(await ready(PROXY, description="first"))
    inject(lab, **fault)
    await lab.elapse(300)
    assert not described(lab)
    await at_rest(lab, key)


async def test_a_look_before_the_end_of_the_window_clears() -> None:
    """It has no reason to say that AgentRun keeps the value."""
    lab, key = await ready(PROXY, description="first")
    lab.annotate(key, poll_interval="10")
    await came_back((lab, key))
    await lab.elapse(12)
    assert not described(lab)
    await lab.elapse(100)
    assert "CannotClear" not in [event.reason for event in lab.cluster.events]
    await at_rest(lab, key)


async def test_what_the_lost_update_did_not_carry_stays_somebody_elses() -> None:
    lab, key = await ready(PROXY, description="first")
    inject(lab, effect="drop-before")
    lab.edit(key, executionRoleArn="acs:ram::1001:role/other")
    await lab.elapse(5)
    lab.edit(key, description=None)
    await lab.elapse(5)
    where = Locator(made(lab, PROXY)[0]["modelProxyName"], None)
    await lab.outsider().update(rest_of("ModelProxy"), where, {"description": "by hand"})
    await lab.elapse(300)
    assert described(lab) == "by hand"
    await at_rest(lab, key)


@pytest.mark.parametrize(
    ("policy", "reason"), [("Report", "DriftDetected"), ("Ignore", "Available")]
)
async def test_what_comes_back_is_drift_under_other_policies(policy: str, reason: str) -> None:
    lab, key = await came_back(await ready(PROXY, description="first", driftPolicy=policy))
    await lab.elapse(600)
    assert lab.ready(key)[1] == reason, lab.message(key)
    assert described(lab) == "second"
    lab.edit(key, driftPolicy="Correct")
    await lab.elapse(30)
    assert not described(lab)


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
