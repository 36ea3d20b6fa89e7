"""Doors between the operators and what they talk to: cut, shut, silent, or with a rude porter.

A door is a reverse proxy on loopback. The API server's one shows the API server's own certificate,
so nothing about the operator is different from a cluster behind a load balancer.
"""

import asyncio
import random
import ssl
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from rig.cloud import QUESTION

T = TypeVar("T")

Whose = Callable[[int], str]
"""Names the process whose end of a connection has this port; empty where nobody knows."""

REOPEN_SECONDS = 10.0
IDLE_SECONDS = 2.0
"""Less than any server keeps an idle connection: a request must not meet its end."""
MAX_BODY_BYTES = 64 * 1024 * 1024
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade"})
_RUDE = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Write:
    """A request for a change, as it came in.

    Attributes:
        at: POSIX time.
        who: The process that sent it.
        method: HTTP method.
        path: Path without query.
    """

    at: float
    who: str
    method: str
    path: str


@dataclass(eq=False)
class _Stream:
    is_silent: bool = False


class Door:
    """One door; `Doors.add` makes it. Every method may be called from any thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, upstream: str, chance: random.Random, *, whose: Whose
    ) -> None:
        self.port = 0
        self.writes: list[Write] = []
        """What asked for a change, in the order in which it came."""
        self.leaks: list[str] = []
        """Writes that showed the forbidden text, by method and path."""
        self.defects: list[str] = []
        """Errors of the door itself: what went through it then proves nothing."""
        self.forbidden = b""
        """Must not be in the body of any write; empty: anything may."""
        self.tag = ""
        """Added to the User-Agent, so that the far end's log tells who came through this door."""
        self._loop = loop
        self._upstream = upstream.rstrip("/")
        self._chance = chance
        self._whose = whose
        self._server_tls: ssl.SSLContext | None = None
        self._client_tls: ssl.SSLContext | bool = True
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._http: aiohttp.ClientSession | None = None
        self._streams: set[_Stream] = set()
        self._open = asyncio.Event()
        self._rude_share = 0.0
        self._lost_share = 0.0
        self._late_share = 0.0

    def certify(self, certificate: str, key: str) -> None:
        """Serve TLS with the far end's own certificate and key, both files; before `start`."""
        self._server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._server_tls.load_cert_chain(certificate, key)
        self._client_tls = ssl.create_default_context(cafile=certificate)

    @property
    def url(self) -> str:
        """Where to knock."""
        return f"{'https' if self._server_tls else 'http'}://127.0.0.1:{self.port}"

    # ------------------------------------------------ what can happen

    def cut(self) -> None:
        """Reset every connection; new ones are welcome."""
        self._do(self._cut())

    def shut(self) -> None:
        """Reset every connection and refuse new ones."""
        self._do(self._shut())

    def reopen(self) -> None:
        """Let everybody in again, on the same port."""
        self._do(self._listen())

    def silence(self) -> None:
        """Take requests and streams, and say nothing: packets get lost, and nobody is told."""
        self._loop.call_soon_threadsafe(self._open.clear)
        self.hush()

    def speak(self) -> None:
        """End the silence by resetting what suffered from it."""
        self._loop.call_soon_threadsafe(self._open.set)
        self.cut()

    def hush(self) -> None:
        """Make the streams that there are silent for good; requests and new streams are served."""
        self._do(self._hush())

    def be_rude(self, share: float) -> None:
        """Refuse a share of the requests with a 429 or 5xx."""
        self._rude_share = share

    def lose(self, *, before: float = 0.0, after: float = 0.0) -> None:
        """Reset the connection of a share of the writes, before or after they take effect."""
        self._late_share, self._lost_share = after, before

    def behave(self) -> None:
        """Serve everybody."""
        self.be_rude(0.0)
        self.lose()

    # ------------------------------------------------ inner parts

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30.0)

    async def start(self) -> None:
        """Begin to serve; in the loop."""
        self._open.set()
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, ssl=self._client_tls, keepalive_timeout=IDLE_SECONDS
            ),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await self._listen()

    async def stop(self) -> None:
        """End; in the loop."""
        await self._cut()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._http is not None:
            await self._http.close()

    async def _listen(self) -> None:
        assert self._runner is not None
        deadline = self._loop.time() + REOPEN_SECONDS
        while True:
            self._site = web.TCPSite(
                self._runner, "127.0.0.1", self.port, ssl_context=self._server_tls
            )
            try:
                await self._site.start()
            except OSError:
                # Race: an outgoing connection may borrow the port for a moment.
                if self._loop.time() > deadline:
                    raise
                await asyncio.sleep(0.1)
            else:
                self.port = self._runner.addresses[0][1]
                return

    async def _shut(self) -> None:
        if self._site is not None:
            await self._site.stop()
            self._site = None
        await self._cut()

    async def _cut(self) -> None:
        assert self._runner is not None
        server = self._runner.server
        for connection in list(server.connections) if server is not None else []:
            if connection.transport is not None:
                connection.transport.abort()

    async def _hush(self) -> None:
        for stream in self._streams:
            stream.is_silent = True

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._pass(request)
        except (ConnectionError, aiohttp.ClientError):
            return _cut_off(request)  # one of the two ends is gone
        except Exception as error:  # noqa: BLE001 - whatever it is, the round is worth nothing
            self.defects.append(f"{request.method} {request.path}: {error!r}")
            return _cut_off(request)

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        is_question = request.headers.get("x-acs-action") == QUESTION
        is_write = request.method not in ("GET", "HEAD") and not is_question
        if is_write:
            self._note(request, body)
        await self._passage(request)
        if self._happens(self._rude_share):
            return _rude_answer(self._chance)
        if is_write and self._happens(self._lost_share):
            return _cut_off(request)
        async with self._ask(request, body) as answer:
            if request.query.get("watch") == "true":
                return await self._stream(request, answer)
            content = await answer.read()
        if is_write and self._happens(self._late_share):
            return _cut_off(request)
        await self._passage(request)
        return web.Response(status=answer.status, headers=_kept(answer.headers), body=content)

    def _note(self, request: web.Request, body: bytes) -> None:
        peer = request.get_extra_info("peername")
        who = self.tag or (self._whose(peer[1]) if peer else "")
        self.writes.append(Write(time.time(), who, request.method, request.path))
        if self.forbidden and self.forbidden in body:
            self.leaks.append(f"{request.method} {request.path}")

    def _happens(self, share: float) -> bool:
        return self._chance.random() < share

    async def _passage(self, request: web.Request) -> None:
        if not self._open.is_set():
            await self._open.wait()
            _cut_off(request)

    def _ask(self, request: web.Request, body: bytes) -> Any:
        assert self._http is not None
        headers = _kept(request.headers)
        if self.tag:
            headers["User-Agent"] = f"{headers.get('User-Agent', '')} {self.tag}"
        return self._http.request(
            request.method,
            URL(f"{self._upstream}{request.raw_path}", encoded=True),
            headers=headers,
            data=body or None,
            allow_redirects=False,
        )

    async def _stream(
        self, request: web.Request, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=_kept(answer.headers))
        stream = _Stream()
        self._streams.add(stream)
        try:
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                if stream.is_silent:
                    await asyncio.Event().wait()  # until the other end has had enough
                await response.write(chunk)
        finally:
            self._streams.discard(stream)
        return response


class Doors:
    """Doors with a thread of their own; a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="doors", daemon=True)
        self._doors: list[Door] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._doors:
            asyncio.run_coroutine_threadsafe(each.stop(), self._loop).result(30.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def add(
        self,
        upstream: str,
        chance: random.Random,
        *,
        whose: Whose = lambda _: "",
        certificate: tuple[str, str] | None = None,
        tag: str = "",
        forbidden: bytes = b"",
    ) -> Door:
        """Open a door in front of a URL."""
        door = Door(self._loop, upstream, chance, whose=whose)
        door.tag, door.forbidden = tag, forbidden
        if certificate is not None:
            door.certify(*certificate)
        asyncio.run_coroutine_threadsafe(door.start(), self._loop).result(30.0)
        self._doors.append(door)
        return door


def _kept(headers: Any) -> CIMultiDict[str]:
    return CIMultiDict((k, v) for k, v in headers.items() if k.lower() not in _HOP)


def _cut_off(request: web.Request) -> web.Response:
    """Reset the connection of a request; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=502)


def _rude_answer(chance: random.Random) -> web.Response:
    status = chance.choice(_RUDE)
    headers = {"Retry-After": "1"} if status in (429, 503) else {}
    if chance.random() < 0.3:
        page = "<html><body>come back later</body></html>"
        return web.Response(status=status, headers=headers, text=page, content_type="text/html")
    document = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}
    return web.json_response({**document, "message": "come back later"}, status=status)
