"""Serving a simulator over real sockets, in a thread for tests or as a process of its own."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from agentrun_simulator.errors import GatewayError
from agentrun_simulator.gateway import DROP_EXTENSION
from agentrun_simulator.simulator import Simulator

_START_SECONDS = 10.0


@dataclass(frozen=True)
class Tls:
    """Files in PEM form that make the server speak TLS, for clients that insist on it."""

    certificate: Path
    key: Path


class DroppableProtocol(H11Protocol):
    """HTTP/1.1 in which the application may cut its connection without an answer."""

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or has headers beyond all measure, as the gateway would."""
        error = GatewayError(400, "InvalidParameter", msg)
        document = error.body(request_id=str(uuid.uuid4()).upper(), host="", action="")
        body = json.dumps(document).encode()
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"x-acs-request-id: {document['RequestId']}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Offer the cut to every request of a new connection."""
        super().connection_made(transport)
        application = cast("ASGIApp", self.app)

        async def with_drop(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = scope.get("extensions") or {}
            scope["extensions"] = extensions | {DROP_EXTENSION: transport.abort}
            await application(scope, receive, send)

        self.app = with_drop


class _Server(uvicorn.Server):
    """A uvicorn server whose signals and announcement are ours."""

    def __init__(self, simulator: Simulator, announce: Callable[[], None], tls: Tls | None) -> None:
        config = uvicorn.Config(
            simulator.app,
            interface="asgi3",
            http=DroppableProtocol,
            ws="none",
            lifespan="off",
            proxy_headers=False,
            log_config=None,
            access_log=False,
            # The simulator's clock speaks in `Date`, not the machine's.
            date_header=False,
            server_header=False,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
            timeout_graceful_shutdown=1,
            # As patient as a gateway, so that pooled connections do not race with their end.
            timeout_keep_alive=75,
        )
        super().__init__(config)
        self._announce = announce
        self._wake: Callable[[], object] = bool

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections, then say so."""
        await super().startup(sockets)
        self._announce()

    async def main_loop(self) -> None:
        """Wait for the end, without uvicorn's polling for it."""
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        self._wake = partial(loop.call_soon_threadsafe, stopped.set)
        if not self.should_exit:
            await stopped.wait()

    def stop(self) -> None:
        """End the server, from any thread."""
        # Order: a loop that has not begun to wait sees the flag, one that waits gets the call.
        self.should_exit = True
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._wake()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone.

        uvicorn raises a caught signal again after its shutdown, which ends a process with an
        error; the command line asks for a clean exit instead.
        """
        yield


def _listen(host: str, port: int, tls: Tls | None) -> tuple[socket.socket, str]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it on, every
    # answer waits some 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    bound = listener.getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    return listener, f"{'https' if tls else 'http'}://{name}:{bound}"


@contextlib.contextmanager
def serve(
    simulator: Simulator, host: str = "127.0.0.1", port: int = 0, tls: Tls | None = None
) -> Iterator[str]:
    """Serve a simulator in a thread; yields its URL, port 0 takes a free one.

    Raises:
        OSError: the address is in use.
        RuntimeError: the server did not start in time.
    """
    listener, url = _listen(host, port, tls)
    started = threading.Event()
    server = _Server(simulator, started.set, tls)
    thread = threading.Thread(target=server.run, args=([listener],), name="agentrun-simulator")
    thread.start()
    try:
        if not started.wait(_START_SECONDS):
            raise RuntimeError("the simulator's server did not start in time")
        yield url
    finally:
        server.stop()
        thread.join()
        listener.close()


def run(simulator: Simulator, host: str, port: int, tls: Tls | None = None) -> None:
    """Serve a simulator until SIGTERM or SIGINT, announcing its URL in one line on stdout.

    Raises:
        OSError: the address is in use or not ours.
    """
    listener, url = _listen(host, port, tls)

    def announce() -> None:
        sys.stdout.write(f"agentrun-simulator ready on {url}\n")
        sys.stdout.flush()

    server = _Server(simulator, announce, tls)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        await server.serve(sockets=[listener])

    with listener:
        asyncio.run(main())
