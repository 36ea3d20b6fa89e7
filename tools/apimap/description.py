"""The API's description as operations and the fields that they take."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

COMMITTED = Path(__file__).resolve().parents[2] / "operator/agentrun_simulator/data/openapi.json"
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Operation:
    """One call of the API."""

    action: str
    """Its name, e.g. `CreateTool`."""
    method: str
    path: str
    tag: str
    """The API's own word for the kind of resource, e.g. `Template`."""
    query: Mapping[str, Schema]
    """Query parameters; `required` stands in the schema."""
    body: Schema
    """Of the request; empty where there is none."""
    answer: Schema
    """Of a success; with the envelope around `data`."""


@dataclass(frozen=True)
class Node:
    """One field of a body."""

    name: str
    schema: Schema
    """As it is declared, a list as a list."""
    item: Schema
    """Of one item where it is a list, else of the field itself; resolved."""
    is_required: bool

    @property
    def is_list(self) -> bool:
        """Whether it holds several items."""
        return self.schema.get("type") == "array"


class Description:
    """An OpenAPI document of the shape that `openapi.document` builds."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.version: str = document["info"]["x-sdk-version"]
        """Of the official SDK that it was made from."""
        self.package: str = document["info"]["x-sdk-package"]
        self.api_version: str = document["info"]["version"]

    @cached_property
    def operations(self) -> Mapping[str, Operation]:
        """Every operation by its name, in the order of paths and methods."""
        found = (
            self._operation(path, method, item)
            for path, methods in self._document["paths"].items()
            for method, item in methods.items()
        )
        return {each.action: each for each in found}

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that the SDK lists."""
        return tuple(self._document["servers"][0]["variables"]["region"]["enum"])

    def nodes(self, schema: Schema) -> Iterator[Node]:
        """Yield the fields of an object, in order of their names; none of a free-form one."""
        resolved = self.resolve(schema)
        required = resolved.get("required", ())
        for name, value in sorted(resolved.get("properties", {}).items()):
            declared = self.resolve(value)
            item = declared
            while item.get("type") == "array":
                item = self.resolve(item["items"])
            yield Node(name, value | declared, item, name in required)

    def resolve(self, schema: Schema) -> Schema:
        """Follow a `$ref` to the schema that it names."""
        while "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[-1]
            schema = self._document["components"]["schemas"][name]
        return schema

    def _operation(self, path: str, method: str, item: Mapping[str, Any]) -> Operation:
        body = item.get("requestBody", {}).get("content", {})
        answer = item["responses"]["200"]["content"]["application/json"]["schema"]
        return Operation(
            action=item["operationId"],
            method=method.upper(),
            path=path.removeprefix(f"/{self.api_version}"),
            tag=item["tags"][0],
            query={
                each["name"]: each["schema"] | {"required": each.get("required", False)}
                for each in item.get("parameters", ())
                if each["in"] == "query"
            },
            body=body["application/json"]["schema"] if body else {},
            answer=answer,
        )


def committed() -> Description:
    """Return the description that this project is built against."""
    return Description(json.loads(COMMITTED.read_text(encoding="utf-8")))
