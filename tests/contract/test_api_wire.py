"""On a real socket, our requests are the official client's: method, path, query, body, action."""

import asyncio
import json
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.core.identity import Locator
from fakes.mappings import (
    CREDENTIAL,
    ENDPOINT,
    PAUSE,
    PROXY,
    RESUME,
    RUNTIME,
    SANDBOX,
    SERVICE,
    STOP,
    TEMPLATE,
)
from fakes.recorder import KEYS, OK, connected, recording

with warnings.catch_warnings():
    # The official packages warn about themselves when imported; that is not our defect.
    warnings.simplefilter("ignore", DeprecationWarning)
    from alibabacloud_agentrun20250910 import models
    from alibabacloud_agentrun20250910.client import Client
    from alibabacloud_tea_openapi.utils_models import Config

ODD_NAME = "a b/c~*+中%"


def official(url: str) -> Any:
    return Client(
        Config(
            endpoint=url.removeprefix("http://"),
            protocol="http",
            region_id="cn-hangzhou",
            access_key_id=KEYS.access_key_id,
            access_key_secret=KEYS.access_key_secret,
            security_token=KEYS.security_token,
        )
    )


RUNTIME_BODY = {
    "agentRuntimeName": "demo",
    "artifactType": "Container",
    "containerConfiguration": {"command": ["python", "app.py"], "image": "r.example/a:v1"},
    "cpu": 0.5,
    "environmentVariables": {"K": "中文 v", "quote": '"\\\n'},
    "memory": 4096,
    "port": 9000,
}
MADE = {mapping.id_field: "x-1" for mapping in (RUNTIME, ENDPOINT, PROXY)}
CREATED = json.dumps({"code": "SUCCESS", "requestId": "r", "data": MADE}).encode()
PAGES = {"page_number": 1, "page_size": 100}

Ours = Callable[[AgentRunClient], Awaitable[Any]]
Theirs = Callable[[Any], Any]

OPERATIONS: list[tuple[str, Ours, Theirs]] = [
    (
        "CreateAgentRuntime",
        lambda c: c.create(RUNTIME, RUNTIME_BODY),
        lambda c: c.create_agent_runtime(
            models.CreateAgentRuntimeRequest(
                body=models.CreateAgentRuntimeInput().from_map(RUNTIME_BODY)
            )
        ),
    ),
    (
        "GetAgentRuntime",
        lambda c: c.read(RUNTIME, Locator("rt-1")),
        lambda c: c.get_agent_runtime("rt-1", models.GetAgentRuntimeRequest()),
    ),
    (
        "ListAgentRuntimes",
        lambda c: c.find(RUNTIME, name=ODD_NAME),
        lambda c: c.list_agent_runtimes(
            models.ListAgentRuntimesRequest(
                agent_runtime_name=ODD_NAME, search_mode="exact", **PAGES
            )
        ),
    ),
    (
        "UpdateAgentRuntime",
        lambda c: c.update(RUNTIME, Locator("rt-1"), {"cpu": 2, "description": ""}),
        lambda c: c.update_agent_runtime(
            "rt-1",
            models.UpdateAgentRuntimeRequest(
                body=models.UpdateAgentRuntimeInput(cpu=2, description="")
            ),
        ),
    ),
    (
        "DeleteAgentRuntime",
        lambda c: c.delete(RUNTIME, Locator("rt-1")),
        lambda c: c.delete_agent_runtime("rt-1"),
    ),
    (
        "CreateAgentRuntimeEndpoint",
        lambda c: c.create(ENDPOINT, {"targetVersion": "LATEST"}, parent="rt-1"),
        lambda c: c.create_agent_runtime_endpoint(
            "rt-1",
            models.CreateAgentRuntimeEndpointRequest(
                body=models.CreateAgentRuntimeEndpointInput(target_version="LATEST")
            ),
        ),
    ),
    (
        "ListAgentRuntimeEndpoints",
        lambda c: c.find(ENDPOINT, name="e", parent="rt-1"),
        lambda c: c.list_agent_runtime_endpoints(
            "rt-1",
            models.ListAgentRuntimeEndpointsRequest(
                endpoint_name="e", search_mode="exact", **PAGES
            ),
        ),
    ),
    (
        "DeleteAgentRuntimeEndpoint",
        lambda c: c.delete(ENDPOINT, Locator("ep-1", "rt-1")),
        lambda c: c.delete_agent_runtime_endpoint("rt-1", "ep-1"),
    ),
    (
        "CreateModelProxy",
        lambda c: c.create(PROXY, {"modelProxyName": "chat", "memory": 2048}),
        lambda c: c.create_model_proxy(
            models.CreateModelProxyRequest(
                body=models.CreateModelProxyInput(model_proxy_name="chat", memory=2048)
            )
        ),
    ),
    (
        "GetModelProxy",
        lambda c: c.find(PROXY, name="chat"),
        lambda c: c.get_model_proxy("chat"),
    ),
    (
        "ListModelServices",
        lambda c: c.read_page(SERVICE, partition={"modelType": "llm"}),
        lambda c: c.list_model_services(models.ListModelServicesRequest(model_type="llm", **PAGES)),
    ),
    (
        "DeleteCredential",
        lambda c: c.delete(CREDENTIAL, Locator(ODD_NAME)),
        lambda c: c.delete_credential(ODD_NAME),
    ),
    (
        "ListCredentials",
        lambda c: c.read_page(CREDENTIAL),
        lambda c: c.list_credentials(models.ListCredentialsRequest(**PAGES)),
    ),
    (
        "UpdateTemplate",
        lambda c: c.update(TEMPLATE, Locator("t.1_x"), {"memory": 4096}),
        lambda c: c.update_template(
            "t.1_x", models.UpdateTemplateRequest(body=models.UpdateTemplateInput(memory=4096))
        ),
    ),
    (
        "CreateSandbox",
        lambda c: c.create(SANDBOX, {"sandboxId": "sb-1", "templateName": "t"}),
        lambda c: c.create_sandbox(
            models.CreateSandboxRequest(
                body=models.CreateSandboxInput(sandbox_id="sb-1", template_name="t")
            )
        ),
    ),
    (
        "ListSandboxes",
        lambda c: c.read_page(SANDBOX, cursor="t/1=="),
        lambda c: c.list_sandboxes(
            models.ListSandboxesRequest(max_results=100, next_token="t/1==")
        ),
    ),
    (
        "PauseSandbox",
        lambda c: c.act(SANDBOX, Locator("sb 1"), PAUSE),
        lambda c: c.pause_sandbox("sb 1"),
    ),
    (
        "ResumeSandbox",
        lambda c: c.act(SANDBOX, Locator("sb 1"), RESUME),
        lambda c: c.resume_sandbox("sb 1"),
    ),
    (
        "StopSandbox",
        lambda c: c.act(SANDBOX, Locator("sb 1"), STOP),
        lambda c: c.stop_sandbox("sb 1"),
    ),
]


@pytest.mark.parametrize(
    ("action", "ours", "theirs"), [pytest.param(*row, id=row[0]) for row in OPERATIONS]
)
async def test_our_request_is_the_official_one(action: str, ours: Ours, theirs: Theirs) -> None:
    async with recording(CREATED if action.startswith("Create") else OK) as recorder:
        async with connected(recorder.url) as client:
            await ours(client)
        await asyncio.to_thread(theirs, official(recorder.url))
    mine, reference = recorder.seen
    assert mine.headers["x-acs-action"] == action
    for name in ("x-acs-action", "x-acs-version", "host", "x-acs-accesskey-id"):
        assert mine.headers[name] == reference.headers[name]
    assert mine.headers.get("content-type") == reference.headers.get("content-type")
    assert (mine.method, mine.path) == (reference.method, reference.path)
    assert mine.query == reference.query
    assert mine.document == reference.document
    # The official client signs whatever it sets; we sign all that must be signed.
    assert mine.signed <= reference.signed
    assert {n for n in mine.headers if n.startswith("x-acs-")} <= mine.signed


async def test_the_query_is_encoded_as_the_official_client_does() -> None:
    async with recording() as recorder, connected(recorder.url) as client:
        await client.find(RUNTIME, name="a b+c~*/中,:@")
    assert "agentRuntimeName=a+b%2Bc~%2A%2F%E4%B8%AD%2C%3A%40&" in recorder.seen[0].target
