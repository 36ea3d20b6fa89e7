"""Pages follow the bytes of the page before, and one that gets too large is asked for anew."""

from typing import Any, cast

import pytest
from yarl import URL

from agentrun_operator.kube.answers import AnswerTooLargeError, BoundedContent
from agentrun_operator.kube.pages import (
    FIRST_LIMIT,
    GROWTH,
    MAX_BYTES,
    MAX_LIMIT,
    TARGET_BYTES,
    SmallPages,
    next_limit,
)
from agentrun_operator.reconcile.in_flight import AnswersInFlight

SECRETS = "https://api.test/api/v1/secrets"
CHUNK = 64 * 1024


class Stream:
    """The bytes of one page; counts what was read."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.read = 0

    async def readany(self) -> bytes:
        size = min(CHUNK, self.left)
        self.left -= size
        self.read += size
        return b"x" * size


class Request:
    """A GET of a list."""

    def __init__(self, url: str, **query: str) -> None:
        self.url = URL(url).with_query(query)
        self.headers = {"Accept": "application/json"}


class Response:
    """Its answer."""

    def __init__(self, content: BoundedContent, status: int) -> None:
        self.content = content
        self.status = status

    async def read(self) -> bytes:
        return await self.content.read()


class Server:
    """Has objects of these sizes; serves them in the pages that are asked for."""

    def __init__(self, *sizes: int, status: int = 200) -> None:
        self.sizes = list(sizes)
        self.status = status
        self.limits: list[str] = []
        self.read: list[int] = []
        self.answers = AnswersInFlight()

    async def __call__(self, request: Any) -> Any:
        self.limits.append(request.url.query.get("limit", ""))
        limit = int(self.limits[-1] or len(self.sizes))
        stream = Stream(sum(self.sizes[:limit]))
        held = self.answers.begin()
        response = Response(BoundedContent(cast("Any", stream), held), self.status)
        original = response.read

        async def read() -> bytes:
            try:
                body = await original()
            finally:
                self.read.append(stream.read)
                held.end()
            del self.sizes[:limit]
            return body

        response.read = read  # type: ignore[method-assign]
        return response


async def list_all(pages: SmallPages, server: Server, **query: str) -> None:
    """Page through everything that the server has."""
    while server.sizes:
        await pages(cast("Any", Request(SECRETS, **query)), server)


async def test_no_page_of_large_objects_gets_large() -> None:
    server = Server(*[250_000] * 500)
    await list_all(SmallPages(), server, limit="500")
    assert max(server.read) <= MAX_BYTES + CHUNK
    assert sum(server.read) < 1.2 * 500 * 250_000
    assert [limit for limit in server.limits if int(limit) <= 5]


async def test_small_objects_come_in_large_pages() -> None:
    server = Server(*[1000] * 5000)
    await list_all(SmallPages(), server, limit="500")
    assert len(server.limits) < 20
    assert server.limits[-1] == "500"


async def test_a_large_object_is_met_with_a_smaller_page() -> None:
    server = Server(*[1000] * 1000, *[1_400_000] * 20, *[1000] * 1000)
    await list_all(SmallPages(), server, limit="500")
    assert max(server.read) <= MAX_BYTES + CHUNK


async def test_the_size_is_remembered_for_the_next_list() -> None:
    pages, server = SmallPages(), Server(*[250_000] * 50)
    await list_all(pages, server, limit="500")
    again = Server(*[250_000] * 50)
    await list_all(pages, again, limit="500")
    assert int(again.limits[0]) <= MAX_BYTES // 250_000
    assert len(again.read) < len(server.read) + 5


async def test_one_object_beyond_all_bounds_is_given_up() -> None:
    server = Server(64 * 1024 * 1024)
    with pytest.raises(AnswerTooLargeError):
        await list_all(SmallPages(), server, limit="500")
    assert server.limits[-1] == "1"


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({}, id="an object"),
        pytest.param({"watch": "true", "limit": "500"}, id="a watch"),
    ],
)
async def test_what_is_no_list_is_left_alone(query: dict[str, str]) -> None:
    server = Server(10)
    await SmallPages()(cast("Any", Request(SECRETS, **query)), server)
    assert server.limits == [query.get("limit", "")]
    assert server.read == []


async def test_a_refusal_says_nothing_about_the_size_of_objects() -> None:
    pages = SmallPages()
    await pages(cast("Any", Request(SECRETS, limit="500")), Server(*[1] * 500, status=403))
    server = Server(*[1] * 500)
    await pages(cast("Any", Request(SECRETS, limit="500")), server)
    assert server.limits == [str(FIRST_LIMIT)]


def test_limits_grow_and_shrink_within_bounds() -> None:
    assert next_limit(10, 0) == 10 * GROWTH
    assert next_limit(400, 1) == MAX_LIMIT
    assert next_limit(10, 2 * TARGET_BYTES) == 5
    assert next_limit(1, 100 * TARGET_BYTES) == 1
