"""Scalars of a spec → structural schema: numbers, texts, words and quantities."""

from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from agentrun_operator.core.fields import MAX_TEXT, Quantity
from agentrun_operator.core.wire import marker
from agentrun_operator.crdgen import rules

Schema = dict[str, Any]

_MAX_INT32 = 2**31 - 1


class GenerationError(Exception):
    """A declaration that no structural schema can express; the message names kind and field."""


def scalar(annotation: Any, markers: tuple[Any, ...], where: str, *, is_bounded: bool) -> Schema:
    """Return the schema of a scalar.

    Raises:
        GenerationError: it is none; the message has `where`.
    """
    quantity = marker(markers, Quantity)
    if quantity is not None:
        return _quantity(quantity, markers)
    if get_origin(annotation) is Literal:
        return {"type": "string", "enum": [str(word) for word in get_args(annotation)]}
    if annotation is bool:
        return {"type": "boolean"}
    if annotation is int:
        return _integer(markers)
    if annotation is str:
        return _string(markers, is_bounded=is_bounded)
    raise GenerationError(f"{where}: {annotation!r} has no place in a structural schema")


def _integer(markers: tuple[Any, ...]) -> Schema:
    low, high = _bounds(markers)
    small = high is not None and high <= _MAX_INT32
    schema: Schema = {"type": "integer", "format": "int32" if small else "int64"}
    if low is not None:
        schema["minimum"] = low
    if high is not None:
        schema["maximum"] = high
    return schema


def _bounds(markers: tuple[Any, ...]) -> tuple[int | None, int | None]:
    low: int | None = None
    high: int | None = None
    for each in markers:
        if isinstance(each, Ge):
            low = int(each.ge)  # type: ignore[call-overload]
        elif isinstance(each, Gt):
            low = int(each.gt) + 1  # type: ignore[call-overload]
        elif isinstance(each, Le):
            high = int(each.le)  # type: ignore[call-overload]
        elif isinstance(each, Lt):
            high = int(each.lt) - 1  # type: ignore[call-overload]
    return low, high


def _string(markers: tuple[Any, ...], *, is_bounded: bool) -> Schema:
    schema: Schema = {"type": "string"}
    if not is_bounded:
        return schema
    low, high = marker(markers, MinLen), marker(markers, MaxLen)
    schema["maxLength"] = high.max_length if high else MAX_TEXT
    if low and low.min_length:
        schema["minLength"] = low.min_length
    pattern = _pattern(markers)
    if pattern:
        schema["pattern"] = pattern
    return schema


def _pattern(markers: tuple[Any, ...]) -> str | None:
    # pydantic keeps a pattern in a private class of its own, with this attribute.
    found = next((p for m in markers if (p := getattr(m, "pattern", None))), None)
    return str(found) if found else None


def _quantity(quantity: Quantity, markers: tuple[Any, ...]) -> Schema:
    schema: Schema = {
        **_string(markers, is_bounded=True),
        "x-kubernetes-validations": [rules.quantity_rule(quantity.unit)],
    }
    if quantity.unit == "cpu":
        del schema["type"]
        schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
        schema["x-kubernetes-int-or-string"] = True
    return schema
