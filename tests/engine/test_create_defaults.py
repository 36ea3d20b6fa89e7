"""What a create must carry and the user did not write: sent with the POST, and never again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, Sample, cloud_key, lab_for, made, ready
from fakes.lab import Lab

BARE: Mapping[str, Mapping[str, Any]] = {
    "AgentRuntime": {"container": {"image": "registry.example.com/agent:v1"}},
    "SandboxTemplate": {"type": "CodeInterpreter"},
    "ModelProxy": {k: v for k, v in SAMPLES["ModelProxy"].spec.items() if k != "description"},
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "AgentRuntime": {
        "cpu": 2.0,
        "memory": 4096,
        "port": 9000,
        "networkConfiguration": {"networkMode": "PUBLIC"},
    },
    "SandboxTemplate": {
        "cpu": 2.0,
        "memory": 4096,
        "networkConfiguration": {"networkMode": "PUBLIC"},
    },
    "ModelProxy": {"cpu": 2.0, "memory": 4096},
}
OTHERS = {"cpu": 1.0, "memory": 2048}
each_kind = pytest.mark.parametrize("kind", BARE)


def bare(kind: str) -> Sample:
    sample = SAMPLES[kind]
    return replace(sample, spec=BARE[kind])


def bodies(lab: Lab) -> list[dict[str, Any]]:
    """Return the bodies of all updates."""
    return [r["body"] for r in lab.simulator.requests() if r["action"].startswith("Update")]


@each_kind
async def test_a_create_carries_them_and_nobody_wrote_them(kind: str) -> None:
    lab, key = await ready(bare(kind))
    (resource,) = made(lab, bare(kind))
    assert {api: resource[api] for api in DEFAULTS[kind]} == DEFAULTS[kind]
    assert not set(lab.get(key).status["applied"]) & {"cpu", "memory", "port", "network.mode"}


@pytest.mark.parametrize("kind", ["AgentRuntime", "SandboxTemplate"])
async def test_another_value_in_the_cloud_is_no_drift(kind: str) -> None:
    lab, key = await ready(bare(kind))
    lab.simulator.edit(bare(kind).family, cloud_key(lab, key), OTHERS)
    await lab.elapse(130)
    assert bodies(lab) == []
    assert lab.ready(key) == ("True", "Available")


async def test_what_every_update_must_repeat_is_what_stands_there() -> None:
    sample = bare("AgentRuntime")
    lab, key = await ready(sample)
    lab.simulator.edit(sample.family, cloud_key(lab, key), OTHERS)
    lab.edit(key, description="edited")
    await lab.elapse(20)
    assert bodies(lab) == [{"description": "edited", "cpu": 1.0}]


@pytest.mark.parametrize("restarts", [False, True])
@each_kind
async def test_a_create_whose_answer_was_lost_is_known_by_them(
    kind: str,
    restarts: bool,  # noqa: FBT001 - a row of a table
) -> None:
    sample = bare(kind)
    lab = await lab_for(sample)
    lost = {"action": "Create.*", "effect": "drop-after", "times": 1}
    lab.simulator.inject(Fault.model_validate(lost))
    key = lab.cluster.apply(kind, "it", sample.spec)
    await lab.elapse(2)
    if restarts:
        lab.restart()
    await lab.elapse(120)
    assert lab.ready(key) == ("True", "Available")
    assert lab.get(key).status["adopted"] is False
    assert len(made(lab, sample)) == 1


@each_kind
async def test_an_adopted_resource_keeps_what_the_user_did_not_write(kind: str) -> None:
    sample = bare(kind)
    lab, key = await ready(sample)
    lab.simulator.edit(sample.family, cloud_key(lab, key), {**OTHERS, "systemTags": []})
    lab.edit(key, deletionPolicy="Retain")
    lab.cluster.delete(key)
    await lab.elapse(20)
    other = lab.cluster.apply(kind, "other", {**sample.spec, "externalName": "it"})
    await lab.elapse(60)
    assert lab.ready(other)[0] == "True", lab.message(other)
    assert lab.get(other).status["adopted"] is True
    assert bodies(lab) == []
    assert {api: made(lab, sample)[0][api] for api in OTHERS} == OTHERS


async def test_a_value_that_leaves_the_spec_stays_as_it_is() -> None:
    sample = SAMPLES["AgentRuntime"]
    lab, key = await ready(sample, cpu="4")
    lab.edit(key, cpu=None, memory=None, port=None)
    await lab.elapse(130)
    assert bodies(lab) == []
    assert made(lab, sample)[0]["cpu"] == 4.0
    assert lab.ready(key) == ("True", "Available")


async def test_a_network_that_leaves_the_spec_is_public_again() -> None:
    sample = SAMPLES["AgentRuntime"]
    lab, key = await ready(sample, network={"mode": "Private", "vpcId": "vpc-1"})
    lab.edit(key, network=None)
    await lab.elapse(20)
    (body,) = bodies(lab)
    assert body["networkConfiguration"]["networkMode"] == "PUBLIC"
    assert lab.ready(key) == ("True", "Available")


async def test_the_header_of_an_adopted_credential_stays() -> None:
    sample = SAMPLES["Credential"]
    lab = await lab_for(sample)
    key = lab.cluster.apply("Credential", "it", {**sample.spec, "deletionPolicy": "Retain"})
    await lab.elapse(10)
    lab.cluster.delete(key)
    await lab.elapse(10)
    spec = {k: v for k, v in sample.spec["apiKey"].items() if k != "headerName"}
    adopting = {**sample.spec, "apiKey": spec, "adoptionPolicy": "Adopt", "externalName": "it"}
    other = lab.cluster.apply("Credential", "other", adopting)
    await lab.elapse(30)
    assert lab.ready(other) == ("True", "Available")
    assert bodies(lab) == []
    assert made(lab, sample)[0]["credentialPublicConfig"]["headerKey"] == "X-API-Key"


async def test_a_header_that_leaves_the_spec_is_the_usual_one_again() -> None:
    sample = SAMPLES["Credential"]
    lab, key = await ready(sample)
    key_only = {k: v for k, v in sample.spec["apiKey"].items() if k != "headerName"}
    lab.edit(key, apiKey=key_only)
    await lab.elapse(20)
    assert made(lab, sample)[0]["credentialPublicConfig"]["headerKey"] == "Authorization"
    assert lab.ready(key) == ("True", "Available")
    assert len(bodies(lab)) == 1
