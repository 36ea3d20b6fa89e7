"""A simulator called in process, on a clock that tests move."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from agentrun_simulator.settings import Settings
from agentrun_simulator.simulator import Simulator

Api = Callable[..., Awaitable[httpx.Response]]


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 15, 8, 0, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def simulator(clock: ManualClock) -> Simulator:
    """A cloud whose transitions last ten seconds, and that asks for no signatures."""
    return Simulator(Settings(verify_signatures=False, transition_seconds=10), clock)


@pytest.fixture
def api(simulator: Simulator) -> Api:
    """Send one request: method, path below the version (or an admin path), JSON or raw body."""

    async def send(
        method: str, path: str, body: Any = None, *, raw: bytes | None = None, **query: Any
    ) -> httpx.Response:
        transport = httpx.ASGITransport(simulator.app)
        prefix = "" if path.startswith("/admin") else "/2025-09-10"
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
            return await client.request(method, prefix + path, content=content, params=query)

    return send


@pytest.fixture
def ok(api: Api) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Send one request that must succeed, and return its `data`."""

    async def send(method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        response = await api(method, path, body, **query)
        assert response.status_code == 200, response.text
        data: dict[str, Any] = response.json()["data"]
        return data

    return send


@pytest.fixture
def refused(api: Api) -> Callable[..., Awaitable[tuple[int, str]]]:
    """Send one request that must fail, and return status and message."""

    async def send(method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str]:
        response = await api(method, path, body, **query)
        assert response.status_code >= 400
        return response.status_code, response.json()["message"]

    return send
