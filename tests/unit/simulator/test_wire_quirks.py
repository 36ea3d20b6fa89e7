"""What the reference attests about single fields and lists (§4, §7, §8), and the open switches."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentrun_simulator.simulator import Simulator

Ok = Callable[..., Awaitable[dict[str, Any]]]
Refused = Callable[..., Awaitable[tuple[int, str]]]

RUNTIME = {
    "agentRuntimeName": "chat",
    "artifactType": "Container",
    "containerConfiguration": {
        "image": "registry.example/app:v1",
        "registryConfig": {"authConfig": {"userName": "u", "password": "abcdef"}},
    },
    "cpu": 2,
    "memory": 2048,
    "port": 9000,
    "networkConfiguration": {"networkMode": "PRIVATE", "vpcId": "vpc-1"},
}
CREDENTIAL = {
    "credentialName": "key",
    "credentialAuthType": "api_key",
    "credentialSourceType": "internal",
    "credentialSecret": "s3cret",
    "credentialPublicConfig": {"headerKey": "X-API-Key", "users": []},
}
SERVICE = {
    "modelServiceName": "qwen",
    "modelType": "llm",
    "provider": "tongyi",
    "providerSettings": {"apiKey": "k", "baseUrl": "https://m.example", "modelNames": ["a"]},
    "modelInfoConfigs": [{"modelName": "a"}],
}
PROXY = {
    "modelProxyName": "chat",
    "cpu": 2,
    "memory": 2048,
    "proxyMode": "single",
    "executionRoleArn": "acs:ram::1:role/agentrun",
    "credentialName": "key",
    "proxyConfig": {"endpoints": [{"modelServiceName": "qwen"}], "policies": {"cache": True}},
}
TEMPLATE = {
    "templateName": "code",
    "templateType": "CodeInterpreter",
    "cpu": 2,
    "memory": 2048,
    "networkConfiguration": {"networkMode": "PUBLIC"},
    "sandboxIdleTimeoutInSeconds": 1800,
    "sandboxTTLInSeconds": 21600,
    "scalingConfig": {"minInstances": 1},
    "armsConfiguration": {"enableArms": True, "armsLicenseKey": "licence"},
}


def switch(simulator: Simulator, name: str, value: object) -> None:
    simulator.configure({"switches": {name: value}})


async def create_runtime(ok: Ok, **fields: Any) -> str:
    answer = await ok("POST", "/agents/runtimes", RUNTIME | fields)
    return f"/agents/runtimes/{answer['agentRuntimeId']}"


async def test_server_defaults_and_respelled_values(ok: Ok) -> None:
    path = await create_runtime(ok, sessionAffinityType="COOKIE")
    found = await ok("GET", path)
    assert found["sessionConcurrencyLimitPerInstance"] == 1
    assert found["sessionAffinityType"] == "GENERATED_COOKIE"
    assert "protocolConfiguration" not in found
    assert "environmentVariables" not in found


async def test_write_only_fields_are_never_returned(ok: Ok) -> None:
    answers = [await ok("POST", "/templates", TEMPLATE), await ok("GET", "/templates/code")]
    answers += (await ok("GET", "/templates"))["items"]
    for answer in answers:
        assert "armsConfiguration" not in answer
        assert "scalingConfig" not in answer
        expected = {"minInstances": 1, "currentInstances": 1, "targetInstances": 1}
        assert answer["scalingStatus"] == expected
        assert answer["sandboxIdleTimeoutInSeconds"] == "1800"
        assert answer["sandboxTTLInSeconds"] == "21600"


async def test_an_update_keeps_what_it_does_not_name(ok: Ok) -> None:
    path = await create_runtime(ok, description="kept")
    found = await ok("PUT", path, {"cpu": 4, "artifactType": "Code", "forceEvictInstances": True})
    assert (found["cpu"], found["description"], found["artifactType"]) == (4, "kept", "Container")
    assert found["networkConfiguration"] == RUNTIME["networkConfiguration"]


async def test_an_update_of_a_runtime_needs_cpu(ok: Ok, refused: Refused) -> None:
    path = await create_runtime(ok)
    assert await refused("PUT", path, {"memory": 4096}) == (400, "CPU is required")


async def test_a_field_no_update_takes_is_ignored(ok: Ok) -> None:
    await ok("POST", "/agents/model-proxies", PROXY)
    changed = await ok("PUT", "/agents/model-proxies/chat", {"cpu": 16, "proxyMode": "multi"})
    assert (changed["cpu"], changed["proxyMode"]) == (2, "single")


async def test_the_secret_is_echoed_but_not_listed(ok: Ok) -> None:
    assert (await ok("POST", "/agents/credentials", CREDENTIAL))["credentialSecret"] == "s3cret"
    found = await ok("GET", "/agents/credentials/key")
    assert found["credentialSecret"] == "s3cret"
    assert found["enabled"] is True
    assert found["createdAt"] == found["updatedAt"]
    await ok("POST", "/agents/model-proxies", PROXY)
    page = await ok("GET", "/agents/credentials", enabled="True")
    assert (page["pageNumber"], page["pageSize"], page["total"]) == ("1", "20", "1")
    (item,) = page["items"]
    assert not {"credentialSecret", "credentialPublicConfig", "relatedResources"} & set(item)
    assert item["relatedResourceCount"] == 1
    related = (await ok("GET", "/agents/credentials/key"))["relatedResources"]
    assert [entry["resourceName"] for entry in related] == ["chat"]
    assert (await ok("GET", "/agents/credentials", enabled="False"))["total"] == "0"


async def test_a_proxy_needs_a_role_the_schema_does_not_ask_for(refused: Refused) -> None:
    body = {name: value for name, value in PROXY.items() if name != "executionRoleArn"}
    status, message = await refused("POST", "/agents/model-proxies", body)
    assert (status, message) == (400, "ExecutionRoleArn is required")


@pytest.mark.parametrize(
    ("reading", "expected"), [("not-set", [{"modelName": "a"}]), ("clear", [])]
)
async def test_empty_object_lists(
    ok: Ok, simulator: Simulator, reading: str, expected: list[Any]
) -> None:
    switch(simulator, "emptyList", reading)
    await ok("POST", "/agents/model-services", SERVICE)
    changed = await ok("PUT", "/agents/model-services/qwen", {"modelInfoConfigs": []})
    assert changed["modelInfoConfigs"] == expected
    settings: dict[str, list[str]] = {"modelNames": []}
    changed = await ok("PUT", "/agents/model-services/qwen", {"providerSettings": settings})
    assert changed["providerSettings"]["modelNames"] == []


@pytest.mark.parametrize(("reading", "kept"), [("replace", False), ("merge", True)])
async def test_nested_objects_in_an_update(
    ok: Ok, simulator: Simulator, reading: str, *, kept: bool
) -> None:
    switch(simulator, "nestedPut", reading)
    await ok("POST", "/agents/model-proxies", PROXY)
    change = {"proxyConfig": {"policies": {"numRetries": 2}}}
    config = (await ok("PUT", "/agents/model-proxies/chat", change))["proxyConfig"]
    assert ("endpoints" in config) is kept
    assert ("cache" in config["policies"]) is kept


@pytest.mark.parametrize("status", [400, 409, 500])
async def test_the_status_of_duplicates(
    ok: Ok, refused: Refused, simulator: Simulator, status: int
) -> None:
    switch(simulator, "duplicateStatus", status)
    await ok("POST", "/agents/credentials", CREDENTIAL)
    expected = (status, "credential key already exists")
    assert await refused("POST", "/agents/credentials", CREDENTIAL) == expected
    await ok("POST", "/agents/model-proxies", PROXY)
    assert (await refused("POST", "/agents/model-proxies", PROXY))[0] == 500


async def test_what_is_in_use_is_not_deleted(
    ok: Ok, refused: Refused, simulator: Simulator, clock: Any
) -> None:
    await ok("POST", "/agents/credentials", CREDENTIAL)
    await ok("POST", "/agents/model-services", SERVICE)
    await ok("POST", "/agents/model-proxies", PROXY)
    expected = (409, "credential key is in use by model proxy chat")
    assert await refused("DELETE", "/agents/credentials/key") == expected
    assert (await refused("DELETE", "/agents/model-services/qwen"))[0] == 409
    await ok("PUT", "/agents/model-proxies/chat", {"credentialName": ""})
    await ok("DELETE", "/agents/credentials/key")
    switch(simulator, "deleteInUse", "allow")
    await ok("DELETE", "/agents/model-services/qwen")
    clock.advance(10)
    assert (await refused("GET", "/agents/model-services/qwen"))[0] == 404


@pytest.mark.parametrize("answer", ["refuse", "cascade"])
async def test_children_hold_their_parent_or_go_along(
    ok: Ok, refused: Refused, simulator: Simulator, clock: Any, answer: str
) -> None:
    switch(simulator, "deleteWithChildren", answer)
    path = await create_runtime(ok)
    await ok("POST", "/templates", TEMPLATE)
    clock.advance(10)
    await ok("POST", f"{path}/endpoints", {"agentRuntimeEndpointName": "default"})
    await ok("POST", "/sandboxes", {"templateName": "code", "sandboxId": "mine"})
    if answer == "refuse":
        assert (await refused("DELETE", path))[0] == 409
        assert (await refused("DELETE", "/templates/code"))[0] == 409
        await ok("POST", "/sandboxes/mine/stop")
        await ok("DELETE", "/templates/code")
    else:
        await ok("DELETE", path)
        await ok("DELETE", "/templates/code")
        clock.advance(10)
        assert set(simulator.resources()) == {"Workspace"}


async def test_a_repeated_sandbox_id(
    ok: Ok, refused: Refused, simulator: Simulator, clock: Any
) -> None:
    await ok("POST", "/templates", TEMPLATE)
    clock.advance(10)
    body = {"templateName": "code", "sandboxId": "mine"}
    first = await ok("POST", "/sandboxes", body)
    assert (await refused("POST", "/sandboxes", body))[0] == 409
    switch(simulator, "duplicateSandboxId", "return-existing")
    assert await ok("POST", "/sandboxes", body) == first


async def test_the_remaining_switches(
    ok: Ok, refused: Refused, simulator: Simulator, clock: Any
) -> None:
    path = await create_runtime(ok)
    password = ("containerConfiguration", "registryConfig", "authConfig", "password")

    async def shown(*names: str) -> Any:
        value: Any = await ok("GET", path)
        for name in names:
            value = value.get(name)
        return value

    assert await shown(*password) == "abc***"
    switch(simulator, "registryPassword", "echoed")
    assert await shown(*password) == "abcdef"
    assert await shown("description") is None
    switch(simulator, "unsetFields", "zero")
    assert await shown("description") == ""
    assert await shown("diskSize") == 0
    assert await shown("enableSessionIsolation") is False
    switch(simulator, "writeInTransition", "refuse")
    assert (await refused("PUT", path, {"cpu": 4}))[0] == 400
    clock.advance(10)
    await ok("PUT", path, {"cpu": 4})
    switch(simulator, "refuseUnknownFields", value=True)
    body = CREDENTIAL | {"colour": "blue"}
    expected = (400, "colour is not a known field")
    assert await refused("POST", "/agents/credentials", body) == expected
    switch(simulator, "requireModelType", value=True)
    assert (await refused("GET", "/agents/model-services"))[0] == 400
    switch(simulator, "checkReferences", value=True)
    expected = (404, "credential key not found")
    assert await refused("POST", "/agents/model-proxies", PROXY) == expected
    await ok("POST", "/agents/model-services", SERVICE)
    assert "apiKey" in (await ok("GET", "/agents/model-services/qwen"))["providerSettings"]
    switch(simulator, "providerApiKey", "omitted")
    assert "apiKey" not in (await ok("GET", "/agents/model-services/qwen"))["providerSettings"]


async def test_list_filters(ok: Ok) -> None:
    await create_runtime(ok, agentRuntimeName="chat", systemTags=["a", "b"])
    await create_runtime(ok, agentRuntimeName="chat-2", systemTags=["a"])

    async def names(**query: str) -> list[str]:
        items = (await ok("GET", "/agents/runtimes", **query))["items"]
        return [item["agentRuntimeName"] for item in items]

    assert await names(agentRuntimeName="chat") == ["chat", "chat-2"]
    assert await names(agentRuntimeName="chat", searchMode="exact") == ["chat"]
    assert await names(systemTags="a,b") == ["chat"]
    assert await names(status="READY,UPDATING") == []
    assert await names(status="READY,CREATING") == ["chat", "chat-2"]
    workspace = (await ok("GET", "/workspaces"))["workspaces"][0]["workspaceId"]
    assert await names(workspaceIds=f"other,{workspace}") == ["chat", "chat-2"]
    assert await names(workspaceId="other") == []


@pytest.mark.parametrize(
    "query",
    [{"pageNumber": "0"}, {"pageNumber": "x"}, {"pageSize": "-1"}, {"pageSize": "1.5"}],
    ids=str,
)
async def test_bad_page_numbers_are_refused(refused: Refused, query: dict[str, str]) -> None:
    status, message = await refused("GET", "/agents/runtimes", **query)
    assert (status, message.endswith("must be a positive integer")) == (400, True)


async def test_pages_are_capped(ok: Ok) -> None:
    assert (await ok("GET", "/templates", pageSize="5000"))["pageSize"] == 100


@pytest.mark.parametrize("token", ["%%%", "bm8=", "LTE="], ids=["no base64", "no", "minus one"])
async def test_bad_page_tokens_are_refused(refused: Refused, token: str) -> None:
    assert await refused("GET", "/sandboxes", nextToken=token) == (400, "nextToken is not valid")


async def test_a_page_token_beyond_the_end_finds_nothing(ok: Ok) -> None:
    assert await ok("GET", "/sandboxes", nextToken="MTAw") == {"items": []}


async def test_the_default_workspace(ok: Ok, refused: Refused) -> None:
    (default,) = (await ok("GET", "/workspaces"))["workspaces"]
    assert default["isDefault"] is True
    path = f"/workspaces/{default['workspaceId']}"
    assert (await refused("DELETE", path))[0] == 400
    await ok("POST", "/agents/credentials", CREDENTIAL)
    found = await ok("GET", "/agents/credentials/key")
    assert found["workspaceId"] == default["workspaceId"]
    other = await ok("POST", "/workspaces", {"name": "other", "enablePresetModel": True})
    assert other["isDefault"] is False
    assert "enablePresetModel" not in other
    await ok("PUT", "/agents/credentials/key", {"workspaceId": other["workspaceId"]})
    assert (await refused("DELETE", f"/workspaces/{other['workspaceId']}"))[0] == 409


async def test_model_providers_are_listed(ok: Ok) -> None:
    page = await ok("GET", "/agents/model-providers", provider="tongyi")
    assert [item["providerName"] for item in page["items"]] == ["tongyi"]
    assert (await ok("GET", "/agents/model-providers", pageSize="2"))["total"] == 3
