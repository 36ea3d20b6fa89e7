"""What can be compared of two descriptions: each fact of an operation, by what it is about."""

from collections.abc import Iterator, Mapping
from typing import Any

from apimap.description import Description, Node, Operation, Schema

Facts = Mapping[str, str]
"""What is said of one thing: aspect → in words."""
Subject = tuple[str, str]
"""(what it is, its name): `operation`, `query parameter`, `request field` or `answer field`."""

_ASPECTS = {
    "enum": "values",
    "x-known-values": "known values",
    "default": "default",
    "minimum": "minimum",
    "maximum": "maximum",
    "minLength": "least length",
    "maxLength": "greatest length",
    "deprecated": "deprecated",
    "x-format": "format",
}


def facts_of(description: Description, operation: Operation) -> Mapping[Subject, Facts]:
    """Return everything that an operation says, the operation itself first."""
    found: dict[Subject, Facts] = {
        ("operation", operation.action): {"call": f"{operation.method} {operation.path}"}
    }
    for name, schema in sorted(operation.query.items()):
        found["query parameter", name] = _facts(description, schema, {})
    for path, facts in _fields(description, operation.body, "", ()):
        found["request field", path] = facts
    for path, facts in _fields(description, _data(description, operation.answer), "", ()):
        found["answer field", path] = facts
    return found


def _data(description: Description, answer: Schema) -> Schema:
    """Return what an answer is about: below its envelope, of a list one item."""
    inside = _child(description, answer, "data") or answer
    for name in ("items", "workspaces"):
        items = _child(description, inside, name)
        if items is not None:
            return items
    return inside


def _child(description: Description, schema: Schema, name: str) -> Schema | None:
    nodes = {node.name: node for node in description.nodes(schema)}
    return nodes[name].item if name in nodes and nodes[name].item.get("properties") else None


def _fields(
    description: Description, schema: Schema, above: str, around: tuple[int, ...]
) -> Iterator[tuple[str, Facts]]:
    resolved = description.resolve(schema)
    if id(resolved) in around:  # an object that may hold itself
        return
    for node in description.nodes(resolved):
        path = f"{above}{node.name}"
        yield path, _facts(description, node.schema, _needs(resolved, node))
        yield from _fields(description, node.item, f"{path}.", (*around, id(resolved)))


def _needs(owner: Schema, node: Node) -> Facts:
    when = owner.get("x-required-when", {}).get(node.name)
    if when:
        return {"required": " and ".join(f"with {name} {value}" for name, value in when.items())}
    return {"required": "yes"} if node.is_required else {}


def _facts(description: Description, schema: Schema, needs: Facts) -> Facts:
    item = description.resolve(schema["items"]) if schema.get("type") == "array" else schema
    told = {
        words: _words(each[key])
        for each in (schema, item)
        for key, words in _ASPECTS.items()
        if key in each
    }
    required = {"required": "yes"} if schema.get("required") is True else {}
    return {"type": _type(description, schema), **told, **needs, **required}


def _type(description: Description, schema: Schema) -> str:
    resolved = description.resolve(schema)
    kind = str(resolved.get("type", "anything"))
    if kind == "array":
        return f"list of {_type(description, resolved['items'])}"
    values = resolved.get("additionalProperties")
    if isinstance(values, Mapping):
        return f"map of {_type(description, values)}"
    return (
        kind if kind == "object" or "format" not in resolved else f"{kind} ({resolved['format']})"
    )


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
