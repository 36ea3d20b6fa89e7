"""The table of all kinds in the control-plane reference, against the API's own description."""

import json
import re
from collections.abc import Mapping
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "agentrun-api.md").read_text(encoding="utf-8")
API: Mapping[str, Any] = json.loads(
    files("agentrun_simulator").joinpath("data/openapi.json").read_text()
)
VERBS = ("get", "put", "post", "patch", "delete")


class Row(NamedTuple):
    """One line of §8.0; a field that a kind does not have is None."""

    kind: str
    collection: str | None
    key: str | None
    id_field: str | None
    name_field: str | None
    status: str | None
    name_filter: str | None
    secrets: str | None


def _rows() -> list[Row]:
    section = PAGE.split("\n### 8.0 ")[1].split("\n### ")[0]
    cells = [
        [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("| ")
    ]
    return [Row._make(None if cell == "–" else cell for cell in row) for row in cells[2:]]


ROWS = _rows()
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind)


def _operation(row: Row, verb: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = API["paths"][f"/2025-09-10{row.collection}"][verb]
    return found


def _properties(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of `data` in the answer of an operation."""
    schema: Any = operation["responses"]["200"]["content"]["application/json"]["schema"]
    schema = _resolved(_resolved(schema)["properties"]["data"])
    found: Mapping[str, Any] = schema["properties"]
    return found


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = API["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


@each_row
def test_fields_of_the_table_are_in_the_answer_of_a_create(row: Row) -> None:
    answered = _properties(_operation(row, "post"))
    named = {name for name in (row.id_field, row.name_field) if name}
    assert named <= answered.keys()
    assert ("status" in answered) is (row.status == "yes")


@each_row
def test_the_filter_by_name_is_a_parameter_of_the_list(row: Row) -> None:
    offered = {_parameter(each)["name"] for each in _operation(row, "get")["parameters"]}
    assert row.name_filter is None or row.name_filter in offered


def _parameter(parameter: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in parameter:
        parameter = API["components"]["parameters"][parameter["$ref"].rsplit("/", 1)[1]]
    return parameter


@each_row
def test_the_key_of_the_table_ends_the_path_of_the_resource(row: Row) -> None:
    prefix = re.escape(f"/2025-09-10{row.collection}")
    keys = [m[1] for path in API["paths"] if (m := re.fullmatch(rf"{prefix}/{{(\w+)}}", path))]
    assert len(keys) == 1
    assert keys[0].endswith("Id" if row.key == "id" else "Name")


def test_the_table_has_each_collection_once() -> None:
    creates = {
        path.removeprefix("/2025-09-10")
        for path, operations in API["paths"].items()
        if "post" in operations and any(other.startswith(f"{path}/{{") for other in API["paths"])
    }
    assert sorted(creates - _of_versions(creates)) == sorted(row.collection or "" for row in ROWS)


def _of_versions(paths: set[str]) -> set[str]:
    return {path for path in paths if path.endswith("/versions")}


def test_the_number_of_operations_is_told() -> None:
    count = sum(verb in operations for operations in API["paths"].values() for verb in VERBS)
    assert f"lists all {count} operations" in PAGE


def test_the_page_names_the_client_behind_the_description() -> None:
    """Another version of it may have other facts: look through the page, then change the line."""
    version = metadata.version("alibabacloud-agentrun20250910")
    assert f"`alibabacloud_agentrun20250910` {version}" in PAGE
