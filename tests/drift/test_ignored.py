"""Fields that the user told us to leave alone, also where the field beside them is corrected."""

from collections.abc import Mapping
from typing import Any

import pytest

from drift.answers import answered, lab_with
from drift.filled import SMALL_VARIANTS, VARIANTS, Variant
from drift.stage import Leaf, Stage, another

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.title)


def _visible(stage: Stage) -> list[Leaf]:
    # The key of an item says which one it is: to leave it alone is to leave the list alone.
    return [leaf for leaf in stage.leaves() if not (leaf.write_only or leaf.is_key)]


@each_variant
async def test_an_ignored_field_is_left_alone(variant: Variant) -> None:
    stage = await Stage.ready(variant)
    before, problems = stage.stored, []
    for leaf in _visible(stage):
        stage.lab.edit(stage.key, ignoreFields=[leaf.path])
        await stage.settle(20)
        stage.put(leaf, another(leaf))
        writes = await stage.settle()
        if writes or not stage.is_calm:
            problems.append(f"{leaf.place}: {writes} {stage.lab.ready(stage.key)}")
        stage.restore(before)
        await stage.settle()
    assert not problems, "\n".join(problems)


@answered(again=SMALL_VARIANTS)
async def test_an_ignored_field_keeps_its_value_in_a_correction(
    variant: Variant, answer: Mapping[str, Any]
) -> None:
    stage = await Stage.ready(variant, lab=lab_with(answer))
    before, problems = stage.stored, []
    for leaf in _visible(stage):
        beside = _beside(stage, leaf)
        if beside is None:
            continue
        stage.lab.edit(stage.key, ignoreFields=[leaf.path])
        await stage.settle(20)
        stage.put(leaf, another(leaf))
        stage.put(beside, another(beside))
        problem = await _judge(stage, leaf, beside)
        if problem:
            problems.append(f"{leaf.place}, {beside.place}: {problem}")
        stage.restore(before)
        await stage.settle()
    assert not problems, "\n".join(problems)


def _beside(stage: Stage, leaf: Leaf) -> Leaf | None:
    """Return a field that is corrected by the same top-level field of an update."""
    for other in _visible(stage):
        apart = not f"{other.path}.".startswith(f"{leaf.path}.")
        apart = apart and not f"{leaf.path}.".startswith(f"{other.path}.")
        is_scalar = not isinstance(other.value, dict | list)
        if other.top == leaf.top and apart and is_scalar and other.value and not other.immutable:
            return other
    return None


async def _judge(stage: Stage, leaf: Leaf, beside: Leaf) -> str | None:
    writes = await stage.settle()
    if len(writes) != 1 or not stage.is_calm:
        return f"{writes}, {stage.lab.ready(stage.key)} {stage.lab.message(stage.key)}"
    if _at(stage.stored, leaf) != another(leaf):
        return f"became {_at(stage.stored, leaf)!r}"
    return None if _at(stage.stored, beside) == beside.value else "was not corrected beside it"


def _at(stored: Any, leaf: Leaf) -> Any:
    for step in leaf.steps:
        stored = stored[step]
    return stored
