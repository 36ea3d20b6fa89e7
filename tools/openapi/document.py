"""Builds the OpenAPI document from what was read; only what an operation reaches is kept."""

import ast
import re
from pathlib import Path
from typing import Any

from openapi import prose
from openapi.errors import SdkError
from openapi.sdk import API_VERSION, Field, Models, Operation, models, operations, regions

_SCALARS: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number", "format": "double"},
    "bool": {"type": "boolean"},
    "bytes": {"type": "string", "format": "byte"},
    "Any": {},
}
_SHARED_PARAMETERS = {"/flows/{}/endpoints": "flowName"}
"""Name of a path's parameter where two operations on it disagree."""
_TAGS = {
    "runtimes/{}/endpoints": "AgentRuntimeEndpoint",
    "agents/runtimes": "AgentRuntime",
    "agents/browsers": "Browser",
    "agents/code-interpreters": "CodeInterpreter",
    "agents/credentials": "Credential",
    "agents/custom-domains": "CustomDomain",
    "agents/im-bots": "IMBot",
    "agents/knowledgebases": "KnowledgeBase",
    "agents/memory-collections": "MemoryCollection",
    "agents/model-providers": "ModelService",
    "agents/model-proxies": "ModelProxy",
    "agents/model-services": "ModelService",
    "agents/tools": "Tool",
    "agents/accessToken": "AccessToken",
    "sandboxes": "Sandbox",
    "templates": "Template",
    "workspaces": "Workspace",
    "flows": "Flow",
}
_REQUEST_ID = {"x-acs-request-id": {"schema": {"type": "string"}}}
_GATEWAY_ERROR = {
    "type": "object",
    "x-not-in-sdk": True,
    "properties": {
        "Code": {"type": "string"},
        "Message": {"type": "string"},
        "RequestId": {"type": "string"},
        "HostId": {"type": "string"},
        "Recommend": {"type": "string"},
        "AccessDeniedDetail": {"type": "object", "additionalProperties": True},
    },
}


class _Builder:
    def __init__(self, found: Models) -> None:
        self.models = found
        self.reached: list[str] = []
        """Models met so far, in the order they were met."""

    def schema(self, annotation: str) -> dict[str, Any]:
        """Return the schema of a type, and note the model it names."""
        return self._schema(ast.parse(annotation, mode="eval").body)

    def _schema(self, node: ast.expr) -> dict[str, Any]:
        if isinstance(node, ast.Subscript):
            kind = ast.unparse(node.value)
            if kind == "List":
                return {"type": "array", "items": self._schema(node.slice)}
            if kind == "Dict" and isinstance(node.slice, ast.Tuple):
                values = self._schema(node.slice.elts[1])
                return {"type": "object", "additionalProperties": values or True}
            raise SdkError(f"unknown generic {kind}")
        name = ast.unparse(node).rsplit(".", 1)[-1]
        if name in _SCALARS:
            return dict(_SCALARS[name])
        if name not in self.models:
            raise SdkError(f"unknown type {name}")
        if name not in self.reached:
            self.reached.append(name)
        return {"$ref": f"#/components/schemas/{name}"}

    def component(self, name: str, *, is_closed: bool) -> dict[str, Any]:
        """Return the schema of a model."""
        fields = self.models[name]
        document: dict[str, Any] = {"type": "object"}
        document["properties"] = {
            each.json_name: prose.decorate(name, each, self.schema(each.type), is_closed=is_closed)
            for each in fields
        }
        if required := [each.json_name for each in fields if prose.is_required(each)]:
            document["required"] = required
        cases = {each.json_name: prose.required_when(each) for each in fields}
        if when := {each: case for each, case in cases.items() if case}:
            document["x-required-when"] = when
        return document


def build(sdk: Path, version: str, package: str) -> dict[str, Any]:
    """Return the OpenAPI document of an SDK.

    Args:
        sdk: Folder of the package.
        version: Its version, for the document's title.
        package: Its name, likewise.

    Raises:
        SdkError: the sources are not of the shape this tool reads.
    """
    found = models(sdk / "models")
    builder = _Builder(found)
    calls = sorted(operations(sdk / "client.py"), key=lambda call: (call.path, call.method))
    paths = _paths(builder, calls)
    schemas = _components(builder, calls) | {"GatewayError": _GATEWAY_ERROR}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AgentRun control plane",
            "version": API_VERSION,
            "description": f"Generated from {package} {version}.",
            "x-sdk-package": package,
            "x-sdk-version": version,
        },
        "servers": [_server(sdk)],
        "security": [{"acs3": []}],
        "tags": [{"name": name} for name in sorted({*_TAGS.values(), *_tags_of(calls)})],
        "paths": paths,
        "components": {
            "securitySchemes": {"acs3": _SCHEME},
            "responses": {"Error": _ERROR},
            "schemas": schemas,
        },
    }


_SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "ACS3-HMAC-SHA256",
}
_ERROR = {
    "description": "failure",
    "headers": _REQUEST_ID,
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [
                    {"$ref": "#/components/schemas/ErrorResult"},
                    {"$ref": "#/components/schemas/GatewayError"},
                ]
            }
        }
    },
}


def _server(sdk: Path) -> dict[str, Any]:
    region = {"default": "cn-hangzhou", "enum": regions(sdk / "client.py")}
    return {"url": "https://agentrun.{region}.aliyuncs.com", "variables": {"region": region}}


def _components(builder: _Builder, calls: list[Operation]) -> dict[str, Any]:
    """Return the schemas of all models that operations reach; what is sent is closed."""
    sent = _Builder(builder.models)
    for call in calls:
        if call.has_body:
            sent.schema(_body(builder.models, call.request).type)
    _close(sent)
    builder.schema("main_models.ErrorResult")
    _close(builder)
    return {
        name: builder.component(name, is_closed=name in sent.reached or "Input" in name)
        for name in sorted(builder.reached)
    }


def _close(builder: _Builder) -> None:
    """Meet everything that the models met so far name."""
    for name in builder.reached:  # grows while it is walked
        for each in builder.models[name]:
            builder.schema(each.type)


def _body(found: Models, wrapper: str) -> Field:
    """Return the `body` field of a request or response model."""
    for each in found[wrapper]:
        if each.json_name == "body":
            return each
    raise SdkError(f"{wrapper} has no body")


def _paths(builder: _Builder, calls: list[Operation]) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    spelled: dict[str, str] = {}
    for call in calls:
        shape = _shape(call)
        shared = _SHARED_PARAMETERS.get(shape.removeprefix(f"/{API_VERSION}"))
        path = re.sub(r"\{\w+\}", f"{{{shared}}}", call.path) if shared else call.path
        path = spelled.setdefault(shape, path)
        paths.setdefault(path, {})[call.method] = _item(builder, call, path, shape)
    return paths


def _shape(call: Operation) -> str:
    """Return the path of a call without the names of its parameters."""
    return re.sub(r"\{[^}]+\}", "{}", call.path)


def _item(builder: _Builder, call: Operation, path: str, shape: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "operationId": call.action,
        "tags": [_tag(shape)],
        "x-acs-action": call.action,
        "x-ram-action": f"agentrun:{call.action}",
    }
    if parameters := [*_path_parameters(call, path), *_query_parameters(builder, call)]:
        item["parameters"] = parameters
    if call.has_body:
        body = _body(builder.models, call.request)
        item["requestBody"] = _json(builder.schema(body.type)) | {
            "required": prose.is_required(body)
        }
    elif call.inline_body:
        schema = _inline(builder, call)
        item["requestBody"] = _json(schema) | {"required": False}
    answer = _body(builder.models, call.response)
    success = {"description": "success", "headers": _REQUEST_ID} | _json(
        builder.schema(answer.type)
    )
    item["responses"] = {"200": success, "default": {"$ref": "#/components/responses/Error"}}
    return item


def _tags_of(calls: list[Operation]) -> set[str]:
    return {_tag(_shape(call)) for call in calls}


def _tag(shape: str) -> str:
    """Return the kind of resource that a path leads to; its words where no table knows them."""
    known = next((tag for part, tag in _TAGS.items() if part in shape), None)
    return known or shape.removeprefix(f"/{API_VERSION}/").partition("/{}")[0]


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _path_parameters(call: Operation, path: str) -> list[dict[str, Any]]:
    names, own = (re.findall(r"\{([^}]+)\}", text) for text in (path, call.path))
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        | ({"x-sdk-name": other} if other != name else {})
        for name, other in zip(names, own, strict=True)
    ]


def _query_parameters(builder: _Builder, call: Operation) -> list[dict[str, Any]]:
    fields = {each.attribute: each for each in builder.models.get(call.request, ())}
    parameters = []
    for name, attribute in call.query.items():
        each = fields[attribute]
        schema = prose.decorate(call.request, each, builder.schema(each.type), is_closed=True)
        parameter: dict[str, Any] = {"name": name, "in": "query", "schema": schema}
        if schema.pop("deprecated", False):
            parameter["deprecated"] = True
        if prose.is_required(each):
            parameter["required"] = True
        parameters.append(parameter)
    return parameters


def _inline(builder: _Builder, call: Operation) -> dict[str, Any]:
    fields = {each.attribute: each for each in builder.models[call.request]}
    named = {name: fields[attribute] for name, attribute in call.inline_body.items()}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            name: prose.decorate(call.request, each, builder.schema(each.type), is_closed=True)
            for name, each in named.items()
        },
    }
    if required := [name for name, each in named.items() if prose.is_required(each)]:
        schema["required"] = required
    return schema
