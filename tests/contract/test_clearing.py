"""What takes a value away, field by field: only what the API's own description admits."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.wire import field_rules
from agentrun_operator.kinds import catalogue
from agentrun_simulator import schema

UPDATED = tuple(k for k in catalogue().values() if k.rest is not None and k.rest.updatable)
BODIES = {o.action: o.body or {} for o in schema.operations()}


def _clearable(
    rules: tuple[FieldRule, ...], there: schema.Schema, above: str = ""
) -> Iterator[tuple[str, FieldRule, schema.Schema]]:
    """Yield (wire path, rule, schema) of every field that an update can carry."""
    declared = schema.properties(there)
    for rule in rules:
        if rule.api not in declared or rule.immutable:
            continue
        field, path = schema.resolve(declared[rule.api]), f"{above}{rule.api}"
        yield path, rule, field
        below = field.get("items", {}) if rule.is_list else field
        yield from _clearable(rule.children, below, f"{path}.")


def _update(kind: ResourceKind) -> schema.Schema:
    assert kind.rest is not None
    return BODIES[f"Update{kind.rest.noun}"]


@pytest.mark.parametrize("kind", UPDATED, ids=lambda k: k.kind)
def test_what_clears_a_field_is_a_value_that_the_field_admits(kind: ResourceKind) -> None:
    fields = list(_clearable(field_rules(kind), _update(kind)))
    assert fields
    problems = [
        problem
        for path, rule, field in fields
        if rule.clear is not None
        for problem in _refusals(path, rule.clear, field)
    ]
    assert problems == []


def _refusals(path: str, value: Any, field: Mapping[str, Any]) -> Iterator[str]:
    yield from schema.defects(value, field, path)
    if isinstance(value, str) and len(value) < int(field.get("minLength", 0)):
        yield f"{path} is shorter than the API takes"
    if value == "" and field.get("format"):
        yield f"{path} has no text of the format {field['format']}"
    if isinstance(value, int) and value < field.get("minimum", value):
        yield f"{path} is smaller than the API takes"


@pytest.mark.parametrize("kind", UPDATED, ids=lambda k: k.kind)
def test_a_choice_is_cleared_by_one_of_its_words_or_not_at_all(kind: ResourceKind) -> None:
    """The description lists the words of some choices only, so ours count as well."""
    for path, rule, field in _clearable(field_rules(kind), _update(kind)):
        if rule.choices and not rule.is_list:
            assert rule.clear in (None, *rule.choices), path
            assert set(rule.choices) <= set(field.get("enum", rule.choices)), path
