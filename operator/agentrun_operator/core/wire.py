"""Spec → wire: the plan of a kind's fields, and the request body they make."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, TypeGuard, TypeVar, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from agentrun_operator.core.fields import (
    ApiName,
    Clear,
    FreeForm,
    Immutable,
    Inline,
    Local,
    Quantity,
    Ref,
    Reference,
    Sensitive,
    SpecModel,
    Unordered,
    ValueFrom,
    Words,
    WriteOnly,
)
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.resolution import Resolution

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What one spec field means on the wire."""

    attribute: str
    """Python attribute of the owner model; empty for a derived field."""
    path: str
    """Spec path with dots; what people see."""
    api: str
    """Field name in the request."""
    reads: tuple[str, ...]
    """Path of field names in an answer, from the owner object."""
    children: tuple["FieldRule", ...] = ()
    is_list: bool = False
    is_inline: bool = False
    free_form: bool = False
    exact_map: bool = False
    immutable: bool = False
    write_only: bool = False
    sensitive: bool = False
    unordered: Unordered | None = None
    clear: Any = None
    """Value that clears it; None where nothing does."""
    ref: str | None = None
    words: Mapping[str, str] | None = None
    quantity: Quantity | None = None


@dataclass(frozen=True, slots=True)
class TypeShape:
    """A spec field's type, unwrapped: its model or scalar, and whether it is a list."""

    inner: Any
    is_list: bool
    markers: tuple[Any, ...]


def shape_of(info: FieldInfo) -> TypeShape:
    """Unwrap `Annotated`, `| None` and `tuple[X, ...]` of a field, collecting the markers."""
    markers: list[Any] = list(info.metadata)
    inner = info.annotation
    is_list = False
    while True:
        origin = get_origin(inner)
        if origin is Annotated:
            markers.extend(get_args(inner)[1:])
            inner = get_args(inner)[0]
        elif origin in (Union, UnionType):
            inner = next(a for a in get_args(inner) if a is not type(None))
        elif origin in (tuple, list):
            is_list = True
            inner = get_args(inner)[0]
        else:
            return TypeShape(inner, is_list, tuple(markers))


def marker(markers: tuple[Any, ...], wanted: type[M]) -> M | None:
    """Return the first marker of a type, or None."""
    return next((m for m in markers if isinstance(m, wanted)), None)


def json_name(model: type[SpecModel], attribute: str) -> str:
    """Return an attribute's name in YAML."""
    return model.model_fields[attribute].alias or attribute


def is_model(inner: Any) -> TypeGuard[type[SpecModel]]:
    """Whether a type is a nested part of a spec."""
    return isinstance(inner, type) and issubclass(inner, SpecModel)


@lru_cache(maxsize=256)
def field_rules(kind: ResourceKind) -> tuple[FieldRule, ...]:
    """Return the top-level wire fields of a kind, derived ones included."""
    rules = list(_rules(kind.spec, ""))
    rules += [
        FieldRule(
            attribute="",
            path=d.path,
            api=d.api,
            reads=(d.api,),
            free_form=not d.exact,
            exact_map=d.exact,
            immutable=d.immutable,
            write_only=d.write_only,
            sensitive=d.secret,
            clear=d.clear,
        )
        for d in kind.derived
    ]
    return tuple(rules)


def _rules(model: type[SpecModel], prefix: str) -> Iterator[FieldRule]:
    for attribute, info in model.model_fields.items():
        shape = shape_of(info)
        if marker(shape.markers, Local):
            continue
        name = json_name(model, attribute)
        path = f"{prefix}{name}"
        nested = is_model(shape.inner) and shape.inner not in (Reference, ValueFrom)
        inline = marker(shape.markers, Inline) is not None
        children = tuple(_rules(shape.inner, f"{path}.")) if nested else ()
        if inline:
            yield from (_inlined(child, attribute) for child in children)
            continue
        yield _rule(attribute, path, name, shape, children)


def _inlined(child: FieldRule, attribute: str) -> FieldRule:
    return replace(child, attribute=f"{attribute}.{child.attribute}")


def _rule(
    attribute: str, path: str, name: str, shape: TypeShape, children: tuple[FieldRule, ...]
) -> FieldRule:
    marks = shape.markers
    api = marker(marks, ApiName)
    ref = marker(marks, Ref)
    words = marker(marks, Words)
    api_name = api.name if api else name
    return FieldRule(
        attribute=attribute,
        path=path,
        api=api_name,
        reads=tuple(api.reads.split(".")) if api and api.reads else (api_name,),
        children=children,
        is_list=shape.is_list,
        free_form=marker(marks, FreeForm) is not None,
        immutable=marker(marks, Immutable) is not None,
        write_only=marker(marks, WriteOnly) is not None,
        sensitive=marker(marks, Sensitive) is not None,
        unordered=marker(marks, Unordered),
        clear=_clear_value(shape, marker(marks, Clear), has_children=bool(children)),
        ref=ref.kind if ref else None,
        words=words.words if words else None,
        quantity=marker(marks, Quantity),
    )


def _clear_value(shape: TypeShape, declared: Clear | None, *, has_children: bool) -> Any:
    if declared is not None:
        return declared.value
    if shape.is_list:
        return []
    if has_children or marker(shape.markers, FreeForm) is not None:
        return {}
    if shape.inner is bool:
        return False
    is_number = shape.inner is int or marker(shape.markers, Quantity) is not None
    return None if is_number else ""


def encode(kind: ResourceKind, spec: SpecModel, resolution: Resolution) -> dict[str, Any]:
    """Return the desired state on the wire: every field the user set, and nothing else.

    Raises:
        ReferenceNotFound: a Secret or ConfigMap lacks the key that the spec names.
    """
    body = _encode_object(spec, _own(field_rules(kind)), resolution)
    for derived in kind.derived:
        value = derived.encode(spec, resolution)
        if value is not None:
            body[derived.api] = value
    return body


def _own(rules: tuple[FieldRule, ...]) -> tuple[FieldRule, ...]:
    return tuple(r for r in rules if r.attribute)


def _encode_object(
    owner: SpecModel, rules: tuple[FieldRule, ...], resolution: Resolution
) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for rule in rules:
        value = _attribute(owner, rule.attribute)
        # An empty tuple is the default of a list that the user never wrote.
        if value is None or value == ():
            continue
        body[rule.api] = _encode_value(value, rule, resolution)
    return body


def _attribute(owner: Any, attribute: str) -> Any:
    for step in attribute.split("."):
        owner = getattr(owner, step) if owner is not None else None
    return owner


def _encode_value(value: Any, rule: FieldRule, resolution: Resolution) -> Any:
    if rule.is_list:
        return [_encode_item(item, rule, resolution) for item in value]
    return _encode_item(value, rule, resolution)


def _encode_item(item: Any, rule: FieldRule, resolution: Resolution) -> Any:
    if isinstance(item, Reference):
        return resolution.reference(rule.ref or "", item)
    if isinstance(item, ValueFrom):
        return resolution.value(item)
    if rule.children:
        return _encode_object(item, rule.children, resolution)
    if rule.words is not None:
        return rule.words.get(item, item)
    if rule.quantity is not None:
        return rule.quantity.encode(item)
    return item


def applied_paths(kind: ResourceKind, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the spec paths that a body sets, lists and maps as one path each, sorted."""
    return tuple(sorted(_applied(field_rules(kind), body)))


def _applied(rules: tuple[FieldRule, ...], body: Mapping[str, Any]) -> Iterator[str]:
    for rule in rules:
        if rule.api not in body:
            continue
        if rule.children and not rule.is_list:
            yield from _applied(rule.children, body[rule.api])
        else:
            yield rule.path
