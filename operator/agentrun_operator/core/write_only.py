"""Parts of a desired state: what no read ever returns, and what is no secret."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from agentrun_operator.core.documents import values_in
from agentrun_operator.core.drift import CANNOT_READ, Drift
from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.ignored import Paths, is_within
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.leaves import is_touched
from agentrun_operator.core.paths import read_path
from agentrun_operator.core.shown import UNSET
from agentrun_operator.core.wire import field_rules


def write_only_part(
    kind: ResourceKind, body: Mapping[str, Any], ignored: Paths = frozenset()
) -> dict[str, Any]:
    """Return the write-only values of a body by top-level field.

    Immutable ones never change, and ignored ones are left alone.
    """
    return _part(field_rules(kind), body, ignored)


def plain_part(kind: ResourceKind, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body without whatever may come from a Secret, fit to be remembered."""
    return _plain(field_rules(kind), body)


def _plain(rules: tuple[FieldRule, ...], body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for rule in rules:
        value = body.get(rule.api)
        if value is None:
            continue
        if not _is_sensitive(rule):
            found[rule.api] = value
        elif rule.children and isinstance(value, Mapping):
            found[rule.api] = _plain(rule.children, value)
    return found


def sensitive_texts(
    kind: ResourceKind, body: Mapping[str, Any], *, is_read: bool = False
) -> Iterator[str]:
    """Yield every text of a body, or of a read, that stands where a secret may."""
    yield from _texts_of(field_rules(kind), body, is_read=is_read)


def _texts_of(
    rules: tuple[FieldRule, ...], owner: Mapping[str, Any], *, is_read: bool
) -> Iterator[str]:
    for rule in rules:
        value = read_path(owner, rule.reads)[0] if is_read else owner.get(rule.api)
        if rule.sensitive:
            yield from texts_in(value)
        elif rule.children:
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, Mapping):
                    yield from _texts_of(rule.children, item, is_read=is_read)


def texts_in(node: Any) -> Iterator[str]:
    """Yield the texts of a JSON value."""
    return (value for value in values_in(node) if isinstance(value, str))


def _is_sensitive(rule: FieldRule) -> bool:
    return rule.sensitive or any(_is_sensitive(child) for child in rule.children)


def _part(rules: tuple[FieldRule, ...], body: Mapping[str, Any], ignored: Paths) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for rule in rules:
        value = body.get(rule.api)
        if value is None or rule.immutable or (rule.path and is_within(ignored, rule.path)):
            continue
        if rule.write_only:
            found[rule.api] = value
        elif rule.children and isinstance(value, Mapping):
            below = _part(rule.children, value, ignored)
            if below:
                found[rule.api] = below
    return found


@lru_cache(maxsize=256)
def write_only_paths(kind: ResourceKind) -> frozenset[str]:
    """Return the spec paths whose values no read returns and an update can change."""
    return frozenset(_paths(field_rules(kind), is_unseen=False))


def write_only_tops(kind: ResourceKind, edits: frozenset[str]) -> frozenset[str]:
    """Return the top-level wire fields of which a write-only value is among edits."""
    return frozenset(
        rule.api
        for rule in field_rules(kind)
        if any(is_touched(edits, path) for path in _paths((rule,), is_unseen=False))
    )


def _paths(rules: tuple[FieldRule, ...], *, is_unseen: bool) -> Iterator[str]:
    for rule in rules:
        unseen = is_unseen or rule.write_only
        if rule.immutable:
            continue
        if rule.children and not rule.is_list:
            yield from _paths(rule.children, is_unseen=unseen)
        elif unseen:
            yield rule.path


def find_unseen(kind: ResourceKind, paths: Paths, observed: Mapping[str, Any]) -> tuple[Drift, ...]:
    """Return the write-only paths that left the spec, and that an answer does not show either.

    They are cleared like other removed fields, once and unconfirmed. Where an answer does
    show one of them, `drift.find_removed` knows it.
    """
    return tuple(_unseen(field_rules(kind), paths, observed, None)) if paths else ()


def _unseen(
    rules: tuple[FieldRule, ...], paths: Paths, owner: Mapping[str, Any], api: str | None
) -> Iterator[Drift]:
    for rule in rules:
        seen, is_shown = read_path(owner, rule.reads)
        top = api or rule.api
        if rule.children and not rule.is_list:
            inner = seen if isinstance(seen, Mapping) else {}
            yield from _unseen(rule.children, paths, inner, top)
        elif rule.path in paths and not is_shown:
            # What is below the top leaves with its owner, which is sent again without it.
            can_be = api is not None or rule.clear is not None
            yield Drift(rule.path, top, UNSET, CANNOT_READ, clearing=True, clearable=can_be)
