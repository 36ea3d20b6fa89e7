"""What is secret in a value: what stands in it, and what that is an encoding of."""

import json
from typing import Any

import pytest

from agentrun_operator.core.secret_contents import secrets_in


def test_of_a_json_document_what_stands_in_it_is_secret() -> None:
    """Its names are not: a message must be able to name a registry."""
    document = '{"auths": {"r.example.com": {"password": "hunter22", "list": ["a", 710000, null]}}}'
    assert set(secrets_in(document)) == {"hunter22", "a", "710000"}
    assert list(secrets_in("{broken")) == ["{broken"]
    assert list(secrets_in("[" * 100_000)) == ["[" * 100_000]


@pytest.mark.parametrize("auth", ["//4=", "abcde", None])
def test_what_is_no_registry_login_holds_no_password(auth: Any) -> None:
    document = json.dumps({"auth": auth})
    assert list(secrets_in(document)) == ([auth] if isinstance(auth, str) else [])
