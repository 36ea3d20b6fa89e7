"""How the two sides of a difference are shown: in the units of the spec, and where they differ."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.paths import item_labels, read_path

HIDDEN = "(differs)"
UNSET = "(unset)"
_MAX_SHOWN = 128
_MAX_COMPARED = 65_536
"""Characters of a value that are looked at: a broken endpoint may answer megabytes."""
_BEFORE = 40
"""Characters of a long text that are shown before the first difference."""


def shown_pair(rule: FieldRule, wanted: Any, seen: Any) -> tuple[str, str]:
    """Return a desired and an observed wire value as people write them, in full."""
    if rule.may_hold_secrets:
        return HIDDEN, HIDDEN
    if rule.unordered is not None and isinstance(wanted, list) and isinstance(seen, list):
        seen = _in_order(rule, wanted, seen)
    return _text(as_spec(rule, wanted)), _text(as_spec(rule, seen))


def parted(desired: str, observed: str) -> tuple[str, str]:
    """Return two texts, or of long ones the part around the first difference."""
    texts = desired, observed
    at = next((n for n, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), None)
    at = min(map(len, texts)) if at is None else at
    return _part(texts[0], at), _part(texts[1], at)


def shown(rule: FieldRule, value: Any) -> str:
    """Return one wire value as people write it."""
    return HIDDEN if rule.may_hold_secrets else _text(as_spec(rule, value))


def as_written(spec: Mapping[str, Any], path: str) -> str | None:
    """Return the text of a plain value of a spec, just as the user wrote it; None for others."""
    value, _ = read_path(spec, tuple(path.split(".")))
    return None if value is None or isinstance(value, Mapping | list) else _text(value)


def as_spec(rule: FieldRule, value: Any) -> Any:
    """Return a wire value with the names, words and units of the spec.

    What a server adds is left out.
    """
    if rule.is_list and isinstance(value, list):
        return [_one(rule, item) for item in value]
    return _one(rule, value)


def _one(rule: FieldRule, value: Any) -> Any:
    if rule.children:
        return _object(rule, value) if isinstance(value, Mapping) else value
    if rule.words is not None and isinstance(value, str):
        return {wire: word for word, wire in rule.words.items()}.get(value, value)
    if rule.quantity is not None:
        return rule.quantity.decode(value)
    return value if rule.decode is None else rule.decode(value)


def _object(rule: FieldRule, value: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in rule.children:
        inner, is_there = read_path(value, (child.api,) if child.api in value else child.reads)
        if child.is_group and isinstance(inner, Mapping):
            found |= _object(child, inner)
        elif is_there and inner is not None and not child.write_only:
            found[child.path.removeprefix(f"{rule.path}.")] = as_spec(child, inner)
    return found


def _in_order(rule: FieldRule, wanted: Sequence[Any], seen: Sequence[Any]) -> list[Any]:
    """Return the items of a list without order as they stand in the desired one."""
    if rule.item_key is not None:
        mine, theirs = item_labels(rule, wanted), item_labels(rule, seen, observed=True)
    else:
        mine, theirs = tuple(map(_text, wanted)), tuple(map(_text, seen))
    places = {label: place for place, label in reversed([*enumerate(mine)])}
    order = sorted(range(len(seen)), key=lambda at: places.get(theirs[at], len(mine)))
    return [seen[at] for at in order]


def _text(value: Any) -> str:
    if value is None:
        return UNSET
    if isinstance(value, str):
        return value[:_MAX_COMPARED]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, default=str)[:_MAX_COMPARED]


def _part(text: str, at: int) -> str:
    """Return a text, or as much of it around a place as is shown."""
    if len(text) <= _MAX_SHOWN:
        return text
    start = max(0, min(at - _BEFORE, len(text) - _MAX_SHOWN + 1)) if at >= _MAX_SHOWN - 1 else 0
    left = "…" if start else ""
    room = _MAX_SHOWN - len(left)
    rest = text[start:]
    return left + (rest if len(rest) <= room else f"{rest[: room - 1]}…")
