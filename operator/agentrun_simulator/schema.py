"""The published API description: operations, field types, and what may be set or returned.

`data/openapi.json` is derived from the official SDK's own models; its `enum` and `required`
come from their comments.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from agentrun_simulator.errors import invalid

API_VERSION = "2025-09-10"
Schema = Mapping[str, Any]

_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_ZEROS: dict[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False}


@dataclass(frozen=True)
class Operation:
    """One call of the API."""

    action: str
    """Operation name, e.g. `CreateModelProxy`; also the RAM action after `agentrun:`."""
    method: str
    segments: tuple[str, ...]
    """Path below the version, parameters written as `{}`."""
    body: Schema | None
    """Schema of the request body; None when the call takes none."""
    data: Schema
    """Schema of `data` in the answer."""


@cache
def _document() -> dict[str, Any]:
    source = resources.files("agentrun_simulator").joinpath("data/openapi.json")
    document: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return document


def resolve(schema: Schema) -> Schema:
    """Follow a `$ref` to the schema it names."""
    while "$ref" in schema:
        schema = named(schema["$ref"].rsplit("/", 1)[-1])
    return schema


def named(name: str) -> Schema:
    """Return a schema by its name in the description."""
    found: Schema = _document()["components"]["schemas"][name]
    return found


def properties(schema: Schema) -> Mapping[str, Schema]:
    """Return the declared fields of an object schema."""
    found: Mapping[str, Schema] = resolve(schema).get("properties", {})
    return found


def path_segments(path: str) -> tuple[str, ...]:
    """Split a path template, with every parameter written as `{}`."""
    return tuple("{}" if part.startswith("{") else part for part in path.strip("/").split("/"))


@cache
def operations() -> tuple[Operation, ...]:
    """Return every operation of the API."""
    return tuple(_operations())


def _operations() -> Iterator[Operation]:
    for path, methods in _document()["paths"].items():
        segments = path_segments(path)[1:]
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
            yield Operation(
                action=operation["operationId"],
                method=method.upper(),
                segments=segments,
                body=content["application/json"]["schema"] if content else None,
                data=properties(answer).get("data", {}),
            )


def zero_of(schema: Schema) -> Any:
    """Return the empty value of a scalar schema; None for objects and lists."""
    return _ZEROS.get(resolve(schema).get("type", ""))


def _is_of(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _SCALARS[kind])


def _item_schema(schema: Schema) -> Schema | None:
    """Return the schema of a list's items or of a map's values, if declared."""
    declared = schema.get("items") or schema.get("additionalProperties")
    return declared if isinstance(declared, Mapping) else None


def defects(value: Any, schema: Schema, path: str = "") -> Iterator[str]:
    """Yield one message per wrongly typed or not allowed value, naming its path."""
    schema = resolve(schema)
    kind = schema.get("type")
    where = path or "request body"
    if value is None or kind is None:
        return
    if kind == "object":
        yield from _object_defects(value, schema, path)
    elif kind == "array":
        items = _item_schema(schema)
        if not isinstance(value, list):
            yield f"{where} must be an array"
        elif items is not None:
            for index, item in enumerate(value):
                yield from defects(item, items, f"{path}[{index}]")
    elif not _is_of(value, kind):
        yield f"{where} must be of type {kind}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{where} must be one of {', '.join(schema['enum'])}"


def _object_defects(value: Any, schema: Schema, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path or 'request body'} must be an object"
        return
    declared = schema.get("properties", {})
    values = _item_schema(schema)
    for name, item in value.items():
        below = declared.get(name, values)
        if below is not None:
            yield from defects(item, below, f"{path}.{name}" if path else name)


def unknown_fields(value: Mapping[str, Any], schema: Schema) -> list[str]:
    """Return the top-level fields that the schema does not declare."""
    return sorted(set(value) - set(properties(schema)))


def missing_fields(value: Mapping[str, Any], schema: Schema) -> list[str]:
    """Return required top-level fields that are absent, also those required in a case."""
    return [name for name in _required(value, resolve(schema)) if value.get(name) in (None, "")]


def _required(value: Mapping[str, Any], schema: Schema) -> list[str]:
    required = list(schema.get("required", ()))
    for name, condition in schema.get("x-required-when", {}).items():
        if all(value.get(field) == wanted for field, wanted in condition.items()):
            required.append(name)
    return required


def check_nested(value: Any, schema: Schema) -> None:
    """Refuse a body in which an object below the top lacks a field that its schema requires.

    Raises:
        ServiceError: 400 `ERR_VALIDATION_FAILED` with the paths of all missing fields.
    """
    if found := list(_missing_below(value, schema, "")):
        raise invalid("; ".join(f"{path} is required" for path in found))


def _missing_below(value: Any, schema: Schema, path: str) -> Iterator[str]:
    schema = resolve(schema)
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _missing_below(item, _item_schema(schema) or {}, f"{path}[{index}]")
    elif isinstance(value, dict):
        if path:
            # Below the top an empty text is a value, e.g. the prefix of a mounted bucket.
            yield from (f"{path}.{name}" for name in _required(value, schema) if name not in value)
        declared, values = schema.get("properties", {}), _item_schema(schema) or {}
        for name, item in value.items():
            below = declared.get(name, values)
            yield from _missing_below(item, below, f"{path}.{name}" if path else name)


def drop_unset(
    value: Any, schema: Schema, *, keep_empty_lists: bool, keep_empty_texts: bool = True
) -> Any:
    """Return a body without nulls and, unless told otherwise, without empty object lists.

    Empty texts below the top are values like any other.

    The official SDK always sends lists and maps of objects, as `[]` when the caller set none.

    Source: control-plane reference, §4.6 [X].
    """
    schema = resolve(schema)
    if isinstance(value, list):
        items = _item_schema(schema) or {}
        return [drop_unset(item, items, keep_empty_lists=keep_empty_lists) for item in value]
    if not isinstance(value, dict):
        return value
    declared = schema.get("properties", {})
    required = schema.get("required", ())
    values = _item_schema(schema) or {}
    kept: dict[str, Any] = {}
    for name, item in value.items():
        below = declared.get(name, values)
        is_unset = not keep_empty_lists and name not in required and _is_noise(item, below)
        if item is None or is_unset or (item == "" and not keep_empty_texts):
            continue
        kept[name] = drop_unset(item, below, keep_empty_lists=keep_empty_lists)
    return kept


def _is_noise(value: Any, schema: Schema) -> bool:
    items = _item_schema(resolve(schema))
    return value in ([], {}) and items is not None and "$ref" in items


def check_body(value: Any, schema: Schema, *, refuse_unknown: bool) -> None:
    """Refuse a body whose values have the wrong type.

    Raises:
        ServiceError: 400 `ERR_VALIDATION_FAILED` with all defects joined by `; `.
    """
    found = list(defects(value, schema))
    if not found and refuse_unknown:
        found = [f"{name} is not a known field" for name in unknown_fields(value, schema)]
    if found:
        raise invalid("; ".join(found))
