"""Lists of large items come in pages of few bytes, whole and each item once."""

import json
from collections.abc import Sequence
from typing import Any, cast

import httpx
import pytest

from agentrun_operator.api.auth import Acs3Auth
from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.api.credentials import Keys, StaticKeys
from agentrun_operator.api.transport import MAX_ANSWER_BYTES, Transport
from agentrun_operator.core.errors import AnswerTooLarge, Unavailable
from agentrun_operator.core.kind import Rest
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.in_flight import AnswersInFlight

RUNTIME, SANDBOX = (cast("Rest", catalogue()[kind].rest) for kind in ("AgentRuntime", "Sandbox"))
MIB = 1024 * 1024


class Collection:
    """Items of these sizes behind a LIST by numbers or tokens; counts what each answer had."""

    def __init__(self, sizes: Sequence[int], *, clamp: int = 100) -> None:
        self.items = [
            json.dumps({"agentRuntimeId": f"r-{n}", "x": "x" * size})
            for n, size in enumerate(sizes)
        ]
        self.clamp = clamp
        self.answered: list[int] = []
        self.asked: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params
        self.asked.append(int(query.get("pageSize") or query["maxResults"]))
        size = min(self.asked[-1], self.clamp)
        if "maxResults" in query:
            start = int(query.get("nextToken") or 0)
            token = str(start + size) if start + size < len(self.items) else ""
            data: dict[str, Any] = {"nextToken": token}
        else:
            start = (int(query["pageNumber"]) - 1) * size
            data = {"pageSize": size, "total": len(self.items)}
        # Each is encoded once: together they are asked for some hundred MiB.
        items = ",".join(self.items[start : start + size])
        shown = json.dumps(data | {"items": []}).replace("[]", f"[{items}]")
        body = f'{{"code": "SUCCESS", "data": {shown}}}'.encode()
        self.answered.append(len(body))
        return httpx.Response(200, content=body)


def client(collection: Any, answers: AnswersInFlight | None = None) -> AgentRunClient:
    return AgentRunClient(
        Transport(
            "https://agentrun.cn-hangzhou.aliyuncs.com",
            Acs3Auth(StaticKeys(Keys("LTAI", "secret"))),
            network=httpx.MockTransport(collection),
            answers=answers,
        )
    )


async def names(subject: AgentRunClient, rest: Any) -> list[str]:
    """Return what all pages together show."""
    found: list[str] = []
    cursor: str | None = None
    for _ in range(1000):
        page = await subject.read_page(rest, cursor=cursor)
        found += [item["agentRuntimeId"] for item in page.items]
        cursor = page.cursor
        if cursor is None:
            return found
    raise AssertionError("no end")


@pytest.mark.parametrize("rest", [RUNTIME, SANDBOX], ids=["numbers", "tokens"])
@pytest.mark.parametrize(
    ("sizes", "clamp"),
    [
        pytest.param([MIB] * 60, 100, id="all large"),
        pytest.param([10] * 230 + [MIB] * 30 + [10] * 40, 100, id="large ones in between"),
        pytest.param([10] * 50 + [MIB] * 60, 20, id="a server that clamps"),
    ],
)
async def test_every_item_is_listed_once(rest: Any, sizes: list[int], clamp: int) -> None:
    collection = Collection(sizes, clamp=clamp)
    subject = client(collection)
    assert await names(subject, rest) == [f"r-{n}" for n in range(len(sizes))]
    begun = len(collection.answered)
    assert await names(subject, rest) == [f"r-{n}" for n in range(len(sizes))]
    if sizes[0] == MIB:
        assert max(collection.answered[begun:]) <= MAX_ANSWER_BYTES, "the size is remembered"


async def test_a_collection_that_got_small_has_large_pages_again() -> None:
    collection = Collection([MIB] * 60)
    subject = client(collection)
    await names(subject, RUNTIME)
    collection.items = Collection([10] * 300).items
    await names(subject, RUNTIME)
    await names(subject, RUNTIME)
    assert collection.asked[-3:] == [100, 100, 100]


async def test_only_lists_of_large_items_are_remembered() -> None:
    collection = Collection([MIB] * 60)
    subject = client(collection)
    await names(subject, RUNTIME)
    assert len(vars(subject)["_sizes"]) == 1
    collection.items = []
    await names(subject, RUNTIME)
    assert vars(subject)["_sizes"] == {}


async def test_a_refusal_says_nothing_of_the_size_of_items() -> None:
    collection = Collection([MIB] * 60)
    is_down = False

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, json={}) if is_down else collection(request)

    subject = client(answer)
    await names(subject, RUNTIME)
    is_down = True
    with pytest.raises(Unavailable):
        await names(subject, RUNTIME)
    is_down = False
    begun = len(collection.asked)
    await names(subject, RUNTIME)
    assert max(collection.asked[begun:]) < 100


async def test_an_item_beyond_all_bounds_is_given_up() -> None:
    collection = Collection([17 * MIB])
    with pytest.raises(AnswerTooLarge, match="larger than"):
        await names(client(collection), RUNTIME)
    assert collection.asked == [100, 50, 25, 5, 1]


async def test_answers_of_all_accounts_share_one_bound() -> None:
    answers = AnswersInFlight(most=3 * MIB)
    one, other = (client(Collection([MIB]), answers) for _ in range(2))
    held = await one.read_page(RUNTIME)
    await other.read_page(RUNTIME)
    assert held.items
    with pytest.raises(Unavailable, match="too many large answers"):
        await client(Collection([4 * MIB]), answers).read_page(RUNTIME)
    assert answers.size < 3 * MIB
