"""What a broken or hostile server may answer: no crash, no memory, no minute of ours."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from agentrun_operator.api.auth import Acs3Auth
from agentrun_operator.api.credentials import Keys, StaticKeys
from agentrun_operator.api.errors import error_for
from agentrun_operator.api.exchange import MAX_MESSAGE_CHARS, Answer, Call
from agentrun_operator.api.transport import MANY_CHUNKS, Transport
from agentrun_operator.core.errors import AnswerTooLarge, Unavailable
from agentrun_operator.core.nesting import MAX_DEPTH

READ = Call("GetTemplate", "GET", "/2025-09-10/agents/templates/t")
SECRET = "canary-0123456789"


def answer(body: bytes) -> Answer:
    return Answer(200, httpx.Headers(), body)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"NaN", id="no number"),
        pytest.param(b"-Infinity", id="infinity"),
        pytest.param(b"[" * 500 + b"]" * 500, id="too deep for those who walk it"),
        pytest.param(b"[" * 5000 + b"]" * 5000, id="too deep for the parser"),
    ],
)
def test_what_kubernetes_could_not_hold_is_no_answer(data: bytes) -> None:
    assert answer(b'{"code": "SUCCESS", "data": ' + data + b"}").payload is None


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("1e999", id="infinity by its size"),
        pytest.param("-" + "9" * 5000, id="a number of thousands of digits"),
        pytest.param("0." + "1" * 50_000, id="a fraction of many thousands of digits"),
        pytest.param("9" * (8 * 1024 * 1024 - 64), id="megabytes of digits"),
    ],
)
def test_a_number_that_nobody_can_hold_is_a_text(number: str) -> None:
    """One resource that has one must not spoil the LIST in which it stands."""
    begun = time.process_time()
    assert answer(f'{{"data": [{number}, 17, 2.5]}}'.encode()).data == [number, 17, 2.5]
    assert time.process_time() - begun < 10


@pytest.mark.parametrize("digits", [64, 1000, 4000])
def test_megabytes_of_long_numbers_cost_no_time(digits: int) -> None:
    number, count = "9" * digits, 8 * 1024 * 1024 // (digits + 1)
    body = f'{{"data": [{",".join([number] * count)}]}}'.encode()
    begun = time.process_time()
    assert len(answer(body).data) == count
    assert time.process_time() - begun < 10


def test_long_numbers_beside_it_change_no_number() -> None:
    beside = ",".join(["9" * 1000] * 1000)
    assert answer(f'{{"data": [{beside}, 1{"0" * 300}]}}'.encode()).data[-1] == 10**300


def test_a_deep_document_that_can_be_walked_is_an_answer() -> None:
    levels = MAX_DEPTH - 1
    body = b'{"data": ' + b"[" * levels + b"]" * levels + b"}"
    assert answer(body).payload is not None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param(rb"\ud83d\ude00", "\N{GRINNING FACE}", id="a whole character"),
        pytest.param(rb"a\ud83d", "a?", id="its first half"),
        pytest.param(rb"\uDE00b", "?b", id="its second half"),
        pytest.param(b"\xed\xa0\x80", "\N{REPLACEMENT CHARACTER}" * 3, id="a half in its bytes"),
        pytest.param(b"\xff", "\N{REPLACEMENT CHARACTER}", id="no UTF-8"),
    ],
)
def test_every_text_can_be_written_on(text: bytes, read: str) -> None:
    found = answer(b'{"data": {"' + text + b'": ["' + text + b'"]}}').data
    assert found == {read: [read]}
    json.dumps(found, ensure_ascii=False).encode()


def test_megabytes_of_an_error_message_cost_no_time() -> None:
    text = f"{SECRET[:12]}! " * 500_000
    body = json.dumps({"code": "ERR_BAD_REQUEST", "message": text}).encode()
    call = Call("CreateTemplate", "POST", "/x", body={f"n{n}": f"value-{n}" for n in range(500)})
    begun = time.process_time()
    error = error_for(call, Answer(400, httpx.Headers(), body, frozenset({SECRET})))
    assert time.process_time() - begun < 20, f"more than {MAX_MESSAGE_CHARS} characters were read"
    assert SECRET[:12] not in error.message


async def test_a_packed_answer_is_not_unpacked() -> None:
    packed = gzip.compress(gzip.compress(bytes(64 * 1024 * 1024)))

    def handler(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept-encoding"] == "identity"

        async def stream() -> AsyncIterator[bytes]:
            yield packed

        return httpx.Response(200, content=stream(), headers={"content-encoding": "gzip, gzip"})

    keys = StaticKeys(Keys("LTAI", "secret"))
    network = httpx.MockTransport(handler)
    async with Transport("https://h.example", Acs3Auth(keys), network=network) as subject:
        with pytest.raises(Unavailable, match="packed"):
            await subject.send(READ)


async def test_an_answer_of_tiny_chunks_lets_others_run() -> None:
    """One read of the connection brings thousands of them."""
    chunks, turns = 16 * MANY_CHUNKS, 0

    def handler(_: httpx.Request) -> httpx.Response:
        async def stream() -> AsyncIterator[bytes]:
            for _ in range(chunks):
                yield b" "
            yield b"{}"

        return httpx.Response(200, content=stream())

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(turn())
    keys = StaticKeys(Keys("LTAI", "secret"))
    network = httpx.MockTransport(handler)
    async with Transport("https://h.example", Acs3Auth(keys), network=network) as subject:
        before = turns
        assert (await subject.send(READ)).payload == {}
        assert turns - before >= chunks // MANY_CHUNKS - 1
    counting.cancel()


@pytest.mark.parametrize(
    ("unit", "count"),
    [
        pytest.param(b"{}", 200_000, id="many items"),
        pytest.param(b"[]", 200_000, id="many lists"),
        pytest.param(b"1", 400_000, id="many numbers"),
        pytest.param(b'{"a":{"b":{"c":1}}}', 50_000, id="many names"),
    ],
)
async def test_what_takes_the_parser_too_long_is_no_answer(unit: bytes, count: int) -> None:
    body = b'{"data": [' + b",".join([unit] * count) + b"]}"
    keys = StaticKeys(Keys("LTAI", "secret"))
    network = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    async with Transport("https://h.example", Acs3Auth(keys), network=network) as subject:
        with pytest.raises(AnswerTooLarge, match="values"):
            await subject.send(READ)


async def test_a_large_text_is_one_value_whatever_it_holds() -> None:
    text = json.dumps({"text": ['a, "b": [{\\', "c"] * 100_000})
    keys = StaticKeys(Keys("LTAI", "secret"))
    network = httpx.MockTransport(lambda _: httpx.Response(200, json={"data": text}))
    async with Transport("https://h.example", Acs3Auth(keys), network=network) as subject:
        assert (await subject.send(READ)).data == text
