"""Lifecycles of the reference (§5) on a clock that is moved by hand."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentrun_simulator.simulator import Simulator

Ok = Callable[..., Awaitable[dict[str, Any]]]
Refused = Callable[..., Awaitable[tuple[int, str]]]

RUNTIME = {
    "agentRuntimeName": "chat",
    "artifactType": "Container",
    "containerConfiguration": {"image": "registry.example/app:v1"},
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
    "modelProxyName": "chat",
    "cpu": 2,
    "memory": 2048,
    "proxyMode": "single",
    "executionRoleArn": "acs:ram::1:role/agentrun",
    "proxyConfig": {"endpoints": [{"modelServiceName": "qwen", "weight": 1}]},
}


@pytest.fixture
async def runtime(ok: Ok, clock: Any) -> str:
    """A READY runtime; its path."""
    key = (await ok("POST", "/agents/runtimes", RUNTIME))["agentRuntimeId"]
    clock.advance(10)
    return f"/agents/runtimes/{key}"


@pytest.fixture
async def template(ok: Ok, clock: Any) -> str:
    """A READY template; its path."""
    await ok("POST", "/templates", TEMPLATE | {"sandboxIdleTimeoutInSeconds": 600})
    clock.advance(10)
    return "/templates/code"


async def test_a_transition_lasts_exactly_its_time(ok: Ok, clock: Any) -> None:
    assert (await ok("POST", "/agents/model-proxies", PROXY))["status"] == "CREATING"
    clock.advance(9.9)
    before = await ok("GET", "/agents/model-proxies/chat")
    assert before["status"] == "CREATING"
    assert "endpoint" not in before
    clock.advance(0.1)
    after = await ok("GET", "/agents/model-proxies/chat")
    assert after["status"] == "READY"
    assert after["endpoint"].startswith("https://")


async def test_an_update_during_a_transition_starts_anew(ok: Ok, clock: Any, runtime: str) -> None:
    assert (await ok("PUT", runtime, {"cpu": 4}))["status"] == "UPDATING"
    clock.advance(6)
    await ok("PUT", runtime, {"cpu": 8})
    clock.advance(6)
    assert (await ok("GET", runtime))["status"] == "UPDATING"
    clock.advance(4)
    assert (await ok("GET", runtime))["status"] == "READY"


async def test_delete_answers_deleting_at_once_then_404(
    ok: Ok, refused: Refused, clock: Any, runtime: str
) -> None:
    answer = await ok("DELETE", runtime)
    assert answer["status"] == "DELETING"
    assert (answer["artifactType"], answer["cpu"]) == ("", 0)
    clock.advance(5)
    assert (await ok("GET", runtime))["status"] == "DELETING"
    assert (await ok("GET", "/agents/runtimes"))["total"] == 1
    await ok("DELETE", runtime)
    status, message = await refused("PUT", runtime, {"cpu": 1})
    assert (status, "DELETING" in message) == (400, True)
    clock.advance(5)
    status, message = await refused("GET", runtime)
    assert (status, message.endswith("not found")) == (404, True)
    assert (await refused("DELETE", runtime))[0] == 404
    assert (await ok("GET", "/agents/runtimes"))["total"] == 0


async def test_a_name_is_free_only_after_the_deletion(
    ok: Ok, refused: Refused, clock: Any, runtime: str
) -> None:
    await ok("DELETE", runtime)
    assert (await refused("POST", "/agents/runtimes", RUNTIME))[0] == 409
    clock.advance(10)
    await ok("POST", "/agents/runtimes", RUNTIME)


async def test_endpoints_need_a_ready_runtime_to_be_written(
    ok: Ok, refused: Refused, clock: Any, runtime: str
) -> None:
    body = {"agentRuntimeEndpointName": "default", "targetVersion": "LATEST"}
    endpoint = await ok("POST", f"{runtime}/endpoints", body)
    path = f"{runtime}/endpoints/{endpoint['agentRuntimeEndpointId']}"
    await ok("PUT", runtime, {"cpu": 4})
    expected = (400, "runtime must be in READY status")
    assert await refused("PUT", path, {"targetVersion": "1"}) == expected
    assert await refused("POST", f"{runtime}/endpoints", body | {"a": 1}) == (
        409,
        "agent runtime endpoint default already exists",
    )
    other = body | {"agentRuntimeEndpointName": "other"}
    assert await refused("POST", f"{runtime}/endpoints", other) == expected
    await ok("DELETE", path)
    clock.advance(10)
    assert (await ok("GET", f"{runtime}/endpoints"))["items"] == []


async def test_endpoint_names_are_unique_per_runtime(ok: Ok, clock: Any, runtime: str) -> None:
    key = await ok("POST", "/agents/runtimes", RUNTIME | {"agentRuntimeName": "b"})
    other = f"/agents/runtimes/{key['agentRuntimeId']}"
    clock.advance(10)
    body = {"agentRuntimeEndpointName": "default"}
    mine = await ok("POST", f"{runtime}/endpoints", body)
    await ok("POST", f"{other}/endpoints", body)
    assert (await ok("GET", f"{runtime}/endpoints"))["total"] == 1
    assert mine["agentRuntimeId"] == runtime.rsplit("/", 1)[-1]


async def test_versions_are_snapshots_of_the_head(ok: Ok, refused: Refused, runtime: str) -> None:
    first = await ok("POST", f"{runtime}/versions", {"description": "one"})
    assert first["agentRuntimeVersion"] == "1"
    await ok("PUT", runtime, {"cpu": 4})
    await ok("POST", f"{runtime}/versions")
    listed = await ok("GET", f"{runtime}/versions", pageSize=1)
    assert (listed["total"], listed["items"][0]["description"]) == (2, "one")
    assert (await ok("GET", runtime, agentRuntimeVersion="1"))["cpu"] == 2
    assert (await ok("GET", runtime, agentRuntimeVersion="2"))["cpu"] == 4
    assert (await refused("GET", runtime, agentRuntimeVersion="3"))[0] == 404


async def test_mcp_is_activated_and_stopped(
    ok: Ok, refused: Refused, clock: Any, template: str
) -> None:
    body = {"enabledTools": ["execute_code"], "transport": "streamable-http"}
    started = await ok("PATCH", f"{template}/mcp/activate", body)
    assert (started["mcpOptions"], started["mcpState"]["status"]) == (body, "CREATING")
    message = "template is not ready for stop, current MCP status is CREATING"
    assert await refused("PATCH", f"{template}/mcp/stop") == (400, message)
    clock.advance(10)
    assert (await ok("GET", template))["mcpState"]["status"] == "READY"
    assert "mcpState" not in await ok("PATCH", f"{template}/mcp/stop")


async def test_a_sandbox_needs_a_ready_template(ok: Ok, refused: Refused, clock: Any) -> None:
    body = {"templateName": "code"}
    assert await refused("POST", "/sandboxes", body) == (404, "template code not found")
    await ok("POST", "/templates", TEMPLATE)
    assert (await refused("POST", "/sandboxes", body))[0] == 400
    clock.advance(10)
    assert (await ok("POST", "/sandboxes", body))["status"] == "CREATING"


@pytest.mark.parametrize("spelling", ["sandboxIdleTimeoutSeconds", "sandboxIdleTimeoutInSeconds"])
async def test_an_idle_sandbox_ends_and_stays_listed(
    ok: Ok, clock: Any, template: str, spelling: str
) -> None:
    assert template
    sandbox = await ok("POST", "/sandboxes", {"templateName": "code", spelling: 60})
    assert sandbox["sandboxIdleTimeoutSeconds"] == 60
    clock.advance(10)
    path = f"/sandboxes/{sandbox['sandboxId']}"
    assert (await ok("GET", path))["status"] == "READY"
    clock.advance(60)
    ended = await ok("GET", path)
    assert (ended["status"], "endedAt" in ended) == ("TERMINATED", True)
    assert len((await ok("GET", "/sandboxes"))["items"]) == 1
    await ok("DELETE", path)
    assert (await ok("GET", "/sandboxes"))["items"] == []


async def test_a_sandbox_lives_six_hours_at_most(ok: Ok, clock: Any, template: str) -> None:
    await ok("PUT", template, {"sandboxTTLInSeconds": 21600})
    clock.advance(10)
    body = {"templateName": "code", "sandboxId": "mine", "sandboxIdleTimeoutSeconds": 86400}
    await ok("POST", "/sandboxes", body)
    clock.advance(21599)
    assert (await ok("GET", "/sandboxes/mine"))["status"] == "READY"
    clock.advance(1)
    assert (await ok("GET", "/sandboxes/mine"))["status"] == "TERMINATED"


async def test_a_sandbox_pauses_resumes_and_stops(
    ok: Ok, refused: Refused, clock: Any, template: str
) -> None:
    assert template
    await ok("POST", "/sandboxes", {"templateName": "code", "sandboxId": "mine"})
    assert (await refused("PUT", "/sandboxes/mine/pause"))[0] == 400
    clock.advance(10)
    assert (await ok("PUT", "/sandboxes/mine/pause"))["status"] == "PAUSED"
    clock.advance(3600)
    assert (await ok("GET", "/sandboxes/mine"))["status"] == "PAUSED"
    assert (await ok("PUT", "/sandboxes/mine/resume"))["status"] == "READY"
    clock.advance(599)
    assert (await ok("GET", "/sandboxes/mine"))["status"] == "READY"
    assert (await ok("POST", "/sandboxes/mine/stop"))["status"] == "TERMINATED"
    assert (await refused("PUT", "/sandboxes/mine/resume"))[0] == 400
    await ok("DELETE", "/sandboxes/mine")
    assert (await refused("GET", "/sandboxes/mine"))[0] == 404


async def test_a_model_service_is_ready_at_once(ok: Ok, clock: Any) -> None:
    body = {
        "modelServiceName": "qwen",
        "modelType": "llm",
        "provider": "tongyi",
        "providerSettings": {"baseUrl": "https://m.example/v1"},
    }
    assert (await ok("POST", "/agents/model-services", body))["status"] == "READY"
    path = "/agents/model-services/qwen"
    changed = await ok("PUT", path, {"status": "FAILED", "statusReason": "asked for"})
    assert (changed["status"], changed["statusReason"]) == ("FAILED", "asked for")
    assert (await ok("DELETE", path))["status"] == "DELETING"
    clock.advance(10)
    assert (await ok("GET", "/agents/model-services"))["total"] == 0


async def test_timestamps_and_date_follow_the_clock(
    api: Callable[..., Awaitable[Any]], clock: Any, simulator: Simulator
) -> None:
    clock.advance(0.375168)
    response = await api("POST", "/workspaces", {"name": "w"})
    assert response.json()["data"]["createdAt"] == "2026-01-15T16:00:00.375168+08:00"
    assert response.headers["date"] == "Thu, 15 Jan 2026 08:00:00 GMT"
    assert response.headers["x-acs-request-id"] == response.json()["requestId"]
    assert simulator.requests()[0]["time"] == "2026-01-15T08:00:00.375168+00:00"
