"""One exchange with the control plane: what we ask, and what came back.

Reprs show no body: requests and answers both carry secrets (a credential is answered in clear).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from agentrun_operator.api import codes
from agentrun_operator.core.errors import InvalidParameter
from agentrun_operator.core.gate import CloudText
from agentrun_operator.core.nesting import MAX_DEPTH, is_deeper

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_SUCCESS_STATUSES: Final = range(200, 300)
_SUCCESS_CODES: Final = frozenset({"", "SUCCESS", "OK"})
MAX_MESSAGE_CHARS: Final = 8192
"""Of an error message, to tell one refusal from another; far less is shown."""
_REQUEST_ID: Final = re.compile(r"[0-9A-Fa-f]{1,16}(?:-[0-9A-Fa-f]{1,16}){2,6}")
"""Groups of hexadecimal digits: a key that stands in its place is not logged."""
_MAX_NUMBER: Final = 1024
"""Characters of a number: to read one takes the square of them, up to here no longer than as many
digits of short ones. 8 MiB of such numbers take 50 ms, of four times as long ones 230 ms."""
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""Escapes of half a character; two of them are one."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, before it is signed."""

    action: str
    """Operation name, which is signed and which RAM policies name: `agentrun:<action>`."""
    method: str
    path: str
    """As on the wire: version prefix included, parameters percent-encoded."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    is_of_one: bool = False
    """Whether it is about one object, whose values are known. What is said to a LIST, for instance,
    may quote any resource of the account."""
    route: str = ""
    """The path without ids, for the log: an id that nobody has checked may hold a secret."""
    is_question: bool = False
    """Whether it changes nothing, although its method does not say so."""

    @property
    def is_write(self) -> bool:
        """Whether the call may change something."""
        return self.method not in SAFE_METHODS and not self.is_question

    @property
    def target(self) -> str:
        """Path and query as they go on the request line."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def content(self) -> bytes | None:
        """Serialise the body as the official client does: compact, raw UTF-8.

        Raises:
            InvalidParameter: it holds what JSON cannot, such as half a character of a Secret.
        """
        if self.body is None:
            return None
        try:
            return json.dumps(
                self.body, ensure_ascii=False, allow_nan=False, separators=(",", ":")
            ).encode()
        except (ValueError, RecursionError):
            # Raised out here: the error quotes the value.
            pass
        raise InvalidParameter(
            f"{self.action}: a value cannot be sent: it is infinite, nested too deeply or holds "
            "half a character; check the values that the spec refers to"
        )


@dataclass(frozen=True)
class Answer:
    """One answer, read to its end."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    keys: frozenset[str] = field(default=frozenset(), repr=False)
    """What signed the request."""

    @cached_property
    def payload(self) -> dict[str, Any] | None:
        """The body as a JSON object; None when it is anything else, or empty.

        Anything else is also what Kubernetes could not hold, which this goes on to: documents
        without a bottom. A broken character is replaced.
        """
        try:
            text = self.body.decode("utf-8", errors="replace")
            parsed = json.loads(
                text, parse_constant=_refuse, parse_float=_fraction, parse_int=_integer
            )
        except (ValueError, RecursionError):
            return None
        if not isinstance(parsed, dict) or is_deeper(parsed, MAX_DEPTH):
            return None
        # The one way in for half a character: an escape, which no encoder takes afterwards.
        return _whole(parsed) if _HALF.search(text) else parsed

    @property
    def is_success(self) -> bool:
        """Whether the API says so twice, in the status and in the body's code.

        An empty body is a success of its status: `DELETE` may answer 204.
        Source: control-plane reference, §4.1 (a 200 may carry `code: ERR_…`).
        """
        if self.status not in _SUCCESS_STATUSES:
            return False
        return not self.body or (self.payload is not None and self.code in _SUCCESS_CODES)

    @property
    def data(self) -> Any:
        """The envelope's `data`, None when there is none."""
        return (self.payload or {}).get("data")

    @property
    def code(self) -> str:
        """The error code in the service's or the gateway's spelling; empty when there is none."""
        return self._text("code", "Code")

    @property
    def shown_code(self) -> str:
        """The error code where it is a known one; empty where anything else stands there."""
        return self.code if codes.is_known(self.code) else ""

    @property
    def message(self) -> CloudText:
        """The error message in either spelling, sealed."""
        return self._sealed(self._message)

    @property
    def quote(self) -> CloudText:
        """What the cloud says beside `shown_code`, sealed: the message, and an unknown code."""
        is_sealed = codes.is_code(self.code) and not self.shown_code
        said = (self.code if is_sealed else "", self._message)
        return self._sealed(": ".join(text for text in said if text))

    @property
    def request_id(self) -> str | None:
        """The cloud's name for this exchange, which its support asks for."""
        header = self.headers.get("x-acs-request-id", "")
        found = header or self._text("requestId", "RequestId")
        return found if _REQUEST_ID.fullmatch(found) else None

    @property
    def date(self) -> datetime | None:
        """The cloud's own time of the answer, aware, UTC."""
        try:
            return parsedate_to_datetime(self.headers["date"]).astimezone(UTC)
        except (KeyError, ValueError, OverflowError):
            return None

    @property
    def _message(self) -> str:
        return self._text("message", "Message")[:MAX_MESSAGE_CHARS]

    def _sealed(self, said: str) -> CloudText:
        return CloudText(said, keys=self.keys)

    def _text(self, *names: str) -> str:
        payload = self.payload or {}
        return next((v for name in names if isinstance(v := payload.get(name), str) and v), "")


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _integer(text: str) -> int | str:
    """Return an integer; one of very many digits as the text that it is.

    It is no reason to refuse an answer, or one resource would spoil the LIST for all others; nor do
    its neighbours decide how it is read. Whoever compares it takes a number in a text for one.
    """
    return text if len(text) > _MAX_NUMBER else int(text)


def _fraction(text: str) -> float | str:
    """Return a fraction; as a text one of very many digits, or beyond what Kubernetes can hold."""
    number = math.inf if len(text) > _MAX_NUMBER else float(text)
    return text if math.isinf(number) else number


def _whole(node: Any) -> Any:
    """Return a document whose texts can be encoded: half a character becomes a question mark."""
    if isinstance(node, str):
        return node.encode(errors="replace").decode()
    if isinstance(node, dict):
        return {_whole(name): _whole(value) for name, value in node.items()}
    return [_whole(item) for item in node] if isinstance(node, list) else node
