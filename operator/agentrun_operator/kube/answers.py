"""Reads answers of the API server within bounds, and cuts what is nested too deeply."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, cast

import aiohttp
import structlog
from aiohttp.connector import Connection

from agentrun_operator.core.nesting import loads, shallow
from agentrun_operator.kube.watch_ages import WatchAges
from agentrun_operator.reconcile.in_flight import AnswersInFlight, HeldAnswer, ShedError

log = structlog.get_logger(__name__)

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Of one answer, or of one event of a watch. The API server stores no object of a tenth of it."""
LARGE_BYTES = 256 * 1024
"""What is larger is looked at in a thread, in which the loop gets its turns in between."""

_ERROR = b'{"type":"ERROR"'
_EXPIRED = b'{"type":"ERROR","object":{"kind":"Status","code":410}}'


class AnswerTooLargeError(aiohttp.ClientPayloadError):
    """An answer is larger than its bound."""


class BoundedContent:
    """The stream of an answer that is read as a whole, up to a bound; all else is its own."""

    def __init__(self, stream: aiohttp.StreamReader, held: HeldAnswer) -> None:
        """Read from a stream."""
        self._stream = stream
        self._held = held
        self.most = MAX_ANSWER_BYTES

    def __getattr__(self, name: str) -> Any:
        """Return what the stream itself has."""
        return getattr(self._stream, name)

    async def read(self, n: int = -1) -> bytes:
        """Return the whole answer.

        Raises:
            AnswerTooLargeError: it is beyond the bound.
            aiohttp.ClientPayloadError: there was no room for it beside all others.
        """
        if n >= 0:
            return await self._stream.read(n)
        try:
            while chunk := await self._stream.readany():
                self._held.add(chunk)
                self._check()
            return self._held.take()
        except ShedError:
            raise aiohttp.ClientPayloadError(
                "too many large answers at one time; this one was given up"
            ) from None
        except BaseException:
            self._held.end()
            raise

    def _check(self) -> None:
        if len(self._held.body) > self.most:
            raise AnswerTooLargeError(f"the answer is larger than {self.most} bytes")


class ShallowLines:
    """A stream of watch events for kopf; all but `iter_chunked` is the stream's own.

    What is nested too deeply is cut, and every error says that the watch has expired: kopf lists
    anew after that one, and ends after any other, such as etcd without a leader.
    """

    def __init__(self, stream: aiohttp.StreamReader, lives: Callable[[], None]) -> None:
        """Read from a stream; `lives` is called whenever something arrives."""
        self._stream = stream
        self._lives = lives

    def __getattr__(self, name: str) -> Any:
        """Return what the stream itself has."""
        return getattr(self._stream, name)

    async def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        """Yield whole lines; only the last one may lack its end."""
        parts: list[bytes] = []
        size = 0
        async for chunk in self._stream.iter_chunked(n):
            self._lives()
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                yield await _fit(b"".join((*parts, line))) + b"\n"
                parts, size = [], 0
            parts.append(rest)
            size += len(rest)
            if size > MAX_ANSWER_BYTES:
                raise AnswerTooLargeError(f"an event is larger than {MAX_ANSWER_BYTES} bytes")
        if last := b"".join(parts):
            yield await _fit(last)


async def _fit(line: bytes) -> bytes:
    if line.startswith(_ERROR) and b'"code":410' not in line:
        log.warning("a watch failed and begins anew")
        return _EXPIRED
    return shallow(line) if len(line) < LARGE_BYTES else await asyncio.to_thread(shallow, line)


def _nothing() -> None:
    """Take a refusal for no sign of life."""


def response_class(answers: AnswersInFlight, ages: WatchAges) -> type[aiohttp.ClientResponse]:
    """Return the class of answers that count in `answers`, and whose watches show in `ages`."""

    class BoundedResponse(aiohttp.ClientResponse):
        """An answer with no document that kopf's parser would give up at, and not too large."""

        async def start(self, connection: Connection) -> "BoundedResponse":
            """Begin to read; a watch by lines that may be cut."""
            await super().start(connection)
            if "watch" in self.url.query:
                lives = partial(ages.note, self.url.path) if self.ok else _nothing
                lives()
                self.content = cast("aiohttp.StreamReader", ShallowLines(self.content, lives))
            else:
                held = answers.begin()
                # The parsed document lives about as long as the answer does.
                weakref.finalize(self, held.end)
                self.content = cast("aiohttp.StreamReader", BoundedContent(self.content, held))
            return self

        async def json(
            self,
            *,
            encoding: str | None = None,
            loads: Callable[[str], Any] = loads,
            content_type: str | None = "application/json",
        ) -> Any:
            """Parse the body as a whole."""
            return await super().json(encoding=encoding, loads=loads, content_type=content_type)

    return BoundedResponse
