"""CEL rules that several kinds share. `self` is the spec; every message says what to do."""

from agentrun_operator.core.kind import Rule

OBSERVES = "self.managementPolicy == 'Observe'"


def required(field: str, remedy: str) -> Rule:
    """Return the rule that a field must be set unless the object only observes.

    Schema `required` would refuse an Observe object that names nothing but the resource.
    """
    return Rule(
        f"{OBSERVES} || has(self.{field})",
        f"{field} is required; {remedy}",
        field,
        one_of=(field,),
    )


def not_empty(field: str, remedy: str) -> Rule:
    """Return the rule that a list, where it is given, has at least one item."""
    rule = f"!has(self.{field}) || self.{field}.size() > 0"
    return Rule(rule, f"{field} is empty; {remedy}", field)


def exactly_one(fields: tuple[str, ...], remedy: str) -> Rule:
    """Return the rule that exactly one of several fields is set unless the object only observes."""
    count = _count(fields)
    one_of = _one_of(fields)
    return Rule(
        f"{count} == 1 || ({OBSERVES} && {count} == 0)",
        f"exactly one of {one_of} must be set; {remedy}",
        one_of=fields,
    )


def never_switches(fields: tuple[str, ...], remedy: str) -> Rule:
    """Return the rule that the choice between several fields stays as it was created."""
    kept = " && ".join(f"has(self.{f}) == has(oldSelf.{f})" for f in fields)
    chosen = " || ".join(f"has(oldSelf.{f})" for f in fields)
    return Rule(
        f"!({chosen}) || ({kept})",
        f"the choice of {_one_of(fields)} is immutable once the resource exists; {remedy}",
        once_it_exists=True,
    )


def _count(fields: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"has(self.{f})" for f in fields) + "].filter(x, x).size()"


def _one_of(fields: tuple[str, ...]) -> str:
    return f"{', '.join(fields[:-1])} and {fields[-1]}"
