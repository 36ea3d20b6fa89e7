"""The client against the simulated cloud: one life of a resource, and every class of error."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.api.cloud import AgentRunCloud
from agentrun_operator.core.errors import (
    AccessDenied,
    AlreadyExistsNotOwned,
    Busy,
    CredentialsInvalid,
    ForeignKeys,
    InUse,
    InvalidParameter,
    OperatorError,
    QuotaExceeded,
    ReferenceNotFound,
    Throttled,
    Unavailable,
)
from agentrun_operator.core.identity import AccountIdentity, Locator
from agentrun_operator.core.kind import Rest
from agentrun_operator.reconcile.ports import AccountConnection, ExternalAPI
from agentrun_simulator.faults import Fault
from agentrun_simulator.simulator import Simulator
from fakes.gate import quoted
from fakes.mappings import ENDPOINT, PAUSE, RESUME, RUNTIME, SANDBOX, STOP, TEMPLATE
from fakes.rests import rest_of

PROXY = rest_of("ModelProxy")
CHAT = {
    "modelProxyName": "chat",
    "cpu": 2,
    "memory": 2048,
    "proxyMode": "single",
    "executionRoleArn": "acs:ram::1:role/agentrun",
    "proxyConfig": {"endpoints": [{"modelServiceName": "qwen", "modelNames": ["qwen-max"]}]},
}

CHAT_AT = Locator("chat")

SHAPE = {"cpu": 2, "memory": 4096, "networkConfiguration": {"networkMode": "PUBLIC"}}
RUNTIME_BODY = SHAPE | {
    "agentRuntimeName": "demo",
    "artifactType": "Container",
    "containerConfiguration": {"image": "r.example/a:v1"},
    "port": 9000,
}


@pytest.fixture
def connection(simulator: Simulator, endpoint: str) -> AccountConnection:
    account = simulator.settings.accounts[0]
    return AccountConnection(
        AccountIdentity(account.account_id, "cn-hangzhou"),
        f"http://{endpoint}",
        {
            "accessKeyId": account.access_key_id,
            "accessKeySecret": account.access_key_secret.get_secret_value(),
        },
        requests_per_second=20,
    )


@pytest.fixture
def cloud() -> AgentRunCloud:
    return AgentRunCloud(environ={}, allow_list=("http://127.0.0.1:*",))


@pytest.fixture
async def api(
    cloud: AgentRunCloud, connection: AccountConnection, simulator: Simulator
) -> AsyncIterator[ExternalAPI]:
    """Return a client whose keys are known, as the engine hands it out."""
    client = cloud.connect(connection)
    async with aclosing(client):
        assert await client.identify()
        simulator.clear_requests()
        yield client


async def seen(api: ExternalAPI, rest: Rest, at: Locator, state: str | None) -> Any:
    """Read a resource, which is in this state; None: which is gone."""
    found = (await api.read(rest, at)).resource
    assert (found and found["status"]) == state
    return found


async def test_nothing_is_sent_before_it_is_known_whose_the_keys_are(
    cloud: AgentRunCloud, connection: AccountConnection, simulator: Simulator
) -> None:
    stranger = replace(connection, identity=AccountIdentity("999", "cn-hangzhou"))
    async with aclosing(cloud.connect(stranger)) as client:
        for call in (client.verify(), client.create(PROXY, CHAT), client.delete(PROXY, CHAT_AT)):
            with pytest.raises(ForeignKeys, match=r"belong to account 1234567890, .* is 999"):
                await call
    assert {entry["action"] for entry in simulator.requests()} == {"GetCallerIdentity"}


@pytest.mark.parametrize("name", ["chat", "a b/c~*+中:@%2F"])
async def test_a_proxy_lives_from_absent_to_absent(api: ExternalAPI, name: str) -> None:
    before = await api.find(PROXY, name=name)
    assert before.resource is None
    assert before.date is not None
    created = await api.create(PROXY, CHAT | {"modelProxyName": name})
    assert created["status"] == "CREATING"
    ready = await seen(api, PROXY, Locator(name), "READY")
    assert ready["proxyConfig"] == CHAT["proxyConfig"]
    found = await api.find(PROXY, name=name)
    assert found.resource is not None
    assert found.resource["modelProxyId"] == created["modelProxyId"]
    updated = await api.update(PROXY, Locator(name), {"description": "new"})
    assert updated["status"] == "UPDATING"
    assert (await seen(api, PROXY, Locator(name), "READY"))["description"] == "new"
    await api.delete(PROXY, Locator(name))
    await api.delete(PROXY, Locator(name))
    await seen(api, PROXY, Locator(name), None)
    await api.delete(PROXY, Locator(name))


async def test_a_child_lives_below_an_id_that_the_api_chose(
    api: ExternalAPI, simulator: Simulator, pass_time: Callable[[float], None]
) -> None:
    simulator.configure({"transitionSeconds": 300})
    assert (await api.find(RUNTIME, name="demo")).resource is None
    runtime = await api.create(RUNTIME, RUNTIME_BODY)
    parent = runtime["agentRuntimeId"]
    body = {"agentRuntimeEndpointName": "e", "targetVersion": "LATEST"}
    with pytest.raises(Busy) as refused:
        await api.create(ENDPOINT, body, parent=parent)
    assert "READY status" in quoted(refused.value)
    pass_time(300)
    simulator.configure({"transitionSeconds": 0})
    await seen(api, RUNTIME, Locator(parent), "READY")
    found = await api.find(RUNTIME, name="demo")
    assert found.resource is not None
    assert found.resource["agentRuntimeId"] == parent
    assert (await api.find(ENDPOINT, name="e", parent=parent)).resource is None
    created = await api.create(ENDPOINT, body, parent=parent)
    at = Locator(created["agentRuntimeEndpointId"], parent)
    await seen(api, ENDPOINT, at, "READY")
    found = await api.find(ENDPOINT, name="e", parent=parent)
    assert found.resource is not None
    assert found.resource["agentRuntimeEndpointId"] == at.key
    with pytest.raises(InUse, match="ERR_CONFLICT"):
        await api.delete(RUNTIME, Locator(parent))
    await api.delete(ENDPOINT, at)
    await seen(api, ENDPOINT, at, None)
    await api.delete(RUNTIME, Locator(parent))
    await seen(api, RUNTIME, Locator(parent), None)
    assert (await api.find(ENDPOINT, name="e", parent=parent)).resource is None
    assert (await api.read_page(ENDPOINT, parent=parent)).items == []
    with pytest.raises(ReferenceNotFound):
        await api.create(ENDPOINT, body, parent=parent)


async def test_a_sandbox_is_found_by_our_id_and_moved_by_verbs(api: ExternalAPI) -> None:
    await api.create(TEMPLATE, SHAPE | {"templateName": "t", "templateType": "CodeInterpreter"})
    await seen(api, TEMPLATE, Locator("t"), "READY")
    body = {"sandboxId": "sb-1", "templateName": "t"}
    await api.create(SANDBOX, body)
    with pytest.raises(AlreadyExistsNotOwned):
        await api.create(SANDBOX, body)
    await seen(api, SANDBOX, Locator("sb-1"), "READY")
    for verb in (PAUSE, RESUME, STOP):
        await api.act(SANDBOX, Locator("sb-1"), verb)
        await seen(api, SANDBOX, Locator("sb-1"), verb.state)
    assert (await api.find(SANDBOX, name="sb-1")).resource is not None
    page = await api.read_page(SANDBOX)
    assert [item["sandboxId"] for item in page.items] == ["sb-1"]
    await api.delete(SANDBOX, Locator("sb-1"))
    assert (await api.find(SANDBOX, name="sb-1")).resource is None


async def test_pages_by_token(api: ExternalAPI) -> None:
    await api.create(TEMPLATE, SHAPE | {"templateName": "t", "templateType": "CodeInterpreter"})
    await seen(api, TEMPLATE, Locator("t"), "READY")
    for number in range(101):
        await api.create(SANDBOX, {"sandboxId": f"sb-{number}", "templateName": "t"})
    first = await api.read_page(SANDBOX)
    second = await api.read_page(SANDBOX, cursor=first.cursor)
    assert (len(first.items), len(second.items), second.cursor) == (100, 1, None)


async def test_all_pages_of_a_collection(api: ExternalAPI) -> None:
    names = {f"p{i}" for i in range(105)}
    for name in names:
        await api.create(PROXY, CHAT | {"modelProxyName": name})
    first = await api.read_page(PROXY)
    second = await api.read_page(PROXY, cursor=first.cursor)
    assert (len(first.items), len(second.items), second.cursor) == (100, 5, None)
    assert {i["modelProxyName"] for i in (*first.items, *second.items)} == names


async def test_a_duplicate_is_told_apart_from_a_failure(api: ExternalAPI) -> None:
    await api.create(PROXY, CHAT)
    with pytest.raises(AlreadyExistsNotOwned) as refused:
        await api.create(PROXY, CHAT)
    assert "chat already exists" in quoted(refused.value)


async def test_a_refused_spec_names_what_is_missing(api: ExternalAPI) -> None:
    body = {name: value for name, value in CHAT.items() if name != "executionRoleArn"}
    with pytest.raises(InvalidParameter, match="ERR_VALIDATION_FAILED") as refused:
        await api.create(PROXY, body)
    assert "executionrolearn" in quoted(refused.value).lower()


async def test_verify(api: ExternalAPI, simulator: Simulator) -> None:
    await api.verify()
    (entry,) = simulator.requests()
    assert (entry["method"], entry["status"]) == ("GET", 200)


@pytest.mark.parametrize(
    "changes", [{"accessKeySecret": "wrong"}, {"accessKeyId": "unknown"}, {"securityToken": "x"}]
)
async def test_wrong_keys_are_refused_with_a_remedy(
    cloud: AgentRunCloud, connection: AccountConnection, changes: dict[str, str]
) -> None:
    wrong = cloud.connect(replace(connection, keys={**(connection.keys or {}), **changes}))
    async with aclosing(wrong):
        for call in (wrong.verify(), wrong.find(PROXY, name="chat"), wrong.create(PROXY, CHAT)):
            with pytest.raises(CredentialsInvalid, match="correct the Secret"):
                await call


async def test_a_clock_that_is_off_is_named(api: ExternalAPI, simulator: Simulator) -> None:
    simulator.inject(Fault(effect="error", status=400, code="InvalidTimeStamp.Expired"))
    with pytest.raises(Unavailable, match="synchronise the node's clock"):
        await api.verify()


REFUSALS = [
    (Fault(effect="error", status=403, code="NoPermission"), AccessDenied, None),
    (Fault(effect="error", status=400, code="QuotaExceeded.Proxy"), QuotaExceeded, None),
    (Fault(effect="error", status=429, code="Throttling.User"), Throttled, None),
    (
        Fault(effect="error", status=429, code="Throttling", headers={"x-acs-retry-after": "250"}),
        Throttled,
        None,
    ),
    (
        Fault(
            effect="error", status=400, code="ERR_BAD_REQUEST", message="must be in READY status"
        ),
        Busy,
        None,
    ),
    (Fault(effect="error", status=503), Unavailable, False),
    (
        Fault(effect="error", status=500, code="ERR_INTERNAL_SERVER_ERROR", applied=True),
        Unavailable,
        True,
    ),
    (Fault(effect="html", status=502), Unavailable, False),
    (Fault(effect="html", status=502, applied=True), Unavailable, True),
    (Fault(effect="html", status=200, applied=True), Unavailable, True),
    (Fault(effect="empty", status=200, applied=True), Unavailable, True),
    (Fault(effect="empty", status=500), Unavailable, False),
    (Fault(effect="drop-before"), Unavailable, False),
    (Fault(effect="drop-after"), Unavailable, True),
]


@pytest.mark.parametrize(
    ("fault", "error", "applied"),
    [pytest.param(*r, id=f"{r[0].effect} {r[0].status} {r[0].code} {r[2]}") for r in REFUSALS],
)
async def test_a_create_that_fails(
    api: ExternalAPI,
    simulator: Simulator,
    fault: Fault,
    error: type[OperatorError],
    applied: bool | None,  # noqa: FBT001  a column of the table
) -> None:
    """Whatever happens, the create is sent once, and a lost answer is never taken for a refusal."""
    simulator.inject(fault)
    with pytest.raises(error) as caught:
        await api.create(PROXY, CHAT)
    assert [entry["method"] for entry in simulator.requests()] == ["POST"]
    if applied is not None:
        assert isinstance(caught.value, Unavailable)
        assert caught.value.maybe_applied
        assert ((await api.find(PROXY, name="chat")).resource is not None) is applied


async def test_the_pause_that_is_asked_for_is_kept(api: ExternalAPI, simulator: Simulator) -> None:
    headers = {"x-acs-retry-after": "1500"}
    simulator.inject(Fault(effect="error", status=429, code="Throttling", headers=headers))
    with pytest.raises(Throttled) as caught:
        await api.verify()
    assert caught.value.retry_after == 1.5


async def test_a_budget_is_asked_before_each_call(connection: AccountConnection) -> None:
    asked: list[str] = []

    async def acquire() -> None:
        asked.append(connection.identity.account_id)

    cloud = AgentRunCloud(environ={}, allow_list=("http://127.0.0.1:*",))
    client: AgentRunClient = cloud.connect(connection, acquire)
    async with aclosing(client):
        await client.verify()
        await client.find(PROXY, name="chat")
    assert asked == [connection.identity.account_id] * 2
