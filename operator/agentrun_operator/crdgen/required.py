"""Fields that a rule of their kind requires, which the schema itself must leave optional.

An object that only observes need not have them, so `required` of the schema would refuse it. What
`kubectl explain` and the reference pages show as required comes from the schema alone, so the
descriptions say it.
"""

import re
from typing import Any

from agentrun_operator.core.kind import ResourceKind

_UNLESS = "unless managementPolicy is Observe"
_OBSERVES = r"self[.]managementPolicy == 'Observe'"
_ONE = re.compile(rf"{_OBSERVES} [|][|] has[(]self[.](\w+)[)]")
_EXACTLY_ONE = re.compile(
    rf"\[([^]]+)\][.]filter[(]x, x[)][.]size[(][)] == 1 [|][|] [(]{_OBSERVES}.*"
)
_FIELD = re.compile(r"has[(]self[.](\w+)[)]")


def required_by_rule(kind: ResourceKind) -> frozenset[str]:
    """Return the fields of `spec` that must be set unless the object only observes."""
    found = (_ONE.fullmatch(rule.rule) for rule in kind.rules)
    return frozenset(match[1] for match in found if match)


def choices(kind: ResourceKind) -> tuple[tuple[str, ...], ...]:
    """Return the groups of fields of which exactly one must be set unless it only observes."""
    found = (_EXACTLY_ONE.fullmatch(rule.rule) for rule in kind.rules)
    return tuple(tuple(_FIELD.findall(match[1])) for match in found if match)


def describe(kind: ResourceKind, spec: dict[str, Any]) -> None:
    """Add to the descriptions of a schema of `spec` when its fields are required."""
    properties, always = spec["properties"], spec.get("required", ())
    for name in required_by_rule(kind) - set(always):
        properties[name]["description"] += f" Required {_UNLESS}."
    for names in choices(kind):
        one_of = f"{', '.join(names[:-1])} and {names[-1]}"
        for name in names:
            properties[name]["description"] += f" Exactly one of {one_of} is required {_UNLESS}."
