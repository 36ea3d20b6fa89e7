from typing import Any

import pytest

from agentrun_operator.core.defaults import NO_DEFAULTS, Defaults


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
