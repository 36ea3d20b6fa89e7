"""The part of a desired state that no read ever returns; it is compared with what was sent."""

from collections.abc import Mapping
from typing import Any

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.wire import field_rules


def write_only_part(kind: ResourceKind, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the write-only values of a body by top-level field; immutable ones never change."""
    return _part(field_rules(kind), body)


def _part(rules: tuple[FieldRule, ...], body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for rule in rules:
        value = body.get(rule.api)
        if value is None or rule.immutable:
            continue
        if rule.write_only:
            found[rule.api] = value
        elif rule.children and isinstance(value, Mapping):
            below = _part(rule.children, value)
            if below:
                found[rule.api] = below
    return found
