"""Requests to the API server: raw JSON in, raw JSON out, typed errors.

Nothing is repeated here: the engine knows whether a write is still wanted, the next pass or the
next resync repeats a read. No message quotes a body that we sent.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from agentrun_operator.core.identity import GROUP, VERSION
from agentrun_operator.core.nesting import loads
from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.answers import LARGE_BYTES, MAX_ANSWER_BYTES, AnswerTooLargeError
from agentrun_operator.kube.session import close_streams, open_session
from agentrun_operator.kube.watch_ages import WatchAges
from agentrun_operator.reconcile.in_flight import AnswersInFlight
from agentrun_operator.reconcile.ports import (
    ClusterForbidden,
    ClusterUnavailable,
    Json,
    ObjectConflict,
    ObjectGone,
)
from agentrun_operator.reconcile.tracing import UNTRACED, Tracer

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

PAGE_LIMIT = 500
REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 10.0
WATCH_GRACE_SECONDS = 30.0
"""The server ends a watch at its own timeout; only a dead connection lasts longer."""
SILENCE_SECONDS = 150.0
"""Bookmarks come about once a minute; a stream silent for longer is taken for dead."""
MAX_SAID = 256
FAILED_TEST = 422

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
"""RFC 1123 subdomain."""


class ClusterInvalid(ClusterUnavailable):
    """What would be stored breaks a rule of its kind; the message names it."""


class ListExpired(ClusterUnavailable):
    """The resourceVersion or continue token is too old: list again."""


_FORBIDDEN = 403
_REFUSALS: Mapping[int, type[Exception]] = {
    _FORBIDDEN: ClusterForbidden,
    404: ObjectGone,
    409: ObjectConflict,
    410: ListExpired,
    422: ClusterInvalid,
}
_REMEDIES: Mapping[int, str] = {
    401: "; the API server refuses our credentials, renew the token or certificate",
    _FORBIDDEN: "; extend the RBAC rules of the operator",
}


def is_object_name(name: str) -> bool:
    """Whether an object can have this name; a spec may name anything, `../x` included."""
    return _NAME.fullmatch(name) is not None


def custom_path(plural: str, namespace: str = "", name: str = "", *, status: bool = False) -> str:
    """Return the path of one of our kinds, or of one object of it."""
    return _path(f"/apis/{GROUP}/{VERSION}", plural, namespace, name) + ("/status" * status)


def core_path(plural: str, namespace: str = "", name: str = "") -> str:
    """Return the path of a core/v1 kind, or of one object of it."""
    return _path("/api/v1", plural, namespace, name)


def _path(base: str, plural: str, namespace: str, name: str) -> str:
    where = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    what = f"/{quote(name, safe='')}" if name else ""
    return f"{base}{where}/{plural}{what}"


class KubeClient:
    """One API server.

    Every method raises ObjectGone (404), ObjectConflict (409, or a failed test of a JSON patch),
    ClusterForbidden (403), ListExpired (410), ClusterInvalid (422), and ClusterUnavailable for
    everything else.
    """

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        """Use a session that nobody else closes."""
        self._session = session
        self._server = server.rstrip("/")
        self._has_streamed = False

    @classmethod
    def open(
        cls,
        access: ClusterAccess,
        *,
        streams: int = 0,
        answers: AnswersInFlight | None = None,
        ages: WatchAges | None = None,
        tracer: Tracer = UNTRACED,
    ) -> Self:
        """Open a client with a session of its own; see `open_session`."""
        session = open_session(access, streams=streams, answers=answers, ages=ages, tracer=tracer)
        return cls(session, access.server)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the session."""
        await (close_streams(self._session) if self._has_streamed else self._session.close())

    async def get(
        self, path: str, *, params: Mapping[str, str] | None = None, accept: str = JSON
    ) -> Json:
        """GET one object or one page."""
        return await self._request("GET", path, params=params, accept=accept)

    async def pages(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        accept: str = JSON,
        limit: int = PAGE_LIMIT,
    ) -> AsyncIterator[Json]:
        """LIST in chunks of one consistent snapshot; `items` of a page is always a list.

        `limit` is the most; a page is smaller where objects are large (see `SmallPages`).
        """
        query = {**(params or {}), "limit": str(limit)}
        while True:
            page = await self.get(path, params=query, accept=accept)
            page["items"] = page.get("items") or []
            yield page
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            query["continue"] = token

    async def patch(
        self,
        path: str,
        body: Json | list[Json],
        *,
        content_type: str = MERGE_PATCH,
        params: Mapping[str, str] | None = None,
    ) -> Json:
        """PATCH one object; returns the object as it is now."""
        return await self._request("PATCH", path, body, content_type=content_type, params=params)

    async def post(self, path: str, body: Json, *, params: Mapping[str, str] | None = None) -> Json:
        """POST one object; returns the object as it is now."""
        return await self._request("POST", path, body, params=params)

    async def delete(self, path: str, *, uid: str, version: str) -> Json:
        """DELETE one object, if it is still this very version of it."""
        body: Json = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid, "resourceVersion": version},
        }
        return await self._request("DELETE", path, body)

    async def _request(
        self,
        method: str,
        path: str,
        body: Json | list[Json] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        accept: str = JSON,
        content_type: str = JSON,
    ) -> Json:
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            async with self._session.request(
                method,
                self._url(path, params),
                data=None if body is None else _encode(body),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS),
            ) as response:
                raw = await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(method, path, error) from None
        answer = await _decode(raw)
        if status >= 400:  # noqa: PLR2004 - HTTP
            raise _refusal(method, path, status, answer or {})
        if answer is None:
            raise ClusterUnavailable(f"{method} {path}: HTTP {status} with a body that is no JSON")
        return answer

    async def watch(
        self,
        path: str,
        *,
        version: str,
        seconds: int,
        params: Mapping[str, str] | None = None,
        accept: str = JSON,
    ) -> AsyncGenerator[Json, None]:
        """Stream raw watch events after a resourceVersion until the server ends the stream.

        Args:
            path: The collection.
            version: Where to continue.
            seconds: After how long the server is asked to end the stream; whole seconds, because
                it refuses `240.0`.
            params: More query parameters.
            accept: Representation of the objects.
        """
        query = {
            **(params or {}),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        self._has_streamed = True
        timeout = aiohttp.ClientTimeout(
            total=seconds + WATCH_GRACE_SECONDS,
            sock_connect=CONNECT_SECONDS,
            sock_read=SILENCE_SECONDS,
        )
        try:
            async with self._session.get(
                self._url(path, query), headers={"Accept": accept}, timeout=timeout
            ) as response:
                if response.status >= 400:  # noqa: PLR2004 - HTTP
                    said = await _decode(await response.read()) or {}
                    raise _refusal("WATCH", path, response.status, said)
                async for line in _lines(response.content):
                    yield await _event(line, path)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable("WATCH", path, error) from None

    def _url(self, path: str, params: Mapping[str, str] | None) -> URL:
        # Encoded by `_path` already: yarl would resolve `..` and decode `%2F`.
        return URL(f"{self._server}{path}", encoded=True).with_query(params or {})

    def _unreachable(self, method: str, path: str, error: Exception) -> ClusterUnavailable:
        hint = (
            f"check that the API server is up, that {self._server} is its address, and that a "
            "NetworkPolicy lets its port out (networkPolicy.apiServerPorts of the chart)"
        )
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            hint = "its certificate is not signed by the configured authority"
        what = type(error).__name__
        return ClusterUnavailable(
            f"{method} {path}: no answer from {self._server} ({what}); {hint}"
        )


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    # StreamReader's own line iterator refuses lines beyond its buffer limit.
    parts: list[bytes] = []
    size = 0
    async for chunk in content.iter_any():
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            whole = b"".join((*parts, line))
            parts, size = [], 0
            if whole.strip():
                yield whole
        parts.append(rest)
        size += len(rest)
        if size > MAX_ANSWER_BYTES:
            raise AnswerTooLargeError(f"an event is larger than {MAX_ANSWER_BYTES} bytes")


async def _event(line: bytes, path: str) -> Json:
    event = await _decode(line)
    if event is None or "type" not in event or "object" not in event:
        raise ClusterUnavailable(f"WATCH {path}: a line that is no watch event")
    if event["type"] == "ERROR":
        status = event["object"]
        raise _refusal("WATCH", path, int(status.get("code") or 500), status)
    return event


def _encode(body: Json | list[Json]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


async def _decode(raw: bytes) -> Json | None:
    """Parse an answer; a large one in a thread, or nobody else is served meanwhile."""
    is_large = len(raw) >= LARGE_BYTES
    try:
        answer: Any = await asyncio.to_thread(loads, raw) if is_large else loads(raw)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _refusal(method: str, path: str, status: int, answer: Json) -> Exception:
    """Translate an error answer; its body is a `Status` object where the API server wrote it."""
    said = str(answer.get("message") or "")[:MAX_SAID]
    text = f"{method} {path}: HTTP {status}: {said}"
    # Quirk: a failed test of a JSON patch is a bare 422; a validation error has details.
    if status == FAILED_TEST and not answer.get("details"):
        return ObjectConflict(text)
    # A 403 of an admission rule or webhook is none of RBAC, whose message says who cannot do what.
    remedy = _REMEDIES.get(status, "") if status != _FORBIDDEN or " cannot " in said else ""
    return _REFUSALS.get(status, ClusterUnavailable)(text + remedy)
