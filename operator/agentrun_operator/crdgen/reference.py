"""One kind → its page in docs/reference."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agentrun_operator.core.identity import API_VERSION
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.crdgen.crd import root_schema, selectable_paths
from agentrun_operator.crdgen.render import MARK
from agentrun_operator.crdgen.required import required_by_rule

_NOTE = f"<!-- {MARK}; do not edit -->\n"
_LEGEND = (
    "Fields marked * are required in the object that they stand in; the meaning says so where an "
    "object that only observes may leave them out."
)


def reference_page(kind: ResourceKind) -> str:
    """Return the reference page of a kind."""
    schema = root_schema(kind)
    scope = "namespaced" if kind.namespaced else "cluster-scoped"
    names = ", ".join(f"`{name}`" for name in (kind.plural, *kind.short_names))
    parts = [
        _NOTE,
        f"# {kind.kind}\n\n{kind.summary}\n\n",
        f"`apiVersion: {API_VERSION}`, {scope}; for kubectl: {names}.\n\n",
        "## spec\n\n",
        _table(schema["properties"]["spec"], required_by_rule(kind)),
        _rules(schema),
        "\n## status\n\n",
        _table(schema["properties"]["status"]),
    ]
    selectable = ", ".join(f"`{path[1:]}`" for path in selectable_paths(kind))
    if selectable:
        parts.append(f"\nField selectors, on Kubernetes 1.31 or newer: {selectable}.\n")
    return "".join(parts)


def reference_index(kinds: Iterable[ResourceKind]) -> str:
    """Return the page that lists all kinds."""
    rows = "".join(
        f"| [{kind.kind}]({kind.kind.lower()}.md) | {_cell(kind.summary)} |\n" for kind in kinds
    )
    return f"{_NOTE}# Reference\n\n| kind | what it is |\n| --- | --- |\n{rows}"


def _table(schema: Mapping[str, Any], by_rule: frozenset[str] = frozenset()) -> str:
    rows = "".join(
        f"| `{path}` | {_type(node)} | {_cell(node['description'])} |\n"
        for path, node in _fields(schema, "", by_rule)
    )
    return f"| field | type | meaning |\n| --- | --- | --- |\n{rows}"


def _fields(
    schema: Mapping[str, Any], prefix: str, by_rule: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    required = by_rule.union(schema.get("required", ()))
    for name, node in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield path + ("*" if name in required else ""), node
        below = node.get("items", node)
        mark = "[]." if "items" in node else "."
        yield from _fields(below, f"{path}{mark}")


def _type(node: Mapping[str, Any]) -> str:
    if "enum" in node:
        return " \\| ".join(node["enum"])
    if "items" in node:
        return f"list of {_type(node['items'])}"
    if "additionalProperties" in node:
        return f"map of {_type(node['additionalProperties'])}"
    if node.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if node.get("x-kubernetes-preserve-unknown-fields"):
        return "free-form object" if "type" in node else "number or string"
    return str(node["type"])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _rules(schema: Mapping[str, Any]) -> str:
    spec = schema["properties"]["spec"]
    found = [*schema.get("x-kubernetes-validations", ()), *spec.get("x-kubernetes-validations", ())]
    if not found:
        return ""
    lines = "".join(f"- {rule['message']}\n" for rule in found)
    return f"\n{_LEGEND} Refused at admission:\n\n{lines}"
