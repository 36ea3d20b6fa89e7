"""What only a socket shows of the client: connections that are kept, bounded, refused, or lost."""

import asyncio
import socket

import pytest

from agentrun_operator.api.transport import Timeouts
from agentrun_operator.core.errors import Unavailable
from fakes.mappings import PROXY
from fakes.recorder import connected, listening, recording


async def test_connections_are_reused() -> None:
    async with recording() as recorder, connected(recorder.url) as client:
        for _ in range(5):
            await client.read_page(PROXY)
    assert (len(recorder.seen), recorder.connections) == (5, 1)


async def test_connections_are_bounded() -> None:
    async with recording() as recorder, connected(recorder.url, connections=3) as client:
        await asyncio.gather(*(client.read_page(PROXY) for _ in range(20)))
    assert len(recorder.seen) == 20
    assert recorder.connections <= 3


async def test_a_create_whose_answer_is_lost_may_have_been_applied() -> None:
    async with recording(answer=None) as recorder, connected(recorder.url) as client:
        with pytest.raises(Unavailable, match="closed without an answer") as caught:
            await client.create(PROXY, {"modelProxyName": "chat"})
    assert caught.value.maybe_applied
    assert len(recorder.seen) == 1


async def test_a_create_that_never_left_was_not_applied() -> None:
    with socket.socket() as taken:
        # Bound but not listening: a connection is refused, and nobody else takes the port.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with connected(url) as client:
            with pytest.raises(Unavailable, match="no connection") as caught:
                await client.create(PROXY, {"modelProxyName": "chat"})
    assert not caught.value.maybe_applied


async def test_a_slow_answer_is_given_up_and_may_have_been_applied() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    impatient = Timeouts(read=0.05)
    async with (
        listening(hang) as port,
        connected(f"http://127.0.0.1:{port}", timeouts=impatient) as client,
    ):
        with pytest.raises(Unavailable, match="time limit") as caught:
            await client.create(PROXY, {"modelProxyName": "chat"})
    assert caught.value.maybe_applied


async def test_proxy_settings_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with recording() as recorder, connected(recorder.url) as client:
        await client.read_page(PROXY)
    assert len(recorder.seen) == 1
