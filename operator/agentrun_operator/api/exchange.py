"""One exchange with the control plane: what we ask, and what came back.

Reprs show no body: requests and answers both carry secrets (a credential is answered in clear).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlencode

import httpx

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_SUCCESS_STATUSES: Final = range(200, 300)
_SUCCESS_CODES: Final = frozenset({"", "SUCCESS", "OK"})


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
    showable: frozenset[str] = frozenset()
    """Values of the body that an error message may repeat: names and ids."""

    @property
    def is_write(self) -> bool:
        """Whether the call may change something."""
        return self.method not in SAFE_METHODS

    @property
    def target(self) -> str:
        """Path and query as they go on the request line."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def content(self) -> bytes | None:
        """Serialise the body as the official client does: compact, raw UTF-8."""
        if self.body is None:
            return None
        return json.dumps(
            self.body, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()


@dataclass(frozen=True)
class Answer:
    """One answer, read to its end."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """What signed the request, which no message may quote."""

    @cached_property
    def payload(self) -> dict[str, Any] | None:
        """The body as a JSON object; None when it is anything else, or empty."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return parsed if isinstance(parsed, dict) else None

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
    def message(self) -> str:
        """The error message in either spelling. Foreign text: clean it before it goes anywhere."""
        return self._text("message", "Message")

    @property
    def request_id(self) -> str | None:
        """The cloud's name for this exchange, which its support asks for."""
        header = self.headers.get("x-acs-request-id", "")
        return (header or self._text("requestId", "RequestId"))[:64] or None

    @property
    def date(self) -> datetime | None:
        """The cloud's own time of the answer, aware, UTC."""
        try:
            return parsedate_to_datetime(self.headers["date"]).astimezone(UTC)
        except (KeyError, ValueError):
            return None

    def _text(self, *names: str) -> str:
        payload = self.payload or {}
        return next((v for name in names if isinstance(v := payload.get(name), str) and v), "")
