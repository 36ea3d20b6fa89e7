"""Every operation and every settable field of the API is mapped by a kind or has a reason."""

from typing import Any

import pytest
import yaml

from agentrun_operator.kinds import catalogue
from apimap.__main__ import main
from apimap.description import committed
from apimap.mapping import mapped_operations, settable
from apimap.page import coverage_page
from apimap.table import TABLE, left_out, problems

KINDS = catalogue().values()
Table = dict[str, Any]


def told(table: Table) -> list[str]:
    """Return what is wrong with a table."""
    return list(problems(left_out(yaml.safe_dump(table)), committed(), KINDS))


@pytest.fixture
def table() -> Table:
    """Return the committed table, to be spoilt."""
    loaded: Table = yaml.safe_load(TABLE.read_text())
    return loaded


def test_the_committed_table_and_page_are_right() -> None:
    assert main(["generate", "--check"]) == 0


def test_a_forgotten_operation_is_told(table: Table) -> None:
    table["operations"] = [
        each for each in table["operations"] if "GetAccessToken" not in each["names"]
    ]
    (problem,) = told(table)
    assert problem.startswith("GetAccessToken: no kind calls this operation; map it")


def test_a_forgotten_field_is_told(table: Table) -> None:
    del table["fields"]["Sandbox"]
    (problem,) = told(table)
    assert problem.startswith("Sandbox: nothing sets sandboxIdleTimeoutSeconds; map it")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("GetTool", "GetTool: Tool calls this operation; remove it from left_out.yaml"),
        (
            "PauseSandbox",
            "PauseSandbox: Sandbox calls this operation; remove it from left_out.yaml",
        ),
        ("MakeFlow", "MakeFlow: the API has no such operation; remove it from left_out.yaml"),
        ("GetAccessToken", "GetAccessToken: listed 2 times in left_out.yaml; keep one"),
    ],
)
def test_an_operation_listed_wrongly_is_told(table: Table, name: str, problem: str) -> None:
    table["operations"].append({"names": [name], "reason": "none"})
    assert told(table) == [problem]


@pytest.mark.parametrize(
    ("kind", "path", "problem"),
    [
        ("Tool", "memory", "Tool: memory is set (`spec.memory`)"),
        ("Tool", "toolName", "Tool: toolName is set (`metadata.name`, or `spec.externalName`)"),
        ("Tool", "nasConfig.userId", "Tool: nasConfig.userId is set (`spec.nas.userId`)"),
        ("Tool", "wings", "Tool: no operation of it takes wings"),
        ("Tool", "nasConfig.wings", "Tool: no operation of it takes nasConfig.wings"),
        ("Wing", "x", "Wing: no such kind with a resource"),
        ("Account", "x", "Account: no such kind with a resource"),
    ],
)
def test_a_field_listed_wrongly_is_told(table: Table, kind: str, path: str, problem: str) -> None:
    table["fields"].setdefault(kind, {})[path] = "none"
    assert told(table) == [f"{problem}; remove it from left_out.yaml"]


def test_a_reason_must_say_something(table: Table) -> None:
    table["fields"]["Sandbox"]["sandboxIdleTimeoutSeconds"] = ""
    with pytest.raises(ValueError, match="sandboxIdleTimeoutSeconds"):
        told(table)


def test_what_a_kind_maps_is_read_off_its_declaration() -> None:
    assert mapped_operations(KINDS)["ResumeSandbox"] == "Sandbox"
    fields = settable(catalogue()["AgentRuntimeEndpoint"], committed())
    assert (
        fields["routingConfiguration.versionWeights.weight"].where == "`spec.routing.weightPercent`"
    )
    assert fields["deleteScalingConfig"].where == "sent when `spec.scaling` is removed"
    fields = settable(catalogue()["KnowledgeBase"], committed())
    assert fields["providerSettings.baseUrl"].where == "`spec.ragflow.baseUrl`"
    assert fields["provider"].where == "follows from other fields"
    assert (
        settable(catalogue()["Sandbox"], committed())["sandboxId"].where == "chosen by the operator"
    )


def test_the_page_has_each_operation_and_each_field() -> None:
    page = coverage_page(left_out(), committed(), KINDS)
    assert [name for name in committed().operations if f"`{name}`" not in page] == []
    assert "| `clientToken` | nothing: " in page
