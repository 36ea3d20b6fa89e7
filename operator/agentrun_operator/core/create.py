"""What a create sends: the desired state, and the create defaults where the spec says nothing.

They are no part of the desired state, so they are never drift and never go to what exists.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from agentrun_operator.core.defaults import Defaults
from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.fields import SpecModel
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.wire import field_rules


def created_body(kind: ResourceKind, spec: SpecModel, desired: Mapping[str, Any]) -> dict[str, Any]:
    """Return the desired state of `wire.encode` with the create defaults that it leaves open."""
    body = _completed(field_rules(kind), desired)
    for derived in kind.derived:
        if derived.create_default is not None and derived.api in desired:
            body[derived.api] = {**derived.create_default(spec), **desired[derived.api]}
    return body


def account_values(kind: ResourceKind, defaults: Defaults) -> dict[str, Any]:
    """Return what the account gives to a create that says nothing of it."""
    found = {
        derived.api: defaults.at(derived.account_default)
        for derived in kind.derived
        if derived.account_default is not None
    }
    return {api: value for api, value in found.items() if value is not None}


def _completed(rules: tuple[FieldRule, ...], owner: Mapping[str, Any]) -> dict[str, Any]:
    body = dict(owner)
    for rule in rules:
        value = owner.get(rule.api)
        if rule.api not in owner:
            default = _completed(rule.children, {}) if rule.is_group else rule.create_default
            if default not in (None, {}):
                body[rule.api] = deepcopy(default)
        elif rule.children and isinstance(value, Mapping):
            body[rule.api] = _completed(rule.children, value)
        elif rule.children and isinstance(value, list):
            body[rule.api] = [_completed(rule.children, item) for item in value]
    return body
