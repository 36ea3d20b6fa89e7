"""Every field of every kind, taken out of the spec again: cleared, or said to be impossible."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from agentrun_operator.core.drift import find_removed
from agentrun_operator.core.wire import field_rules
from drift.answers import answered, lab_with
from drift.filled import SMALL_VARIANTS, VARIANTS, Variant
from drift.stage import Stage, Step
from fakes.examples import examples

STALLED = {"CannotClear", "ImmutableFieldChanged", "UnexpectedEcho"}


@answered(again=SMALL_VARIANTS)
async def test_what_left_the_spec_is_cleared_by_one_update_or_reported(
    variant: Variant, answer: Mapping[str, Any]
) -> None:
    stage = await Stage.ready(variant, lab=lab_with(answer))
    full, before, problems = dict(stage.lab.get(stage.key).spec), stage.stored, []
    for steps in _steps(full):
        less = _without(full, steps)
        if not _is_of_interest(variant, stage, steps) or not _is_admitted(stage, less):
            continue
        stage.lab.cluster.edit(stage.key, spec=less)
        problem = await _judge(stage)
        if problem:
            problems.append(f"{'.'.join(map(str, steps))}: {problem}")
        stage.restore(before)  # what could not be cleared may be what was added
        stage.lab.cluster.edit(stage.key, spec=full)
        await stage.settle()
        if not stage.is_calm:
            problems.append(f"{steps} again: {stage.lab.message(stage.key)} {stage.drift}")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.title)
async def test_what_no_read_shows_is_gone_from_the_cloud_as_well(variant: Variant) -> None:
    stage = await Stage.ready(variant)
    full, before, problems = dict(stage.lab.get(stage.key).spec), stage.stored, []
    for leaf in stage.leaves():
        if not leaf.write_only or leaf.immutable or leaf.is_document:
            continue
        less = full
        for path in examples()[variant.kind].drift.computed.get(leaf.path, (leaf.path,)):
            less = _without(less, tuple(path.split(".")))
        if not _is_admitted(stage, less):
            continue
        stage.lab.cluster.edit(stage.key, spec=less)
        writes = await stage.settle(20)
        left: Any = stage.stored
        for step in leaf.steps:
            left = left.get(step, {})
        if len(writes) != 1 or left or not stage.is_calm:
            problems.append(f"{leaf.path}: {len(writes)} writes, {stage.lab.ready(stage.key)}")
        stage.lab.cluster.edit(stage.key, spec=full)
        await stage.settle(20)
        stage.restore(before)
        await stage.settle(70)
    assert not problems, "\n".join(problems)


async def _judge(stage: Stage) -> str | None:
    await stage.settle(5)
    applied = stage.lab.get(stage.key).status.get("applied") or ()
    writes = stage.writes(0)[-1:] + await stage.settle()
    again = await stage.settle(65)
    if again or len(writes) > 2:
        return f"wrote {len(writes)} and {len(again)} times"
    await stage.resolve()
    left = find_removed(stage.kind, applied, stage.desired, await _read(stage))
    status, reason = stage.lab.ready(stage.key)
    if status == "True":
        return f"{[d.path for d in left]} left over, and Ready" if left else None
    return None if reason in STALLED else f"{reason}: {stage.lab.message(stage.key)}"


async def _read(stage: Stage) -> dict[str, Any]:
    found = stage.lab.resources(stage.family)
    name = stage.rest.name_field or stage.rest.id_field
    wanted = stage.lab.get(stage.key)
    return next(r for r in found if r[name] in (wanted.external_name, wanted.external_id))


def _is_of_interest(variant: Variant, stage: Stage, steps: tuple[Step, ...]) -> bool:
    """Leave out what has to lead somewhere, second items, and what another variant covers."""
    rules = field_rules(stage.kind)
    ours = {r.path.split(".")[0] for r in rules if r.api in variant.focus} | {"envFrom"}
    return (
        steps[0] not in variant.given
        and not any(isinstance(step, int) and step for step in steps[:-1])
        and (not variant.focus or steps[0] in ours)
    )


def _is_admitted(stage: Stage, spec: Mapping[str, Any]) -> bool:
    """Whether the schema takes a spec."""
    try:
        stage.kind.spec.model_validate(dict(spec))
    except ValidationError:
        return False
    return True


def _steps(node: Any, above: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    places: Any = node.items() if isinstance(node, dict) else enumerate(node)
    for step, value in places:
        yield (*above, step)
        if isinstance(value, dict | list):
            yield from _steps(value, (*above, step))


def _without(spec: Mapping[str, Any], steps: tuple[Step, ...]) -> dict[str, Any]:
    rest = copy.deepcopy(dict(spec))
    owner: Any = rest
    for step in steps[:-1]:
        owner = owner[step]
    del owner[steps[-1]]
    return rest
