"""Drift that is not to be corrected: told in full and left alone, or ignored."""

from collections.abc import Mapping
from typing import Any

import pytest

from drift.answers import answered, lab_with
from drift.filled import CANARY, SMALL_VARIANTS, VARIANTS, Variant
from drift.stage import STALL_SECONDS, Leaf, Stage, altered

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.title)
MAX_TOLD = 32
"""Entries of `status.drift`, as the CRD says."""
each_case = answered(again=SMALL_VARIANTS)


def _visible(stage: Stage) -> list[Leaf]:
    return [leaf for leaf in stage.leaves() if not leaf.write_only]


def _alter_everything(stage: Stage) -> None:
    for leaf in _visible(stage):
        if not isinstance(leaf.value, dict | list):
            stage.put(leaf, altered(leaf.value))


@each_case
async def test_under_report_it_is_told_and_left(
    variant: Variant, answer: Mapping[str, Any]
) -> None:
    stage = await Stage.ready(variant, lab=lab_with(answer), driftPolicy="Report")
    before, problems = stage.stored, []
    for leaf in _visible(stage):
        value = altered(leaf.value)
        stage.put(leaf, value)
        problem = await _reported(stage, leaf, value)
        if problem:
            problems.append(f"{leaf.place} -> {value!r}: {problem}")
        stage.restore(before)
        await stage.settle(STALL_SECONDS if leaf.immutable else 75)
        if not stage.is_calm:
            problems.append(f"{leaf.place}: still {stage.lab.ready(stage.key)} {stage.drift}")
    assert not problems, "\n".join(problems)


async def _reported(stage: Stage, leaf: Leaf, value: Any) -> str | None:
    writes = await stage.settle()
    reason = "ImmutableFieldChanged" if leaf.immutable else "DriftDetected"
    stalled, _ = stage.lab.condition(stage.key, "Stalled")
    if writes or stage.lab.ready(stage.key) != ("False", reason) or stalled != "True":
        return f"Ready is {stage.lab.ready(stage.key)}, Stalled {stalled!r}, {len(writes)} writes"
    if leaf.shown.path not in stage.lab.message(stage.key):
        return f"the message does not name the field: {stage.lab.message(stage.key)}"
    said = stage.drift
    stage.lab.calls.take()
    await stage.settle()
    if "write_status" in stage.lab.calls.take() or stage.drift != said:
        return "told again what is known"
    if CANARY in str(stage.lab.get(stage.key).status):
        return "a secret in status"
    return stage.tells(leaf, value)


@each_case
async def test_under_ignore_nothing_happens(variant: Variant, answer: Mapping[str, Any]) -> None:
    stage = await Stage.ready(variant, lab=lab_with(answer), driftPolicy="Ignore")
    _alter_everything(stage)
    assert await stage.settle() == []
    assert stage.is_calm


@each_variant
async def test_what_is_only_observed_is_never_corrected(variant: Variant) -> None:
    stage = await Stage.ready(variant)
    stage.lab.edit(stage.key, managementPolicy="Observe")
    await stage.settle(20)
    assert stage.is_calm
    _alter_everything(stage)
    assert await stage.settle() == []
    assert stage.lab.ready(stage.key) == ("True", "Available")
    altered_paths = {x.shown.path for x in _visible(stage) if not isinstance(x.value, dict | list)}
    said = {d["path"] for d in stage.drift}
    assert said == altered_paths or (said < altered_paths and len(said) == MAX_TOLD)
    assert CANARY not in str(stage.lab.get(stage.key).status)
    stage.lab.calls.take()
    assert await stage.settle(600) == []
    assert "write_status" not in stage.lab.calls.take(), "told once"
