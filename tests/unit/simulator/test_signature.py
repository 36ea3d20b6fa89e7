"""The verifier on the control-plane reference's worked vectors (§2.4), and on tampered ones."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from agentrun_simulator.errors import GatewayError
from agentrun_simulator.keyring import KeyRing
from agentrun_simulator.settings import Account
from agentrun_simulator.signature import SignedRequest, Verifier

NOW = datetime(2026, 1, 15, 8, 0, 0, tzinfo=UTC)
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
BODY_HASH = "15a02c4c879367b830bcdf2eefc952bec095b32a25370e70ed732624f485a7f2"
BODY = (
    '{"agentRuntimeName":"demo","artifactType":"Container","containerConfiguration":'
    '{"image":"registry.example.com/ns/app:v1"},"cpu":2.0,"environmentVariables":'
    '{"GREETING":"你好"},"memory":4096,"networkConfiguration":{"networkMode":"PUBLIC"},'
    '"port":9000}'
).encode()
NAMES = "x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
ACCOUNTS = (
    Account(
        account_id="1",
        access_key_id="testAccessKeyId",
        access_key_secret=SecretStr("testAccessKeySecret"),
    ),
    Account(
        account_id="1",
        access_key_id="STS.testAccessKeyId",
        access_key_secret=SecretStr("testAccessKeySecret"),
        security_token=SecretStr("testSecurityToken"),
    ),
)


@dataclass(frozen=True)
class Vector:
    method: str
    path: str
    query: str
    action: str
    signed: str
    signature: str
    extra: dict[str, str]
    body: bytes = b""
    key: str = "testAccessKeyId"

    def request(self) -> SignedRequest:
        headers = {
            "host": "agentrun.cn-hangzhou.aliyuncs.com",
            "x-acs-action": self.action,
            "x-acs-version": "2025-09-10",
            "x-acs-date": "2026-01-15T08:00:00Z",
            "x-acs-signature-nonce": "0123456789abcdef0123456789abcdef",
            "x-acs-content-sha256": BODY_HASH if self.body else EMPTY,
            # The transports add this one after signing.
            "accept-encoding": "identity",
            **self.extra,
            "authorization": f"ACS3-HMAC-SHA256 Credential={self.key},"
            f"SignedHeaders={self.signed},Signature={self.signature}",
        }
        return SignedRequest(self.method, self.path, self.query, headers, self.body)


JSON = {"content-type": "application/json; charset=utf-8"}
RUNTIMES = "/2025-09-10/agents/runtimes"
VECTORS = {
    "A": Vector(
        "POST",
        RUNTIMES,
        "",
        "CreateAgentRuntime",
        f"content-type;host;{NAMES}",
        "f9740341e15af4acd1dad0063ce3fb833b432fe6bd0f3cb730b461d17f566d92",
        JSON,
        BODY,
    ),
    "B": Vector(
        "GET",
        RUNTIMES,
        "agentRuntimeName=a+b%2Bc~%2A%2F%E4%B8%AD&pageNumber=1&pageSize=50&searchMode=exact",
        "ListAgentRuntimes",
        f"host;{NAMES}",
        "61c1d93a2e5f3f362b68f420839d03ff27f39d2b434a34ed00db1027ef6e7020",
        {},
    ),
    "C": Vector(
        "DELETE",
        "/2025-09-10/agents/credentials/a%20b%2Fc~%2A%2B",
        "",
        "DeleteCredential",
        f"host;{NAMES}",
        "3a851fbe91fd45f48d3febc7148c5b9a87e3743184399ced744fc31854a6280a",
        {"content-length": "0"},
    ),
    "D": Vector(
        "GET",
        "/2025-09-10/agents/model-proxies/mp-1",
        "",
        "GetModelProxy",
        "host;x-acs-accesskey-id;x-acs-action;x-acs-content-sha256;x-acs-date;"
        "x-acs-security-token;x-acs-signature-nonce;x-acs-version",
        "2dcf1188299d37bd6efd2078c9986c0b62926887664294752f547f1b6ebd1ea1",
        {
            "x-acs-accesskey-id": "STS.testAccessKeyId",
            "x-acs-security-token": "testSecurityToken",
        },
        key="STS.testAccessKeyId",
    ),
    "E": Vector(
        "POST",
        RUNTIMES,
        "",
        "CreateAgentRuntime",
        "accept;content-type;host;user-agent;x-acs-action;x-acs-content-sha256;"
        "x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version",
        "2d59bdda1dd197347c3fb2dc5053a3de21cc41e102b7102b59721ec90e5c5202",
        JSON
        | {
            "accept": "application/json",
            "user-agent": "AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2",
            "x-acs-credentials-provider": "static_ak",
        },
        BODY,
    ),
}
A, B, C, D = (VECTORS[name].request() for name in "ABCD")


@pytest.fixture
def verifier() -> Verifier:
    return Verifier(KeyRing(ACCOUNTS), timedelta(minutes=15))


def with_headers(request: SignedRequest, **changes: str | None) -> SignedRequest:
    headers = dict(request.headers)
    for name, value in changes.items():
        wire_name = name.replace("_", "-")
        headers.pop(wire_name, None)
        if value is not None:
            headers[wire_name] = value
    return replace(request, headers=headers)


@pytest.mark.parametrize("name", VECTORS)
def test_the_worked_vectors_are_accepted(verifier: Verifier, name: str) -> None:
    assert verifier.verify(VECTORS[name].request(), NOW).account_id == "1"


@pytest.mark.parametrize(
    "request_",
    [
        replace(C, raw_path=C.raw_path.replace("%2A", "*")),
        replace(B, raw_query=B.raw_query.replace("%2A%2F", "*/").replace("~", "%7E")),
        replace(B, raw_query="&".join(reversed(B.raw_query.split("&")))),
        with_headers(B, content_type="application/octet-stream", content_length="0"),
        with_headers(A, host=" agentrun.cn-hangzhou.aliyuncs.com "),
    ],
    ids=["path rewritten", "query rewritten", "query reordered", "unsigned type", "padding"],
)
def test_what_transports_do_after_signing_is_forgiven(
    verifier: Verifier, request_: SignedRequest
) -> None:
    verifier.verify(request_, NOW)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (replace(A, body=BODY + b" "), "SignatureDoesNotMatch"),
        (replace(A, method="PUT"), "SignatureDoesNotMatch"),
        (replace(A, raw_query="dryRun=1"), "SignatureDoesNotMatch"),
        (replace(B, raw_query=B.raw_query.replace("50", "51")), "SignatureDoesNotMatch"),
        (replace(C, raw_path=C.raw_path + "x"), "SignatureDoesNotMatch"),
        (with_headers(A, host="elsewhere.example"), "SignatureDoesNotMatch"),
        (with_headers(A, x_acs_action="DeleteAgentRuntime"), "SignatureDoesNotMatch"),
        (with_headers(A, x_acs_extra="1"), "IncompleteSignature"),
        (with_headers(A, authorization=None), "MissingParameter"),
        (with_headers(A, authorization="Bearer token"), "IncompleteSignature"),
        (with_headers(A, authorization="ACS3-HMAC-SHA256 Credential=a"), "IncompleteSignature"),
        (with_headers(A, x_acs_date=None), "MissingParameter"),
        (with_headers(A, x_acs_version=None), "MissingParameter"),
        (with_headers(A, x_acs_date="yesterday"), "InvalidTimeStamp.Format"),
        (with_headers(A, x_acs_date="2026-01-15T07:44:59Z"), "InvalidTimeStamp.Expired"),
        (with_headers(A, x_acs_date="2026-01-15T08:15:01Z"), "InvalidTimeStamp.Expired"),
        (with_headers(D, x_acs_security_token=None), "MissingSecurityToken"),
        (with_headers(D, x_acs_security_token="other"), "InvalidSecurityToken.Malformed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tampering_is_refused(verifier: Verifier, request_: SignedRequest, code: str) -> None:
    with pytest.raises(GatewayError) as refused:
        verifier.verify(request_, NOW)
    assert refused.value.code == code


def test_a_nonce_serves_once(verifier: Verifier) -> None:
    verifier.verify(A, NOW)
    with pytest.raises(GatewayError) as refused:
        verifier.verify(A, NOW)
    assert refused.value.code == "SignatureNonceUsed"


def test_a_refused_request_does_not_use_up_its_nonce(verifier: Verifier) -> None:
    with pytest.raises(GatewayError):
        verifier.verify(replace(A, body=b"{}"), NOW)
    verifier.verify(A, NOW)


def test_an_unknown_key_is_named_as_such() -> None:
    with pytest.raises(GatewayError) as refused:
        Verifier(KeyRing(ACCOUNTS[1:]), timedelta(minutes=15)).verify(A, NOW)
    assert refused.value.code == "InvalidAccessKeyId.NotFound"


def test_a_refusal_shows_neither_secret_nor_token(verifier: Verifier) -> None:
    tampered = with_headers(D, x_acs_action="Other")
    with pytest.raises(GatewayError) as refused:
        verifier.verify(tampered, NOW)
    assert "server canonical request is" in refused.value.message
    assert "testSecurityToken" not in refused.value.message
    assert "testAccessKeySecret" not in refused.value.message + repr(ACCOUNTS)
