"""One value is edited while every field differs: that value goes out, and nothing else changes."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from agentrun_operator.core.wire import field_rules
from agentrun_operator.kinds import catalogue
from drift.filled import VARIANTS, Variant, spec_of
from drift.stage import Stage, leaves, values_of
from drift.test_wakes import altered_stage

EDITABLE = tuple(v for v in VARIANTS if (rest := catalogue()[v.kind].rest) and rest.updatable)


def plain_values(spec: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of every value of a spec that stands in no list."""
    for name, value in spec.items():
        path = f"{above}{name}"
        if isinstance(value, dict) and not {"secretKeyRef", "name"} & value.keys():
            yield from plain_values(value, f"{path}.")
        elif isinstance(value, str | int):
            yield path, value


def another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else None


def edited(spec: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of a spec with one value replaced."""
    found = copy.deepcopy(dict(spec))
    *above, last = path.split(".")
    node: Any = found
    for step in above:
        node = node[step]
    node[last] = value
    return found


@pytest.mark.parametrize("variant", EDITABLE, ids=lambda v: v.title)
async def test_one_edited_value_goes_out_alone(variant: Variant) -> None:
    stage = await altered_stage(variant, "Report")
    sent = leaves(field_rules(stage.kind), stage.desired, stage.stored)
    immutable = {leaf.path for leaf in sent if leaf.immutable}
    problems: list[str] = []
    for path, value in plain_values(spec_of(variant)):
        new = another(value)
        is_fixed = path in immutable or path.split(".")[0] in variant.given
        if new is None or is_fixed:
            continue
        before, since = stage.stored, stage.mark()
        spec = edited(stage.lab.get(stage.key).spec, path, new)
        stage.lab.cluster.edit(stage.key, spec=spec)
        await stage.settle()
        await stage.resolve()
        problems += wrong(stage, path, before, stage.writes(since))
    assert not problems, "\n".join(problems)


def wrong(
    stage: Stage, path: str, before: Mapping[str, Any], writes: list[dict[str, Any]]
) -> Iterator[str]:
    """Yield what an edit of one value changed beside it."""
    if len(writes) > 1:
        yield f"{path}: {len(writes)} writes"
    kept = dict(values_of(before))
    for place, value in values_of(stage.stored):
        if kept.get(place) != value and not is_edit(stage, path, place):
            yield f"{path}: changed {place} from {kept.get(place)!r} to {value!r}"


def is_edit(stage: Stage, path: str, place: str) -> bool:
    """Whether a place in the cloud is where an edited value of the spec belongs."""
    sent = leaves(field_rules(stage.kind), stage.desired, stage.stored)
    found = [leaf.place for leaf in sent if leaf.path == path]
    return place in found or place.split(".", maxsplit=1)[0] in ("status", "lastUpdatedAt")
