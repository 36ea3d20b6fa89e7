from typing import Any

import pytest

from agentrun_operator.core.defaults import NO_DEFAULTS, Defaults
from agentrun_operator.kinds import catalogue


@pytest.mark.parametrize(
    "spec",
    [{}, {"defaults": None}, {"defaults": {}}, {"defaults": "x"}],
    ids=["no field", "null", "empty", "a word"],
)
def test_an_account_without_defaults(spec: dict[str, Any]) -> None:
    assert Defaults.of(spec) == NO_DEFAULTS


@pytest.mark.parametrize(
    ("word", "expected"), [("Retain", "Retain"), ("Delete", "Delete"), ("Keep", None), (1, None)]
)
def test_a_deletion_policy(word: object, expected: str | None) -> None:
    assert Defaults.of({"defaults": {"deletionPolicy": word}}).deletion_policy == expected


@pytest.mark.parametrize(
    ("prefix", "given"),
    [("dev-", "dev-"), ("{namespace}-", "team-a-"), ("x{namespace}{namespace}", "xteam-ateam-a")],
)
def test_a_prefix_is_filled_in(prefix: str, given: str) -> None:
    found = Defaults.of({"defaults": {"namePrefix": prefix}})
    assert found.given_to("team-a", takes_prefix=True).name_prefix == given
    assert found.given_to("team-a", takes_prefix=False).name_prefix == ""


def test_a_prefix_that_is_no_text_is_none() -> None:
    assert Defaults.of({"defaults": {"namePrefix": 1}}).name_prefix == ""


def test_which_kinds_take_a_prefix() -> None:
    without = {name for name, kind in catalogue().items() if not kind.takes_prefix}
    below = {name for name, kind in catalogue().items() if kind.rest and kind.rest.parent}
    assert without == {"Account", "ClusterAccount", "CustomDomain", "Sandbox"} | below


@pytest.mark.parametrize(
    ("workspace", "expected"),
    [({"id": "ws-1"}, "ws-1"), ({"id": ""}, None), ({"id": 1}, None), ({}, None), ("ws-1", None)],
)
def test_a_workspace(workspace: object, expected: str | None) -> None:
    assert Defaults.of({"defaults": {"workspace": workspace}}).at("workspace.id") == expected


def test_what_the_creates_of_kinds_take() -> None:
    named = {d.account_default for kind in catalogue().values() for d in kind.derived}
    assert named - {None} == {"workspace.id"}
