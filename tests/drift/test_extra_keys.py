"""Keys that somebody else put into a map: drift where the map is the user's alone."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import encode, field_rules
from agentrun_operator.kinds import catalogue
from agentrun_simulator import schema
from drift.answers import lab_with
from drift.filled import CONFIG, CONFIG_DATA, KEYS, SECRET, VARIANTS, Variant, spec_of
from drift.stage import Stage, Step
from fakes.examples import AnyName, examples

BODIES = {o.action: o.body or {} for o in schema.operations()}
RESOLUTION = Resolution(
    references=AnyName(),
    external_names=AnyName(),
    secrets={SECRET: KEYS},
    config_maps={CONFIG: CONFIG_DATA},
)
UPDATABLE = [kind for kind in catalogue().values() if kind.rest and kind.rest.updatable]


def _maps(node: schema.Schema, path: str) -> Iterator[str]:
    """Yield the wire paths of all objects below a schema whose field names are not fixed."""
    node = schema.resolve(node)
    if node.get("type") == "array":
        yield from _maps(node["items"], path)
    elif node.get("type") == "object" and "properties" not in node and path:
        yield path
    for name, below in schema.properties(node).items():
        yield from _maps(below, f"{path}.{name}" if path else name)


def _owned(rules: Sequence[FieldRule], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield (wire path, spec path) of all maps that are compared key for key."""
    for rule in rules:
        if rule.exact_map:
            yield f"{above}{rule.api}", rule.path
        for name in rule.document.owned if rule.document else ():
            yield f"{above}{rule.api}.{name}", f"{rule.path}.{name}"
        yield from _owned(rule.children, f"{above}{rule.api}.")


def _reached(rules: Sequence[FieldRule], above: str = "") -> Iterator[str]:
    """Yield the wire paths that a kind sends, each as deep as its rules lead."""
    for rule in rules:
        yield from (
            _reached(rule.children, f"{above}{rule.api}.")
            if rule.children
            else (f"{above}{rule.api}",)
        )


def _meet(one: str, other: str) -> bool:
    """Whether one of two dotted paths is the other, or leads to it."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


@pytest.mark.parametrize("kind", UPDATABLE, ids=lambda k: k.kind)
def test_every_open_map_that_a_kind_sends_is_judged(kind: ResourceKind) -> None:
    assert kind.rest is not None
    ours = [*_reached(field_rules(kind))]
    places = _maps(BODIES[f"Update{kind.rest.noun}"], "")
    found = {place for place in places if any(_meet(place, each) for each in ours)}
    shared = examples()[kind.kind].drift.shared
    judged = {place for place, _ in _owned(field_rules(kind))} | {*shared}
    assert found == judged, "declare the map, or say in drift.shared of tests/kinds why it is not"


def _owned_in(kind: ResourceKind, body: Mapping[str, Any]) -> dict[str, list[Step]]:
    """Return the spec path of each map in a body → where it stands; of a list in the first item."""
    found = {path: _steps(body, wire.split(".")) for wire, path in _owned(field_rules(kind))}
    return {path: steps for path, steps in found.items() if steps}


def _steps(node: Any, names: Sequence[str]) -> list[Step]:
    """Return the steps to a place in a document; none where it is not there."""
    steps: list[Step] = []
    for name in names:
        if isinstance(node, list):
            node = node[0] if node else None
            steps.append(0)
        node = node.get(name) if isinstance(node, Mapping) else None
        steps.append(name)
    return steps if node else []


def _at(node: Any, steps: Sequence[Step]) -> Any:
    for step in steps:
        node = node[step]
    return node


def _with_extra(stage: Stage, steps: Sequence[Step]) -> dict[str, Any]:
    stored = copy.deepcopy(stage.stored)
    _at(stored, steps)["ADDED"] = "behind our back"
    return {str(steps[0]): stored[str(steps[0])]}


def _has_maps(variant: Variant) -> bool:
    kind = catalogue()[variant.kind]
    body = encode(kind, kind.spec.model_validate(spec_of(variant)), RESOLUTION)
    tops = {steps[0] for steps in _owned_in(kind, body).values()}
    return bool(tops & variant.focus if variant.focus else tops)


WITH_MAPS = [v for v in VARIANTS if _has_maps(v)]
each_variant = pytest.mark.parametrize("variant", WITH_MAPS, ids=lambda v: v.title)


@each_variant
async def test_an_extra_key_is_taken_out_by_one_update(variant: Variant) -> None:
    stage = await Stage.ready(variant)
    places = _owned_in(stage.kind, stage.stored)
    assert places
    for steps in places.values():
        stage.tamper(**_with_extra(stage, steps))
        (write,) = await stage.settle()
        assert write["body"] == stage.minimal(str(steps[0]))
        assert "ADDED" not in _at(stage.stored, steps)
        assert stage.is_calm


@each_variant
async def test_an_extra_key_is_reported_without_its_value(variant: Variant) -> None:
    stage = await Stage.ready(variant, driftPolicy="Report")
    for steps in _owned_in(stage.kind, stage.stored).values():
        stage.tamper(**_with_extra(stage, steps))
        assert await stage.settle() == []
        assert stage.lab.ready(stage.key) == ("False", "DriftDetected")
        assert "behind our back" not in str(stage.lab.get(stage.key).status)


@each_variant
async def test_where_updates_merge_it_stays_and_is_told(variant: Variant) -> None:
    answer: Mapping[str, Any] = {"nestedPut": "merge"}
    stage = await Stage.ready(variant, lab=lab_with(answer))
    for steps in _owned_in(stage.kind, stage.stored).values():
        if 0 in steps:
            continue  # A list is replaced whole, with all that is in its items.
        stage.tamper(**_with_extra(stage, steps))
        assert len(await stage.settle(600)) == 2
        assert stage.lab.ready(stage.key) == ("False", "UnexpectedEcho")


@each_variant
async def test_an_extra_key_may_be_ignored_by_its_name(variant: Variant) -> None:
    stage = await Stage.ready(variant)
    places = _owned_in(stage.kind, stage.stored)
    stage.lab.edit(stage.key, ignoreFields=[f"{path}.ADDED" for path in places])
    for steps in places.values():
        stage.tamper(**_with_extra(stage, steps))
        assert await stage.settle() == []
        assert stage.is_calm
