"""A plain HTTP server on the operator's own loop: few pages, short connections."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Self

from aiohttp import web

from agentrun_operator.telemetry.door import CONNECTION_SECONDS, MAX_CONNECTIONS, Door

Page = Callable[[web.Request], Awaitable[web.Response]]

SHUTDOWN_SECONDS = 1.0
"""For answers under way when the process ends: who reads slowly must not hold it up."""


class AddressTakenError(OSError):
    """Nothing can be served at the address; the message says what to change."""


class Listener:
    """Serves pages by GET.

    Args:
        host: Address to bind.
        port: Port to bind; 0 takes a free one, see `port`.
        pages: Path → what answers it.
        variables: What to set where the address is taken, for the message.
        seconds: How long a connection may last; see `Door`.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        pages: Mapping[str, Page],
        variables: str,
        seconds: float = CONNECTION_SECONDS,
    ) -> None:
        self._host = host
        self._wanted_port = port
        self._port: int | None = None
        self._variables = variables
        app = web.Application()
        for path, page in pages.items():
            app.router.add_get(path, page)
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
            raise RuntimeError("the server has not been started")
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
                f"cannot listen on {self._host} port {self._wanted_port}: {why}; "
                f"set another {self._variables}"
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
            raise RuntimeError("the server has not been started")
        return self._runner.server()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


async def _close_after(_: web.Request, response: web.StreamResponse) -> None:
    # A connection that is kept would count, and need a time-out of its own while it is idle.
    response.force_close()
    response.headers["Connection"] = "close"
