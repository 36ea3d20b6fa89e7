"""HTTP sessions to the API server: TLS, a bounded pool, and a token that may rotate.

kopf gets a session of its own, because it closes the one it was given whenever it logs in anew.
"""

import asyncio
import os
import ssl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection
from yarl import URL

from agentrun_operator import __version__
from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.answers import response_class
from agentrun_operator.kube.pages import SmallPages
from agentrun_operator.kube.tracing import Traced
from agentrun_operator.kube.watch_ages import WatchAges
from agentrun_operator.reconcile.guard import LeadershipLost, about_to_send
from agentrun_operator.reconcile.in_flight import AnswersInFlight
from agentrun_operator.reconcile.ports import ClusterUnavailable
from agentrun_operator.reconcile.tracing import UNTRACED, Tracer

log = structlog.get_logger(__name__)

POOL_LIMIT = 64
"""Connections for short requests; without a limit, slow answers open thousands of sockets."""
TOKEN_SECONDS = 60.0
"""How long a token that was read from a file is used before the file is read again."""

_UNAUTHORIZED = 401
_GONE = 410


TLS_GOODBYE_SECONDS = 0.25
"""How long the far end may take to answer the end of a TLS stream. Source: aiohttp, "Graceful
shutdown": closing a session does not wait for it."""


class Bearer:
    """Adds the token to every request, and reads it again when the file or the server says so.

    One 401 is answered by one more try with a fresh token: a bound token expires within the hour.
    """

    def __init__(
        self, access: ClusterAccess, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare; nothing is read yet."""
        self._origin = URL(access.server).origin()
        self._file = access.token_file
        self._token = access.token
        self._monotonic = monotonic
        self._read_at: float | None = None

    def token(self) -> str | None:
        """Return the current token, None where a client certificate is all we have."""
        stale = self._read_at is None or self._monotonic() - self._read_at >= TOKEN_SECONDS
        if self._file is not None and stale:
            self._read(self._file)
        return self._token

    def _read(self, file: Path) -> None:
        self._read_at = self._monotonic()
        try:
            self._token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            # A token in hand may outlive a glitch of the mount.
            if not self._token:
                raise ClusterUnavailable(
                    f"cannot read the token file {file}: {error.__class__.__name__}"
                ) from None

    def _is_replaced(self, used: str | None) -> bool:
        if self._file is None:
            return False
        self._read(self._file)
        return self._token != used

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send one request; aiohttp's middleware protocol."""
        # The token must not follow a redirect to another host.
        if request.url.origin() != self._origin:
            return await handler(request)
        used = self.token()
        if used:
            request.headers["Authorization"] = f"Bearer {used}"
        response = await handler(request)
        if response.status == _UNAUTHORIZED and self._is_replaced(used):
            response.release()
            request.headers["Authorization"] = f"Bearer {self.token()}"
            response = await handler(request)
        return response


class CredentialsRefusedError(aiohttp.ClientConnectionError):
    """Disguises a 401 as a connection error, so that kopf retries it without end."""


class LastMomentRequest(aiohttp.ClientRequest):
    """Asks once more when its connection stands: waiting for one takes as long as it takes."""

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        """Send over a connection, unless the check of this context objects."""
        about_to_send()
        return await super().send(conn)

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
    ) -> None:
        """Write the body, and with it the headers, unless the check objects by now.

        Race: a task of its own does this, and the process may be frozen before its turn comes.
        """
        try:
            about_to_send()
        except LeadershipLost as lost:
            # Whoever waits for the answer hears of it; nobody waits for this task.
            if conn.protocol is not None:
                conn.protocol.set_exception(lost)
            return
        await super().write_bytes(writer, conn, content_length)


async def hide_refusals(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep 401s from kopf; aiohttp's middleware protocol.

    kopf answers a 401 by a new login, which closes the streams of all other kinds under their
    readers; those fail with an error that ends the process (kopf 1.45.2 with aiohttp 3.14).
    """
    response = await handler(request)
    if response.status == _UNAUTHORIZED:
        response.release()
        raise CredentialsRefusedError("the API server refuses our credentials (HTTP 401)")
    return response


class ListExpiredError(aiohttp.ClientPayloadError):
    """Disguises a 410 as an answer that broke off, so that kopf lists anew."""


async def begin_lists_anew(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep the 410 of a LIST from kopf, which ends the process; aiohttp's middleware protocol.

    The API server forgets what a list began with after five minutes. On a slow server large objects
    take longer, and a new process would meet the same.
    """
    response = await handler(request)
    if response.status == _GONE and "limit" in request.url.query:
        response.release()
        log.warning("a list took too long and begins anew", collection=request.url.path)
        raise ListExpiredError("the list has expired (HTTP 410)")
    return response


def ssl_context(access: ClusterAccess) -> ssl.SSLContext:
    """Return the TLS settings of a cluster.

    Raises:
        ClusterUnavailable: a certificate or key is malformed.
    """
    try:
        context = ssl.create_default_context(cadata=access.ca)
        if access.certificate is not None and access.key is not None:
            _load_certificate(context, access.certificate, access.key)
    except (ssl.SSLError, ValueError) as error:
        raise ClusterUnavailable(
            f"a certificate or key for {access.server} is malformed: {error.__class__.__name__}"
        ) from None
    if not access.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    # The ssl module reads client certificates from files only.
    handle, name = tempfile.mkstemp(prefix="agentrun-client-")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{certificate}\n{key}\n")
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()


def open_session(
    access: ClusterAccess,
    *,
    streams: int = 0,
    for_kopf: bool = False,
    answers: AnswersInFlight | None = None,
    tracer: Tracer = UNTRACED,
    ages: WatchAges | None = None,
) -> aiohttp.ClientSession:
    """Open a session; call it inside the running loop and close what it returns.

    Args:
        access: The cluster.
        streams: Watches that will hold a connection each, beside the pool for short requests.
        for_kopf: Whether kopf will use it; see `hide_refusals` and `begin_lists_anew`.
        answers: What the bytes of all answers are counted in; None: of this session alone.
        tracer: Told of each request as it goes out.
        ages: Told of every sign of life of a watch.

    Raises:
        ClusterUnavailable: a certificate or key is malformed.
    """
    hidden = (hide_refusals, begin_lists_anew) if for_kopf else ()
    traced = () if tracer is UNTRACED else (Traced(tracer),)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=POOL_LIMIT + streams, ssl=ssl_context(access)),
        headers={
            "User-Agent": f"agentrun-operator/{__version__}",
            # Unpacking is work that holds the loop, and a megabyte may become a thousand.
            "Accept-Encoding": "identity",
        },
        middlewares=(*hidden, SmallPages(), Bearer(access), *traced),
        cookie_jar=aiohttp.DummyCookieJar(),
        proxy=access.proxy,
        trust_env=False,
        request_class=LastMomentRequest,
        response_class=response_class(answers or AnswersInFlight(), ages or WatchAges()),
    )


async def close_streams(*sessions: aiohttp.ClientSession) -> None:
    """Close sessions that held watches, and let their TLS connections end in order."""
    for session in sessions:
        await session.close()
    await asyncio.sleep(TLS_GOODBYE_SECONDS)
