"""CEL rules that the field types themselves bring.

A rule that judges a spec stands under `spec`, where the API server tolerates what an update did not
touch. At the root it would be checked on every `/status` patch and finalizer removal, so an upgrade
that adds one would block existing objects for ever; `name_rule` is the only one, from the first
release on.

A rule that compares a spec with the one before is another matter: a `/status` patch and a finalizer
removal leave the spec alone, so they can never break it, whatever is stored. Those of what becomes
immutable once the resource exists stand at the root, because only there a rule sees the status. A
comparison with `oldSelf` stands on an ancestor that is always there, because the API server skips
it where a field comes or goes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from agentrun_operator.core.fields import CreateDefault, Form, Immutable, Quantity, SpecModel
from agentrun_operator.core.kind import ResourceKind, Rule
from agentrun_operator.core.quantities import MEMORY_RANGE
from agentrun_operator.core.shapes import is_model, json_name, marker, shape_of
from agentrun_operator.core.words import Words

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

_EXISTS: Final = (
    "has(oldSelf.status) && (has(oldSelf.status.externalId) || has(oldSelf.status.creation))"
)
"""Something is there, or may be: the answer of a create is not known yet."""

_RESERVED: Final = frozenset(
    {
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for"),
        *("function", "if", "import", "let", "loop", "package", "namespace", "return", "var"),
        *("void", "while"),
    }
)


def memory_rule() -> CelRule:
    """Return the rule of an amount of memory, whose message tells how to write one."""
    low, high = MEMORY_RANGE
    bounds = (("isLessThan", low), ("isGreaterThan", high))
    inside = " && ".join(f"!quantity(self).{beyond}(quantity('{end}'))" for beyond, end in bounds)
    return {
        "rule": f"type(self) == string && self.matches('^[0-9]+(Mi|Gi)$') && {inside}",
        "message": (
            f"must be a whole number of Mi or Gi from {low} to {high}, like 512Mi or 4Gi; "
            "a number without unit could be bytes or MB, so write 4096Mi for 4096 MB"
        ),
    }


def quoted_rule() -> CelRule:
    """Return the rule of a text that people write as a number, where YAML may change it."""
    return {
        "rule": "type(self) == string",
        "message": 'must be a string, and this is a number; quote it, like "123"',
    }


def words_rule(words: Words) -> CelRule:
    """Return the rule of a choice to which the API may add.

    What the API calls one of ours is refused: it would be a second spelling, of which the rules
    that ask for the first know nothing.
    """
    ours = words.words
    known, taken = [*ours], [word for word in ours.values() if word not in ours]
    strange = f"self.matches({cel_text(f'^{words.others}$')})"
    if taken:
        strange = f"({strange} && !(self in {taken}))"
    return {"rule": f"self in {known} || {strange}", "message": words.expected}


def form_rule(form: Form, *, may_be_number: bool) -> CelRule:
    """Return the rule of a documented form; a number is judged as the text that it stands for."""
    rule = f"{'string(self)' if may_be_number else 'self'}.matches({cel_text(form.regex)})"
    return {"rule": rule, "message": form.remedy}


def pattern_rule(pattern: str, description: str, *, may_be_number: bool) -> CelRule:
    """Return the rule beside a `pattern`, whose own message shows nothing but the expression."""
    fits = f"self.matches({cel_text(pattern)})"
    return {
        "rule": f"type(self) != string || {fits}" if may_be_number else fits,
        "message": f"does not have the expected format: {description}",
    }


@dataclass(frozen=True, slots=True)
class ImmutablePath:
    """An immutable field: the JSON names that lead to it, and how its values compare."""

    steps: tuple[str, ...]
    optional: tuple[bool, ...]
    """For each step, whether the field may be absent."""
    unit: Literal["cpu", "memory"] | None = None
    """Of a quantity. Memory is compared by its amount: 4Gi is 4096Mi."""
    may_come_and_go: bool = False
    """It has a create default: unset leaves the resource as it is, which is no change."""
    is_fixed: bool = False
    """Immutable from the first moment, whether a resource exists or not."""

    @property
    def is_seen(self) -> bool:
        """Whether rules see it; else the object says ImmutableFieldChanged, after the edit."""
        return self.unit != "cpu"

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
                is_fixed=name in _FIXED,
            )
        elif is_model(shape.inner) and not shape.is_list:
            yield from _immutable(shape.inner, *here)


def immutability_rules(paths: Iterable[ImmutablePath]) -> list[CelRule]:
    """Return one rule per path: set, changed, unset and set later are all the same to it."""
    return [
        {
            "rule": _unchanged(path, ""),
            "message": (
                f"{path.dotted} is immutable: keep it as it was created, "
                "or delete this object and create a new one"
            ),
            "fieldPath": field_path(path.dotted),
            "reason": "FieldValueForbidden",
        }
        for path in paths
    ]


def _unchanged(path: ImmutablePath, below: str) -> str:
    now, before = _value(f"self{below}", path.steps), _value(f"oldSelf{below}", path.steps)
    same = f"{now} == {before}"
    if path.unit == "memory":
        # What is no quantity has a rule of its own; here it would only be an evaluation error.
        are_amounts = " && ".join(f"type({v}) == string && isQuantity({v})" for v in (now, before))
        same = f"(!({are_amounts}) || quantity({now}).compareTo(quantity({before})) == 0)"
    present = _presence(f"self{below}", path)
    if not present:
        return same
    was_present = _presence(f"oldSelf{below}", path)
    if path.may_come_and_go:
        return f"!({present}) || !({was_present}) || {same}"
    return f"({present}) == ({was_present}) && (!({present}) || {same})"


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
        "message": f"is not a valid AgentRun name: it must match {kind.name_pattern}",
    }


def fixed_rules(kind: ResourceKind) -> list[CelRule]:
    """Return what is immutable from the first moment; of a kind without a resource, that is all."""
    paths = immutable_paths(kind.spec)
    return immutability_rules(path for path in paths if kind.is_local or path.is_fixed)


def root_rules(kind: ResourceKind) -> list[CelRule]:
    """Return the rules outside `spec`; see the module's docstring before adding any."""
    if kind.is_local:
        return []
    name = [_name_rule(kind)] if has_external_name(kind) else []
    return [*name, *_transition_rules(kind)]


def _name_rule(kind: ResourceKind) -> CelRule:
    return {
        "rule": (
            "has(self.spec.externalName) || "
            f"self.metadata.name.matches({cel_text(kind.name_pattern)})"
        ),
        "message": (
            "metadata.name is not a valid AgentRun name, set spec.externalName "
            f"(it must match {kind.name_pattern})"
        ),
        "fieldPath": ".spec.externalName",
        "reason": "FieldValueRequired",
    }


def _transition_rules(kind: ResourceKind) -> Iterator[CelRule]:
    if has_external_name(kind):
        # Of the status of before on either side: a status that changes is no new name.
        given = "(has(oldSelf.status.namePrefix) ? oldSelf.status.namePrefix : '') + "
        prefix = given if kind.takes_prefix else ""
        name = (
            "has({0}.spec.externalName) ? {0}.spec.externalName : " + prefix + "{0}.metadata.name"
        )
        yield _once_it_exists(
            f"({name.format('self')}) == ({name.format('oldSelf')})",
            "the external name (spec.externalName, or metadata.name without it) is immutable "
            "once the resource exists: restore it, or create a new object",
            "externalName",
        )
    for path in immutable_paths(kind.spec):
        if path.is_seen and not path.is_fixed:
            yield _once_it_exists(
                _unchanged(path, ".spec"),
                f"{path.dotted} is immutable once the resource exists: restore it, "
                "or delete this object and create a new one",
                path.dotted,
            )
    for rule in kind.rules:
        if rule.once_it_exists:
            at_root = re.sub(r"\b(self|oldSelf)\.", r"\1.spec.", rule.rule)
            yield _once_it_exists(at_root, rule.message, rule.field_path)


def _once_it_exists(rule: str, message: str, path: str | None) -> CelRule:
    """Return a rule that holds as soon as a resource exists, or a create was announced."""
    found: CelRule = {"rule": f"!({_EXISTS}) || ({rule})", "message": message}
    found["fieldPath"] = f".spec{field_path(path)}" if path else ".spec"
    found["reason"] = "FieldValueForbidden"
    return found
