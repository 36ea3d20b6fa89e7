"""Drift and what the policies make of it; fields that leave the spec; values no read returns.

Of each kind and field: `tests/drift`. Of edits: `test_report_sends_only_edits.py`.
"""

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import PROXY, RUNTIME, SAMPLES, SECRET_VALUE, cloud_key, made, ready, updates
from fakes.lab import Lab

RUNTIMES = SAMPLES["AgentRuntime"]


async def drifted(changes: dict[str, object], **spec: object) -> tuple[Lab, ObjectKey]:
    """Return a lab in which somebody changed the runtime in the console a while ago."""
    lab, key = await ready(RUNTIMES, **spec)
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), changes)
    await lab.elapse(70)
    return lab, key


async def test_drift_is_corrected() -> None:
    lab, key = await drifted({"description": "console"})
    assert made(lab, RUNTIMES)[0]["description"] == "first"
    assert lab.ready(key) == ("True", "Available")
    assert updates(lab) == 1
    assert lab.get(key).status.get("drift") is None
    told = [e for e in lab.cluster.events if e.key == key and e.reason == "DriftCorrected"]
    assert len(told) == 1
    assert "description" in told[0].message


async def test_reported_drift_that_heals_is_forgotten() -> None:
    lab, key = await drifted({"description": "console"}, driftPolicy="Report")
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": "first"})
    await lab.elapse(70)
    assert lab.ready(key) == ("True", "Available")
    assert lab.get(key).status.get("drift") is None


async def test_drift_is_seen_after_a_refusal_that_was_overcome() -> None:
    lab, key = await ready(RUNTIMES)
    refusal = {"action": "Update.*", "effect": "error", "status": 400, "code": "ERR_BAD_REQUEST"}
    lab.simulator.inject(Fault.model_validate(refusal))
    lab.edit(key, description="second")
    await lab.elapse(10)
    assert lab.ready(key) == ("False", "InvalidParameter")
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(10)
    assert lab.ready(key) == ("True", "Available")
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": "console"})
    await lab.elapse(70)
    assert made(lab, RUNTIMES)[0]["description"] == "second"


async def test_immutable_drift_stalls() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.simulator.edit("ModelProxy", "it", {"proxyMode": "multi"})
    await lab.elapse(70)
    assert lab.ready(key) == ("False", "ImmutableFieldChanged")
    assert lab.condition(key, "Stalled") == ("True", "ImmutableFieldChanged")
    assert "mode" in lab.message(key)
    assert updates(lab) == 0
    lab.simulator.edit("ModelProxy", "it", {"proxyMode": "single"})
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(5)
    assert lab.ready(key) == ("True", "Available")


async def test_secret_drift_shows_no_value() -> None:
    spec = {
        "driftPolicy": "Report",
        "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}],
    }
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, **spec})
    await lab.elapse(10)
    lab.simulator.edit(
        "AgentRuntime", cloud_key(lab, key), {"environmentVariables": {"KEY": "stolen-canary"}}
    )
    await lab.elapse(70)
    assert lab.ready(key) == ("False", "DriftDetected")
    shown = str(lab.cluster.raw(key)) + str(lab.cluster.events)
    assert "stolen-canary" not in shown
    assert SECRET_VALUE not in shown


# ------------------------------------------------ fields that leave


async def test_a_field_that_leaves_the_spec_is_cleared() -> None:
    lab, key = await ready(RUNTIMES)
    assert "description" in lab.get(key).status["applied"]
    lab.edit(key, description=None)
    await lab.elapse(10)
    assert not made(lab, RUNTIMES)[0].get("description")
    assert lab.ready(key) == ("True", "Available")
    assert "description" not in lab.get(key).status["applied"]
    assert updates(lab) == 1


async def test_what_was_never_in_the_spec_is_left_alone() -> None:
    lab, key = await drifted({"credentialName": "console"})
    assert made(lab, RUNTIMES)[0]["credentialName"] == "console"
    assert updates(lab) == 0
    assert lab.ready(key) == ("True", "Available")


async def test_what_the_api_keeps_is_cleared_once() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"], policies={"numRetries": 3})
    # A server that merges keeps what an update leaves out.
    lab.simulator.configure({"switches": {"nestedPut": "merge"}})
    lab.edit(key, policies=None)
    await lab.elapse(400)
    assert lab.ready(key) in {("False", "CannotClear"), ("True", "Available")}
    assert updates(lab) <= 1 + (lab.ready(key) == ("True", "Available"))
    lab.calls.take()
    await lab.elapse(900)
    assert updates(lab) == 0, "one attempt per generation"


# ------------------------------------------------ what no read returns


async def test_a_rotated_readable_secret_is_sent() -> None:
    lab, key = await ready(SAMPLES["Credential"])
    lab.cluster.put_secret("keys", {"token": "rotated"})
    await lab.elapse(5)
    assert "rotated" in str(lab.resources("Credential"))
    assert updates(lab) == 1
    assert lab.ready(key) == ("True", "Available")


async def test_a_rotated_write_only_secret_is_sent_once() -> None:
    lab, key = await ready(SAMPLES["ModelService"])
    assert updates(lab) == 0
    lab.cluster.put_secret("keys", {"token": "rotated"})
    await lab.elapse(300)
    assert updates(lab) == 1
    assert "rotated" in str(lab.resources("ModelService"))
    assert lab.ready(key) == ("True", "Available")


async def test_a_touched_secret_of_the_same_value_is_not_sent() -> None:
    lab, _ = await ready(SAMPLES["ModelService"])
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    await lab.elapse(300)
    assert updates(lab) == 0


@pytest.mark.parametrize("policy", ["Correct", "Report", "Ignore"])
async def test_a_rotation_while_we_were_down_is_sent(policy: str) -> None:
    lab, key = await ready(SAMPLES["ModelService"], driftPolicy=policy)
    lab.cluster.reference_changed = lambda *_where: None
    lab.cluster.put_secret("keys", {"token": "rotated"})
    lab.restart()
    await lab.elapse(120)
    assert "rotated" in str(lab.resources("ModelService"))
    assert updates(lab) == 1
    assert lab.ready(key) == ("True", "Available")


async def test_a_restart_right_after_the_create_sends_nothing_twice() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    lab.simulator.inject(
        Fault.model_validate({"action": "CreateModelProxy", "effect": "slow", "seconds": 20})
    )
    license_key = {"secretKeyRef": {"name": "keys", "key": "token"}}
    spec = {**PROXY, "arms": {"enabled": True, "licenseKeyFrom": license_key}}
    key = lab.cluster.apply("ModelProxy", "it", spec)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "Creating")
    lab.restart()
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available")
    assert updates(lab) == 0


async def test_an_edit_beside_a_write_only_value_sends_it_not_again() -> None:
    lab, key = await ready(SAMPLES["ModelService"])
    lab.edit(key, driftPolicy="Report")
    await lab.elapse(10)
    assert updates(lab) == 0
    assert lab.get(key).observed_generation == 2


async def test_an_empty_secret_key_is_told() -> None:
    lab, key = await ready(SAMPLES["Credential"])
    lab.cluster.put_secret("keys", {"other": "x"})
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "ReferenceNotFound")
    assert len(made(lab, SAMPLES["Credential"])) == 1


# ------------------------------------------------ ineffective updates


def undo(lab: Lab, key: ObjectKey) -> None:
    """Let the cloud take every update and answer the old value all the same."""

    def forget(name: str) -> None:
        if name == "UpdateAgentRuntime":
            lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": "fixed"})

    lab.calls.after = forget


@pytest.mark.parametrize("how", ["drift", "edit"])
async def test_an_update_that_changes_nothing_is_not_sent_for_ever(how: str) -> None:
    lab, key = await ready(RUNTIMES)
    undo(lab, key)
    if how == "drift":
        lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": "fixed"})
    else:
        lab.edit(key, description="second")
    await lab.elapse(4000)
    assert lab.ready(key) == ("False", "UnexpectedEcho")
    assert lab.condition(key, "Stalled") == ("True", "UnexpectedEcho")
    assert "description" in lab.message(key)
    assert updates(lab) <= 3
    before = updates(lab)
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(100)
    assert 1 <= updates(lab) - before <= 2, "a token asks for another try"
    lab.calls.after = lambda _name: None
    lab.annotate(key, reconcile_requested_at="again")
    await lab.elapse(100)
    assert lab.ready(key) == ("True", "Available")
