"""The single values of a body by spec path: what tells which of them was edited, and which not."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.paths import document_leaves, item_labels, placed, read_path
from agentrun_operator.core.wire import field_rules

_MAX_PARTS = 64
"""Of one map, list or document. A larger one is one value: the status keeps a digest of each."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value of a body, or a list, map or document around others."""

    path: str
    """Spec path; items of a list and of a map are told by their key."""
    public_path: str
    """The path as a status may have it: without names that may come from a Secret."""
    value: Any = field(repr=False)
    write_only: bool = False


def leaves(
    kind: ResourceKind, body: Mapping[str, Any], observed: Mapping[str, Any] | None = None
) -> Iterator[Leaf]:
    """Yield every value that a body sets.

    Args:
        kind: Declares the fields.
        body: As `wire.encode` makes it.
        observed: A read, whose own keys of the same maps, and items of the same lists with keys,
            are yielded as well, with the value None.
    """
    yield from _below(field_rules(kind), body, observed or {}, ("", ""))


def _below(
    rules: tuple[FieldRule, ...],
    body: Mapping[str, Any],
    owner: Mapping[str, Any],
    around: tuple[str, str],
) -> Iterator[Leaf]:
    for rule in rules:
        if rule.api not in body:
            continue
        value, path = body[rule.api], placed(rule, *around)
        seen, _ = read_path(owner, rule.reads)
        if rule.children and not rule.is_list:
            inner = seen if isinstance(seen, Mapping) else {}
            yield from _below(rule.children, value, inner, around)
        elif rule.children:
            yield from _items(rule, path, value, seen)
        elif rule.exact_map and isinstance(value, Mapping):
            yield from _entries(rule, path, value, seen)
        elif isinstance(value, Mapping):
            yield from _parts(path, value)
        else:
            yield Leaf(path, path, value, rule.write_only)


def _items(rule: FieldRule, path: str, items: list[Any], seen: Any) -> Iterator[Leaf]:
    if len(items) > _MAX_PARTS:
        yield Leaf(path, path, items)
        return
    labels = item_labels(rule, items)
    yield Leaf(path, path, sorted(labels))
    if rule.item_key is not None:
        there = item_labels(rule, seen, observed=True) if isinstance(seen, list) else ()
        for label in dict.fromkeys((*labels, *there)):
            value = label if label in labels else None
            yield Leaf(f"{path}.{label}", f"{path}.{label}", value)
    for label, item in zip(labels, items, strict=True):
        yield from _below(rule.children, item, {}, (rule.path, f"{path}.{label}"))


def _entries(rule: FieldRule, path: str, value: Mapping[str, Any], seen: Any) -> Iterator[Leaf]:
    if len(value) > _MAX_PARTS:
        yield Leaf(path, path, value)
        return
    yield Leaf(path, path, None)
    there = seen if isinstance(seen, Mapping) else {}
    for name in dict.fromkeys((*value, *there)):
        shown = f"~{digest_of(name)}" if rule.may_hold_secrets else name
        yield Leaf(f"{path}.{name}", f"{path}.{shown}", value.get(name))


def _parts(path: str, document: Mapping[str, Any]) -> Iterator[Leaf]:
    found = list(document_leaves(path, document))
    if len(found) > _MAX_PARTS:
        yield Leaf(path, path, document)
        return
    yield Leaf(path, path, None)
    yield from (Leaf(leaf, leaf, value) for leaf, value in found if leaf != path)


def is_touched(edits: frozenset[str], path: str) -> bool:
    """Whether a path, or anything below it, is among edits."""
    return path in edits or any(edit.startswith(f"{path}.") for edit in edits)


def digest_of(value: Any) -> str:
    """Return a short digest of a value that is no secret."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
