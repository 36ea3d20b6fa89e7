"""Fields that a rule of their kind requires, which the schema itself must leave optional.

An object that only observes need not have them, so `required` of the schema would refuse it. What
`kubectl explain` and the reference pages show as required comes from the schema alone, so the
descriptions say it.
"""

from typing import Any

from agentrun_operator.core.kind import ResourceKind

_UNLESS = "unless managementPolicy is Observe"


def required_by_rule(kind: ResourceKind) -> frozenset[str]:
    """Return the fields of `spec` that must be set unless the object only observes."""
    return frozenset(rule.one_of[0] for rule in kind.rules if len(rule.one_of) == 1)


def describe(kind: ResourceKind, spec: dict[str, Any]) -> None:
    """Add to the descriptions of a schema of `spec` when its fields are required."""
    properties, always = spec["properties"], spec.get("required", ())
    for name in required_by_rule(kind) - set(always):
        properties[name]["description"] += f" Required {_UNLESS}."
    for names in (rule.one_of for rule in kind.rules if len(rule.one_of) > 1):
        one_of = f"{', '.join(names[:-1])} and {names[-1]}"
        for name in names:
            properties[name]["description"] += f" Exactly one of {one_of} is required {_UNLESS}."
