"""Spec models → structural schema: typed, bounded, described, no reference, no union, no float.

Built from the pydantic models themselves: pydantic's own JSON schema knows neither list types nor
int-or-string, and would have to be taken apart again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from annotated_types import MaxLen, MinLen
from pydantic.fields import FieldInfo

from agentrun_operator.core.fields import (
    MAX_LIST,
    ApiName,
    CreateDefault,
    FreeForm,
    Immutable,
    Quantity,
    Ref,
    Reference,
    SecretDocument,
    SecretSource,
    ServerDefault,
    SpecModel,
    Unordered,
    ValueFrom,
    WriteOnly,
)
from agentrun_operator.core.quantities import CPU_RANGE, MEMORY_RANGE
from agentrun_operator.core.shapes import is_model, json_name, marker
from agentrun_operator.core.words import Words
from agentrun_operator.crdgen import rules
from agentrun_operator.crdgen.scalars import GenerationError, Schema, scalar

_MAX_PROPERTIES = 64
_FIRST_KEYS = ("description", "type", "format", "default", "enum")
_FIRST = frozenset(_FIRST_KEYS)
_LINE_BREAKS: Mapping[Any, str] = {
    SecretSource: "A trailing line break is not sent.",
    SecretDocument: "A line break at the end of a single line is not sent.",
}


@dataclass(frozen=True, slots=True)
class Style:
    """How strict the schema of a model is."""

    bounded: bool = True
    """False for what the API server must take whatever the cloud says: `status.atProvider`."""


SPEC = Style()
OBSERVED = Style(bounded=False)


def object_schema(model: type[SpecModel], style: Style = SPEC) -> Schema:
    """Return the structural schema of a model; rules of its type included.

    Raises:
        GenerationError: a field has a type that a structural schema cannot hold, no description,
            or is immutable below an atomic list.
    """
    properties = {
        json_name(model, attribute): _property(model, attribute, style)
        for attribute in model.model_fields
    }
    schema: Schema = {
        "type": "object",
        "description": _prose(model.__doc__ or ""),
        "properties": properties,
    }
    required = [
        json_name(model, attribute)
        for attribute, info in model.model_fields.items()
        if info.is_required()
    ]
    if required:
        schema["required"] = sorted(required)
    if model is Reference:
        schema["x-kubernetes-validations"] = [rules.EXACTLY_ONE_TARGET]
    elif model is ValueFrom:
        schema["x-kubernetes-validations"] = [rules.EXACTLY_ONE_SOURCE]
    return schema


def _property(model: type[SpecModel], attribute: str, style: Style) -> Schema:
    info = model.model_fields[attribute]
    where = f"{model.__name__}.{attribute}"
    if not info.description:
        raise GenerationError(f"{where} has no docstring, so users would see no description")
    markers = markers_of(info)
    schema = _typed(info.annotation, tuple(info.metadata), style, where)
    default = _default(info)
    if default is not None:
        schema["default"] = default
    schema["description"] = _description(info, markers, schema)
    if "pattern" in schema and "x-kubernetes-preserve-unknown-fields" not in schema:
        is_text = "x-kubernetes-int-or-string" not in schema
        prose = _prose(info.description)
        rule = rules.pattern_rule(schema["pattern"], prose, may_be_number=not is_text)
        schema["x-kubernetes-validations"] = [*schema.get("x-kubernetes-validations", ()), rule]
    ordered = [*(key for key in _FIRST_KEYS if key in schema), *sorted(set(schema) - _FIRST)]
    return {key: schema[key] for key in ordered}


def markers_of(info: FieldInfo) -> tuple[Any, ...]:
    """Return the markers and constraints of the field itself, not those of a list's items."""
    found = list(info.metadata)
    annotation = info.annotation
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *more = get_args(annotation)
            found.extend(_flat(more))
        elif origin in (Union, UnionType):
            annotation = _without_none(annotation)
        else:
            return tuple(found)


def _flat(markers: list[Any]) -> list[Any]:
    """Replace pydantic's `Field(…)` by the constraints in it."""
    flat: list[Any] = []
    for each in markers:
        flat.extend(each.metadata if isinstance(each, FieldInfo) else [each])
    return flat


def _without_none(annotation: Any) -> Any:
    left = [a for a in get_args(annotation) if a is not NoneType]
    if len(left) != 1:
        raise GenerationError(f"{annotation}: a structural schema has no unions")
    return left[0]


def _typed(annotation: Any, markers: tuple[Any, ...], style: Style, where: str) -> Schema:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _typed(inner, (*markers, *_flat(more)), style, where)
    if origin in (Union, UnionType):
        return _typed(_without_none(annotation), markers, style, where)
    if origin in (tuple, list):
        return _array(get_args(annotation)[0], markers, style, where)
    if origin in (dict, Mapping) or marker(markers, FreeForm) is not None:
        return _map(annotation, markers, style, where)
    return (
        object_schema(annotation, style)
        if is_model(annotation)
        else scalar(annotation, markers, where, is_bounded=style.bounded)
    )


def _map(annotation: Any, markers: tuple[Any, ...], style: Style, where: str) -> Schema:
    schema: Schema = {"type": "object"}
    if marker(markers, FreeForm) is not None:
        schema["x-kubernetes-preserve-unknown-fields"] = True
    else:
        schema["additionalProperties"] = _typed(get_args(annotation)[1], (), style, where)
    if style.bounded:
        least, most = marker(markers, MinLen), marker(markers, MaxLen)
        schema["maxProperties"] = most.max_length if most else _MAX_PROPERTIES
        if least and least.min_length:
            schema["minProperties"] = least.min_length
    return schema


def _array(item: Any, markers: tuple[Any, ...], style: Style, where: str) -> Schema:
    items = _typed(item, (), style, where)
    schema: Schema = {"type": "array", "items": items, "x-kubernetes-list-type": "atomic"}
    if style.bounded:
        least, most = marker(markers, MinLen), marker(markers, MaxLen)
        schema["maxItems"] = most.max_length if most else MAX_LIST
        if least and least.min_length:
            schema["minItems"] = least.min_length
    order = marker(markers, Unordered)
    model = item_model(item)
    key = map_key(model, order) if model and order else None
    if key is not None:
        schema["x-kubernetes-list-type"] = "map"
        schema["x-kubernetes-list-map-keys"] = [key]
    elif order is not None and items["type"] in ("string", "integer"):
        schema["x-kubernetes-list-type"] = "set"
    if model is None:
        return schema
    found = rules.immutability_rules(rules.immutable_paths(model))
    if found and key is None:
        raise GenerationError(f"{where}: an immutable field below an atomic list cannot be guarded")
    if found:
        items["x-kubernetes-validations"] = [*items.get("x-kubernetes-validations", []), *found]
    return schema


def item_model(item: Any) -> type[SpecModel] | None:
    """Return the model of a list's items, None for scalars."""
    while get_origin(item) is Annotated:
        item = get_args(item)[0]
    return item if is_model(item) else None


def map_key(model: type[SpecModel], order: Unordered) -> str | None:
    """Return the JSON name of the field that keys a list, None where it cannot be a map key.

    A map key must be a required scalar; `Unordered.key` names the field as the API does.
    """
    for attribute, info in model.model_fields.items():
        name = json_name(model, attribute)
        api = marker(markers_of(info), ApiName)
        if order.key not in (name, api.name if api else name):
            continue
        return name if info.is_required() and info.annotation in (str, int) else None
    return None


def _default(info: FieldInfo) -> Any:
    """Return the schema default; None and an empty list mean "not set" and have none."""
    value = None if info.is_required() else info.get_default(call_default_factory=True)
    if isinstance(value, SpecModel):
        return value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if isinstance(value, tuple | list | dict):
        return list(value) if value and not isinstance(value, dict) else (value or None)
    return value


def _description(info: FieldInfo, markers: tuple[Any, ...], schema: Schema) -> str:
    """Return the docstring, and what the markers and bounds add that it does not say itself."""
    text = _prose(info.description or "")
    said = text.lower()
    quantity = marker(markers, Quantity)
    words = marker(markers, Words)
    limit, word = _limit(schema) if quantity is None else _range(quantity)
    parts = [text]
    if limit and word not in said and words is None:
        parts.append(limit)
    target = marker(markers, Ref)
    if target is not None and target.kind.lower() not in said:
        parts.append(f"Leads to: {target.kind}.")
    if marker(markers, WriteOnly) is not None and "write-only" not in said:
        parts.append("Write-only: the API never returns it.")
    if (spoken := _LINE_BREAKS.get(_bare(info.annotation))) is not None:
        parts.append(spoken)
    if words is not None and words.others is not None:
        parts.append("Another word of the API goes through as it is.")
    server = marker(markers, ServerDefault)
    if server is not None and "server default" not in said:
        parts.append(f"Server default {server.text}.")
    created = marker(markers, CreateDefault)
    if created is not None:
        parts.append(f"Create default {_words(created.value)}.")
    default = schema.get("default")  # `kubectl explain` shows none
    if default and isinstance(default, str | int):
        parts.append(f"Default {default}.")
    if marker(markers, Immutable) is not None and "immutable" not in said:
        parts.append("Immutable.")
    return " ".join(parts)


def _bare(annotation: Any) -> Any:
    """Return the type itself, out of `Annotated` and `| None`."""
    while get_origin(annotation) in (Annotated, Union, UnionType):
        is_annotated = get_origin(annotation) is Annotated
        annotation = get_args(annotation)[0] if is_annotated else _without_none(annotation)
    return annotation


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(inner)}" for name, inner in value.items())
    return str(value)


def _range(quantity: Quantity) -> tuple[str, str]:
    low, high = CPU_RANGE if quantity.unit == "cpu" else MEMORY_RANGE
    return f"Range {low} to {high}.", f"{low} to {high}".lower()


def _limit(schema: Schema) -> tuple[str, str]:
    """Say the bounds in words, for `kubectl explain` does not show them; and the telling number."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"Range {low} to {high}.", str(high)
    if low is not None:
        return f"At least {low}.", "at least"
    if "pattern" not in schema and "maxLength" in schema:
        return f"At most {schema['maxLength']} characters.", str(schema["maxLength"])
    if "maxItems" in schema:
        return f"At most {schema['maxItems']} items.", str(schema["maxItems"])
    if "maxProperties" in schema:
        return f"At most {schema['maxProperties']} entries.", str(schema["maxProperties"])
    return "", ""


def _prose(docstring: str) -> str:
    text = re.sub(r"\s+", " ", docstring).strip()
    return text if not text or text.endswith((".", "!", "?", ":")) else f"{text}."
