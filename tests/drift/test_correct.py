"""Every field of every kind, changed behind our back: one update that carries what it must."""

from typing import Any

import pytest

from drift.answers import answered, lab_with
from drift.filled import VARIANTS, Variant
from drift.stage import STALL_SECONDS, Leaf, Stage, altered

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.title)


@answered()
async def test_a_change_out_of_band_is_corrected_by_one_minimal_update(
    variant: Variant, answer: dict[str, Any]
) -> None:
    await _correct_everything(await Stage.ready(variant, lab=lab_with(answer)))


async def _correct_everything(stage: Stage) -> None:
    before, problems = stage.stored, []
    # Where the cloud reads "" as "not set", an empty text cannot be brought back by any update.
    keeps_text = stage.lab.simulator.settings.switches.empty_text == "not-set"
    seen = [
        leaf
        for leaf in stage.leaves()
        if not leaf.write_only and not (keeps_text and leaf.value == "")
    ]
    for leaf in seen:
        for value in (altered(leaf.value), None):
            is_item = value is None and isinstance(leaf.steps[-1], int)
            if is_item or not (value or leaf.value):
                continue  # an empty value and absence are the same
            stage.put(leaf, value)
            problem = await _judge(stage, leaf, value)
            if problem:
                problems.append(f"{leaf.place} -> {value!r}: {problem}")
            stage.restore(before)
            if not stage.is_calm:
                await stage.settle(STALL_SECONDS)
    assert not problems, "\n".join(problems)
    assert seen


async def _judge(stage: Stage, leaf: Leaf, value: Any) -> str | None:
    writes = await stage.settle()
    if leaf.immutable:
        if writes or stage.lab.ready(stage.key) != ("False", "ImmutableFieldChanged"):
            return f"{stage.lab.ready(stage.key)}, {writes}"
        return stage.tells(leaf, value)
    if len(writes) != 1:
        return f"{len(writes)} writes, {stage.lab.ready(stage.key)} {stage.lab.message(stage.key)}"
    if writes[0]["body"] != stage.minimal(leaf.top):
        return f"carries {writes[0]['body']}"
    return None if stage.is_calm else f"{stage.lab.ready(stage.key)} {stage.drift}"
