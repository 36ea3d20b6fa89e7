"""Under Report and Ignore: what follows an update that is under way, or that the cloud gave up."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, Sample, cloud_key, made, ready
from fakes.lab import Lab

each_policy = pytest.mark.parametrize("policy", ["Report", "Ignore"])
restarts = pytest.mark.parametrize("restarted", [False, True], ids=["lives", "restarts"])
PROXIES, RUNTIMES = SAMPLES["ModelProxy"], SAMPLES["AgentRuntime"]


def sent(lab: Lab) -> list[Any]:
    """Return the bodies of all updates."""
    return [r["body"] for r in lab.cloud_writes() if r["action"].startswith("Update")]


async def failed(lab: Lab, key: ObjectKey, **changes: Any) -> None:
    """Edit an object, and let the cloud give the update up."""
    fault = {"action": "Update.*", "effect": "update-failed", "times": 1}
    lab.simulator.inject(Fault.model_validate(fault))
    lab.edit(key, **changes)
    await lab.elapse(120)
    assert lab.ready(key) == ("False", "ProviderFailed"), lab.message(key)
    assert "reconcile-requested-at" in lab.message(key)


async def asked(lab: Lab, key: ObjectKey) -> None:
    lab.annotate(key, reconcile_requested_at="again")
    await lab.elapse(120)


@each_policy
@restarts
async def test_a_failed_update_is_repeated_when_asked(policy: str, *, restarted: bool) -> None:
    lab, key = await ready(PROXIES, driftPolicy=policy)
    await failed(lab, key, description="second")
    if restarted:
        lab.restart()
    await lab.elapse(600)
    assert len(sent(lab)) == 1, "not unasked"
    await asked(lab, key)
    assert sent(lab) == [{"description": "second"}] * 2
    assert lab.ready(key) == ("True", "Available"), lab.message(key)


@each_policy
@restarts
async def test_an_edit_undone_after_its_update_failed_is_sent(
    policy: str, *, restarted: bool
) -> None:
    lab, key = await ready(RUNTIMES, driftPolicy=policy, description="first")
    await failed(lab, key, description="second")
    # A cloud may show the new values although it gave the update up.
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": "second"})
    if restarted:
        lab.restart()
        await lab.elapse(60)
    lab.edit(key, description="first")
    await lab.elapse(120)
    assert sent(lab) == [{"description": d, "cpu": 2.0} for d in ("second", "first")]
    assert lab.ready(key) == ("True", "Available"), lab.message(key)


@each_policy
@restarts
async def test_an_edit_undone_while_its_update_runs_is_sent(
    policy: str, *, restarted: bool
) -> None:
    lab, key = await ready(PROXIES, driftPolicy=policy, description="first")
    lab.edit(key, description="second")
    await lab.elapse(1)
    assert lab.ready(key) == ("False", "Updating"), lab.message(key)
    if restarted:
        lab.restart()
    lab.edit(key, description="first")
    await lab.elapse(120)
    assert [body["description"] for body in sent(lab)] == ["second", "first"]
    assert lab.ready(key) == ("True", "Available"), lab.message(key)


@each_policy
@restarts
async def test_a_field_removed_while_its_update_runs_is_cleared(
    policy: str, *, restarted: bool
) -> None:
    lab, key = await ready(RUNTIMES, driftPolicy=policy)
    lab.edit(key, description=None)
    await lab.elapse(60)
    lab.edit(key, description="second")
    await lab.elapse(1)
    if restarted:
        lab.restart()
    lab.edit(key, description=None)
    await lab.elapse(120)
    (resource,) = made(lab, RUNTIMES)
    assert not resource.get("description")
    assert lab.ready(key) == ("True", "Available"), lab.message(key)


@each_policy
@restarts
@pytest.mark.parametrize("sample", [PROXIES, RUNTIMES], ids=["ModelProxy", "AgentRuntime"])
async def test_a_failed_update_is_repeated_without_a_change(
    sample: Sample, policy: str, *, restarted: bool
) -> None:
    lab, key = await ready(sample, driftPolicy="Correct", description="first")
    await failed(lab, key, description="second")
    seen = {"description": "console", "memory": 8192}
    lab.simulator.edit(sample.family, cloud_key(lab, key), seen)
    lab.edit(key, driftPolicy=policy)
    await lab.elapse(60)
    if restarted:
        lab.restart()
        await lab.elapse(60)
    assert len(sent(lab)) == 1, "not unasked"
    await asked(lab, key)
    (resource,) = made(lab, sample)
    assert seen.items() <= resource.items(), "nothing of it was edited under this policy"
    assert len(sent(lab)) == 2
    told = ("False", "DriftDetected") if policy == "Report" else ("True", "Available")
    assert lab.ready(key) == told, lab.message(key)
