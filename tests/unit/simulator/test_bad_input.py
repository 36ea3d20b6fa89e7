"""Whatever comes in, a JSON error goes out: never a traceback, never a hang."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from agentrun_simulator.settings import Settings
from agentrun_simulator.simulator import Simulator

Api = Callable[..., Awaitable[httpx.Response]]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"name": NaN}', "not valid JSON"),
        (b'{"name": 1e999}', "not valid JSON"),
        (b'{"name": "\\ud800"}', "not valid JSON"),
        (b'{"name": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b'{"name":' + b"[" * 100_000, "not valid JSON"),
        (b'{"name":' + b"[" * 100 + b"]" * 100 + b"}", "nested too deeply"),
        ('{"name": "x"}'.encode("utf-16"), "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:24]),
)
async def test_malformed_bodies(api: Api, raw: bytes, message: str) -> None:
    response = await api("POST", "/workspaces", raw=raw)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json"
    assert response.json()["code"] == "ERR_BAD_REQUEST"
    assert message in response.json()["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"cpu": "2"}, "cpu must be of type number"),
        ({"cpu": True}, "cpu must be of type number"),
        ({"memory": 2.5}, "memory must be of type integer"),
        ({"modelProxyName": 7}, "modelProxyName must be of type string"),
        ({"proxyConfig": []}, "proxyConfig must be an object"),
        ({"proxyConfig": {"endpoints": {}}}, "proxyConfig.endpoints must be an array"),
        (
            {"proxyConfig": {"endpoints": [{}, {"weight": "1"}]}},
            "proxyConfig.endpoints[1].weight must be of type integer",
        ),
        ({"cpu": "2", "memory": "2"}, "cpu must be of type number; memory must be of type integer"),
        ({"cpu": None}, "CPU is required"),
        ({}, "CPU is required; Memory is required; ModelProxyName is required"),
    ],
    ids=str,
)
async def test_wrong_types(api: Api, body: dict[str, Any], message: str) -> None:
    response = await api("POST", "/agents/model-proxies", body)
    assert (response.status_code, response.json()["code"]) == (400, "ERR_VALIDATION_FAILED")
    assert response.json()["message"].startswith(message)


async def test_a_value_outside_a_closed_set(api: Api) -> None:
    response = await api("POST", "/agents/runtimes", {"artifactType": "Zip"})
    assert response.json()["message"] == "artifactType must be one of Code, Container"


async def test_code_and_container_are_required_in_their_case(api: Api) -> None:
    response = await api("POST", "/agents/runtimes", {"artifactType": "Code"})
    assert "CodeConfiguration is required" in response.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("GET", ""),
        ("GET", "/agents"),
        ("GET", "/agents/runtimes/"),
        ("GET", "/agents/runtimes/a/b/c"),
        ("PATCH", "/agents/runtimes"),
        ("DELETE", "/agents/runtimes"),
        ("OPTIONS", "/agents/runtimes"),
    ],
)
async def test_unknown_paths_and_methods(api: Api, method: str, path: str) -> None:
    response = await api(method, path)
    assert response.status_code == 404
    assert response.json()["Code"] == "InvalidAction.NotFound"
    assert response.json()["RequestId"] == response.headers["x-acs-request-id"]


@pytest.mark.parametrize("path", ["/nowhere", "/admin", "/2023-07-14/toolsets", "/favicon.ico"])
async def test_paths_outside_the_version(simulator: Simulator, path: str) -> None:
    transport = httpx.ASGITransport(simulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
        response = await client.get(path)
    assert (response.status_code, response.json()["Code"]) == (404, "InvalidAction.NotFound")


async def test_a_path_that_is_not_utf8(api: Api) -> None:
    response = await api("GET", "/agents/credentials/%FF%FE")
    assert response.status_code == 400


async def test_a_body_beyond_the_limit() -> None:
    settings = Settings(verify_signatures=False, max_body_bytes=1000)
    transport = httpx.ASGITransport(Simulator(settings).app)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
        path = "/2025-09-10/workspaces"
        response = await client.post(path, json={"name": "x" * 2000})
        assert response.status_code == 413
        assert response.json()["Code"] == "RequestEntityTooLarge"
        assert (await client.post(path, json={"name": "x" * 900})).status_code == 200


async def test_a_name_may_be_any_text(api: Api, ok: Callable[..., Awaitable[Any]]) -> None:
    name = "a/b c%2F?#中\u0000😀"
    body = {
        "credentialName": name,
        "credentialAuthType": "api_key",
        "credentialSourceType": "internal",
    }
    await ok("POST", "/agents/credentials", body)
    quoted = "".join(f"%{byte:02X}" for byte in name.encode())
    assert (await ok("GET", f"/agents/credentials/{quoted}"))["credentialName"] == name
    assert (await api("GET", f"/agents/credentials/{quoted}x")).status_code == 404
