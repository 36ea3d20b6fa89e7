"""What a node of a schema admits, and what it nearly does."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st

Schema = Mapping[str, Any]
Json = Any
Strategy = st.SearchStrategy[Any]

OBJECT_NAMES = ("in", "qwen", "chat", "code", "it", "keys", "pull", "settings", "nothing")
"""What there is to refer to (see `life`), the object itself, and what does not exist."""
DATA_KEYS = ("api", "arms", "odd", "absent", ".dockerconfigjson")
_CPU = (1, 2, "2", "0.5", "500m", "0.05", "16", "1m", "64", "999999999999999", "00.10")
_MEMORY = ("128Mi", "4Gi", "4096Mi", "1Mi", "999999999999Gi", "007Gi")
_WORDS = (
    *("a", "0", "LATEST", "openai", "v1", "null", "true", "1e3", "{}", "[1]", '{"a": [1]}', "Q0E="),
    *("https://example.com/v1", "registry.example.com/team/agent:v1", "acs:ram::1001:role/x"),
    *("cron(0 30 8 * * *)", "2026-01-05T10:00:00Z", "vpc-1", "python app.py"),
)
_ODD_TEXTS = (
    *("", " ", ".", "..", "../..", "a/b", "a%2Fb", "{parent}", "{name}", "${x}", "%s", "a b"),
    *("\x00", "a\nb", "\x1b[31m", "\u202eabc", "é", "\u212a", "\u0663", "🦄", "\ufeff", "x\u0000y"),
    *("'", '"', "\\", "a?b=c#d", "k8s:other/team/x", "(differs)", "None"),
)
_SHORT = 24
_FEW_ITEMS = 3
_MORE_FIELDS = 3
_HUGE = 200_000


@cache
def _texts(low: int, high: int) -> Strategy:
    some = [text for text in (*_WORDS, *_ODD_TEXTS) if low <= len(text) <= high]
    ends = [st.just("x" * high)] if high <= _HUGE else []
    drawn = st.text(min_size=low, max_size=max(low, min(high, _SHORT)))
    return st.one_of(st.sampled_from(some or ["x" * low]), drawn, *ends)


@cache
def _matching(pattern: str, low: int, high: int) -> Strategy:
    """Return texts of a pattern; names of objects and keys mostly lead somewhere."""
    expression = re.compile(pattern)
    known = [
        text
        for text in (*OBJECT_NAMES, *DATA_KEYS, *_WORDS, "x" * high)
        if expression.search(text) and low <= len(text) <= high
    ]
    free = st.from_regex(expression, fullmatch=True).filter(lambda t: low <= len(t) <= high)
    return st.one_of(st.sampled_from(known), free) if known else free


def legal(schema: Schema) -> Strategy:
    """Return values that a node admits, as far as its schema tells: CEL rules have their say."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return st.sampled_from(_CPU)
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return st.dictionaries(_texts(0, 20), DOCUMENTS, max_size=_FEW_ITEMS)
    return _BY_TYPE[schema["type"]](schema)


def _text(schema: Schema) -> Strategy:
    low, high = schema.get("minLength", 0), schema.get("maxLength", 4096)
    pattern = schema.get("pattern")
    if pattern == "^[0-9]+(Mi|Gi)$":
        return st.sampled_from(_MEMORY)
    for rule in schema.get("x-kubernetes-validations", ()):
        choice = re.match(r"self in \[([^]]*)\] \|\|", rule["rule"])
        if choice:
            return st.sampled_from([*re.findall(r"'([^']*)'", choice[1]), "NEW_WORD"])
    return _matching(pattern, low, high) if pattern else _texts(low, high)


def _integer(schema: Schema) -> Strategy:
    low, high = schema.get("minimum", -(2**31)), schema.get("maximum", 2**31)
    return st.one_of(st.sampled_from((low, high)), st.integers(low, high))


def _array(schema: Schema) -> Strategy:
    low = schema.get("minItems", 0)
    items = legal(schema["items"])
    kind = schema.get("x-kubernetes-list-type")
    if kind == "set":
        return st.lists(items, min_size=low, max_size=_FEW_ITEMS, unique=True)
    keys = schema.get("x-kubernetes-list-map-keys")
    unique_by = (lambda item: tuple(item[key] for key in keys)) if keys else None
    return st.lists(items, min_size=low, max_size=_FEW_ITEMS, unique_by=unique_by)


def _object(schema: Schema) -> Strategy:
    if "properties" not in schema:
        low, high = schema.get("minProperties", 0), schema.get("maxProperties", 64)
        keys, values = _texts(0, 300), legal(schema["additionalProperties"])
        return st.dictionaries(keys, values, min_size=low, max_size=min(high, _FEW_ITEMS))
    return _fields(schema)


def _fields(schema: Schema) -> Strategy:
    properties = schema["properties"]
    required = [name for name in schema.get("required", ()) if name in properties]
    others = sorted(set(properties) - set(required))

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        extra = draw(st.lists(st.sampled_from(others), max_size=_MORE_FIELDS, unique=True))
        return {name: draw(legal(properties[name])) for name in (*required, *extra)}

    @st.composite
    def bare(draw: st.DrawFn) -> dict[str, Any]:
        return {name: draw(legal(properties[name])) for name in required}

    return drawn() if others else bare()


DOCUMENTS = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**20), 10**20),
        st.floats(allow_nan=False, allow_infinity=False),
        _texts(0, 100),
    ),
    lambda below: st.one_of(
        st.lists(below, max_size=_FEW_ITEMS),
        st.dictionaries(_texts(0, 20), below, max_size=_FEW_ITEMS),
    ),
    max_leaves=6,
)
"""Anything that JSON holds."""

_BY_TYPE: Mapping[str, Callable[[Schema], Strategy]] = {
    "string": _text,
    "integer": _integer,
    "boolean": lambda _: st.booleans(),
    "array": _array,
    "object": _object,
}

_STRANGERS: Strategy = st.sampled_from(
    (None, True, 0, -1, 1.5, 2**31, 2**63, 10**30, "", "x", [], {}, [[]], [None], {"a": 1}, "1")
)
_TOO_LONG = (4097, _HUGE)


def nearly(schema: Schema, value: Json) -> Strategy:
    """Return what somebody may write by mistake where a node has a legal value."""
    found = [_STRANGERS, st.sampled_from(_ODD_TEXTS)]
    if isinstance(value, str):
        spellings = (
            value.lower(),
            value.upper(),
            f"{value} ",
            f" {value}",
            f"{value}\n",
            value * 2,
        )
        lengths = [schema.get("maxLength", 4096) + 1, *_TOO_LONG]
        found += [st.sampled_from(spellings), st.sampled_from(["x" * n for n in lengths])]
    elif isinstance(value, list) and value:
        many = schema.get("maxItems", 64) + 1
        found.append(st.sampled_from(([*value, value[0]], [value[0]] * many, [*value, None])))
    elif isinstance(value, dict):
        found.append(st.sampled_from(_spoilt(value)))
    elif isinstance(value, int):
        low, high = schema.get("minimum", 0), schema.get("maximum", 2**31)
        found.append(st.sampled_from((low - 1, high + 1, -value, str(value), float(value))))
    return st.one_of(found)


def _spoilt(value: dict[str, Any]) -> list[Json]:
    """Return an object with a field too many, too few, or under another spelling."""
    found: list[Json] = [{**value, "bogus": 1}, {**value, "": "x"}, {**value, "x" * 1000: None}]
    for name, inner in value.items():
        rest = {other: kept for other, kept in value.items() if other != name}
        found += [rest, {**rest, name.upper(): inner}, {**value, name: None}]
    return found
