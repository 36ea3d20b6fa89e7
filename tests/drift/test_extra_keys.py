"""Keys that somebody else put into a map: drift where the map is the user's alone."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from agentrun_operator.core.wire import field_rules
from agentrun_operator.kinds import catalogue
from agentrun_simulator import schema
from drift.answers import lab_with
from drift.filled import VARIANTS, Variant
from drift.stage import Stage

OWNED = {"environmentVariables", "credentialPublicConfig.authConfig"}
"""Maps of the user's own names: the API is not known to add to them."""
SHARED = {"templateConfiguration"}
"""Depends on the type of template, by the reference: what else stands there may be the API's."""


def _maps(node: schema.Schema, path: str) -> Iterator[str]:
    """Yield the places of all objects below a schema whose field names are not fixed."""
    node = schema.resolve(node)
    if node.get("type") == "object" and "properties" not in node and path:
        yield path
    for name, below in schema.properties(node).items():
        yield from _maps(below, f"{path}.{name}" if path else name)


def test_every_open_map_that_a_kind_sends_is_judged() -> None:
    bodies = {o.action: o.body or {} for o in schema.operations()}
    found = set()
    for kind in catalogue().values():
        if kind.rest is not None and kind.rest.updatable:
            ours = {rule.api for rule in field_rules(kind)}
            places = _maps(bodies[f"Update{kind.rest.noun}"], "")
            found |= {place for place in places if place.split(".")[0] in ours}
    assert found == OWNED | SHARED


def _owned_places(stage: Stage) -> list[list[str]]:
    return [
        place.split(".")
        for place in OWNED
        if place.split(".")[0] in stage.desired and _at(stage.stored, place.split("."))
    ]


def _at(node: Any, steps: list[str]) -> Any:
    for step in steps:
        node = node.get(step, {})
    return node


def _with_extra(stage: Stage, steps: list[str]) -> dict[str, Any]:
    stored = copy.deepcopy(stage.stored)
    _at(stored, steps)["ADDED"] = "behind our back"
    return {steps[0]: stored[steps[0]]}


WITH_MAPS = [
    v
    for v in VARIANTS
    if v.title
    in {
        "AgentRuntime-container",
        "AgentRuntime-code",
        "SandboxTemplate",
        "Credential-accessKey",
        "Credential-customHeader",
    }
]
each_variant = pytest.mark.parametrize("variant", WITH_MAPS, ids=lambda v: v.title)


@each_variant
async def test_an_extra_key_is_taken_out_by_one_update(variant: Variant) -> None:
    stage = await Stage.ready(variant)
    places = _owned_places(stage)
    assert places
    for steps in places:
        stage.tamper(**_with_extra(stage, steps))
        (write,) = await stage.settle()
        assert write["body"] == stage.minimal(steps[0])
        assert "ADDED" not in _at(stage.stored, steps)
        assert stage.is_calm


@each_variant
async def test_an_extra_key_is_reported_without_its_value(variant: Variant) -> None:
    stage = await Stage.ready(variant, driftPolicy="Report")
    for steps in _owned_places(stage):
        stage.tamper(**_with_extra(stage, steps))
        assert await stage.settle() == []
        assert stage.lab.ready(stage.key) == ("False", "DriftDetected")
        assert "behind our back" not in str(stage.lab.get(stage.key).status)


@each_variant
async def test_where_updates_merge_it_stays_and_is_told(variant: Variant) -> None:
    answer: Mapping[str, Any] = {"nestedPut": "merge"}
    stage = await Stage.ready(variant, lab=lab_with(answer))
    for steps in _owned_places(stage):
        stage.tamper(**_with_extra(stage, steps))
        assert len(await stage.settle(600)) == 2
        assert stage.lab.ready(stage.key) == ("False", "UnexpectedEcho")


@each_variant
async def test_an_extra_key_may_be_ignored_by_its_name(variant: Variant) -> None:
    stage = await Stage.ready(variant)
    for steps in _owned_places(stage):
        top = next(r.path for r in field_rules(stage.kind) if r.api == steps[0])
        path = ".".join([top, *steps[1:], "ADDED"])
        stage.lab.edit(stage.key, ignoreFields=[path])
        stage.tamper(**_with_extra(stage, steps))
        assert await stage.settle() == []
        assert stage.is_calm
