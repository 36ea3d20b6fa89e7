"""Questions that nobody has answered, each answered both ways by its switch."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentrun_simulator.simulator import Simulator

Ok = Callable[..., Awaitable[dict[str, Any]]]
Refused = Callable[..., Awaitable[tuple[int, str]]]

RUNTIME = {
    "agentRuntimeName": "chat",
    "artifactType": "Container",
    "containerConfiguration": {"image": "registry.example/app"},
    "cpu": 2,
    "memory": 2048,
    "port": 9000,
    "networkConfiguration": {"networkMode": "PUBLIC"},
}


@pytest.mark.parametrize(("switch", "expected"), [("stored", ""), ("not-set", "before")])
async def test_an_empty_text(ok: Ok, simulator: Simulator, switch: str, expected: str) -> None:
    simulator.configure({"switches": {"emptyText": switch}})
    await ok("POST", "/flows", {"flowName": "f", "description": "before"})
    changed = await ok("PUT", "/flows/f", {"description": ""})
    assert changed["description"] == expected


@pytest.mark.parametrize("switch", ["moves", "ignored"])
async def test_a_workspace_in_an_update(ok: Ok, simulator: Simulator, switch: str) -> None:
    simulator.configure({"switches": {"workspaceUpdate": switch}})
    team = (await ok("POST", "/workspaces", {"name": "team"}))["workspaceId"]
    await ok("POST", "/flows", {"flowName": "f"})
    changed = await ok("PUT", "/flows/f", {"workspaceId": team})
    assert (changed["workspaceId"] == team) == (switch == "moves")


async def test_names_may_be_unique_in_their_workspace_only(
    ok: Ok, refused: Refused, simulator: Simulator
) -> None:
    team = (await ok("POST", "/workspaces", {"name": "team"}))["workspaceId"]
    elsewhere = RUNTIME | {"workspaceId": team}
    first = await ok("POST", "/agents/runtimes", RUNTIME)
    assert (await refused("POST", "/agents/runtimes", elsewhere))[0] == 409
    simulator.configure({"switches": {"nameScope": "workspace"}})
    second = await ok("POST", "/agents/runtimes", elsewhere)
    for body in (RUNTIME, elsewhere):
        assert (await refused("POST", "/agents/runtimes", body))[0] == 409
    simulator.remove("AgentRuntime", first["agentRuntimeId"])
    found = (await ok("GET", "/agents/runtimes", agentRuntimeName="chat"))["items"]
    assert [each["agentRuntimeId"] for each in found] == [second["agentRuntimeId"]]
    await ok("POST", "/agents/runtimes", RUNTIME)


async def test_path_keys_stay_unique_in_the_account(
    ok: Ok, refused: Refused, simulator: Simulator
) -> None:
    simulator.configure({"switches": {"nameScope": "workspace"}})
    team = (await ok("POST", "/workspaces", {"name": "team"}))["workspaceId"]
    await ok("POST", "/flows", {"flowName": "f"})
    assert (await refused("POST", "/flows", {"flowName": "f", "workspaceId": team}))[0] == 409


@pytest.mark.parametrize(
    ("switch", "counts"),
    [("contains", (3, 2, 1)), ("prefix", (2, 2, 1)), ("exact", (0, 0, 1))],
)
async def test_how_lists_compare_names(
    ok: Ok, simulator: Simulator, switch: str, counts: tuple[int, ...]
) -> None:
    simulator.configure({"switches": {"nameFilter": switch}})
    for name in ("chat-a", "chat-b", "my-chat"):
        await ok("POST", "/flows", {"flowName": name})
    asked = ("chat", "chat-", "my-chat")
    found = [(await ok("GET", "/flows", flowName=name))["total"] for name in asked]
    assert tuple(found) == counts
    assert (await ok("GET", "/flows", flowName="chat", searchMode="exact"))["total"] == 0
