"""Parts of a desired state: what no read ever returns, and what is no secret."""

from collections.abc import Mapping
from typing import Any

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.ignored import Paths, covers
from agentrun_operator.core.kind import ResourceKind
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


def _is_sensitive(rule: FieldRule) -> bool:
    return rule.sensitive or any(_is_sensitive(child) for child in rule.children)


def _part(rules: tuple[FieldRule, ...], body: Mapping[str, Any], ignored: Paths) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for rule in rules:
        value = body.get(rule.api)
        if value is None or rule.immutable or (rule.path and covers(ignored, rule.path)):
            continue
        if rule.write_only:
            found[rule.api] = value
        elif rule.children and isinstance(value, Mapping):
            below = _part(rule.children, value, ignored)
            if below:
                found[rule.api] = below
    return found
