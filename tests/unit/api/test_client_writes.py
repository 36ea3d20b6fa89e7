"""The client writes, against a scripted network: what is sent, and what an answer means."""

from typing import Any

import httpx
import pytest

from agentrun_operator.core.errors import (
    AlreadyExistsNotOwned,
    Busy,
    CredentialsInvalid,
    InvalidParameter,
    Unavailable,
)
from agentrun_operator.core.identity import Locator
from agentrun_operator.core.kind import Verb
from fakes.mappings import ENDPOINT, PROXY, RUNTIME_VERSIONS, SANDBOX
from fakes.network import VERSION, absent, always, problem


async def test_create_posts_once_and_returns_the_answer() -> None:
    net = always({"modelProxyId": "mp-1", "status": "CREATING"})
    created = await net.client.create(PROXY, {"modelProxyName": "chat"})
    assert created == {"modelProxyId": "mp-1", "status": "CREATING"}
    assert net.asked == [("POST", f"{VERSION}/agents/model-proxies")]
    assert net.actions == ["CreateModelProxy"]
    assert net.bodies == [{"modelProxyName": "chat"}]


@pytest.mark.parametrize(
    "ident",
    [
        "x" * 257,
        "key canary-4711 is refused",
        "a\nb",
        "\N{DEVANAGARI OM}",
        {"a": 1},
        [1],
        ".",
        "..",
    ],
)
async def test_what_is_no_id_is_not_taken_for_one(ident: Any) -> None:
    """It would stand in a status as it is."""
    net = always({"modelProxyId": ident, "modelProxyName": "chat"})
    with pytest.raises(Unavailable, match="is no id") as caught:
        await net.client.create(PROXY, {"modelProxyName": "chat"})
    assert caught.value.maybe_applied
    assert "canary" not in str(caught.value)
    with pytest.raises(Unavailable, match="is no id"):
        await net.client.find(PROXY, name="chat")


async def test_a_create_without_an_id_counts_as_unanswered() -> None:
    """Recorded under its name, it would count as adopted, and be left behind by its deletion."""
    with pytest.raises(Unavailable, match="without modelProxyId") as caught:
        await always({"modelProxyName": "chat"}).client.create(PROXY, {"modelProxyName": "chat"})
    assert caught.value.maybe_applied
    assert await always({"status": "CREATING"}).client.create(SANDBOX, {"sandboxId": "k8s-u-0"})


async def test_create_below_a_parent() -> None:
    net = always({"agentRuntimeEndpointId": "ep-1"})
    await net.client.create(ENDPOINT, {"targetVersion": "LATEST"}, parent="rt-1")
    assert net.asked == [("POST", f"{VERSION}/agents/runtimes/rt-1/endpoints")]


async def test_create_goes_by_the_name_that_the_operation_has() -> None:
    net = always({"agentRuntimeVersion": "1"})
    await net.client.create(RUNTIME_VERSIONS, {"description": "first"}, parent="rt-1")
    assert net.asked == [("POST", f"{VERSION}/agents/runtimes/rt-1/versions")]
    assert net.actions == ["PublishRuntimeVersion"]


async def test_a_version_without_a_number_counts_as_unanswered() -> None:
    """It is there; to publish once more would make another one."""
    with pytest.raises(Unavailable, match="without agentRuntimeVersion") as caught:
        await always({"description": "first"}).client.create(RUNTIME_VERSIONS, {}, parent="rt-1")
    assert caught.value.maybe_applied


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(problem(500, "proxy chat already exists"), AlreadyExistsNotOwned, id="taken"),
        pytest.param(problem(400, "runtime must be in READY status"), Busy, id="busy"),
        pytest.param(httpx.Response(200), Unavailable, id="empty 200"),
        pytest.param(None, Unavailable, id="no data"),
        pytest.param(httpx.Response(504), Unavailable, id="lost"),
    ],
)
async def test_create_fails_as(answer: Any, error: type[Exception]) -> None:
    net = always(answer)
    with pytest.raises(error) as caught:
        await net.client.create(PROXY, {"modelProxyName": "chat"})
    assert len(net.asked) == 1
    assert getattr(caught.value, "maybe_applied", None) in {None, True}


async def test_what_the_api_says_of_one_object_is_kept_sealed() -> None:
    refused = problem(400, "proxy chat: key sk-canary is malformed", "ERR_BAD_REQUEST")
    net = always(refused)
    with pytest.raises(InvalidParameter) as caught:
        await net.client.create(PROXY, {"modelProxyName": "chat", "apiKey": "sk-canary"})
    assert str(caught.value) == "CreateModelProxy: HTTP 400 ERR_BAD_REQUEST"
    assert caught.value.quote is not None
    assert "sk-canary" not in repr(vars(caught.value))


async def test_update_puts_what_it_is_given() -> None:
    net = always({"status": "UPDATING"})
    assert await net.client.update(PROXY, Locator("chat"), {"description": ""}) == {
        "status": "UPDATING"
    }
    assert net.asked == [("PUT", f"{VERSION}/agents/model-proxies/chat")]
    assert net.bodies == [{"description": ""}]


async def test_an_update_of_something_gone_is_retried_from_a_new_look() -> None:
    with pytest.raises(Unavailable) as caught:
        await always(absent()).client.update(PROXY, Locator("chat"), {})
    assert not caught.value.maybe_applied


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"agentRuntimeId": "x", "artifactType": ""}, id="data"),
        pytest.param(None, id="no data"),
        pytest.param(httpx.Response(204), id="no content"),
        pytest.param(absent(), id="already gone"),
    ],
)
async def test_delete_succeeds(answer: Any) -> None:
    net = always(answer)
    await net.client.delete(PROXY, Locator("chat"))
    assert net.asked == [("DELETE", f"{VERSION}/agents/model-proxies/chat")]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(httpx.Response(404, text="<html>"), Unavailable, id="a web server's 404"),
        pytest.param(problem(409, "busy"), Busy, id="busy"),
        pytest.param(problem(500, "oops"), Unavailable, id="failed"),
        pytest.param(httpx.Response(200, text="<html>"), Unavailable, id="a stranger's 200"),
    ],
)
async def test_delete_fails_as(answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        await always(answer).client.delete(PROXY, Locator("chat"))


async def test_verbs() -> None:
    net = always({"status": "PAUSED"})
    await net.client.act(SANDBOX, Locator("s 1"), Verb("PAUSED", "PauseSandbox", "PUT", "pause"))
    await net.client.act(SANDBOX, Locator("s"), Verb("TERMINATED", "StopSandbox", "POST", "stop"))
    assert net.asked == [
        ("PUT", f"{VERSION}/sandboxes/s%201/pause"),
        ("POST", f"{VERSION}/sandboxes/s/stop"),
    ]
    assert net.actions == ["PauseSandbox", "StopSandbox"]
    assert net.bodies == [None, None]


async def test_a_verb_on_something_gone_asks_for_a_new_look() -> None:
    verb = Verb("TERMINATED", "StopSandbox", "POST", "stop")
    with pytest.raises(Unavailable, match="no longer exists"):
        await always(absent()).client.act(SANDBOX, Locator("s"), verb)


async def test_verify_is_one_cheap_read() -> None:
    net = always({"items": []})
    await net.client.verify()
    assert net.asked == [("GET", f"{VERSION}/agents/runtimes?pageNumber=1&pageSize=1")]
    denied = httpx.Response(400, json={"Code": "SignatureDoesNotMatch", "Message": "m"})
    with pytest.raises(CredentialsInvalid):
        await always(denied).client.verify()
