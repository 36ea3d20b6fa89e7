"""CEL rules that the field types themselves bring.

Every rule stands under `spec`, where the API server tolerates what an update did not touch. A rule
at the root would be checked on every `/status` patch and finalizer removal, so an upgrade that adds
one would block existing objects for ever; `root_rules` holds the only two, both from the first
release on. A comparison with `oldSelf` stands on an ancestor that is always there, because the API
server skips it where a field comes or goes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from agentrun_operator.core.fields import CreateDefault, Immutable, Quantity, SpecModel
from agentrun_operator.core.kind import ResourceKind, Rule
from agentrun_operator.core.wire import is_model, json_name, marker, shape_of

CelRule = dict[str, Any]

EXACTLY_ONE_TARGET: Final[CelRule] = {
    "rule": "has(self.name) != has(self.externalName)",
    "message": (
        "set exactly one of name (an object in this namespace) and externalName "
        "(a resource that exists only in AgentRun)"
    ),
}
EXACTLY_ONE_SOURCE: Final[CelRule] = {
    "rule": "has(self.secretKeyRef) != has(self.configMapKeyRef)",
    "message": "set exactly one of secretKeyRef and configMapKeyRef",
}

_FIXED: Final = frozenset({"controllerClass"})
"""Policy fields of every kind that are immutable without a marker: they never reach the API."""

_RESERVED: Final = frozenset(
    {
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for"),
        *("function", "if", "import", "let", "loop", "package", "namespace", "return", "var"),
        *("void", "while"),
    }
)


def quantity_rule(unit: Literal["cpu", "memory"]) -> CelRule:
    """Return the rule of a quantity, whose message tells how to write one."""
    if unit == "cpu":
        form = r"type(self) == int || self.matches('^([0-9]+m|[0-9]+([.][0-9]{1,2})?)$')"
        message = (
            "must be a positive number of cores: whole like 2, a quoted decimal like "
            '"0.5" with at most two places, or millicores like 500m'
        )
        return {
            "rule": f"({form}) && quantity(string(self)).isGreaterThan(quantity('0'))",
            "message": message,
        }
    return {
        "rule": "self.matches('^[0-9]+(Mi|Gi)$') && quantity(self).isGreaterThan(quantity('0'))",
        "message": "must be a positive whole number of Mi or Gi, like 512Mi or 4Gi",
    }


def pattern_rule(pattern: str, description: str) -> CelRule:
    """Return the rule beside a `pattern`, whose own message shows nothing but the expression."""
    return {
        "rule": f"self.matches({cel_text(pattern)})",
        "message": f"has not the form that is expected here: {description}",
    }


@dataclass(frozen=True, slots=True)
class ImmutablePath:
    """An immutable field: the JSON names that lead to it, and how its values compare."""

    steps: tuple[str, ...]
    optional: tuple[bool, ...]
    """For each step, whether the field may be absent."""
    unit: Literal["cpu", "memory"] | None = None
    """Of a quantity, which is compared by its amount: 4Gi is 4096Mi."""
    may_come_and_go: bool = False
    """It has a create default: unset leaves the resource as it is, which is no change."""

    @property
    def dotted(self) -> str:
        """The path as people write it."""
        return ".".join(self.steps)


def immutable_paths(model: type[SpecModel]) -> tuple[ImmutablePath, ...]:
    """Return every immutable field of a model, below nested objects but not inside lists."""
    return tuple(_immutable(model, (), ()))


def _immutable(
    model: type[SpecModel], steps: tuple[str, ...], optional: tuple[bool, ...]
) -> Iterator[ImmutablePath]:
    for attribute, info in model.model_fields.items():
        shape = shape_of(info)
        name = json_name(model, attribute)
        # A default that is not empty stands in the schema, so the field is always there.
        absent = not info.is_required() and info.default in (None, ())
        here = ((*steps, name), (*optional, absent))
        if marker(shape.markers, Immutable) is not None or name in _FIXED:
            quantity = marker(shape.markers, Quantity)
            yield ImmutablePath(
                *here,
                unit=quantity.unit if quantity else None,
                may_come_and_go=marker(shape.markers, CreateDefault) is not None,
            )
        elif is_model(shape.inner) and not shape.is_list:
            yield from _immutable(shape.inner, *here)


def immutability_rules(paths: tuple[ImmutablePath, ...]) -> list[CelRule]:
    """Return one rule per path: set, changed, unset and set later are all the same to it."""
    return [
        {
            "rule": _unchanged(path),
            "message": (
                f"{path.dotted} is immutable: keep it as it was created, "
                "or delete this object and create a new one"
            ),
            "fieldPath": field_path(path.dotted),
            "reason": "FieldValueForbidden",
        }
        for path in paths
    ]


def _unchanged(path: ImmutablePath) -> str:
    now, before = _value("self", path.steps), _value("oldSelf", path.steps)
    same = f"{now} == {before}"
    if path.unit:
        new, old = _amount(now, path.unit), _amount(before, path.unit)
        # What is no quantity has a rule of its own; here it would only be an evaluation error.
        same = f"(!isQuantity({new}) || quantity({new}).compareTo(quantity({old})) == 0)"
    present = _presence("self", path)
    if not present:
        return same
    was_present = _presence("oldSelf", path)
    if path.may_come_and_go:
        return f"!({present}) || !({was_present}) || {same}"
    return f"({present}) == ({was_present}) && (!({present}) || {same})"


def _amount(value: str, unit: Literal["cpu", "memory"]) -> str:
    # `string()` of a string has no known bound, so the cost estimator refuses it for memory.
    return f"string({value})" if unit == "cpu" else value


def _presence(root: str, path: ImmutablePath) -> str:
    return " && ".join(
        f"has({_value(root, path.steps[: place + 1])})"
        for place, may_be_absent in enumerate(path.optional)
        if may_be_absent
    )


def _value(root: str, steps: tuple[str, ...]) -> str:
    return ".".join((root, *map(cel_name, steps)))


def cel_name(name: str) -> str:
    """Return a JSON name as CEL spells it: reserved words are wrapped in underscores."""
    return f"__{name}__" if name in _RESERVED else name


def cel_text(text: str) -> str:
    """Return a string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def field_path(dotted: str) -> str:
    """Return a `fieldPath` below the place of the rule."""
    return f".{dotted.removeprefix('.').removeprefix('spec.')}"


def declared_rule(rule: Rule) -> CelRule:
    """Return a rule that a kind declares itself."""
    found: CelRule = {"rule": rule.rule, "message": rule.message}
    if rule.field_path:
        found["fieldPath"] = field_path(rule.field_path)
        if "'Observe' || has(" in rule.rule:
            found["reason"] = "FieldValueRequired"
    return found


def has_external_name(kind: ResourceKind) -> bool:
    """Whether users name the cloud resource: not where there is none, or where we choose its id."""
    return "external_name" in kind.spec.model_fields


def external_name_rule(kind: ResourceKind) -> CelRule:
    """Return the rule of `spec.externalName` itself."""
    return {
        "rule": f"self.matches({cel_text(kind.name_pattern)})",
        "message": f"is not a legal AgentRun name: it must match {kind.name_pattern}",
    }


def root_rules(kind: ResourceKind) -> list[CelRule]:
    """Return the only two rules outside `spec`; see the module's docstring before adding any."""
    if not has_external_name(kind):
        return []
    name = "has({0}.spec.externalName) ? {0}.spec.externalName : {0}.metadata.name"
    settled = "has(oldSelf.status) && has(oldSelf.status.externalId)"
    return [
        {
            "rule": (
                "has(self.spec.externalName) || "
                f"self.metadata.name.matches({cel_text(kind.name_pattern)})"
            ),
            "message": (
                "metadata.name is not a legal AgentRun name, set spec.externalName "
                f"(it must match {kind.name_pattern})"
            ),
            "fieldPath": ".spec.externalName",
            "reason": "FieldValueRequired",
        },
        {
            "rule": f"!({settled}) || ({name.format('self')}) == ({name.format('oldSelf')})",
            "message": (
                "the external name (spec.externalName, or metadata.name without it) is immutable "
                "once the resource exists: restore it, or create a new object"
            ),
            "fieldPath": ".spec.externalName",
            "reason": "FieldValueForbidden",
        },
    ]
