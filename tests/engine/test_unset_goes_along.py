"""What the spec does not set, inside of what it does set: an update carries it as it stands."""

from collections.abc import Mapping
from typing import Any

import pytest

from engine.specs import SAMPLES, cloud_key, made, ready

BEFORE = {"ModelService": {"providerSettings": {"baseUrl": "https://dashscope.example/v1"}}}
TABLE = [
    pytest.param(
        "ModelService",
        {"providerSettings": {"modelNames": ["a", "b"]}},
        {"providerSettings": {"baseUrl": "https://other.example/v1"}},
        {"providerSettings": {"modelNames": ["a", "b"], "baseUrl": "https://other.example/v1"}},
        id="names-beside-an-address",
    ),
    pytest.param(
        "AgentRuntime",
        {"networkConfiguration": {"networkMode": "PRIVATE", "vpcId": "vpc-1", "vswitchIds": ["v"]}},
        {"network": {"securityGroupId": "sg-1"}},
        {
            "networkConfiguration": {
                "networkMode": "PRIVATE",
                "vpcId": "vpc-1",
                "vswitchIds": ["v"],
                "securityGroupId": "sg-1",
            }
        },
        id="a-network-beside-its-group",
    ),
    pytest.param(
        "SandboxTemplate",
        {"templateConfiguration": {"theirs": {"a": 1}, "shared": {"b": 2}}},
        {"templateConfiguration": {"shared": {"c": 3}}},
        {"templateConfiguration": {"theirs": {"a": 1}, "shared": {"b": 2, "c": 3}}},
        id="a-document",
    ),
    pytest.param(
        "Credential",
        {"credentialPublicConfig": {"headerKey": "X-Their", "prefix": "Bearer "}},
        {"apiKey": {"prefix": "Token ", **SAMPLES["Credential"].spec["apiKey"]}},
        {"credentialPublicConfig": {"headerKey": "X-API-Key", "prefix": "Token "}},
        id="a-header-is-the-users-once-written",
    ),
]


@pytest.mark.parametrize(("kind", "theirs", "edit", "becomes"), TABLE)
async def test_an_edit_of_a_part_leaves_its_neighbours(
    kind: str, theirs: Mapping[str, Any], edit: Mapping[str, Any], becomes: Mapping[str, Any]
) -> None:
    sample = SAMPLES[kind]
    lab, key = await ready(sample)
    lab.edit(key, **BEFORE.get(kind, {}))
    await lab.elapse(20)
    lab.simulator.edit(sample.family, cloud_key(lab, key), theirs)
    lab.calls.take()
    lab.edit(key, **edit)
    await lab.elapse(70)
    (resource,) = made(lab, sample)
    assert {api: resource[api] for api in becomes} == becomes
    assert lab.ready(key) == ("True", "Available")
    assert len([name for name in lab.calls.names if name.startswith("Update")]) == 1


async def test_what_leaves_the_spec_does_not_go_along() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"], network={"mode": "Private", "vpcId": "vpc-1"})
    lab.edit(key, network={"mode": "Private", "vpcId": "vpc-1", "securityGroupId": "sg-1"})
    await lab.elapse(20)
    lab.edit(key, network={"mode": "Private", "vpcId": "vpc-1"})
    await lab.elapse(70)
    (resource,) = made(lab, SAMPLES["AgentRuntime"])
    assert not resource["networkConfiguration"].get("securityGroupId")
    assert lab.ready(key) == ("True", "Available")
