"""Sandboxes, agents and models at work: signature, credentials, answers."""

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from agentrun_simulator.agentrun4 import ALGORITHM, UNSIGNED_PAYLOAD, verify
from agentrun_simulator.errors import GatewayError, ServiceError
from agentrun_simulator.keyring import KeyRing
from agentrun_simulator.settings import Account, Settings
from agentrun_simulator.signature import SignedRequest
from agentrun_simulator.simulator import Simulator

NOW = datetime(2026, 1, 15, 8, 0, 0, tzinfo=UTC)
HOST = "1234567890-ram.agentrun-data.cn-hangzhou.aliyuncs.com"
KEYS = KeyRing(
    tuple(
        Account.model_validate(fields | {"accountId": "1234567890"})
        for fields in (
            {"accessKeyId": "testAccessKeyId", "accessKeySecret": "testAccessKeySecret"},
            {
                "accessKeyId": "STS.testAccessKeyId",
                "accessKeySecret": "testAccessKeySecret",
                "securityToken": "testSecurityToken",
            },
        )
    )
)
Send = Callable[..., Awaitable[httpx.Response]]


def signed(
    method: str, path: str, query: str, key: str, signature: str, **more: str
) -> SignedRequest:
    headers = {"host": HOST, "x-acs-date": "2026-01-15T08:00:00Z"}
    headers |= {"x-acs-content-sha256": UNSIGNED_PAYLOAD} | more
    scope = f"{key}/20260115/cn-hangzhou/agentrun/aliyun_v4_request"
    headers["agentrun-authorization"] = (
        f"{ALGORITHM} Credential={scope},SignedHeaders={';'.join(sorted(headers))},"
        f"Signature={signature}"
    )
    return SignedRequest(method, path, query, headers, b"")


POST = signed(
    "POST",
    "/sandboxes",
    "a=1&b=x%20y",
    "testAccessKeyId",
    "133519fba52511ef9b005ed7a7f204bfe1c677837f774a18e8bdbb621e47a44c",
)
WITH_TOKEN = signed(
    "GET",
    "/sandboxes/sb-1",
    "",
    "STS.testAccessKeyId",
    "d16d1cee84f0457566e93a1689c8bd27917130afbba5791fafcdbb5ebc3270a4",
    **{"x-acs-security-token": "testSecurityToken"},
)


@pytest.mark.parametrize("request_", [POST, WITH_TOKEN], ids=["key", "token"])
def test_the_worked_vectors_of_the_reference_verify(request_: SignedRequest) -> None:
    assert verify(request_, KEYS, NOW, timedelta(minutes=15)).account_id == "1234567890"


def changed(request: SignedRequest, **headers: str) -> SignedRequest:
    merged = dict(request.headers) | {n.replace("_", "-"): v for n, v in headers.items()}
    return SignedRequest(request.method, request.raw_path, request.raw_query, merged, b"")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (changed(POST, agentrun_authorization=""), "missing or incomplete"),
        (changed(POST, agentrun_authorization="Bearer x"), "missing or incomplete"),
        (changed(POST, x_acs_content_sha256="abc"), "UNSIGNED-PAYLOAD"),
        (changed(POST, x_acs_extra="1"), "must be signed"),
        (changed(POST, x_acs_date="yesterday"), "not of the form"),
        (changed(POST, x_acs_date="2026-01-15T08:16:00Z"), "too far"),
        (changed(POST, host="elsewhere"), "does not match"),
        (changed(WITH_TOKEN, x_acs_security_token="other"), "token"),
        (SignedRequest("GET", "/sandboxes", "a=1&b=x%20y", POST.headers, b""), "does not match"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_everything_else_is_refused(request_: SignedRequest, reason: str) -> None:
    with pytest.raises(ServiceError, match=reason) as refused:
        verify(request_, KEYS, NOW, timedelta(minutes=15))
    assert (refused.value.status, refused.value.code) == (403, "ERR_FORBIDDEN")


def test_an_unknown_key_is_the_gateways_business() -> None:
    header = POST.headers["agentrun-authorization"].replace("testAccess", "Access")
    with pytest.raises(GatewayError, match="access key"):
        verify(changed(POST, agentrun_authorization=header), KEYS, NOW, timedelta(minutes=15))


# Behaviour, with every call taken for a signed one unless verification is switched on

RUNTIME = {
    "agentRuntimeName": "chat",
    "artifactType": "Container",
    "containerConfiguration": {"image": "registry.example/app"},
    "cpu": 2,
    "memory": 2048,
    "port": 9000,
    "networkConfiguration": {"networkMode": "PUBLIC"},
}
TEMPLATE = {
    "templateName": "code",
    "templateType": "CodeInterpreter",
    "cpu": 2,
    "memory": 2048,
    "networkConfiguration": {"networkMode": "PUBLIC"},
}
PROXY = {
    "modelProxyName": "proxy",
    "cpu": 2,
    "memory": 2048,
    "proxyMode": "single",
    "executionRoleArn": "acs:ram::1:role/agentrun",
    "proxyConfig": {"endpoints": [{"modelNames": ["qwen-max", "qwen-plus"]}]},
}
CHAT = {"messages": [{"role": "user", "content": "hello there"}]}
INVOKE = "/agent-runtimes/chat/endpoints/Default/invocations/openai/v1/chat/completions"


@pytest.fixture
def world(clock: Any) -> Simulator:
    """A cloud in which a template, an agent with its endpoint, and a proxy are ready."""
    return Simulator(Settings(verify_signatures=False, transition_seconds=1), clock)


@pytest.fixture
def data(world: Simulator) -> Send:
    """Send one request outside the versioned paths."""

    async def send(method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(world.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://data") as client:
            content = b"" if body is None else json.dumps(body).encode()
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, content=content, headers=named)

    return send


@pytest.fixture
async def furnished(world: Simulator, data: Send, clock: Any) -> Simulator:
    """The world above; from here on nothing counts as signed."""
    version = "/2025-09-10"
    await data("POST", f"{version}/templates", TEMPLATE)
    runtime = (await data("POST", f"{version}/agents/runtimes", RUNTIME)).json()["data"]
    await data("POST", f"{version}/agents/model-proxies", PROXY)
    clock.advance(2)
    body = {"agentRuntimeEndpointName": "Default"}
    path = f"{version}/agents/runtimes/{runtime['agentRuntimeId']}/endpoints"
    assert (await data("POST", path, body)).status_code == 200
    clock.advance(2)
    return world


async def credential(data: Send, kind: str, **fields: Any) -> None:
    body = {"credentialName": kind, "credentialAuthType": kind, "credentialSourceType": "internal"}
    assert (await data("POST", "/2025-09-10/agents/credentials", body | fields)).status_code == 200


async def test_a_sandbox_works_until_it_is_stopped(
    furnished: Simulator, data: Send, clock: Any
) -> None:
    made = (await data("POST", "/sandboxes", {"templateName": "code"})).json()
    assert made["code"] == "SUCCESS"
    path = f"/sandboxes/{made['data']['sandboxId']}"
    assert (await data("GET", f"{path}/health")).json() == {"status": "creating"}
    assert (await data("POST", f"{path}/contexts/execute", {"code": "1"})).status_code == 400
    clock.advance(2)
    assert (await data("GET", f"{path}/health")).json() == {"status": "ok"}
    echoed = (await data("POST", f"{path}/contexts/execute", {"code": "print(1)"})).json()
    assert echoed["results"][0] == {"type": "stdout", "text": "print(1)"}
    assert (await data("POST", f"{path}/contexts/execute", {"code": 1})).status_code == 400
    assert (await data("POST", f"{path}/stop")).json()["data"]["status"] == "TERMINATED"
    assert (await data("GET", path)).json()["data"]["status"] == "TERMINATED"
    for method, below in (("DELETE", ""), ("GET", "/health")):
        gone = await data(method, path + below)
        assert (gone.status_code, gone.json()["code"]) == (404, "ERR_NOT_FOUND")
        assert gone.json()["message"].startswith("sandbox ")
        assert gone.json()["message"].endswith(" not found")
    actions = [entry["action"] for entry in furnished.requests() if entry["action"][:5] == "Data."]
    assert actions[:2] == ["Data.CreateSandbox", "Data.CheckHealth"]


async def test_unsigned_calls_need_a_template_that_allows_them(
    furnished: Simulator, data: Send
) -> None:
    furnished.configure({"verifySignatures": True})
    refused = await data("POST", "/sandboxes", {"templateName": "code"})
    assert (refused.status_code, refused.json()["code"]) == (403, "ERR_FORBIDDEN")
    furnished.edit("Template", "code", {"allowAnonymousManage": True})
    made = await data("POST", "/sandboxes", {"templateName": "code"})
    assert made.status_code == 200
    assert (await data("GET", f"/sandboxes/{made.json()['data']['sandboxId']}")).status_code == 200


@pytest.mark.usefixtures("furnished")
@pytest.mark.parametrize("path", [INVOKE, "/models/proxy/v1/chat/completions"])
async def test_a_chat_is_echoed_at_once_or_as_a_stream(data: Send, path: str) -> None:
    whole = (await data("POST", path, CHAT)).json()
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "echo: hello there"}
    assert whole["usage"] == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
    options = {"stream": True, "stream_options": {"include_usage": True}, "model": "mine"}
    answer = await data("POST", path, CHAT | options)
    assert answer.headers["content-type"] == "text/event-stream"
    *events, last, empty = answer.text.split("\n\n")
    assert (last, empty) == ("data: [DONE]", "")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    words = [c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]]
    assert "".join(words) == "echo: hello there"
    assert len(words) > 3
    assert chunks[-1]["usage"]["total_tokens"] == 5
    assert {chunk["model"] for chunk in chunks} == {"mine"}


@pytest.mark.usefixtures("furnished")
async def test_models_of_a_proxy(data: Send) -> None:
    found = (await data("GET", "/models/proxy/v1/models")).json()
    assert [model["id"] for model in found["data"]] == ["qwen-max", "qwen-plus"]


@pytest.mark.usefixtures("furnished")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        (INVOKE.replace("chat/", "nobody/", 1), 404),
        (INVOKE.replace("Default", "other"), 404),
        ("/models/nobody/v1/chat/completions", 404),
        ("/models/proxy/v2/chat", 404),
        ("/sandboxes/%FF/stop", 400),
    ],
)
async def test_what_cannot_be_called(data: Send, path: str, status: int) -> None:
    assert (await data("POST", path, CHAT)).status_code == status


@pytest.mark.usefixtures("furnished")
@pytest.mark.parametrize("messages", [None, [], ["text"], "text"], ids=str)
async def test_a_chat_needs_messages(data: Send, messages: Any) -> None:
    answer = await data("POST", INVOKE, {"messages": messages})
    assert (answer.status_code, answer.json()["code"]) == (400, "ERR_BAD_REQUEST")


async def test_an_agent_that_is_not_ready_does_not_answer(furnished: Simulator, data: Send) -> None:
    furnished.edit("AgentRuntime", "chat", {"status": "UPDATE_FAILED"})
    assert (await data("POST", INVOKE, CHAT)).status_code == 400


def jwt(expires: float) -> str:
    def part(document: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part({'exp': expires})}.c2ln"


USERS = {"credentialPublicConfig": {"users": [{"username": "u", "password": "p"}]}}
BEARER = {"credentialPublicConfig": {"headerKey": "Authorization"}, "credentialSecret": "k3y"}
OWN = {
    "credentialPublicConfig": {"headerKey": "X-Own", "prefix": "Key "},
    "credentialSecret": "k3y",
}


@pytest.mark.parametrize("path", [INVOKE, "/models/proxy/v1/chat/completions"])
@pytest.mark.parametrize(
    ("kind", "fields", "good", "bad"),
    [
        ("api_key", {"credentialSecret": "k3y"}, {"X_API_Key": "k3y"}, {"X_API_Key": "other"}),
        ("api_key", BEARER, {"Authorization": "Bearer k3y"}, {"Authorization": "Bearer"}),
        ("api_key", BEARER, {"Authorization": "k3y"}, {"X_API_Key": "k3y"}),
        ("api_key", OWN, {"X_Own": "Key k3y"}, {"X_Own": "k3y"}),
        ("basic", USERS, {"Authorization": "Basic dTpw"}, {"Authorization": "Basic dTpx"}),
        ("basic", USERS, {"Authorization": "basic dTpw"}, {"Authorization": "Basic %"}),
        (
            "jwt",
            {},
            {"Authorization": f"Bearer {jwt(NOW.timestamp() + 60)}"},
            {"Authorization": f"Bearer {jwt(NOW.timestamp() - 60)}"},
        ),
        ("jwt", {}, {"Authorization": f"Bearer {jwt(4e9)}"}, {"Authorization": "Bearer a.b"}),
    ],
)
async def test_a_bound_credential_must_be_shown(
    furnished: Simulator,
    data: Send,
    path: str,
    *,
    kind: str,
    fields: dict[str, Any],
    good: dict[str, str],
    bad: dict[str, str],
) -> None:
    await credential(data, kind, **fields)
    for family, name in (("AgentRuntime", "chat"), ("ModelProxy", "proxy")):
        furnished.edit(family, name, {"credentialName": kind})
    furnished.configure({"verifySignatures": True})
    assert (await data("POST", path, CHAT, **good)).status_code == 200
    for headers in (bad, {}):
        refused = await data("POST", path, CHAT, **headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "ERR_FORBIDDEN")
    furnished.edit("Credential", kind, {"enabled": False})
    assert (await data("POST", path, CHAT, **good)).status_code == 403
    assert "k3y" not in json.dumps(furnished.requests()[-5:])


async def test_the_host_names_the_account(furnished: Simulator, data: Send) -> None:
    host = "42.agentrun-data.cn-hangzhou.aliyuncs.com"
    assert (await data("POST", INVOKE, CHAT, host=host)).status_code == 404
    assert furnished.requests()[-1]["account"] == "42"
