"""Two different legal values for any node of a schema, for tests that change a field."""

import re
from collections.abc import Mapping
from typing import Any

from agentrun_operator.core import forms
from agentrun_operator.core.fields import Form

Schema = Mapping[str, Any]

_FORMS: Mapping[str, tuple[str, str]] = {
    r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$": ("aaa", "bbb"),
    r"^[-._a-zA-Z0-9]+$": ("aaa", "bbb"),
    "^[0-9]{5,32}$": ("1234567890", "9876543210"),
    "^[a-z]{2}-[a-z0-9-]{2,30}$": ("cn-hangzhou", "cn-shanghai"),
    "^/": ("/a", "/b"),
}
_EXAMPLES = {
    form.remedy: form.examples
    for name in dir(forms)
    for form in getattr(getattr(forms, name), "__metadata__", (getattr(forms, name),))
    if isinstance(form, Form)
}


def known_words(rule: Schema) -> list[str]:
    """Return the words of a choice to which the API may add; none for any other rule."""
    choice = re.match(r"self in \[([^]]*)\] \|\|", rule["rule"])
    return re.findall(r"'([^']*)'", choice[1]) if choice else []


def two_values(schema: Schema) -> tuple[Any, Any]:
    """Return two legal values that differ from each other and from the default."""
    if "enum" in schema:
        return schema["enum"][1], schema["enum"][0]
    if "type" not in schema:
        return _untyped(schema)
    if schema["type"] == "object":
        return _object(schema, 0), _object(schema, 1)
    if schema["type"] == "array":
        one, other = two_values(schema["items"])
        return [one], [other]
    return _scalars(schema)


def _untyped(schema: Schema) -> tuple[Any, Any]:
    if "minimum" in schema:
        return "1", 0.5
    if "quantity(self)" in str(schema["x-kubernetes-validations"]):
        return "1Gi", "3Gi"
    return _scalars({**schema, "type": "string"})


def _scalars(schema: Schema) -> tuple[Any, Any]:
    if schema["type"] == "integer":
        low = max(schema.get("minimum", 1), 1)
        return low, low + 1
    if schema["type"] == "boolean":
        return True, False
    for rule in schema.get("x-kubernetes-validations", ()):
        if words := known_words(rule):
            return words[1], words[0]
        if rule["message"] in _EXAMPLES:
            return _EXAMPLES[rule["message"]]
    return _FORMS[schema["pattern"]] if "pattern" in schema else ("aaa", "bbb")


def _object(schema: Schema, which: int) -> Any:
    """Return an object with its required fields, or with its first one where none is."""
    properties = schema["properties"]
    names = schema.get("required") or [next(iter(properties))]
    return {name: two_values(properties[name])[which] for name in names}
