"""Desired × observed on the wire → the paths that differ, honouring the markers.

What the user left unset is never drift, a field absent from a LIST item neither; numbers compare as
numbers, whatever their spelling (Template returns its timeouts as strings).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.wire import FieldRule, field_rules

HIDDEN = "(differs)"
_MAX_SHOWN = 128
_EMPTY: tuple[Any, ...] = (None, "", 0, False, [], {})


@dataclass(frozen=True, slots=True)
class Drift:
    """One path where observed contradicts desired."""

    path: str
    """Spec path."""
    api: str
    """Top-level wire field that an update has to carry."""
    desired: str
    observed: str
    """Both fit to show: hidden where the value may be secret."""
    immutable: bool = False
    clearing: bool = False
    """The path left the spec and the resource still shows a value."""
    clearable: bool = True


def find_drift(
    kind: ResourceKind, desired: Mapping[str, Any], observed: Mapping[str, Any], *, partial: bool
) -> tuple[Drift, ...]:
    """Compare what we would send with what a read returned.

    Args:
        kind: Declares how each field compares.
        desired: Body as `wire.encode` makes it.
        observed: A GET, or a LIST item.
        partial: True for a LIST item, whose missing fields say nothing.
    """
    return tuple(
        drift
        for rule in field_rules(kind)
        if rule.api in desired and not rule.write_only
        for drift in _compare(rule, desired[rule.api], observed, rule.api, partial=partial)
    )


def find_leftovers(
    kind: ResourceKind,
    applied: Sequence[str],
    desired: Mapping[str, Any],
    observed: Mapping[str, Any],
) -> tuple[Drift, ...]:
    """Return the paths that we had applied, that left the spec, and that still show a value.

    Write-only paths never show, so they are told apart by `observed` lacking them and are dropped.
    """
    return tuple(_leftovers(field_rules(kind), frozenset(applied), desired, observed, None))


def _leftovers(
    rules: tuple[FieldRule, ...],
    applied: frozenset[str],
    desired: Mapping[str, Any],
    observed: Mapping[str, Any],
    api: str | None,
) -> Iterator[Drift]:
    for rule in rules:
        top = api or rule.api
        seen, _ = _read(observed, rule.reads)
        if rule.children and not rule.is_list:
            below = desired.get(rule.api) or {}
            found = (
                _leftovers(rule.children, applied, below, seen, top)
                if isinstance(seen, Mapping)
                else iter(())
            )
            if rule.clear_with is None or rule.api in desired:
                yield from found
            elif any(True for _ in found):
                yield Drift(rule.path, top, "(unset)", HIDDEN, clearing=True)
        elif rule.path in applied and rule.api not in desired and not _is_cleared(rule, seen):
            yield Drift(
                path=rule.path,
                api=top,
                desired="(unset)",
                observed=_show(rule, seen),
                immutable=rule.immutable,
                clearing=True,
                clearable=rule.clear is not None,
            )


def _is_cleared(rule: FieldRule, seen: Any) -> bool:
    return seen in _EMPTY or (rule.clear is not None and _same_scalar(rule.clear, seen))


def clearing_values(
    kind: ResourceKind, leftovers: Sequence[Drift], desired: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the top-level wire fields that clear leftovers, inside what else is desired there."""
    paths = {d.path for d in leftovers if d.clearable}
    body: dict[str, Any] = {}
    for rule in field_rules(kind):
        if rule.clear_with is not None and rule.path in paths:
            body[rule.clear_with.api] = rule.clear_with.value
            continue
        cleared = _cleared(rule, paths, desired.get(rule.api))
        if cleared is not None:
            body[rule.api] = cleared
    return body


def _cleared(rule: FieldRule, paths: set[str], desired: Any) -> Any:
    if not (rule.children and not rule.is_list):
        return rule.clear if rule.path in paths else None
    below = {
        child.api: value
        for child in rule.children
        if (value := _cleared(child, paths, (desired or {}).get(child.api))) is not None
    }
    if not below:
        return None
    return {**(desired or {}), **below}


def _compare(
    rule: FieldRule, desired: Any, owner: Mapping[str, Any], top: str, *, partial: bool
) -> Iterator[Drift]:
    seen, present = _read(owner, rule.reads)
    if not present and partial:
        return
    if rule.children and not rule.is_list:
        inner = seen if isinstance(seen, Mapping) else {}
        if not inner and partial:
            return
        for child in rule.children:
            if child.api in desired and not child.write_only:
                yield from _compare(child, desired[child.api], inner, top, partial=False)
        return
    if not _same(rule, desired, seen):
        yield Drift(
            path=rule.path,
            api=top,
            desired=_show(rule, desired),
            observed=_show(rule, seen),
            immutable=rule.immutable,
        )


def _read(owner: Mapping[str, Any], path: tuple[str, ...]) -> tuple[Any, bool]:
    node: Any = owner
    for step in path:
        if not isinstance(node, Mapping) or step not in node:
            return None, False
        node = node[step]
    return node, True


def _same(rule: FieldRule, desired: Any, seen: Any) -> bool:
    if rule.exact_map:
        return dict(desired) == dict(seen or {})
    if rule.is_list:
        return _same_list(rule, desired, seen if isinstance(seen, list) else [])
    if rule.free_form:
        return _contains(desired, seen)
    return _same_scalar(desired, seen)


def _same_list(rule: FieldRule, desired: list[Any], seen: list[Any]) -> bool:
    if len(desired) != len(seen):
        return False
    order = rule.unordered
    if order is None:
        return all(_same_item(rule, d, s) for d, s in zip(desired, seen, strict=True))
    if order.key is not None:
        by_key = {_item_key(s, order.key): s for s in seen}
        keys = [_item_key(d, order.key) for d in desired]
        return all(k in by_key for k in keys) and all(
            _same_item(rule, d, by_key[k]) for d, k in zip(desired, keys, strict=True)
        )
    rest = list(seen)
    for item in desired:
        match = next((s for s in rest if _same_item(rule, item, s)), None)
        if match is None:
            return False
        rest.remove(match)
    return True


def _item_key(item: Any, key: str) -> str:
    return str(item.get(key)) if isinstance(item, Mapping) else str(item)


def _same_item(rule: FieldRule, desired: Any, seen: Any) -> bool:
    if not rule.children:
        return _contains(desired, seen)
    if not isinstance(seen, Mapping):
        return False
    return not any(
        True
        for child in rule.children
        if child.api in desired and not child.write_only
        for _ in _compare(child, desired[child.api], seen, rule.api, partial=False)
    )


def _contains(desired: Any, seen: Any) -> bool:
    """Whether every value of a free-form document is there; the server may add its own."""
    if isinstance(desired, Mapping):
        return isinstance(seen, Mapping) and all(
            _contains(value, seen.get(name)) for name, value in desired.items()
        )
    if isinstance(desired, list):
        return (
            isinstance(seen, list)
            and len(desired) == len(seen)
            and all(_contains(d, s) for d, s in zip(desired, seen, strict=True))
        )
    return _same_scalar(desired, seen)


def _same_scalar(desired: Any, seen: Any) -> bool:
    if isinstance(desired, bool) or isinstance(seen, bool):
        # An unset switch comes back as absent; false and absent mean the same.
        return bool(desired) is (seen is True or seen == "true")
    if isinstance(desired, int | float):
        try:
            return float(desired) == float(seen)
        except (TypeError, ValueError):
            return False
    if desired == "":
        return seen in (None, "")
    return bool(desired == seen)


def _show(rule: FieldRule, value: Any) -> str:
    if _may_hide_secrets(rule):
        return HIDDEN
    text = "(unset)" if value is None else str(value)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _may_hide_secrets(rule: FieldRule) -> bool:
    return rule.sensitive or rule.free_form or any(map(_may_hide_secrets, rule.children))
