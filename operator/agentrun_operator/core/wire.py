"""Spec → wire: the plan of a kind's fields, and the request body they make."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Literal, get_args, get_origin

from agentrun_operator.core.errors import ReferenceNotFound
from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.fields import (
    ApiName,
    Clear,
    ClearWith,
    Computed,
    CreateDefault,
    EncodedBy,
    FreeForm,
    Immutable,
    Inline,
    Local,
    Quantity,
    Ref,
    Reference,
    SecretDocument,
    SecretSource,
    Sensitive,
    ServerDefault,
    SpecModel,
    Unordered,
    UpdateOnly,
    ValueFrom,
    WriteOnly,
)
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.paths import document_leaves, item_labels, placed
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.shapes import (
    TypeShape,
    is_model,
    json_name,
    marker,
    markers_of,
    shape_of,
)
from agentrun_operator.core.words import Words

_VALUES: tuple[type[SpecModel], ...] = (Reference, ValueFrom, SecretSource, SecretDocument)
"""Models that stand for one value on the wire."""


@lru_cache(maxsize=256)
def field_rules(kind: ResourceKind) -> tuple[FieldRule, ...]:
    """Return the top-level wire fields of a kind, derived ones included."""
    rules = [*_rules(kind.spec, "")]
    rules += [
        FieldRule(
            attribute="",
            path=d.path,
            api=d.api,
            reads=(d.api,),
            free_form=not (d.exact or d.is_value),
            exact_map=d.exact,
            document=d.document,
            immutable=d.immutable,
            write_only=d.write_only,
            sensitive=d.secret,
            clear=d.clear,
        )
        for d in kind.derived
    ]
    return tuple(rules)


def _rules(
    model: type[SpecModel], prefix: str, computed: tuple[Computed, ...] = ()
) -> tuple[FieldRule, ...]:
    made = (_computed_rule(each, prefix) for each in computed)
    return _grouped((*_flat_rules(model, prefix), *made))


def _computed_rule(computed: Computed, prefix: str) -> FieldRule:
    return FieldRule(
        attribute="",
        path=f"{prefix}{computed.path}",
        api=computed.api,
        reads=(computed.api,),
        write_only=computed.write_only,
        sensitive=computed.sensitive,
        encode=computed.encode,
    )


def _flat_rules(model: type[SpecModel], prefix: str) -> Iterator[FieldRule]:
    for attribute, info in model.model_fields.items():
        shape = shape_of(info)
        if marker(shape.markers, Local):
            continue
        name = json_name(model, attribute)
        path = f"{prefix}{name}"
        if marker(shape.markers, Inline):
            for rule in _flat_rules(shape.inner, f"{path}."):
                yield _inherit(replace(rule, attribute=f"{attribute}.{rule.attribute}"), shape)
            continue
        is_value = shape.inner in _VALUES or marker(shape.markers, EncodedBy) is not None
        nested = is_model(shape.inner) and not is_value
        computed = markers_of(shape.markers, Computed)
        below = _rules(shape.inner, f"{path}.", computed) if nested else ()
        children = tuple(_inherit(rule, shape) for rule in below)
        yield _rule(attribute, path, name, shape, children)


def _inherit(rule: FieldRule, owner: TypeShape) -> FieldRule:
    """Give a rule what was declared for the whole object that it is a part of."""
    return replace(
        rule,
        immutable=rule.immutable or marker(owner.markers, Immutable) is not None,
        sensitive=rule.sensitive or marker(owner.markers, Sensitive) is not None,
        children=tuple(_inherit(child, owner) for child in rule.children),
    )


def _grouped(rules: Iterable[FieldRule]) -> tuple[FieldRule, ...]:
    """Gather the rules whose API names share a first step under one object of that name."""
    found: dict[str, list[FieldRule]] = {}
    for rule in rules:
        found.setdefault(rule.api.partition(".")[0], []).append(rule)
    return tuple(_group(head, members) for head, members in found.items())


def _group(head: str, members: list[FieldRule]) -> FieldRule:
    if len(members) == 1 and members[0].api == head:
        return members[0]
    below = []
    for rule in members:
        _, dot, rest = rule.api.partition(".")
        if not dot:
            raise ValueError(f"{rule.path}: the API field {head!r} is claimed twice")
        reads = (rest,) if rule.reads == (rule.api,) else rule.reads
        below.append(replace(rule, api=rest, reads=reads))
    return FieldRule(
        attribute="", path="", api=head, reads=(head,), children=_grouped(below), is_group=True
    )


def _rule(
    attribute: str, path: str, name: str, shape: TypeShape, children: tuple[FieldRule, ...]
) -> FieldRule:
    marks = shape.markers
    api = marker(marks, ApiName)
    words = marker(marks, Words)
    encoded = marker(marks, EncodedBy)
    api_name = api.name if api else name
    is_map = get_origin(shape.inner) is dict and marker(marks, FreeForm) is None
    default = _default_value(shape)
    # What a create had to carry stays when it leaves the spec, unless a `Clear` is declared.
    stays = marker(marks, CreateDefault) is not None and not children
    is_clearable = marker(marks, Clear) is not None or not stays
    return FieldRule(
        attribute=attribute,
        path=path,
        api=api_name,
        reads=tuple(api.reads.split(".")) if api and api.reads else (api_name,),
        children=children,
        is_list=shape.is_list and encoded is None,
        free_form=marker(marks, FreeForm) is not None,
        exact_map=is_map if encoded is None else encoded.exact,
        immutable=marker(marks, Immutable) is not None,
        write_only=marker(marks, WriteOnly) is not None,
        sensitive=_is_sensitive(shape),
        unordered=marker(marks, Unordered),
        clear=_clear_value(shape, default, has_children=bool(children)) if is_clearable else None,
        default=default,
        create_default=_create_default(shape, children),
        ref=marker(marks, Ref),
        words=words.words if words else None,
        choices=_choices(shape),
        quantity=marker(marks, Quantity),
        encode=encoded.encode if encoded else None,
        decode=encoded.decode if encoded else None,
        clear_with=marker(marks, ClearWith),
        update_only=marker(marks, UpdateOnly) is not None,
    )


def _is_sensitive(shape: TypeShape) -> bool:
    # A `valueFrom` may lead to a Secret, so what it yields is never shown.
    from_elsewhere = shape.inner in (ValueFrom, SecretSource, SecretDocument)
    return from_elsewhere or marker(shape.markers, Sensitive) is not None


def _default_value(shape: TypeShape) -> Any:
    """Return what `ServerDefault` says as a wire value; None where it only says it in words."""
    stated = marker(shape.markers, ServerDefault)
    if stated is None:
        return None
    if shape.inner is bool:
        return {"true": True, "false": False}.get(stated.text)
    if shape.inner is int:
        return int(stated.text) if stated.text.isdecimal() else None
    words = marker(shape.markers, Words)
    return words.words.get(stated.text, stated.text) if words else stated.text


def _create_default(shape: TypeShape, children: tuple[FieldRule, ...]) -> Any:
    """Return what `CreateDefault` says as a wire value."""
    stated = marker(shape.markers, CreateDefault)
    if stated is None:
        return None
    if is_model(shape.inner):
        return _encode_object(shape.inner.model_validate(stated.value), children, Resolution())
    words, quantity = marker(shape.markers, Words), marker(shape.markers, Quantity)
    if quantity is not None:
        return quantity.encode(stated.value)
    return words.words.get(stated.value, stated.value) if words else stated.value


def _clear_value(shape: TypeShape, default: Any, *, has_children: bool) -> Any:
    declared = marker(shape.markers, Clear)
    if declared is not None:
        return declared.value
    if shape.is_list:
        return []
    is_map = get_origin(shape.inner) is dict or marker(shape.markers, FreeForm) is not None
    if has_children or is_map:
        return {}
    if shape.inner is bool:
        return bool(default)
    if shape.inner in (int, float) or marker(shape.markers, Quantity) is not None:
        return default if shape.inner is int else None
    # An empty text is no word of a choice: the API would refuse it, and all that came with it.
    return default if _choices(shape) else ""


def _choices(shape: TypeShape) -> tuple[str, ...]:
    words = marker(shape.markers, Words)
    known = words.words if words else {}
    if get_origin(shape.inner) is not Literal:
        return tuple(known.values())
    return tuple(known.get(word, word) for word in get_args(shape.inner))


def encode(kind: ResourceKind, spec: SpecModel, resolution: Resolution) -> dict[str, Any]:
    """Return the desired state on the wire: every field the user set, and nothing else.

    Raises:
        ReferenceNotFound: a Secret or ConfigMap lacks the key that the spec names.
    """
    return dict(_encoded(kind, spec, resolution, is_partial=False))


def encode_resolved(kind: ResourceKind, spec: SpecModel, resolution: Resolution) -> dict[str, Any]:
    """Return what of the desired state needs no reference that could not be resolved."""
    return dict(_encoded(kind, spec, resolution, is_partial=True))


def _encoded(
    kind: ResourceKind, spec: SpecModel, resolution: Resolution, *, is_partial: bool
) -> Iterator[tuple[str, Any]]:
    own = (r for r in field_rules(kind) if (r.attribute or r.is_group) and not r.update_only)
    fields = [(r.api, partial(_encode_field, spec, r)) for r in own]
    fields += [(d.api, partial(d.encode, spec)) for d in kind.derived]
    for api, encoding in fields:
        try:
            value = encoding(resolution)
        except ReferenceNotFound:
            if not is_partial:
                raise
            continue
        if value is not None:
            yield api, value


def update_extras(kind: ResourceKind, spec: SpecModel, resolution: Resolution) -> dict[str, Any]:
    """Return what has to accompany every update and is no part of the desired state."""
    rules = tuple(r for r in field_rules(kind) if r.update_only)
    return _encode_object(spec, rules, resolution)


def _encode_object(
    owner: SpecModel, rules: tuple[FieldRule, ...], resolution: Resolution
) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for rule in rules:
        value = _encode_field(owner, rule, resolution)
        if value is not None:
            body[rule.api] = value
    return body


def _encode_field(owner: SpecModel, rule: FieldRule, resolution: Resolution) -> Any:
    if rule.is_group:
        return _encode_object(owner, rule.children, resolution) or None
    if not rule.attribute:
        return rule.encode(owner, resolution) if rule.encode is not None else None
    holder, value = _attribute(owner, rule.attribute)
    # An empty list is a wish to clear, unless it is only the default of one never written.
    last = rule.attribute.rpartition(".")[2]
    if value is None or (value == () and last not in holder.model_fields_set):
        return None
    if rule.encode is not None:
        return rule.encode(holder, resolution)
    return _encode_value(value, rule, resolution)


def _attribute(owner: Any, attribute: str) -> tuple[Any, Any]:
    """Return the object that holds an attribute, and its value."""
    *above, last = attribute.split(".")
    for step in above:
        owner = getattr(owner, step) if owner is not None else None
    return owner, getattr(owner, last) if owner is not None else None


def _encode_value(value: Any, rule: FieldRule, resolution: Resolution) -> Any:
    if rule.is_list:
        return [_encode_item(item, rule, resolution) for item in value]
    return _encode_item(value, rule, resolution)


def _encode_item(item: Any, rule: FieldRule, resolution: Resolution) -> Any:
    if rule.ref is not None:
        return resolution.reference(rule.ref.kind, item, by_name=rule.ref.by_name)
    if isinstance(item, ValueFrom | SecretSource):
        return resolution.value(item)
    if rule.children:
        return _encode_object(item, rule.children, resolution)
    if rule.words is not None:
        return rule.words.get(item, item)
    if rule.quantity is not None:
        return rule.quantity.encode(item)
    return item


def applied_paths(kind: ResourceKind, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the spec paths that a body sets, sorted.

    A list has its own path and those of the fields of its items (`upstreams.qwen.weight`), so that
    a field can leave an item; a free-form document has those of its leaves. A map that is compared
    key for key is one path.
    """
    return tuple(sorted(set(_applied(field_rules(kind), body, "", ""))))


def _applied(
    rules: tuple[FieldRule, ...], body: Mapping[str, Any], declared: str, place: str
) -> Iterator[str]:
    for rule in rules:
        if rule.api not in body:
            continue
        path, value = placed(rule, declared, place), body[rule.api]
        if rule.children and not rule.is_list:
            yield from _applied(rule.children, value, declared, place)
            continue
        yield path
        if rule.children:
            for label, item in zip(item_labels(rule, value), value, strict=True):
                yield from _applied(rule.children, item, rule.path, f"{path}.{label}")
        elif isinstance(value, dict | list) and not rule.exact_map and not rule.is_list:
            yield from (leaf for leaf, _ in document_leaves(path, value))
