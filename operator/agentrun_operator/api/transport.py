"""Sends one signed request and reads its whole answer; nothing is ever repeated here.

Retries belong to the engine, which knows whether an object still wants the call. This layer bounds
what a peer can cost us: connections, time (per step and in total) and bytes of an answer.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, Self

import httpx
import structlog

from agentrun_operator import __version__
from agentrun_operator.api.auth import ACTION_EXTENSION, KEYS_EXTENSION
from agentrun_operator.api.credentials import Keys
from agentrun_operator.api.errors import unreachable
from agentrun_operator.api.exchange import Answer, Call
from agentrun_operator.core.errors import AnswerTooLarge, Unavailable
from agentrun_operator.core.nesting import holds_more_values
from agentrun_operator.reconcile.guard import about_to_send
from agentrun_operator.reconcile.in_flight import AnswersInFlight, HeldAnswer, ShedError
from agentrun_operator.reconcile.tracing import UNTRACED, CallSpan, Tracer

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""A hundred list items stay far below; more is a mistake or an attack."""
LARGE_BYTES: Final = 256 * 1024
MANY_CHUNKS: Final = 256
"""After so many others are served: each takes up to a twentieth of a millisecond."""
MAX_ANSWER_VALUES: Final = 64 * 1024
"""A hundred list items of 600 values stay below. The parser lets no other thread run until it is
done, and a value takes it much longer than one more byte of a value."""
KEEPALIVE_SECONDS: Final = 10.0
"""Idle connections are dropped before a gateway would do it: a write that meets a connection just
closed may have been applied, and has to be searched for."""
KEYS_KEPT_SECONDS: Final = 3600.0
"""An answer may quote keys that signed a request before."""
CONTENT_TYPE: Final = "application/json; charset=utf-8"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """All in seconds. The official client uses 5 to connect and 10 to read."""

    connect: float = 5.0
    read: float = 20.0
    """Longer than the official 10: a create that was applied and answers late is worth the wait,
    a lost answer costs a search."""
    write: float = 10.0
    pool: float = 30.0
    """How long a call may wait for a free connection; the budget keeps the queue short."""
    total: float = 60.0
    """From acquiring the connection to the last byte, against a peer that trickles."""


DEFAULT_TIMEOUTS: Final = Timeouts()


async def unlimited() -> None:
    """Let every call pass; the default of the budget's hook."""


def unobserved(_operation: str, _code: str, _seconds: float) -> None:
    """Count nothing; the default of the metrics' hook."""


class Transport:
    """One account's pooled connections.

    Args:
        base_url: `scheme://host[:port]`, checked against the allow-list by the caller.
        auth: Signs at the moment of sending.
        acquire: Awaited before each call; the engine's budget of the account.
        observe: Told operation, HTTP status (or the error's name) and seconds of each call.
        connections: Upper bound of open connections, all of which are kept for reuse.
        answers: What the bytes of all answers are counted in; None: of this transport alone.
        tracer: Told of each call from sending on; what it asks to send along is not signed.
        network: Stands in for the network in tests; None opens real connections.
    """

    def __init__(
        self,
        base_url: str,
        auth: httpx.Auth,
        *,
        acquire: Callable[[], Awaitable[None]] = unlimited,
        observe: Callable[[str, str, float], None] = unobserved,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        connections: int = 16,
        answers: AnswersInFlight | None = None,
        tracer: Tracer = UNTRACED,
        network: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        _quiet_libraries()
        self._base = httpx.URL(base_url)
        self._acquire = acquire
        self._observe = observe
        self._tracer = tracer
        self._answers = answers or AnswersInFlight()
        self._total_seconds = timeouts.total
        self._signed: dict[str, float] = {}
        """Text of keys → monotonic time at which they signed last."""
        self._http = httpx.AsyncClient(
            auth=auth,
            verify=_tls() if self._base.scheme == "https" else False,
            trust_env=False,
            follow_redirects=False,
            # Nothing of an answer is kept for the next call: cookies would grow without an end.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=httpx.Timeout(
                connect=timeouts.connect,
                read=timeouts.read,
                write=timeouts.write,
                pool=timeouts.pool,
            ),
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=KEEPALIVE_SECONDS,
            ),
            headers={
                "accept": "application/json",
                # Packed a thousand times, and again, a few kilobytes would fill our memory.
                "accept-encoding": "identity",
                "user-agent": f"agentrun-operator/{__version__}",
            },
            transport=network,
        )

    async def send(self, call: Call) -> Answer:
        """Send one call, once.

        Returns:
            Whatever answered, read to its end: error statuses and foreign bodies as well.

        Raises:
            Unavailable: No complete answer; `maybe_applied` says whether a write may have been.
            CredentialsInvalid: There are no keys to sign with.
        """
        await self._acquire()
        started = time.monotonic()
        has_begun = False
        with self._tracer.cloud_call(call.action, call.method) as span:
            try:
                async with asyncio.timeout(self._total_seconds):
                    response = await self._begin(call, span.headers)
                    has_begun = True
                    answer = await self._finish(call, response)
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ssl.SSLError) as error:
                self._record(call, span, started, type(error).__name__)
                # The cause may quote the request, whose headers hold a token.
                raise unreachable(call, error) from None
            except Unavailable as error:
                if has_begun:
                    # Something answered, and is of no use.
                    self._record(call, span, started, type(error).__name__)
                raise
            self._record(call, span, started, str(answer.status), request_id=answer.request_id)
        return answer

    async def _begin(self, call: Call, headers: Mapping[str, str]) -> httpx.Response:
        """Send the request; the answer's body is still to be read."""
        content = call.content()
        described = {} if content is None else {"content-type": CONTENT_TYPE}
        request = self._http.build_request(
            call.method,
            # As raw bytes, or httpx would encode the path by rules of its own.
            self._base.copy_with(raw_path=call.target.encode("ascii")),
            content=content,
            headers={**headers, **described},
            extensions={ACTION_EXTENSION: call.action, "trace": _at_sending},
        )
        return await self._http.send(request, stream=True)

    async def _finish(self, call: Call, response: httpx.Response) -> Answer:
        """Read what answers, and close it."""
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Unavailable(
                    f"{call.action}: the answer is packed, which nobody asked for",
                    maybe_applied=call.is_write,
                )
            held = self._answers.begin()
            try:
                body = await _whole(response, held, call)
            except BaseException:
                held.end()
                raise
        finally:
            await response.aclose()
        keys = response.request.extensions.get(KEYS_EXTENSION)
        texts = keys.texts if isinstance(keys, Keys) else frozenset()
        self._signed.update(dict.fromkeys(texts, time.monotonic()))
        answer = Answer(response.status_code, response.headers, body, texts)
        weakref.finalize(answer, held.end)
        if len(body) >= LARGE_BYTES:
            # In a thread, or nobody else is served meanwhile.
            await asyncio.to_thread(_parse, answer, call)
        return answer

    def _record(
        self,
        call: Call,
        span: CallSpan,
        started: float,
        code: str,
        *,
        request_id: str | None = None,
    ) -> None:
        """Count the call, and log it: names and numbers, never a value, a header or an id.

        Each write is told at `info`; the wire log at `debug` tells every call.
        """
        spent = time.monotonic() - started
        span.answered(code, request_id)
        self._observe(call.action, code, spent)
        fields = sorted(call.body or ())
        seconds = round(spent, 4)
        if call.is_write:
            log.info(
                "cloud write",
                operation=call.action,
                fields=fields,
                code=code,
                requestID=request_id,
                durationSeconds=seconds,
            )
        log.debug(
            "api call",
            operation=call.action,
            method=call.method,
            path=call.route,
            query=sorted(call.query),
            fields=fields,
            code=code,
            requestID=request_id,
            durationSeconds=seconds,
        )

    def keys(self) -> frozenset[str]:
        """Return the texts of the keys that signed in the last hour."""
        oldest = time.monotonic() - KEYS_KEPT_SECONDS
        self._signed = {text: at for text, at in self._signed.items() if at >= oldest}
        return frozenset(self._signed)

    async def aclose(self) -> None:
        """Close the pooled connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def _whole(response: httpx.Response, held: HeldAnswer, call: Call) -> bytes:
    """Read an answer to its end, within the bounds of one and of all."""
    chunks = 0
    try:
        async for chunk in response.aiter_bytes():
            chunks += 1
            if chunks % MANY_CHUNKS == 0:
                # What one read brought is handed out without a pause, a byte at a time if need be.
                await asyncio.sleep(0)
            if len(held.body) + len(chunk) > MAX_ANSWER_BYTES:
                raise AnswerTooLarge(
                    f"{call.action}: the answer is larger than {MAX_ANSWER_BYTES} bytes",
                    maybe_applied=call.is_write,
                )
            held.add(chunk)
        return held.take()
    except ShedError:
        raise Unavailable(
            f"{call.action}: too many large answers at one time, this one was given up",
            maybe_applied=call.is_write,
        ) from None


def _parse(answer: Answer, call: Call) -> None:
    """Have an answer parsed, unless that would take too long."""
    if holds_more_values(answer.body, MAX_ANSWER_VALUES):
        raise AnswerTooLarge(
            f"{call.action}: the answer holds more than {MAX_ANSWER_VALUES} values",
            maybe_applied=call.is_write,
        )
    _ = answer.payload


async def _at_sending(event: str, _info: object) -> None:
    """Httpcore's hook; what it raises ends the request before a byte more of it is written.

    Race: the process may be frozen between headers and body, without which nothing is carried out.
    """
    if event.endswith(("send_request_headers.started", "send_request_body.started")):
        about_to_send()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """One context for all accounts: each costs about a megabyte and tens of milliseconds."""
    return httpx.create_ssl_context(trust_env=False)


def _quiet_libraries() -> None:
    """Our own wire log is the redacted one; theirs shows URLs at INFO and more at DEBUG."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
