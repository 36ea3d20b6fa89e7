"""The five types of a Credential on the wire, as the control-plane reference captured them."""

from typing import Any

import pytest

from agentrun_operator.core.create import created_body
from agentrun_operator.core.drift import find_drift
from agentrun_operator.core.errors import ReferenceNotFound
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import encode
from agentrun_operator.kinds import catalogue

KIND = catalogue()["Credential"]
RESOLUTION = Resolution(
    secrets={"keys": {"api": "sk-canary", "other": "pw-canary"}},
    config_maps={"jwks": {"set": '{"keys":[]}'}},
)


def key(name: str = "api") -> dict[str, Any]:
    return {"secretKeyRef": {"name": "keys", "key": name}}


def body(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a create."""
    parsed = KIND.spec.model_validate(spec)
    return created_body(KIND, parsed, encode(KIND, parsed, RESOLUTION))


def credential(source: str, auth: str, public: dict[str, Any], secret: str = "") -> dict[str, Any]:
    return {
        "credentialSourceType": source,
        "credentialAuthType": auth,
        "credentialPublicConfig": public,
        "credentialSecret": secret,
    }


INBOUND = {"purpose": "Inbound", "apiKey": {"headerName": "X-API-Key", "valueFrom": key()}}
INBOUND_BODY = credential(
    "internal", "api_key", {"headerKey": "X-API-Key", "prefix": ""}, "sk-canary"
)
TYPES = [
    pytest.param(INBOUND, INBOUND_BODY, id="inbound-api-key"),
    pytest.param(
        {"purpose": "Inbound", "apiKey": {"prefix": "Bearer ", "valueFrom": key()}},
        credential(
            "internal",
            "api_key",
            {"headerKey": "Authorization", "prefix": "Bearer "},
            "sk-canary",
        ),
        id="inbound-api-key-in-the-default-header",
    ),
    pytest.param(
        {
            "purpose": "Inbound",
            "jwt": {"jwksFrom": {"configMapKeyRef": {"name": "jwks", "key": "set"}}},
        },
        credential("internal", "jwt", {"authType": "static_jwks", "jwks": '{"keys":[]}'}),
        id="inbound-static-jwt",
    ),
    pytest.param(
        {
            "purpose": "Inbound",
            "jwt": {"remote": {"uri": "https://idp/jwks", "timeoutSeconds": 5, "ttlSeconds": 300}},
        },
        credential(
            "internal",
            "jwt",
            {"remoteConfig": {"uri": "https://idp/jwks", "timeout": 5, "ttl": 300}},
        ),
        id="inbound-remote-jwt",
    ),
    pytest.param(
        {
            "purpose": "Inbound",
            "basic": {"users": [{"username": "ann", "passwordFrom": key("other")}]},
        },
        credential("internal", "basic", {"users": [{"username": "ann", "password": "pw-canary"}]}),
        id="inbound-basic",
    ),
    pytest.param(
        {"purpose": "OutboundModel", "apiKey": {"provider": "openai", "valueFrom": key()}},
        credential("external_llm", "api_key", {"provider": "openai"}, "sk-canary"),
        id="outbound-model-api-key",
    ),
    pytest.param(
        {"purpose": "OutboundTool", "apiKey": {"valueFrom": key()}},
        credential("external_tool", "api_key", {}, "sk-canary"),
        id="outbound-tool-api-key",
    ),
    pytest.param(
        {
            "purpose": "OutboundTool",
            "accessKey": {
                "provider": "aliyun",
                "accessKeyId": "LTAI",
                "accountId": "123",
                "secretFrom": key(),
            },
        },
        credential(
            "external_tool",
            "ak_sk",
            {"provider": "aliyun", "authConfig": {"accessKey": "LTAI", "accountId": "123"}},
            "sk-canary",
        ),
        id="outbound-tool-access-key",
    ),
    pytest.param(
        {
            "purpose": "OutboundTool",
            "accessKey": {
                "provider": "custom",
                "parameters": [{"name": "token", "valueFrom": key()}],
            },
        },
        credential(
            "external_tool", "ak_sk", {"provider": "custom", "authConfig": {"token": "sk-canary"}}
        ),
        id="outbound-tool-custom-access-key",
    ),
    pytest.param(
        {
            "purpose": "OutboundTool",
            "customHeader": {
                "headers": [
                    {"name": "X-One", "valueFrom": key()},
                    {"name": "X-Two", "valueFrom": key("other")},
                ]
            },
        },
        credential(
            "external_tool",
            "custom_header",
            {"authConfig": {"X-One": "sk-canary", "X-Two": "pw-canary"}},
        ),
        id="outbound-tool-custom-header",
    ),
]


@pytest.mark.parametrize(("spec", "expected"), TYPES)
def test_each_type_makes_the_body_that_was_captured(
    spec: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert body(spec) == expected


@pytest.mark.parametrize(("spec", "expected"), TYPES)
def test_an_answer_that_agrees_is_no_drift(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    observed = {**expected, "enabled": True, "credentialId": "c-1"}
    assert find_drift(KIND, body(spec), observed, partial=False) == ()


@pytest.mark.parametrize(("spec", "expected"), TYPES)
def test_no_drift_shows_a_secret(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    observed = {**expected, "credentialSecret": "sk-old", "credentialPublicConfig": {"a": "pw-old"}}
    found = find_drift(KIND, body(spec), observed, partial=False)
    assert found
    assert not [d for d in found if "-canary" in d.desired or "-old" in d.observed]


def test_another_type_found_in_the_cloud_cannot_be_corrected() -> None:
    observed = {**INBOUND_BODY, "credentialAuthType": "basic"}
    found = find_drift(KIND, body(INBOUND), observed, partial=False)
    assert [(d.path, d.immutable) for d in found] == [("credentialAuthType", True)]


def test_a_list_item_says_nothing_of_the_secret() -> None:
    item = {"credentialSourceType": "internal", "credentialAuthType": "api_key"}
    assert find_drift(KIND, body(INBOUND), item, partial=True) == ()


def test_a_missing_key_is_named_and_no_value_is() -> None:
    spec = {"purpose": "OutboundTool", "apiKey": {"valueFrom": key("absent")}}
    with pytest.raises(ReferenceNotFound, match=r"'keys' has no key 'absent'") as caught:
        body(spec)
    assert "canary" not in str(caught.value)
