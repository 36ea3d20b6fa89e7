"""The RAM actions that the operator asks for, against the API's own description."""

import json
from dataclasses import replace
from importlib.resources import files

from agentrun_operator.crdgen.ram import PROBE, policy, policy_page, read_actions, write_actions
from agentrun_operator.kinds import catalogue
from fakes.mappings import RUNTIME_VERSIONS

KINDS = tuple(catalogue().values())


def published_actions() -> set[str]:
    text = (files("agentrun_simulator") / "data" / "openapi.json").read_text()
    operations = (
        operation
        for path in json.loads(text)["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
    )
    return {operation["x-ram-action"] for operation in operations if "x-ram-action" in operation}


def test_every_action_exists() -> None:
    (statement,) = policy(KINDS)["Statement"]
    assert set(statement["Action"]) <= published_actions()
    assert PROBE in statement["Action"]


def test_a_local_kind_only_proves_its_keys() -> None:
    account = catalogue()["Account"]
    assert (read_actions(account), write_actions(account)) == ((PROBE,), ())


def test_verbs_are_actions_and_a_missing_update_is_none() -> None:
    assert write_actions(catalogue()["Sandbox"]) == (
        "agentrun:CreateSandbox",
        "agentrun:DeleteSandbox",
        "agentrun:ResumeSandbox",
        "agentrun:PauseSandbox",
        "agentrun:StopSandbox",
    )


def test_versions_are_listed_and_published() -> None:
    proxy = catalogue()["ModelProxy"]
    assert proxy.rest is not None
    kind = replace(proxy, rest=replace(proxy.rest, versions=RUNTIME_VERSIONS))
    more = set(read_actions(kind)) - set(read_actions(proxy))
    assert more == {"agentrun:ListAgentRuntimeVersions"}
    more = set(write_actions(kind)) - set(write_actions(proxy))
    assert more == {"agentrun:PublishRuntimeVersion"}


def test_observing_needs_no_write() -> None:
    for kind in KINDS:
        for action in read_actions(kind):
            assert action.partition(":")[2].startswith(("Get", "List"))


def test_the_page_names_every_kind() -> None:
    page = policy_page(KINDS)
    assert all(f"| {kind.kind} | `agentrun:" in page for kind in KINDS)


def test_who_names_a_version_lists_them() -> None:
    row = next(
        line for line in policy_page(KINDS).splitlines() if "| AgentRuntimeEndpoint |" in line
    )
    to_read, to_manage = row.split("|")[2:4]
    assert "`agentrun:ListAgentRuntimeVersions`" in to_manage
    assert "Versions" not in to_read, "an observed endpoint is not asked for its versions"
