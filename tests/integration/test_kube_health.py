"""The health server on a loopback port."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from agentrun_operator.telemetry.door import MAX_CONNECTIONS
from agentrun_operator.telemetry.health import HealthServer
from agentrun_operator.telemetry.metrics import PrometheusMetrics


class Process:
    """What the probes ask about."""

    def __init__(self) -> None:
        self.alive: str | None = None
        self.ready: str | None = "waiting for the first lists"
        self.metrics = PrometheusMetrics()

    def server(self, port: int = 0) -> HealthServer:
        return HealthServer(
            host="127.0.0.1",
            port=port,
            alive=lambda: self.alive,
            ready=lambda: self.ready,
            metrics=self.metrics.render,
        )


@asynccontextmanager
async def served(process: Process) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        process.server() as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session,
    ):
        yield session


async def get(session: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with session.get(path) as response:
        return response.status, await response.text()


async def test_probes_follow_the_process() -> None:
    process = Process()
    async with served(process) as session:
        assert await get(session, "/healthz") == (200, "ok\n")
        assert await get(session, "/readyz") == (503, "waiting for the first lists\n")
        process.ready, process.alive = None, "not watching: modelproxies"
        assert await get(session, "/readyz") == (200, "ok\n")
        assert await get(session, "/healthz") == (503, "not watching: modelproxies\n")


def ask(port: int, seconds: float) -> bytes:
    """Ask for /healthz without a loop, as a kubelet with this timeout does."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return connection.recv(64)


async def test_a_loop_that_hangs_answers_no_probe() -> None:
    gave_up = threading.Event()

    def ask_in_vain() -> None:
        try:
            ask(server.port, 0.3)
        finally:
            gave_up.set()

    async with Process().server() as server:
        asyncio.get_running_loop().call_soon(gave_up.wait, 60)
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(ask_in_vain)
        assert (await asyncio.to_thread(ask, server.port, 60)).startswith(b"HTTP/1.1 200 ")


async def test_metrics_are_in_the_text_format() -> None:
    async with served(Process()) as session, session.get("/metrics") as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "agentrun_operator_build_info" in await response.text()


async def test_who_asks_for_openmetrics_gets_it_with_the_same_series() -> None:
    process = Process()
    process.metrics.api_called(None, "GetTool", "200", 0.1)
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    async with served(process) as session:
        async with session.get("/metrics", headers={"Accept": accept}) as response:
            media_type, text = response.headers["Content-Type"], await response.text()
        async with session.get("/metrics") as response:
            plain = await response.text()
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("\n# EOF\n")
    assert series(text) == series(plain)


def series(text: str) -> list[str]:
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return [line.rpartition(" ")[0] for line in lines]


async def test_other_paths_and_methods_are_refused() -> None:
    async with served(Process()) as session:
        assert (await get(session, "/"))[0] == 404
        async with session.post("/healthz") as response:
            assert response.status == 405


async def test_the_port_is_free_again_and_a_taken_one_is_an_error() -> None:
    process = Process()
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = process.server().port
    async with process.server() as first:
        with pytest.raises(OSError, match=r"address already in use|[Ee]rrno"):
            await process.server(first.port).start()
    async with process.server(first.port) as second:
        assert second.port == first.port
    await asyncio.sleep(0)


async def silent(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection and send half a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: ")
    return reader, writer


async def ends(reader: asyncio.StreamReader) -> bool:
    """Wait until the far end hangs up."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def test_half_open_connections_are_cut_and_keep_no_probe_out() -> None:
    async with Process().server() as server:
        crowd = [await silent(server.port) for _ in range(3 * MAX_CONNECTIONS)]
        answer = await asyncio.to_thread(ask, server.port, 60)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert all([await ends(reader) for reader, _ in crowd[: 2 * MAX_CONNECTIONS]])
        for _, writer in crowd:
            writer.close()


async def test_a_request_that_does_not_come_is_not_waited_for() -> None:
    process = Process()
    server = HealthServer(
        host="127.0.0.1",
        port=0,
        alive=lambda: process.alive,
        ready=lambda: process.ready,
        metrics=process.metrics.render,
        seconds=0.05,
    )
    async with server:
        reader, writer = await silent(server.port)
        assert await ends(reader)
        writer.close()
