"""Desired × observed on the wire → the paths that differ, honouring the markers.

What the user left unset is never drift, a field absent from a LIST item neither; `equality` says
when two values mean the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentrun_operator.core.equality import pair_items, same, same_scalar
from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.paths import document_leaves, placed, read_path
from agentrun_operator.core.shown import HIDDEN, UNSET, shown, shown_pair
from agentrun_operator.core.wire import field_rules

CANNOT_READ = "(cannot be read)"


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
    """The path left the spec, or is empty there, and the resource still shows a value."""
    clearable: bool = True
    """False where no update can take the value away."""


def find_drift(
    kind: ResourceKind, desired: Mapping[str, Any], observed: Mapping[str, Any], *, partial: bool
) -> tuple[Drift, ...]:
    """Compare what we would send with what a read returned.

    A field that the spec sets to an empty list, map or text asks to clear: see `find_removed`.

    Args:
        kind: Declares how each field compares.
        desired: Body as `wire.encode` makes it.
        observed: A GET, or a LIST item.
        partial: True for a LIST item, whose missing fields say nothing, at any depth.
    """
    return tuple(_compare(field_rules(kind), desired, observed, None, partial=partial))


def _compare(
    rules: tuple[FieldRule, ...],
    desired: Mapping[str, Any],
    owner: Mapping[str, Any],
    api: str | None,
    *,
    partial: bool,
) -> Iterator[Drift]:
    for rule in rules:
        if rule.api not in desired or rule.write_only:
            continue
        wanted, top = desired[rule.api], api or rule.api
        seen, present = read_path(owner, rule.reads)
        if partial and not present:
            continue
        if rule.children and not rule.is_list:
            inner = seen if isinstance(seen, Mapping) else {}
            yield from _compare(rule.children, wanted, inner, top, partial=partial)
        elif not _asks_to_clear(rule, wanted) and not same(rule, wanted, seen, partial=partial):
            shown_wanted, shown_seen = shown_pair(rule, wanted, seen)
            yield Drift(rule.path, top, shown_wanted, shown_seen, immutable=rule.immutable)


def _asks_to_clear(rule: FieldRule, wanted: Any) -> bool:
    """Whether the spec says "nothing"; 0 and false are values like any other."""
    return wanted in ("", [], {}) and rule.clear is not None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a walk over removed fields stands."""

    applied: frozenset[str]
    api: str | None = None
    """Top-level wire field; None at the top."""
    declared: str = ""
    path: str = ""
    """Path of the list item around us, as declared and in full; both empty outside of lists."""
    created: Mapping[str, Any] = field(default_factory=dict)
    """What a create would send; what left a document goes back to it."""


def find_removed(
    kind: ResourceKind,
    applied: Sequence[str],
    desired: Mapping[str, Any],
    observed: Mapping[str, Any],
    created: Mapping[str, Any] | None = None,
) -> tuple[Drift, ...]:
    """Return the paths that still show a value and should not.

    Those are the paths that we had applied and that left the spec, and those that the spec sets to
    an empty list, map or text. What equals the server's stated default counts as gone. Write-only
    paths never show, so they never count.

    Args:
        kind: Declares what clears each field.
        applied: Paths of the last successful write, from `wire.applied_paths`.
        desired: Body as `wire.encode` makes it.
        observed: A GET, or a LIST item.
        created: The desired state with its create defaults, from `create.created_body`.
    """
    place = _Place(frozenset(applied), created=created or {})
    return tuple(_removed(field_rules(kind), place, desired, observed))


def _removed(
    rules: tuple[FieldRule, ...],
    place: _Place,
    desired: Mapping[str, Any],
    observed: Mapping[str, Any],
) -> Iterator[Drift]:
    for rule in rules:
        seen, _ = read_path(observed, rule.reads)
        path, top = placed(rule, place.declared, place.path), place.api or rule.api
        wanted = desired.get(rule.api)
        if rule.children and not rule.is_list:
            yield from _left_in_object(rule, replace(place, api=top), wanted, seen)
        elif rule.api not in desired or _asks_to_clear(rule, wanted):
            if rule.api not in desired and (path not in place.applied or rule.stays):
                continue
            if not _is_cleared(rule, seen):
                yield _removed_field(rule, path, top, seen, is_below=place.api is not None)
        elif rule.children:
            yield from _left_in_items(rule, replace(place, api=top), path, wanted, seen)
        elif isinstance(seen, dict | list) and not rule.exact_map and not rule.is_list:
            back = place.created.get(rule.api) if place.api is None else None
            yield from _left_in_document(rule, replace(place, api=top), path, (wanted, seen, back))


def _left_in_object(rule: FieldRule, inside: _Place, wanted: Any, seen: Any) -> Iterator[Drift]:
    if not isinstance(seen, Mapping):
        return
    found = _removed(rule.children, inside, wanted or {}, seen)
    if rule.clear_with is None or wanted is not None:
        yield from found
    elif any(True for _ in found):
        yield Drift(rule.path, inside.api or rule.api, UNSET, HIDDEN, clearing=True)


def _left_in_items(
    rule: FieldRule, inside: _Place, path: str, wanted: Any, seen: Any
) -> Iterator[Drift]:
    for label, item, there in pair_items(rule, wanted, seen if isinstance(seen, list) else []):
        if isinstance(there, Mapping):
            place = replace(inside, declared=rule.path, path=f"{path}.{label}")
            yield from _removed(rule.children, place, item, there)


def _left_in_document(
    rule: FieldRule, inside: _Place, path: str, documents: tuple[Any, Any, Any]
) -> Iterator[Drift]:
    wanted, seen, created = documents
    kept = {leaf for leaf, _ in document_leaves(path, wanted)}
    back = dict(document_leaves(path, created))
    for leaf, value in document_leaves(path, seen):
        is_back = leaf in back and same_scalar(back[leaf], value)
        if leaf in inside.applied and leaf not in kept and leaf != path and value and not is_back:
            yield _removed_field(rule, leaf, inside.api or rule.api, value, is_below=True)


def _removed_field(rule: FieldRule, path: str, top: str, seen: Any, *, is_below: bool) -> Drift:
    return Drift(
        path=path,
        api=top,
        desired=UNSET,
        observed=shown(rule, seen),
        immutable=rule.immutable,
        clearing=True,
        # What is below the top leaves with its owner, which is sent again without it.
        clearable=is_below or rule.clear is not None,
    )


def _is_cleared(rule: FieldRule, seen: Any) -> bool:
    if seen is None:
        return True
    if not seen and not isinstance(rule.default, bool | int):
        return True
    # Off, where the server's default is on, is what we had applied.
    return any(
        value is not None and not isinstance(value, list | dict) and same_scalar(value, seen)
        for value in (rule.clear, rule.default)
    )


def clearing_values(
    kind: ResourceKind,
    removed: Sequence[Drift],
    desired: Mapping[str, Any],
    created: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the top-level wire fields that clear removed fields, amid what else is desired.

    The reference does not say whether an update replaces nested objects or merges them, so what
    has a clearing value is sent with it, and what has none is left out of its owner.
    """
    paths = {d.path for d in removed if d.clearable}
    body: dict[str, Any] = {}
    for rule in field_rules(kind):
        if rule.clear_with is not None and rule.path in paths:
            body[rule.clear_with.api] = rule.clear_with.value
        elif _holds_any(rule, paths):
            value = _cleared(rule, paths, desired.get(rule.api))
            if value is not None:
                body[rule.api] = _gone_back(rule, paths, value, (created or {}).get(rule.api))
    return body


def _gone_back(rule: FieldRule, paths: set[str], value: Any, created: Any) -> Any:
    """Return a document in which what left it is what a create would send, where it sends any."""
    if rule.children or not (isinstance(value, Mapping) and isinstance(created, Mapping)):
        return value
    back = {name: v for name, v in created.items() if f"{rule.path}.{name}" in paths}
    return {**back, **value}


def _holds_any(rule: FieldRule, paths: set[str]) -> bool:
    if rule.children and not rule.is_list:
        return any(_holds_any(child, paths) for child in rule.children)
    return any(path == rule.path or path.startswith(f"{rule.path}.") for path in paths)


def _cleared(rule: FieldRule, paths: set[str], desired: Any) -> Any:
    """Return what to send for a rule that holds a removed field; None to leave it out."""
    if not (rule.children and not rule.is_list):
        return rule.clear if rule.path in paths else desired
    body = dict(desired or {})
    for child in rule.children:
        if _holds_any(child, paths):
            value = _cleared(child, paths, body.get(child.api))
            if value is not None:
                body[child.api] = value
    return body
