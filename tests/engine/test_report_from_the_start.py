"""Under Report and Ignore: what a create sends, and that an adoption sends nothing."""

from collections.abc import Mapping
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import RUNTIME, SAMPLES, cloud_key, lab_for, made, ready
from engine.test_report_sends_only_edits import RUNTIMES, drifted, each_policy, is_told, sent
from fakes.lab import Lab
from fakes.wakes import WAKES

# ------------------------------------------------ creation


@each_policy
@pytest.mark.parametrize("restarts", ["lives", "restarts"])
@pytest.mark.parametrize("kind", ["AgentRuntime", "ModelService"])
async def test_an_edit_after_a_create_whose_answer_was_lost_is_sent(
    kind: str, restarts: str, policy: str
) -> None:
    sample = SAMPLES[kind]
    lab = await lab_for(sample)
    lost = {"action": f"Create{kind}", "effect": "drop-after", "times": 1}
    lab.simulator.inject(Fault.model_validate(lost))
    spec = {**sample.spec, "description": "first", "driftPolicy": policy}
    key = lab.cluster.apply(kind, "it", spec)
    await lab.drain()
    assert lab.get(key).external_id is None
    lab.edit(key, description="second")
    if restarts == "restarts":
        lab.restart()
    await lab.elapse(200)
    (resource,) = made(lab, sample)
    assert resource["description"] == "second"
    assert [set(body) - {"cpu"} for body in sent(lab)] == [{"description"}]
    assert lab.ready(key) == ("True", "Available")


@each_policy
async def test_a_resource_that_vanished_is_made_of_the_whole_spec(policy: str) -> None:
    lab, key = await drifted(RUNTIMES, {"memory": 8192}, driftPolicy=policy)
    await lab.elapse(70)
    lab.simulator.remove("AgentRuntime", cloud_key(lab, key))
    await lab.elapse(200)
    (resource,) = made(lab, RUNTIMES)
    assert resource["memory"] == 4096
    assert lab.ready(key) == ("True", "Available")
    assert sent(lab) == []


# ------------------------------------------------ adoption


ADOPTING = {k: v for k, v in RUNTIME.items() if k not in ("description", "port")}


async def adopted(kind: str, spec: Mapping[str, Any], **more: Any) -> tuple[Lab, ObjectKey]:
    """Return a lab in which an object found a resource that was there before."""
    sample = SAMPLES[kind]
    lab, first = await ready(sample, deletionPolicy="Retain")
    lab.simulator.edit(sample.family, cloud_key(lab, first), {"systemTags": []})
    lab.cluster.delete(first)
    await lab.drain()
    policies = {"externalName": "it", "adoptionPolicy": "Adopt"}
    key = lab.cluster.apply(kind, "next", {**spec, **policies, **more})
    await lab.elapse(90)
    assert lab.get(key).status["adopted"] is True
    return lab, key


@each_policy
async def test_an_adoption_sends_nothing(policy: str) -> None:
    lab, key = await adopted("AgentRuntime", {**ADOPTING, "cpu": "4"}, driftPolicy=policy)
    assert sent(lab) == []
    is_told(lab, key, policy, "cpu")
    await WAKES["recovered_keys"](lab, key)
    await WAKES["restart"](lab, key)
    assert sent(lab) == []
    lab.edit(key, cpu="8")
    await lab.elapse(90)
    (body,) = sent(lab)
    assert body["cpu"] == 8.0
    assert set(body) <= {"cpu", "systemTags"}


@each_policy
@pytest.mark.parametrize("kind", ["ModelService", "Credential"])
async def test_an_adoption_sends_no_secret_either(kind: str, policy: str) -> None:
    spec = {**SAMPLES[kind].spec, "description": "second"}
    lab, key = await adopted(kind, spec, driftPolicy=policy)
    lab.restart()
    await lab.elapse(90)
    assert sent(lab) == []
    lab.cluster.put_secret("keys", {"token": "canary-rotated"})
    await lab.elapse(90)
    assert len(sent(lab)) == 1
    assert "canary-rotated" in str(lab.resources(SAMPLES[kind].family))
    lab.edit(key, driftPolicy="Correct")
    await lab.elapse(90)
    assert made(lab, SAMPLES[kind])[0]["description"] == "second"


async def test_correct_sends_after_an_adoption_what_report_kept_back() -> None:
    lab, key = await adopted("ModelService", SAMPLES["ModelService"].spec, driftPolicy="Report")
    lab.cluster.put_secret("other", {"token": "canary-other"})
    await lab.elapse(10)
    assert sent(lab) == []
    lab.edit(key, driftPolicy="Correct")
    await lab.elapse(90)
    assert len(sent(lab)) == 1, "the key of the spec, of which nobody knows whether it is there"


async def test_under_correct_an_adoption_sends_what_was_written() -> None:
    spec = {"container": {"image": "registry.example.com/fleet:v3"}}
    lab, key = await adopted("AgentRuntime", spec)
    (body,) = sent(lab)
    assert set(body) == {"containerConfiguration", "cpu", "systemTags"}
    assert body["cpu"] == 2.0, "as it stands there"
    assert lab.ready(key) == ("True", "Available")
