"""A network that a function answers for, and our client on it."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx

from agentrun_operator.api.auth import Acs3Auth
from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.api.credentials import Keys, StaticKeys
from agentrun_operator.api.transport import Transport

DATE = "Thu, 15 Jan 2026 08:00:00 GMT"
VERSION = "/2025-09-10"

Query = dict[str, str]


class Network:
    """Answers from a function of (method, path, query) and remembers what was asked."""

    def __init__(self, answer: Callable[[str, str, Query], Any]) -> None:
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.actions: list[str] = []
        self._answer = answer
        self.client = AgentRunClient(
            Transport(
                "https://h.example",
                Acs3Auth(StaticKeys(Keys("a", "s"))),
                network=httpx.MockTransport(self._handle),
            )
        )

    def _handle(self, request: httpx.Request) -> httpx.Response:
        raw = request.url.raw_path.decode()
        path, _, query = raw.partition("?")
        self.asked.append((request.method, raw))
        self.actions.append(request.headers["x-acs-action"])
        self.bodies.append(json.loads(request.content) if request.content else None)
        found = self._answer(request.method, path, dict(parse_qsl(query)))
        if isinstance(found, httpx.Response):
            return found
        return httpx.Response(
            200,
            headers={"date": DATE},
            json={"code": "SUCCESS", "requestId": "r", "data": found},
        )


def always(answer: Any) -> Network:
    return Network(lambda *_: answer)


def problem(status: int, message: str, code: str = "ERR_X") -> httpx.Response:
    return httpx.Response(
        status, headers={"date": DATE}, json={"code": code, "message": message, "requestId": "r"}
    )


def absent() -> httpx.Response:
    return problem(404, "resource x not found", "ERR_NOT_FOUND")
