"""The client reads, against a scripted network: paths, paging, and what counts as absent."""

import tracemalloc
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from agentrun_operator.core.errors import (
    CredentialsInvalid,
    InvalidParameter,
    Unavailable,
)
from agentrun_operator.core.identity import Locator
from agentrun_operator.core.kind import Rest
from fakes.mappings import ENDPOINT, PROXY, RUNTIME, SANDBOX, WORKSPACE
from fakes.network import VERSION, Network, Query, absent, always, problem

# -- look-ups ------------------------------------------------------------------------------------


async def test_a_name_that_is_the_key_is_read_directly() -> None:
    net = always({"modelProxyName": "chat", "modelProxyId": "mp-1"})
    found = await net.client.find(PROXY, name="chat")
    assert found.resource == {"modelProxyName": "chat", "modelProxyId": "mp-1"}
    assert found.date == datetime(2026, 1, 15, 8, tzinfo=UTC)
    assert net.asked == [("GET", f"{VERSION}/agents/model-proxies/chat")]
    assert net.actions == ["GetModelProxy"]


async def test_absence_is_a_value_with_the_cloud_s_date() -> None:
    found = await always(absent()).client.find(PROXY, name="chat")
    assert found.resource is None
    assert found.date == datetime(2026, 1, 15, 8, tzinfo=UTC)


async def test_a_resource_under_another_spelling_is_not_ours() -> None:
    net = always({"modelProxyName": "CHAT"})
    assert (await net.client.find(PROXY, name="chat")).resource is None


@pytest.mark.parametrize("told", [None, "", 42, "42"])
async def test_an_id_that_is_left_out_or_a_number_is_no_other_one(told: Any) -> None:
    """Or what is there would be made a second time, and left behind by a deletion."""
    found = await always({"agentRuntimeId": told}).client.read(RUNTIME, Locator("42"))
    assert found.resource == {"agentRuntimeId": "42"}


@pytest.mark.parametrize(
    ("rest", "answer"),
    [
        (RUNTIME, {"agentRuntimeId": "ar-2"}),
        (RUNTIME, {"agentRuntimeId": "AR-1"}),
        (PROXY, {"modelProxyName": "another"}),
    ],
)
async def test_an_answer_about_another_resource_is_no_absence(
    rest: Rest, answer: dict[str, Any]
) -> None:
    with pytest.raises(Unavailable, match="about another resource"):
        await always(answer).client.read(rest, Locator("ar-1"))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(httpx.Response(404, text="<html>not found</html>"), id="a web server"),
        pytest.param(httpx.Response(404), id="nothing"),
        pytest.param(problem(404, "", ""), id="a 404 without a reason"),
        pytest.param(httpx.Response(200), id="an empty 200"),
        pytest.param(None, id="a success without data"),
        pytest.param({}, id="a success with empty data"),
        pytest.param(httpx.Response(502, text="<html>"), id="a broken gateway"),
    ],
)
async def test_absence_is_never_guessed(answer: Any) -> None:
    with pytest.raises(Unavailable):
        await always(answer).client.find(PROXY, name="chat")


async def test_unknown_keys_are_not_absence() -> None:
    answer = httpx.Response(
        404, json={"Code": "InvalidAccessKeyId.NotFound", "Message": "key not found"}
    )
    with pytest.raises(CredentialsInvalid):
        await always(answer).client.find(PROXY, name="chat")


async def test_a_filter_may_be_fuzzy() -> None:
    items = [{"agentRuntimeName": n, "agentRuntimeId": n} for n in ("chat-2", "Chat", "chat")]
    net = always({"items": items, "pageNumber": 1, "pageSize": 100, "total": 3})
    found = await net.client.find(RUNTIME, name="chat")
    assert found.resource == items[2]
    assert found.date is not None
    assert net.asked[0][1].endswith(
        "/agents/runtimes?agentRuntimeName=chat&searchMode=exact&pageNumber=1&pageSize=100"
    )
    assert (await net.client.find(RUNTIME, name="cha")).resource is None


async def test_a_name_is_searched_on_every_page() -> None:
    def answer(_method: str, _path: str, query: Query) -> Any:
        page = int(query["pageNumber"])
        items = [{"agentRuntimeName": f"x{page}-{i}"} for i in range(50)]
        if page == 3:
            items = [{"agentRuntimeName": "chat"}]
        # The API may clamp the page size without an error.
        return {"items": items, "pageNumber": page, "pageSize": 50, "total": 101}

    net = Network(answer)
    assert (await net.client.find(RUNTIME, name="chat")).resource == {"agentRuntimeName": "chat"}
    assert len(net.asked) == 3


async def test_of_several_the_one_that_stays_wins_then_the_oldest() -> None:
    items = [
        {"agentRuntimeName": "c", "agentRuntimeId": "1", "status": "DELETING", "createdAt": "1"},
        {"agentRuntimeName": "c", "agentRuntimeId": "3", "status": "READY", "createdAt": "3"},
        {"agentRuntimeName": "c", "agentRuntimeId": "2", "status": "READY", "createdAt": "2"},
    ]
    net = always({"items": items})
    found = (await net.client.find(RUNTIME, name="c")).resource
    assert found is not None
    assert found["agentRuntimeId"] == "2"


async def test_a_search_keeps_one_of_all_that_it_finds() -> None:
    """A broken endpoint shows something large under the name on every page, without an end."""
    pages, size = 100, 128 * 1024

    def answer(_method: str, _path: str, query: Query) -> Any:
        page = int(query["pageNumber"])
        item = {"agentRuntimeName": "c", "createdAt": str(page % 7 + 1), "x": f"{page:{size}}"}
        return {"items": [item], "pageNumber": page, "pageSize": 1, "total": pages}

    client = Network(answer).client
    tracemalloc.start()
    try:
        with capture_logs() as logs:
            found = await client.find(RUNTIME, name="c")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.resource is not None
    assert (found.resource["createdAt"], int(found.resource["x"])) == ("1", 7)
    assert [log["count"] for log in logs if log["event"] == "the name is not unique"] == [pages]
    assert most < pages * size / 2


async def test_a_child_is_looked_up_below_its_parent() -> None:
    net = always({"items": []})
    assert (await net.client.find(ENDPOINT, name="e", parent="rt/1")).resource is None
    assert net.asked[0][1].startswith(f"{VERSION}/agents/runtimes/rt%2F1/endpoints?endpointName=e")


async def test_a_child_of_a_missing_parent_is_absent() -> None:
    net = always(absent())
    found = await net.client.find(ENDPOINT, name="e", parent="rt-1")
    assert found.resource is None
    assert found.date is not None


# -- reads and pages -----------------------------------------------------------------------------


async def test_read_by_an_id_below_a_parent() -> None:
    net = always({"agentRuntimeEndpointId": "ep-1"})
    found = await net.client.read(ENDPOINT, Locator("ep-1", "rt-1"))
    assert found.resource == {"agentRuntimeEndpointId": "ep-1"}
    assert net.asked == [("GET", f"{VERSION}/agents/runtimes/rt-1/endpoints/ep-1")]


@pytest.mark.parametrize("key", ["", ".", ".."])
async def test_no_call_leaves_its_resource(key: str) -> None:
    """httpx would fold such a segment away, and the DELETE would reach the collection."""
    net = always({})
    for call in (net.client.read, net.client.delete):
        with pytest.raises(InvalidParameter):
            await call(PROXY, Locator(key))
    with pytest.raises(InvalidParameter):
        await net.client.create(ENDPOINT, {}, parent=key)
    assert net.asked == []


async def test_odd_names_stay_one_segment() -> None:
    net = always({"modelProxyName": "a b/c~*+%"})
    await net.client.read(PROXY, Locator("a b/c~*+%"))
    assert net.asked == [("GET", f"{VERSION}/agents/model-proxies/a%20b%2Fc~%2A%2B%25")]


async def test_pages_are_walked_by_number() -> None:
    def answer(_method: str, _path: str, query: Query) -> Any:
        assert query["pageSize"] == "100"
        assert query["modelType"] == "llm"
        page = int(query["pageNumber"])
        # Numbers come as strings in ListCredentials.
        return {
            "items": [{"n": i} for i in range(100 if page == 1 else 7)],
            "pageNumber": str(page),
            "pageSize": "100",
            "total": "107",
        }

    net = Network(answer)
    first = await net.client.read_page(PROXY, partition={"modelType": "llm"})
    assert (len(first.items), first.cursor) == (100, "2")
    second = await net.client.read_page(PROXY, partition={"modelType": "llm"}, cursor=first.cursor)
    assert (len(second.items), second.cursor) == (7, None)
    assert net.actions == ["ListModelProxies", "ListModelProxies"]


@pytest.mark.parametrize(
    ("data", "cursor"),
    [
        pytest.param({"items": [{}] * 100}, "2", id="full page, no total"),
        pytest.param({"items": [{}] * 99}, None, id="short page, no total"),
        pytest.param({"items": [{}] * 50, "pageSize": 50}, "2/50", id="clamped, no total"),
        pytest.param({"items": [{}] * 50, "pageSize": 50, "total": 50}, None, id="just the total"),
        pytest.param(
            {"items": [{}] * 20, "pageSize": 20, "total": 21}, "2/20", id="clamped, total"
        ),
        pytest.param({"items": []}, None, id="empty"),
        pytest.param({"items": None, "total": 0}, None, id="null"),
        pytest.param({"total": 0}, None, id="left out"),
        pytest.param({}, None, id="empty object"),
    ],
)
async def test_the_end_of_a_list(data: Any, cursor: str | None) -> None:
    assert (await always(data).client.read_page(PROXY)).cursor == cursor


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"total": 5}, id="counts and shows none"),
        pytest.param({"items": {"a": 1}}, id="no list"),
        pytest.param({"items": [1]}, id="no objects"),
        pytest.param([], id="no envelope"),
    ],
)
async def test_a_list_that_makes_no_sense_is_not_an_empty_one(data: Any) -> None:
    with pytest.raises(Unavailable):
        await always(data).client.read_page(PROXY)


async def test_a_missing_collection_is_not_an_empty_one() -> None:
    with pytest.raises(Unavailable):
        await always(absent()).client.read_page(PROXY)
    page = await always(absent()).client.read_page(ENDPOINT, parent="rt-1")
    assert (page.items, page.cursor) == ([], None)


async def test_tokens() -> None:
    def answer(_method: str, _path: str, query: Query) -> Any:
        assert query["maxResults"] == "100"
        assert "pageNumber" not in query
        if "nextToken" not in query:
            return {"items": [{"sandboxId": "a"}], "nextToken": "t1"}
        return {"items": [{"sandboxId": "b"}], "nextToken": ""}

    net = Network(answer)
    first = await net.client.read_page(SANDBOX)
    assert first.cursor == "t1"
    second = await net.client.read_page(SANDBOX, cursor=first.cursor)
    assert (second.items, second.cursor) == ([{"sandboxId": "b"}], None)


async def test_a_token_that_leads_nowhere_ends_the_list_with_an_error() -> None:
    net = always({"items": [{}], "nextToken": "t1"})
    with pytest.raises(Unavailable, match="twice"):
        await net.client.read_page(SANDBOX, cursor="t1")


async def test_workspaces_come_under_their_own_name() -> None:
    net = always({"workspaces": [{"name": "w", "workspaceId": "1"}], "total": "1"})
    assert (await net.client.find(WORKSPACE, name="w")).resource == {
        "name": "w",
        "workspaceId": "1",
    }
