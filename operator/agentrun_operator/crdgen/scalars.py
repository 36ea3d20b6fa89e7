"""Scalars of a spec → structural schema: numbers, texts, words and quantities."""

from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from agentrun_operator.core.fields import MAX_TEXT, Bare, Form, Quantity, Unquoted
from agentrun_operator.core.quantities import CPU_FORM, CPU_RANGE
from agentrun_operator.core.shapes import marker
from agentrun_operator.core.words import Words
from agentrun_operator.crdgen import rules

Schema = dict[str, Any]

_MAX_INT32 = 2**31 - 1
_ABSURD = 1_000_000


class GenerationError(Exception):
    """A declaration that no structural schema can express; the message names kind and field."""


def scalar(annotation: Any, markers: tuple[Any, ...], where: str, *, is_bounded: bool) -> Schema:
    """Return the schema of a scalar.

    Raises:
        GenerationError: it is none; the message has `where`.
    """
    quantity = marker(markers, Quantity)
    if quantity is not None and is_bounded:
        return _cpu(markers) if quantity.unit == "cpu" else _memory(markers)
    if get_origin(annotation) is Literal:
        return {"type": "string", "enum": [str(word) for word in get_args(annotation)]}
    if annotation is bool:
        return {"type": "boolean"}
    if annotation is int:
        return _integer(markers)
    if annotation is str and marker(markers, Bare) is not None:
        return _untyped(markers)
    if annotation is str:
        return _string(markers, where, is_bounded=is_bounded)
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


def _string(markers: tuple[Any, ...], where: str, *, is_bounded: bool) -> Schema:
    schema: Schema = {"type": "string"}
    if not is_bounded:
        return schema
    low, high = marker(markers, MinLen), marker(markers, MaxLen)
    schema["maxLength"] = high.max_length if high else MAX_TEXT
    if low and low.min_length:
        schema["minLength"] = low.min_length
    pattern, form = _pattern(markers), marker(markers, Form)
    # A form is the narrower one: with both, one mistake would be told three times.
    if pattern and form is None:
        schema["pattern"] = pattern
    unquoted = marker(markers, Unquoted)
    if unquoted is not None:
        del schema["type"]
        schema["x-kubernetes-int-or-string"] = True
    found = [rules.quoted_rule()] if unquoted and not unquoted.means_text else []
    words = marker(markers, Words)
    if words is not None:
        if words.others is None:
            raise GenerationError(f"{where}: say what other words look like, or use a Literal")
        found.append(rules.words_rule(words))
    if form is not None:
        found.append(rules.form_rule(form, may_be_number=unquoted is not None))
    if found:
        schema["x-kubernetes-validations"] = found
    return schema


def _pattern(markers: tuple[Any, ...]) -> str | None:
    # pydantic keeps a pattern in a private class of its own, with this attribute.
    found = next((p for m in markers if (p := getattr(m, "pattern", None))), None)
    return str(found) if found else None


def _cpu(markers: tuple[Any, ...]) -> Schema:
    """Return a node without type: 2, 0.5, "0.5" and 500m are all legal.

    Quirk: with a type, a fraction is refused as "must be of type integer,string" before any rule
    can say what to write. Without one no rule sees the value, so the range stands in a pattern for
    texts and in bounds for numbers. What follows the `$` of the pattern never matches; it is there
    to be read in the refusal.
    """
    low, high = CPU_RANGE
    return {
        **_untyped(markers),
        "pattern": f"{CPU_FORM}|$write cores from {low} to {high}, such as 2, 0.5 or 500m",
        # Quirk: the API server compares a whole number with the whole part of a bound, so `0.05`
        # would let 0 pass.
        "minimum": float(low) - 0.001,
        "exclusiveMinimum": True,
        "maximum": high,
    }


def _untyped(markers: tuple[Any, ...]) -> Schema:
    """Return a node that takes any scalar; lists and objects would have to be absurdly long."""
    size = marker(markers, MaxLen)
    return {
        "x-kubernetes-preserve-unknown-fields": True,
        "maxLength": size.max_length if size else MAX_TEXT,
        "minItems": _ABSURD,
        "minProperties": _ABSURD,
    }


def _memory(markers: tuple[Any, ...]) -> Schema:
    schema = _string(markers, "memory", is_bounded=True)
    del schema["type"], schema["pattern"]
    schema["x-kubernetes-int-or-string"] = True
    schema["x-kubernetes-validations"] = [rules.memory_rule()]
    return schema
