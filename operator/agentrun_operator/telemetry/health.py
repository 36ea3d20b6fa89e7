"""/healthz, /readyz and /metrics over plain HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from aiohttp import web

from agentrun_operator.telemetry.door import CONNECTION_SECONDS, MAX_CONNECTIONS, Door

Check = Callable[[], str | None]
"""None: fine; else the reason why not, in a sentence without secrets."""

SHUTDOWN_SECONDS = 1.0
"""For answers under way when the process ends: who reads slowly must not hold it up."""


class AddressTakenError(OSError):
    """Nothing can be served at the address; the message says what to change."""


class HealthServer:
    """Answers probes from the operator's own loop: an answer proves that the loop is alive.

    Args:
        host: Address to bind.
        port: Port to bind; 0 takes a free one, see `port`.
        alive: Why this process should be restarted. Never asks the cloud: an outage there must not
            restart a fleet of operators.
        ready: Why this process does not do its work yet.
        metrics: Renders the metrics for an `Accept` header; returns the media type as well.
        seconds: How long a connection may last; see `Door`.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        alive: Check,
        ready: Check,
        metrics: Callable[[str], tuple[bytes, str]],
        seconds: float = CONNECTION_SECONDS,
    ) -> None:
        self._host = host
        self._wanted_port = port
        self._port: int | None = None
        self._metrics = metrics
        app = web.Application()
        app.router.add_get("/healthz", _probe(alive))
        app.router.add_get("/readyz", _probe(ready))
        app.router.add_get("/metrics", self._render)
        app.on_response_prepare.append(_close_after)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        self._door = Door(self._handler, seconds=seconds, most=MAX_CONNECTIONS)
        self._listener: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that is really bound.

        Raises:
            RuntimeError: the server has not been started.
        """
        if self._port is None:
            raise RuntimeError("the health server has not been started")
        return self._port

    async def start(self) -> None:
        """Bind and answer in the background.

        Raises:
            AddressTakenError: the address is taken or not ours.
        """
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                self._door.guest, self._host, self._wanted_port
            )
        except OSError as error:
            await self._runner.cleanup()
            # asyncio puts its own words and the number before the system's.
            why = (error.strerror or str(error)).rpartition("] ")[2]
            raise AddressTakenError(
                f"cannot listen on {self._host} port {self._wanted_port}: {why}; set another "
                "AGENTRUN_OPERATOR_BIND_HOST or AGENTRUN_OPERATOR_BIND_PORT"
            ) from None
        self._port = int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the port."""
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()
        self._door.close()

    def _handler(self) -> asyncio.Protocol:
        if self._runner.server is None:
            raise RuntimeError("the health server has not been started")
        return self._runner.server()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _render(self, request: web.Request) -> web.Response:
        # A header may come in several lines, which mean the same as one.
        body, media_type = self._metrics(", ".join(request.headers.getall("Accept", ())))
        return web.Response(body=body, headers={"Content-Type": media_type})


async def _close_after(_: web.Request, response: web.StreamResponse) -> None:
    # A connection that is kept would count, and need a time-out of its own while it is idle.
    response.force_close()
    response.headers["Connection"] = "close"


def _probe(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        reason = check()
        return web.Response(
            text="ok\n" if reason is None else f"{reason}\n", status=200 if reason is None else 503
        )

    return answer
