"""What is peculiar to the seldom used families: draft and publication, bots, scopes of keys."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from agentrun_simulator.settings import Settings
from agentrun_simulator.simulator import Simulator

Ok = Callable[..., Awaitable[dict[str, Any]]]
Api = Callable[..., Awaitable[httpx.Response]]
Refused = Callable[..., Awaitable[tuple[int, str]]]

BOT = {"botName": "bot", "botBizId": "1", "botBizSecret": "s3cret", "botBizType": "dingtalk"}


async def test_a_draft_becomes_the_flow_when_published(ok: Ok) -> None:
    await ok("POST", "/flows", {"flowName": "f", "definition": "one"})
    await ok("PUT", "/flows/f/draft", {"definition": "two"})
    assert (await ok("GET", "/flows/f"))["definition"] == "one"
    assert "draft" not in await ok("GET", "/flows/f/draft")
    published = await ok("POST", "/flows/f/versions", {})
    await ok("PUT", "/flows/f/draft", {"definition": "three"})
    assert (published["flowVersion"], published["definition"]) == ("1", "two")
    assert (await ok("GET", "/flows/f"))["definition"] == "two"


async def test_a_shared_draft_is_the_flow(ok: Ok, simulator: Simulator) -> None:
    simulator.configure({"switches": {"flowDraft": "shared"}})
    await ok("POST", "/flows", {"flowName": "f", "definition": "one"})
    await ok("PUT", "/flows/f/draft", {"definition": "two"})
    assert (await ok("GET", "/flows/f"))["definition"] == "two"


async def test_version_numbers_are_not_used_twice(ok: Ok, refused: Refused) -> None:
    await ok("POST", "/flows", {"flowName": "f"})
    for number in ("1", "2"):
        assert (await ok("POST", "/flows/f/versions"))["flowVersion"] == number
    await ok("DELETE", "/flows/f/versions/1")
    assert (await ok("POST", "/flows/f/versions"))["flowVersion"] == "3"
    assert await refused("GET", "/flows/f/versions/1") == (404, "flow version 1 not found")


async def test_endpoints_of_two_flows_may_share_a_name(ok: Ok, refused: Refused) -> None:
    for flow in ("a", "b"):
        await ok("POST", "/flows", {"flowName": flow})
        await ok("POST", f"/flows/{flow}/endpoints", {"flowEndpointName": "live"})
    await ok("DELETE", "/flows/a/endpoints/live")
    kept = await ok("GET", "/flows/b/endpoints/live")
    assert kept["flowId"] == (await ok("GET", "/flows/b"))["flowId"]
    status, message = await refused("DELETE", "/flows/b")
    assert (status, message) == (409, "flow b is in use by flow endpoint live")


async def test_a_converted_source_is_the_definition(ok: Ok, refused: Refused) -> None:
    source = {"content": "YTogMQ==", "provider": "dify", "encoding": "base64"}
    body = {"dslSource": source, "options": {"flowName": "mine"}}
    found = await ok("POST", "/flows/action/convertDsl", body)
    assert found["flow"] == {"flowName": "mine", "definition": "a: 1"}
    assert await refused("POST", "/flows/action/convertDsl", {"dslSource": {}}) == (
        400,
        "dslSource.content is required; dslSource.provider is required",
    )
    source["content"] = "%"
    status, message = await refused("POST", "/flows/action/convertDsl", body)
    assert (status, message) == (400, "dslSource.content is not valid base64")


async def test_a_standard_bot_needs_metadata_and_keeps_its_secret(
    ok: Ok, refused: Refused, simulator: Simulator
) -> None:
    standard = BOT | {"botMode": "standard"}
    assert await refused("POST", "/agents/im-bots", standard) == (400, "Metadata is required")
    bot = await ok("POST", "/agents/im-bots", standard | {"metadata": {"agentRuntimeId": "rt"}})
    assert bot["agentRuntimeId"] == "rt"
    assert "s3cret" not in str(bot) + str(simulator.requests())
    assert (await ok("GET", "/agents/im-bots", agentRuntimeId="rt"))["total"] == 1
    assert (await ok("GET", "/agents/im-bots", agentRuntimeId="other"))["total"] == 0


@pytest.mark.parametrize(("switch", "status"), [("json", 200), ("no-content", 204)])
async def test_the_delete_of_a_bot(
    ok: Ok, api: Api, simulator: Simulator, switch: str, status: int
) -> None:
    simulator.configure({"switches": {"deleteImBot": switch}})
    bot = await ok("POST", "/agents/im-bots", BOT)
    answer = await api("DELETE", f"/agents/im-bots/{bot['id']}")
    assert (answer.status_code, bool(answer.content)) == (status, status == 200)


async def test_a_domain_is_found_by_what_it_routes_to(ok: Ok, refused: Refused) -> None:
    route = {"path": "/", "resourceType": "flow", "resourceName": "f"}
    body = {"domainName": "a.example", "protocol": "HTTP", "routeConfig": {"routes": [route]}}
    status, message = await refused("POST", "/agents/custom-domains", body)
    assert (status, message) == (400, "routeConfig.routes[0].compatibleProtocol is required")
    route["compatibleProtocol"] = "native"
    await ok("POST", "/agents/custom-domains", body)
    for query, total in (({"resourceName": "f"}, 1), ({"resourceName": "g"}, 0)):
        assert (await ok("GET", "/agents/custom-domains", **query))["total"] == total


async def test_a_tool_runs_at_once(ok: Ok) -> None:
    body = {"toolName": "t", "toolType": "MCP", "createMethod": "MCP_REMOTE"}
    assert (await ok("POST", "/agents/tools", body))["status"] == "Running"


async def test_discovery_endpoints_are_no_part_of_the_workspace(ok: Ok) -> None:
    team = (await ok("POST", "/workspaces", {"name": "team"}))["workspaceId"]
    path = f"/workspaces/{team}/discovery/endpoints"
    assert await ok("GET", path) == {}
    await ok("PUT", path, {"credentialName": "key"})
    await ok("PUT", path, {"discoveryEndpoints": [{"name": "all"}]})
    assert await ok("GET", path) == {
        "credentialName": "key",
        "discoveryEndpoints": [{"name": "all"}],
    }
    assert set(await ok("GET", f"/workspaces/{team}")).isdisjoint({"discovery", "credentialName"})


async def test_a_seed_makes_ids_repeat() -> None:
    async def ids(seed: int | None) -> list[str]:
        transport = httpx.ASGITransport(Simulator(Settings(verify_signatures=False, seed=seed)).app)
        async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
            found = [await client.post("/2025-09-10/workspaces", json={"name": n}) for n in "ab"]
        return [
            answer.json()["data"]["workspaceId"] + answer.json()["requestId"] for answer in found
        ]

    assert await ids(7) == await ids(7)
    assert await ids(7) != await ids(8)
    assert await ids(None) != await ids(None)
