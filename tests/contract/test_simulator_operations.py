"""Every operation of the API's description, asked by the official client, sync and async."""

import asyncio
import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import filterfalse
from typing import Any

import pytest
from alibabacloud_agentrun20250910 import models
from alibabacloud_agentrun20250910.client import Client
from alibabacloud_tea_openapi.utils_models import Config

from agentrun_simulator.server import serve
from agentrun_simulator.settings import DEMO_ACCOUNT, Settings
from agentrun_simulator.simulator import Simulator
from rig.cloud import is_default

API: Mapping[str, Any] = json.loads(
    files("agentrun_simulator").joinpath("data/openapi.json").read_text()
)
OPERATIONS = {
    operation["operationId"]: (method.upper(), path)
    for path, methods in API["paths"].items()
    for method, operation in methods.items()
}


@dataclass(frozen=True)
class Step:
    """One call: path parameters (`$NAME` for one that was kept), JSON body, query."""

    action: str
    path: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    query: dict[str, Any] = field(default_factory=dict)
    keep: str = ""
    """Field of the answer's `data` that later steps name as `$FIELD`."""
    shows: dict[str, Any] = field(default_factory=dict)
    """What the answer's `data` must hold, besides."""


PUBLIC = {"networkMode": "PUBLIC"}
SIZE = {"cpu": 2, "memory": 2048, "networkConfiguration": PUBLIC}
CHANGE = {"description": "changed"}
RUNTIME = SIZE | {
    "agentRuntimeName": "chat",
    "artifactType": "Container",
    "containerConfiguration": {"image": "registry.example/ns/app:v1"},
    "port": 9000,
}
CREDENTIAL = {
    "credentialName": "key",
    "credentialAuthType": "api_key",
    "credentialSourceType": "internal",
    "credentialSecret": "s3cret",
}
SERVICE = {
    "modelServiceName": "qwen",
    "modelType": "llm",
    "provider": "tongyi",
    "providerSettings": {"baseUrl": "https://m.example/v1"},
}
PROXY = {
    "modelProxyName": "proxy",
    "cpu": 2,
    "memory": 2048,
    "proxyMode": "single",
    "executionRoleArn": "acs:ram::1:role/agentrun",
    "proxyConfig": {"endpoints": [{"modelServiceName": "qwen", "modelNames": ["qwen-max"]}]},
}
TEMPLATE = SIZE | {"templateName": "code", "templateType": "CodeInterpreter"}
TOOL = {"toolName": "search", "toolType": "MCP", "createMethod": "MCP_REMOTE"}
DOMAIN = {
    "domainName": "chat.example",
    "protocol": "HTTP",
    "routeConfig": {"routes": [{"path": "/", "resourceType": "runtime", "resourceName": "chat"}]},
}
BOT = {"botName": "bot", "botBizId": "1", "botBizSecret": "s", "botBizType": "dingtalk"}
DISCOVERY = {"discoveryEndpoints": [{"name": "all", "agentEndpointConfigs": []}]}
DSL = {"dslSource": {"content": "app: {}", "provider": "dify"}}


def named(kind: str, plural: str, path: str, body: dict[str, Any], **listed: Any) -> list[Step]:
    """The five calls of a family whose path key is its name."""
    name = body[path]
    return [
        Step(f"Create{kind}", body=body, shows={path: name}),
        Step(f"Get{kind}", (name,), shows={path: name}),
        Step(f"List{plural}", query=listed, shows={"total": 1}),
        Step(f"Update{kind}", (name,), CHANGE, shows=CHANGE),
        Step(f"Get{kind}", (name,), shows=CHANGE),
    ]


STORY = [
    Step("CreateWorkspace", body={"name": "team"}, keep="workspaceId"),
    Step("GetWorkspace", ("$workspaceId",), shows={"name": "team"}),
    Step("ListWorkspaces", query={"name": "team"}, shows={"total": 1}),
    Step("UpdateWorkspace", ("$workspaceId",), CHANGE, shows=CHANGE),
    Step("UpdateWorkspaceDiscoveryEndpoints", ("$workspaceId",), DISCOVERY),
    Step("GetWorkspaceDiscoveryEndpoints", ("$workspaceId",), shows=DISCOVERY),
    *named("Credential", "Credentials", "credentialName", CREDENTIAL)[:2],
    Step("ListCredentials", shows={"total": "1", "pageNumber": "1"}),
    Step("UpdateCredential", ("key",), {"enabled": False}, shows={"enabled": False}),
    Step("ListModelProviders", shows={"pageNumber": 1}),
    *named("ModelService", "ModelServices", "modelServiceName", SERVICE, modelType="llm"),
    *named("ModelProxy", "ModelProxies", "modelProxyName", PROXY),
    Step("CreateAgentRuntime", body=RUNTIME, keep="agentRuntimeId"),
    Step("GetAgentRuntime", ("$agentRuntimeId",), shows={"status": "READY"}),
    Step("ListAgentRuntimes", query={"agentRuntimeName": "chat", "searchMode": "exact"}),
    Step("UpdateAgentRuntime", ("$agentRuntimeId",), {"cpu": 4}, shows={"cpu": 4}),
    Step("PublishRuntimeVersion", ("$agentRuntimeId",), CHANGE, shows={"agentRuntimeVersion": "1"}),
    Step("ListAgentRuntimeVersions", ("$agentRuntimeId",), shows={"total": 1}),
    Step(
        "CreateAgentRuntimeEndpoint",
        ("$agentRuntimeId",),
        {"agentRuntimeEndpointName": "default"},
        keep="agentRuntimeEndpointId",
    ),
    Step(
        "GetAgentRuntimeEndpoint",
        ("$agentRuntimeId", "$agentRuntimeEndpointId"),
        shows={"status": "READY"},
    ),
    Step("ListAgentRuntimeEndpoints", ("$agentRuntimeId",), shows={"total": 1}),
    Step(
        "UpdateAgentRuntimeEndpoint",
        ("$agentRuntimeId", "$agentRuntimeEndpointId"),
        {"targetVersion": "1"},
        shows={"targetVersion": "1"},
    ),
    *named("Template", "Templates", "templateName", TEMPLATE),
    Step("ActivateTemplateMCP", ("code",), query={"transport": "streamable-http"}),
    Step("StopTemplateMCP", ("code",)),
    Step("CreateSandbox", body={"templateName": "code"}, keep="sandboxId"),
    Step("GetSandbox", ("$sandboxId",), shows={"status": "READY"}),
    Step("ListSandboxes", query={"maxResults": 10}),
    Step("PauseSandbox", ("$sandboxId",), shows={"status": "PAUSED"}),
    Step("ResumeSandbox", ("$sandboxId",), shows={"status": "READY"}),
    Step("StopSandbox", ("$sandboxId",), shows={"status": "TERMINATED"}),
    *named("Tool", "Tools", "toolName", TOOL),
    *named(
        "MemoryCollection",
        "MemoryCollections",
        "memoryCollectionName",
        {"memoryCollectionName": "memory", "type": "mem0"},
    ),
    *named(
        "KnowledgeBase",
        "KnowledgeBases",
        "knowledgeBaseName",
        {"knowledgeBaseName": "kb", "provider": "ragflow", "providerSettings": {"datasetIds": []}},
    ),
    *named("CustomDomain", "CustomDomains", "domainName", DOMAIN, resourceName="chat"),
    Step("CreateBrowser", body=SIZE | {"browserName": "web"}, keep="browserId"),
    Step("GetBrowser", ("$browserId",), shows={"status": "READY", "tenantId": "1234567890"}),
    Step("ListBrowsers", query={"status": "READY"}, shows={"total": 1}),
    Step(
        "CreateCodeInterpreter", body=SIZE | {"codeInterpreterName": "ci"}, keep="codeInterpreterId"
    ),
    Step("GetCodeInterpreter", ("$codeInterpreterId",), shows={"status": "READY"}),
    Step("ListCodeInterpreters", shows={"total": 1}),
    *named("Flow", "Flows", "flowName", {"flowName": "flow", "definition": "one"}),
    Step("UpdateFlowDraft", ("flow",), {"definition": "two"}, shows={"definition": "two"}),
    Step("GetFlow", ("flow",), shows={"definition": "one"}),
    Step("GetFlowDraft", ("flow",), shows={"definition": "two"}),
    Step("PublishFlowVersion", ("flow",), CHANGE, shows={"flowVersion": "1"}),
    Step("GetFlow", ("flow",), shows={"definition": "two"}),
    Step("ListFlowVersions", ("flow",), shows={"total": 1}),
    Step("GetFlowVersion", ("flow", "1"), shows={"definition": "two"}),
    Step("CreateFlowEndpoint", ("flow",), {"flowEndpointName": "live"}),
    Step("GetFlowEndpoint", ("flow", "live"), shows={"flowEndpointName": "live"}),
    Step("ListFlowEndpoints", ("flow",), shows={"total": 1}),
    Step("UpdateFlowEndpoint", ("flow", "live"), {"targetVersion": "1"}),
    Step("ConvertFlowDSL", body=DSL),
    Step("CreateIMBot", body=BOT, keep="id"),
    Step("GetIMBot", ("$id",), shows={"botName": "bot"}),
    Step("ListIMBots", query={"botBizType": "dingtalk"}, shows={"total": 1}),
    Step("UpdateIMBot", ("$id",), {"status": "running"}, shows={"status": "running"}),
    Step("GetAccessToken", query={"resourceName": "chat"}),
    Step("DeleteIMBot", ("$id",)),
    Step("DeleteFlowEndpoint", ("flow", "live")),
    Step("DeleteFlowVersion", ("flow", "1")),
    Step("DeleteFlow", ("flow",)),
    Step("DeleteCodeInterpreter", ("$codeInterpreterId",)),
    Step("DeleteBrowser", ("$browserId",)),
    Step("DeleteCustomDomain", ("chat.example",)),
    Step("DeleteKnowledgeBase", ("kb",)),
    Step("DeleteMemoryCollection", ("memory",)),
    Step("DeleteTool", ("search",)),
    Step("DeleteSandbox", ("$sandboxId",)),
    Step("DeleteTemplate", ("code",)),
    Step(
        "DeleteAgentRuntimeEndpoint",
        ("$agentRuntimeId", "$agentRuntimeEndpointId"),
        shows={"status": "DELETING"},
    ),
    Step("DeleteAgentRuntime", ("$agentRuntimeId",), shows={"status": "DELETING"}),
    Step("DeleteModelProxy", ("proxy",)),
    Step("DeleteModelService", ("qwen",)),
    Step("DeleteCredential", ("key",)),
    Step("DeleteWorkspace", ("$workspaceId",)),
]


class Storyteller:
    """Plays the story through one of the client's two ways, and keeps how each call ended."""

    def __init__(self, client: Any, simulator: Simulator, way: str) -> None:
        self._client, self._simulator, self._suffix = client, simulator, way
        self._methods = {
            name.replace("_", "").lower(): getattr(client, name)
            for name in dir(client)
            if not name.startswith("_") and "with_options" not in name
        }
        self._kept: dict[str, str] = {}

    def tell(self, step: Step) -> str:
        """Make one call; returns what is wrong with it, or nothing."""
        name = step.action.lower()
        method = self._methods[name if self._suffix == "sync" else f"{name}async"]
        path = [self._kept[part[1:]] if part.startswith("$") else part for part in step.path]
        *_, last = inspect.signature(method).parameters.values()
        arguments: list[Any] = [*path]
        if last.name == "request":
            arguments.append(self._request(step))
        answer = method(*arguments)
        if inspect.isawaitable(answer):
            answer = asyncio.run(_awaited(answer))
        data = answer.body.to_map().get("data")
        if step.keep:
            self._kept[step.keep] = data[step.keep]
        wrong = {name: data.get(name) for name, value in step.shows.items() if data[name] != value}
        return f"{wrong} instead of {step.shows}" if wrong else self._logged(step)

    def _request(self, step: Step) -> Any:
        request = getattr(models, f"{step.action}Request")
        return request().from_map(step.query if step.body is None else {"body": step.body})

    def _logged(self, step: Step) -> str:
        entry = self._simulator.requests()[-1]
        method, template = OPERATIONS[step.action]
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        is_right = re.fullmatch(pattern, entry["path"]) and entry["method"] == method
        return "" if is_right and entry["action"] == step.action else str(entry)


async def _awaited(answer: Any) -> Any:
    return await answer


@cache
def endings(way: str) -> Mapping[str, list[str]]:
    """What was wrong with each call of an operation, in a story told once."""
    found: dict[str, list[str]] = {}
    simulator = Simulator(Settings(transition_seconds=0))
    with serve(simulator) as url:
        config = Config(
            endpoint=url.removeprefix("http://"),
            protocol="http",
            region_id="cn-hangzhou",
            access_key_id=DEMO_ACCOUNT.access_key_id,
            access_key_secret=DEMO_ACCOUNT.access_key_secret.get_secret_value(),
        )
        teller = Storyteller(Client(config), simulator, way)
        for step in STORY:
            try:
                wrong = teller.tell(step)
            except Exception as error:  # noqa: BLE001 - told by the test of this operation
                wrong = repr(error)
            found.setdefault(step.action, []).append(wrong)
        made = {name: [*filterfalse(is_default, r)] for name, r in simulator.resources().items()}
        found["left over"] = [name for name in made if made[name]]
    return found


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize("action", sorted(OPERATIONS))
def test_the_official_client_believes_the_answer(action: str, way: str) -> None:
    told = endings(way)
    assert action in told, "an operation without a step in the story"
    assert set(told[action]) == {""}


@pytest.mark.parametrize("way", ["sync", "async"])
def test_nothing_is_left_after_the_story(way: str) -> None:
    assert endings(way)["left over"] == []


def test_the_description_has_the_operations_of_the_client() -> None:
    suffix = "with_options"
    offered = {
        name.removesuffix(suffix).replace("_", "") for name in dir(Client) if name.endswith(suffix)
    }
    assert {name.lower() for name in OPERATIONS} == offered
    assert len(OPERATIONS) == 100
