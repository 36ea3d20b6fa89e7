"""Over every kind and every field: an edit that takes something away is never overlooked."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from agentrun_operator.core.drift import clearing_values, find_drift, find_removed
from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.wire import applied_paths, encode, field_rules
from agentrun_operator.core.write_only import write_only_part
from agentrun_operator.kinds import catalogue
from fakes.examples import CLOUD_KINDS, RESOLUTION, examples

SPECS: list[tuple[str, Mapping[str, Any]]] = [
    (kind, example.spec)
    for kind in CLOUD_KINDS
    for name, example in examples()[kind].all()
    if name != "minimal"
]
Path = tuple[str | int, ...]


def _paths(node: Any, above: Path = ()) -> Iterator[Path]:
    steps: Sequence[str | int] = ()
    if isinstance(node, dict):
        steps = list(node)
    elif isinstance(node, list):
        steps = range(len(node))
    for step in steps:
        yield (*above, step)
        yield from _paths(node[step], (*above, step))


def _at(node: Any, path: Path) -> Any:
    for step in path:
        node = node[step]
    return node


def _without(spec: Mapping[str, Any], path: Path) -> dict[str, Any]:
    rest = copy.deepcopy(dict(spec))
    del _at(rest, path[:-1])[path[-1]]
    return rest


def _body(kind: ResourceKind, spec: Mapping[str, Any]) -> dict[str, Any]:
    return encode(kind, kind.spec.model_validate(dict(spec)), RESOLUTION)


def _answer(rules: Sequence[FieldRule], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body as a read shows it: the answer's names, nothing write-only."""
    answer: dict[str, Any] = {}
    for rule in rules:
        if rule.api not in body or rule.write_only:
            continue
        value = copy.deepcopy(body[rule.api])
        if rule.children:
            value = (
                [_answer(rule.children, item) for item in value]
                if rule.is_list
                else _answer(rule.children, value)
            )
        owner = answer
        for step in rule.reads[:-1]:
            owner = owner.setdefault(step, {})
        owner[rule.reads[-1]] = value
    return answer


def _all(rules: Sequence[FieldRule]) -> Iterator[FieldRule]:
    for rule in rules:
        yield rule
        yield from _all(rule.children)


def _dotted(path: Path) -> str:
    return ".".join(step for step in path if isinstance(step, str))


def _removals() -> Iterator[tuple[str, Mapping[str, Any], Path]]:
    """Yield every removal that a schema allows and that changes what we would send."""
    for name, spec in SPECS:
        kind = catalogue()[name]
        before = _body(kind, spec)
        stays = {(r.path,) for r in field_rules(kind) if r.stays}
        # Neither an update nor a read tells of what is fixed and never shown.
        unseen = {r.path for r in field_rules(kind) if r.immutable and r.write_only}
        defaults = {rule.path: rule.default for rule in _all(field_rules(kind))}
        for path in _paths(spec):
            try:
                after = _body(kind, _without(spec, path))
            except ValidationError:
                continue
            value = _at(spec, path)
            if (
                path in stays
                or path[0] in unseen
                or not value
                or defaults.get(_dotted(path)) == value
            ):
                continue
            if after != before:
                yield name, spec, path


REMOVALS = list(_removals())
each_removal = pytest.mark.parametrize(
    ("name", "spec", "path"),
    REMOVALS,
    ids=[f"{name}:{'.'.join(map(str, path))}" for name, _, path in REMOVALS],
)


def test_the_table_reaches_every_corner() -> None:
    assert len(REMOVALS) > 100


@pytest.mark.parametrize(("name", "spec"), SPECS, ids=[name for name, _ in SPECS])
def test_a_faithful_answer_is_no_drift(name: str, spec: Mapping[str, Any]) -> None:
    kind = catalogue()[name]
    body = _body(kind, spec)
    answer = _answer(field_rules(kind), body)
    assert find_drift(kind, body, answer, partial=False) == ()
    assert find_removed(kind, applied_paths(kind, body), body, answer) == ()


@each_removal
def test_a_removal_is_seen_and_undone(name: str, spec: Mapping[str, Any], path: Path) -> None:
    """Where updates replace nested objects, one update is enough for all that can be cleared."""
    kind = catalogue()[name]
    rules, before, after = field_rules(kind), _body(kind, spec), _body(kind, _without(spec, path))
    applied = applied_paths(kind, before)
    seen = _answer(rules, before)
    drift = find_drift(kind, after, seen, partial=False)
    removed = find_removed(kind, applied, after, seen)
    if write_only_part(kind, before) != write_only_part(kind, after):
        return
    assert drift or removed
    if any(d.immutable for d in (*drift, *removed)):
        return
    update = {d.api: after[d.api] for d in drift} | clearing_values(kind, removed, after)
    stored = {**before, **update}
    if update.get("deleteScalingConfig"):
        stored.pop("scalingConfig")
    seen = _answer(rules, stored)
    assert find_drift(kind, after, seen, partial=False) == ()
    left = {d.path for d in find_removed(kind, applied, after, seen)}
    assert left == {d.path for d in removed if not d.clearable}
