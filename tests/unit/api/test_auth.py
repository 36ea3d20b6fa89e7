"""Signing equals the vectors of the control-plane reference, §2.4, on a request httpx built."""

import hashlib
from datetime import UTC, datetime

import httpx
import pytest

from agentrun_operator.api.auth import (
    Acs3Auth,
    authorization,
    canonical_query,
    canonical_request,
    encode_segment,
    payload_hash,
    signed_headers,
)
from agentrun_operator.api.credentials import Keys, StaticKeys

HOST = "https://agentrun.cn-hangzhou.aliyuncs.com"
NONCE = "0123456789abcdef0123456789abcdef"
KEYS = Keys("testAccessKeyId", "testAccessKeySecret")
STS_KEYS = Keys("STS.testAccessKeyId", "testAccessKeySecret", "testSecurityToken")
CONTENT_TYPE = {"content-type": "application/json; charset=utf-8"}
BODY = (
    '{"agentRuntimeName":"demo","artifactType":"Container","containerConfiguration":'
    '{"image":"registry.example.com/ns/app:v1"},"cpu":2.0,"environmentVariables":'
    '{"GREETING":"你好"},"memory":4096,"networkConfiguration":{"networkMode":"PUBLIC"},"port":9000}'
).encode()
SIGNED_GET = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
VECTORS = [
    pytest.param(
        KEYS,
        httpx.Request(
            "POST",
            f"{HOST}/2025-09-10/agents/runtimes",
            content=BODY,
            headers=CONTENT_TYPE,
            extensions={"action": "CreateAgentRuntime"},
        ),
        f"content-type;{SIGNED_GET}",
        "f9740341e15af4acd1dad0063ce3fb833b432fe6bd0f3cb730b461d17f566d92",
        id="A: body",
    ),
    pytest.param(
        KEYS,
        httpx.Request(
            "GET",
            f"{HOST}/2025-09-10/agents/runtimes?agentRuntimeName=a+b%2Bc~%2A%2F%E4%B8%AD"
            "&pageNumber=1&pageSize=50&searchMode=exact",
            extensions={"action": "ListAgentRuntimes"},
        ),
        SIGNED_GET,
        "61c1d93a2e5f3f362b68f420839d03ff27f39d2b434a34ed00db1027ef6e7020",
        id="B: query",
    ),
    pytest.param(
        KEYS,
        httpx.Request(
            "DELETE",
            f"{HOST}/2025-09-10/agents/credentials/a%20b%2Fc~%2A%2B",
            extensions={"action": "DeleteCredential"},
        ),
        SIGNED_GET,
        "3a851fbe91fd45f48d3febc7148c5b9a87e3743184399ced744fc31854a6280a",
        id="C: path parameter",
    ),
    pytest.param(
        STS_KEYS,
        httpx.Request(
            "GET",
            f"{HOST}/2025-09-10/agents/model-proxies/mp-1",
            extensions={"action": "GetModelProxy"},
        ),
        "host;x-acs-accesskey-id;x-acs-action;x-acs-content-sha256;x-acs-date;"
        "x-acs-security-token;x-acs-signature-nonce;x-acs-version",
        "2dcf1188299d37bd6efd2078c9986c0b62926887664294752f547f1b6ebd1ea1",
        id="D: temporary keys",
    ),
]


def auth(keys: Keys) -> Acs3Auth:
    return Acs3Auth(
        StaticKeys(keys),
        clock=lambda: datetime(2026, 1, 15, 8, 0, 0, tzinfo=UTC),
        nonce=lambda: NONCE,
    )


@pytest.mark.parametrize(("keys", "request_", "signed", "signature"), VECTORS)
async def test_signature_equals_the_reference(
    keys: Keys, request_: httpx.Request, signed: str, signature: str
) -> None:
    sent = await anext(auth(keys).async_auth_flow(request_))
    assert sent.headers["authorization"] == (
        f"ACS3-HMAC-SHA256 Credential={keys.access_key_id},"
        f"SignedHeaders={signed},Signature={signature}"
    )


def test_vector_e_signs_the_official_header_set() -> None:
    """The pure functions sign whatever headers they are given, as the official client does."""
    headers = {
        "accept": "application/json",
        "content-type": "application/json; charset=utf-8",
        "host": "agentrun.cn-hangzhou.aliyuncs.com",
        "user-agent": "AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2",
        "x-acs-action": "CreateAgentRuntime",
        "x-acs-content-sha256": payload_hash(BODY),
        "x-acs-credentials-provider": "static_ak",
        "x-acs-date": "2026-01-15T08:00:00Z",
        "x-acs-signature-nonce": NONCE,
        "x-acs-version": "2025-09-10",
    }
    canonical = canonical_request(
        "POST", "/2025-09-10/agents/runtimes", "", headers, payload_hash(BODY)
    )
    assert hashlib.sha256(canonical.encode()).hexdigest() == (
        "53a619459d3edc09568dfbd1518b4f4c2e64cdd2dc1163ee9e8c8ba3b02346a0"
    )
    assert authorization(KEYS, canonical, headers).endswith(
        "Signature=2d59bdda1dd197347c3fb2dc5053a3de21cc41e102b7102b59721ec90e5c5202"
    )


@pytest.mark.parametrize(
    ("wire", "canonical"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("b=2&a=1", "a=1&b=2", id="sorted by name"),
        pytest.param("a=x+y", "a=x%20y", id="plus is a space"),
        pytest.param("a=%2A~", "a=%2A~", id="unreserved stays bare"),
        pytest.param("a=&b", "a=&b=", id="blank values are kept"),
        pytest.param("a=READY,CREATING", "a=READY%2CCREATING", id="bare reserved is encoded"),
    ],
)
def test_canonical_query(wire: str, canonical: str) -> None:
    assert canonical_query(wire) == canonical


def test_path_parameters_stay_one_segment() -> None:
    assert encode_segment("a b/c~*+") == "a%20b%2Fc~%2A%2B"


def test_signed_headers_leave_out_what_transports_add() -> None:
    given = {"Host": " h ", "Accept-Encoding": "gzip", "X-Acs-Date": "d", "User-Agent": "u"}
    assert signed_headers(given) == {"host": "h", "x-acs-date": "d"}


async def test_a_rotated_key_signs_the_next_request() -> None:
    class Rotating:
        def __init__(self) -> None:
            self.pending = [Keys("first", "s"), Keys("second", "s")]

        async def keys(self) -> Keys:
            return self.pending.pop(0)

    rotating = Acs3Auth(Rotating())
    seen = []
    for _ in range(2):
        request = httpx.Request("GET", HOST, extensions={"action": "GetModelProxy"})
        sent = await anext(rotating.async_auth_flow(request))
        seen.append(sent.headers["authorization"].split(",")[0].rpartition("=")[2])
    assert seen == ["first", "second"]


async def test_nonces_differ() -> None:
    default = Acs3Auth(StaticKeys(KEYS))
    nonces = set()
    for _ in range(3):
        request = httpx.Request("GET", HOST, extensions={"action": "GetModelProxy"})
        sent = await anext(default.async_auth_flow(request))
        nonces.add(sent.headers["x-acs-signature-nonce"])
    assert len(nonces) == 3


def test_a_synchronous_client_is_refused_not_sent_unsigned() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with (
        httpx.Client(transport=transport, auth=auth(KEYS)) as client,
        pytest.raises(TypeError, match="AsyncClient"),
    ):
        client.get(HOST)
