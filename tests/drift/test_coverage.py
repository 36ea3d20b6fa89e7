"""That the matrix leaves nothing out: every field of every kind, read off the kinds themselves."""

from collections.abc import Iterator

import pytest

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.wire import field_rules
from agentrun_operator.kinds import catalogue
from drift.filled import VARIANTS, declared_fields, given_fields, is_below, spec_of
from drift.stage import Leaf, Stage
from fakes.examples import CLOUD_KINDS, examples

each_kind = pytest.mark.parametrize("kind", CLOUD_KINDS)


async def _rows(kind: str) -> list[Leaf]:
    """Return all rows of the matrix that belong to a kind."""
    found: list[Leaf] = []
    for variant in (v for v in VARIANTS if v.kind == kind):
        found += (await Stage.ready(variant)).leaves()
    return found


@each_kind
def test_the_specs_of_the_matrix_set_every_field(kind: str) -> None:
    given = {f for v in VARIANTS if v.kind == kind for f in given_fields(spec_of(v))}
    assert declared_fields(catalogue()[kind]) <= given


@each_kind
async def test_every_field_of_a_spec_has_a_row(kind: str) -> None:
    paths = {leaf.path for leaf in await _rows(kind)}
    parts = examples()[kind].drift.computed
    for path in parts:
        assert path in paths
    ingredients = {field for fields in parts.values() for field in fields}
    excused = {*examples()[kind].drift.unseen, *ingredients}
    for field in declared_fields(catalogue()[kind]):
        has_row = any(is_below(field, path) or is_below(path, field) for path in paths)
        assert has_row or any(is_below(field, one) for one in excused), field


@each_kind
def test_no_excuse_outlives_its_field(kind: str) -> None:
    fields = declared_fields(catalogue()[kind])
    excused = {*examples()[kind].drift.unseen}
    excused |= {field for fields in examples()[kind].drift.computed.values() for field in fields}
    assert [one for one in excused if not any(is_below(field, one) for field in fields)] == []


@each_kind
async def test_every_value_on_the_wire_has_a_row(kind: str) -> None:
    """At each depth, so that a field below a list or an object is not taken for its owner."""
    rows = {leaf.path: leaf for leaf in await _rows(kind)}
    for rule, is_unseen, is_fixed in _values(field_rules(catalogue()[kind])):
        assert rule.path in rows, rule.path
        row = rows[rule.path]
        assert (row.write_only, row.immutable) == (is_unseen, is_fixed), rule.path


def _values(
    rules: tuple[FieldRule, ...], *, unseen: bool = False, fixed: bool = False
) -> Iterator[tuple[FieldRule, bool, bool]]:
    """Yield (rule, whether no read shows it, whether no update changes it) of all values."""
    for rule in rules:
        is_unseen, is_fixed = unseen or rule.write_only, fixed or rule.immutable
        if rule.update_only:
            continue
        if rule.is_list or not rule.children:
            yield rule, is_unseen, is_fixed
        yield from _values(rule.children, unseen=is_unseen, fixed=is_fixed)
