"""A cloud that begins with something, and the page that shows it."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from agentrun_simulator.errors import ServiceError
from agentrun_simulator.seeding import SeedFile
from agentrun_simulator.simulator import Simulator

Api = Callable[..., Awaitable[httpx.Response]]

RUNTIME = {
    "agentRuntimeName": "chat",
    "artifactType": "Container",
    "containerConfiguration": {"image": "registry.example/app"},
    "cpu": 2,
    "memory": 2048,
    "port": 9000,
    "networkConfiguration": {"networkMode": "PUBLIC"},
    "environmentVariables": {"KEY": "canary-secret"},
}
SEED = SeedFile.model_validate(
    {
        "settings": {"quotas": {"AgentRuntime": 1}},
        "faults": [{"effect": "html", "action": "ListFlows", "status": 502}],
        "resources": [
            {"family": "AgentRuntime", "fields": RUNTIME},
            {
                "family": "AgentRuntimeEndpoint",
                "parent": "chat",
                "fields": {"agentRuntimeEndpointName": "Default"},
            },
            {"family": "Workspace", "fields": {"name": "<b>team</b>"}, "account": "42"},
        ],
    }
)


def test_a_seed_is_sown_at_once_and_after_every_reset(simulator: Simulator) -> None:
    simulator.sow(SEED)
    for _ in range(2):
        found = simulator.resources()
        assert found["AgentRuntime"][0]["status"] == "READY"
        assert found["AgentRuntimeEndpoint"][0]["status"] == "READY"
        assert [w["name"] for w in simulator.resources(account="42")["Workspace"]] == [
            "default",
            "<b>team</b>",
        ]
        assert simulator.settings.quotas == {"AgentRuntime": 1}
        assert [fault["effect"] for fault in simulator.faults()] == ["html"]
        simulator.reset()


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"family": "Nothing", "fields": {}}, "family Nothing not found"),
        ({"family": "Workspace", "fields": {}}, "Name is required"),
        ({"family": "AgentRuntimeEndpoint", "fields": {}}, "AgentRuntimeEndpointName is required"),
        (
            {"family": "FlowEndpoint", "fields": {"flowEndpointName": "x"}, "parent": "none"},
            "flow none not found",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_service_would_refuse_is_refused(
    simulator: Simulator, resource: dict[str, Any], message: str
) -> None:
    with pytest.raises(ServiceError, match=message):
        simulator.sow(SeedFile.model_validate({"resources": [resource]}))


async def test_the_page_shows_resources_and_requests_but_no_secret(
    simulator: Simulator, api: Api
) -> None:
    simulator.sow(SEED)
    await api("GET", "/agents/runtimes/none?<script>")
    simulator.edit("AgentRuntime", "chat", {"status": "UPDATE_FAILED", "statusReason": "no image"})
    transport = httpx.ASGITransport(simulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
        answer = await client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "script" not in answer.headers["content-security-policy"]
    for shown in (
        "Account 1234567890, cn-hangzhou",
        "Account 42, cn-hangzhou",
        "<td>chat</td>",
        "<td class=bad>UPDATE_FAILED</td><td>no image</td>",
        "&lt;b&gt;team&lt;/b&gt;",
        "<td>GetAgentRuntime</td>",
        "<td class=bad>404</td>",
        "<td>ListFlows</td>",
    ):
        assert shown in answer.text
    assert "canary" not in answer.text
    assert "<script" not in answer.text
