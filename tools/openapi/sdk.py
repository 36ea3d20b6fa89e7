"""The official SDK read as text: its models and operations, nothing of it imported.

Everything is taken from the syntax tree, so that a generator that writes other code fails here
with a name, and not later with a field that is missing.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

from openapi.errors import SdkError

API_VERSION = "2025-09-10"
_EXPECTED = {
    "version": API_VERSION,
    "style": "ROA",
    "auth_type": "AK",
    "req_body_type": "json",
    "body_type": "json",
}


@dataclass(frozen=True)
class Field:
    """One attribute of a model."""

    json_name: str
    attribute: str
    type: str
    """Annotation as written, e.g. `List[main_models.X]`."""
    comment: str


@dataclass
class Operation:
    """One call of the client."""

    action: str
    method: str
    path: str
    """Template with the SDK's names of the parameters."""
    request: str
    """Model of the request; empty when the call takes none."""
    response: str
    query: dict[str, str] = field(default_factory=dict)
    """JSON name to attribute of the request."""
    inline_body: dict[str, str] = field(default_factory=dict)
    """The same for bodies that are no model of their own."""
    has_body: bool = False


Models = dict[str, tuple[Field, ...]]


def models(folder: Path) -> Models:
    """Read all models of the SDK.

    Raises:
        SdkError: an attribute has no JSON name.
    """
    found: Models = {}
    for path in sorted(folder.glob("_*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = _fields(node, source.splitlines())
    return found


def operations(client: Path) -> list[Operation]:
    """Read all operations of the client, in its own order.

    Raises:
        SdkError: a call is not the signed JSON call that the simulator serves.
    """
    tree = ast.parse(client.read_text(encoding="utf-8"))
    methods = [
        node
        for cls in tree.body
        if isinstance(cls, ast.ClassDef) and cls.name == "Client"
        for node in cls.body
        if isinstance(node, ast.FunctionDef) and node.name.endswith("with_options")
    ]
    return [_operation(method) for method in methods]


def regions(client: Path) -> list[str]:
    """Return the regions of the client's endpoint map, sorted."""
    text = client.read_text(encoding="utf-8")
    return sorted(set(re.findall(r"'agentrun\.([\w-]+)\.aliyuncs\.com'", text)))


def _fields(cls: ast.ClassDef, lines: list[str]) -> tuple[Field, ...]:
    functions = {node.name: node for node in cls.body if isinstance(node, ast.FunctionDef)}
    init = functions.get("__init__")
    if init is None:
        return ()
    names = _json_names(functions["from_map"])
    comments = _comments(lines[init.lineno : init.end_lineno])
    found = []
    for argument in init.args.args[1:]:
        name = argument.arg
        if name not in names or argument.annotation is None:
            raise SdkError(f"{cls.name}.{name} has no JSON name or no type")
        annotation = ast.unparse(argument.annotation)
        found.append(Field(names[name], name, annotation, comments.get(name, "")))
    return tuple(found)


def _json_names(from_map: ast.FunctionDef) -> dict[str, str]:
    """Return the JSON name of every attribute, from `if m.get("x") is not None: self.y = …`."""
    names: dict[str, str] = {}
    for statement in from_map.body:
        if not isinstance(statement, ast.If):
            continue
        words = [node.value for node in ast.walk(statement.test) if isinstance(node, ast.Constant)]
        json_name = next((word for word in words if isinstance(word, str)), None)
        for node in (inner for part in statement.body for inner in ast.walk(part)):
            if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
                continue
            if node.value.id == "self" and json_name is not None:
                names.setdefault(node.attr, json_name)
    return names


def _comments(lines: list[str]) -> dict[str, str]:
    """Return the comment above each assignment of a constructor, as one line."""
    comments: dict[str, str] = {}
    pending: list[str] = []
    for line in lines:
        text = line.strip()
        if text.startswith("#"):
            pending.append(text[1:].strip())
            continue
        if match := re.match(r"self\.(\w+) = ", text):
            comments[match[1]] = " ".join(part for part in pending if part)
        pending = []
    return comments


def _operation(method: ast.FunctionDef) -> Operation:
    request = next((a for a in method.args.args if a.arg == "request"), None)
    words = {
        keyword.arg: keyword.value
        for call in ast.walk(method)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        if call.func.attr in ("Params", "OpenApiRequest")
        for keyword in call.keywords
    }
    plain = {
        name: node.value
        for name, node in words.items()
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    for name, expected in _EXPECTED.items():
        if plain.get(name) != expected:
            raise SdkError(f"{method.name}: {name} is {plain.get(name)!r}, not {expected}")
    body = ast.unparse(words["body"]) if "body" in words else ""
    return Operation(
        action=plain["action"],
        method=plain["method"].lower(),
        path=_path(words["pathname"]),
        request=_class_name(request.annotation) if request else "",
        response=_class_name(method.returns),
        query=_assigned(method, "query"),
        inline_body=_assigned(method, "body"),
        has_body=body == "Utils.parse_to_map(request.body)",
    )


def _class_name(annotation: ast.expr | None) -> str:
    return ast.unparse(annotation).rsplit(".", 1)[-1] if annotation else ""


def _path(node: ast.expr) -> str:
    """Return the template of a path written as text or f-string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    written = []
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            written.append(part.value)
        elif isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Call):
            written.append("{" + camel(ast.unparse(part.value.args[0])) + "}")
    return "".join(written)


def _assigned(method: ast.FunctionDef, variable: str) -> dict[str, str]:
    """Return what is put into a dictionary: `variable["x"] = request.y`."""
    found = {}
    for node in ast.walk(method):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Subscript):
            continue
        target, value = node.targets[0], node.value
        is_wanted = isinstance(target.value, ast.Name) and target.value.id == variable
        if (
            is_wanted
            and isinstance(target.slice, ast.Constant)
            and isinstance(value, ast.Attribute)
        ):
            found[str(target.slice.value)] = value.attr
    return found


def camel(name: str) -> str:
    """Return a snake_case name in camelCase."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
