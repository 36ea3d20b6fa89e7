"""Words that AgentRun knows and we do not stall nothing, and are shown and kept as they are."""

from collections.abc import Mapping
from typing import Any

import pytest

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.wire import field_rules
from agentrun_operator.kinds import catalogue
from engine.specs import CREDENTIAL, RUNTIME, SAMPLES, cloud_key, keys, made, ready, updates
from fakes.examples import CLOUD_KINDS
from fakes.lab import Lab

GOOD = ("True", "Available")
NEW = "BRAND_NEW"
IMAGE = {"image": "registry.example.com/agent:v1"}
Path = tuple[str, ...]


def _choices(rules: tuple[FieldRule, ...], above: Path = ()) -> list[tuple[Path, FieldRule]]:
    """Return (wire path, rule) of every choice outside of lists."""
    found: list[tuple[Path, FieldRule]] = []
    for rule in rules:
        path = (*above, rule.api)
        if rule.choices and not rule.is_list:
            found.append((path, rule))
        elif not rule.is_list:
            found += _choices(rule.children, path)
    return found


CHOICES = [
    pytest.param(kind, path, rule.path, id=f"{kind}-{rule.path}")
    for kind in CLOUD_KINDS
    for path, rule in _choices(field_rules(catalogue()[kind]))
]


def _planted(resource: Mapping[str, Any], path: Path, word: str) -> dict[str, Any]:
    """Return the top-level field of a resource that holds a path, with a word put there."""
    top, *below = path
    if not below:
        return {top: word}
    inner = resource.get(top)
    owner = inner if isinstance(inner, Mapping) else {}
    return {top: {**owner, **_planted(owner, tuple(below), word)}}


def _seen(resource: Mapping[str, Any], path: Path) -> Any:
    node: Any = resource
    for step in path:
        node = node[step]
    return node


async def _left_behind(kind: str, path: Path) -> tuple[Lab, dict[str, Any]]:
    """Return a lab with a resource `it` that no object has, and that has a new word."""
    sample = SAMPLES[kind]
    lab, key = await ready(sample, deletionPolicy="Retain")
    (resource,) = made(lab, sample)
    lab.simulator.edit(sample.family, cloud_key(lab, key), _planted(resource, path, NEW))
    lab.cluster.delete(key)
    await lab.elapse(30)
    (left,) = made(lab, sample)
    lab.calls.take()
    return lab, left


def _silent(spec: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return a spec that says nothing of a top-level field."""
    return {name: value for name, value in spec.items() if name != path.partition(".")[0]}


@pytest.mark.parametrize(("kind", "path", "field"), CHOICES)
async def test_a_new_word_beside_a_silent_spec_is_adopted_and_stays(
    kind: str, path: Path, field: str
) -> None:
    lab, before = await _left_behind(kind, path)
    spec = {**_silent(SAMPLES[kind].spec, field), "adoptionPolicy": "Adopt"}
    key = lab.cluster.apply(kind, "it", spec)
    await lab.elapse(70)
    assert lab.ready(key) == GOOD, lab.message(key)
    (resource,) = made(lab, SAMPLES[kind])
    assert _seen(resource, path) == _seen(before, path) == NEW


@pytest.mark.parametrize(("kind", "path", "field"), CHOICES)
async def test_a_new_word_is_observed(kind: str, path: Path, field: str) -> None:
    lab, _ = await _left_behind(kind, path)
    spec = {**_silent(SAMPLES[kind].spec, field), "managementPolicy": "Observe"}
    key = lab.cluster.apply(kind, "it", spec)
    await lab.elapse(70)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert updates(lab) == 0


async def _runtime(**spec: Any) -> tuple[Lab, ObjectKey]:
    lab, key = await ready(SAMPLES["AgentRuntime"], **spec)
    return lab, key


def _there(lab: Lab) -> dict[str, Any]:
    (resource,) = made(lab, SAMPLES["AgentRuntime"])
    return resource


async def test_a_new_word_goes_along_with_an_edit_beside_it() -> None:
    lab, key = await _runtime()
    planted = {**IMAGE, "imageRegistryType": "ACR_PERSONAL"}
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"containerConfiguration": planted})
    lab.edit(key, container={"image": "registry.example.com/agent:v2"})
    await lab.elapse(70)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert _there(lab)["containerConfiguration"] == {
        "image": "registry.example.com/agent:v2",
        "imageRegistryType": "ACR_PERSONAL",
    }


async def test_a_new_word_of_the_spec_is_sent_as_it_is() -> None:
    container = {**IMAGE, "imageRegistryType": "ACR_PERSONAL"}
    lab, key = await _runtime(container=container, network={"mode": "SHARED"})
    assert _there(lab)["containerConfiguration"]["imageRegistryType"] == "ACR_PERSONAL"
    assert _there(lab)["networkConfiguration"]["networkMode"] == "SHARED"
    await lab.elapse(200)
    assert lab.ready(key) == GOOD
    assert updates(lab) == 0


async def test_a_new_word_in_the_place_of_ours_is_shown_as_it_is() -> None:
    lab, key = await _runtime(network={"mode": "Private", "vpcId": "vpc-1"}, driftPolicy="Report")
    planted = {"networkMode": "SHARED", "vpcId": "vpc-1"}
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"networkConfiguration": planted})
    await lab.elapse(70)
    (drift,) = lab.get(key).status["drift"]
    shown = (drift["path"], drift["desired"], drift["observed"])
    assert shown == ("network.mode", "Private", "SHARED")


async def test_a_credential_of_a_new_purpose_fits_wherever_it_is_named() -> None:
    lab = Lab()
    await lab.ready_account()
    await keys(lab)
    lab.cluster.apply("Credential", "c", {**CREDENTIAL, "purpose": "external_agent"})
    await lab.elapse(5)
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "credentialRef": {"name": "c"}})
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
