"""The control plane as an ASGI application.

It works on the raw path, which starlette's routing would decode too early; everything it answers
is JSON with a body, as the service does (control-plane reference, §10 item 3).
"""

import asyncio
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from agentrun_simulator.cloud import Cloud
from agentrun_simulator.errors import GatewayError
from agentrun_simulator.reply import Reply
from agentrun_simulator.signature import SignedRequest

DROP_EXTENSION = "agentrun_simulator.drop"
"""Scope extension by which our server lets the application cut the connection."""


class ConnectionDroppedError(ConnectionResetError):
    """Stands for a cut connection where there is no socket, as under an in-process client."""


class Gateway:
    """Answers the API, the data plane and the token service, and refuses all else."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        body, is_complete = await self._body(scope, receive)
        with self._cloud.lock:
            exchange = self._cloud.begin(_signed_request(scope, body))
        if not is_complete:
            exchange.refusal = GatewayError(
                413, "RequestEntityTooLarge", "The request body is too large."
            )
        if exchange.delay_seconds:
            await asyncio.sleep(exchange.delay_seconds)
        with self._cloud.lock:
            reply = self._cloud.finish(exchange)
        if reply.status is not None:
            await _send(reply, reply.status, send)
        else:
            await _drop(scope, receive)

    async def _body(self, scope: Scope, receive: Receive) -> tuple[bytes, bool]:
        """Read the body up to the limit, and say whether that was all of it."""
        limit = self._cloud.settings.max_body_bytes
        body = bytearray()
        try:
            async for chunk in Request(scope, receive).stream():
                body += chunk if len(body) <= limit else b""
        except ClientDisconnect:
            return bytes(body), False
        return bytes(body), len(body) <= limit


async def _drop(scope: Scope, receive: Receive) -> None:
    cut = (scope.get("extensions") or {}).get(DROP_EXTENSION)
    if cut is None:
        raise ConnectionDroppedError("the simulator dropped this connection")
    cut()
    # Race: a server answers 500 for an application that returns before it saw the disconnect.
    while (await receive())["type"] != "http.disconnect":
        pass


def _signed_request(scope: Scope, body: bytes) -> SignedRequest:
    raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
    return SignedRequest(
        method=scope["method"],
        raw_path=raw_path.decode("latin-1"),
        raw_query=scope["query_string"].decode("latin-1"),
        headers={k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]},
        body=body,
    )


async def _send(reply: Reply, status: int, send: Send) -> None:
    sized = {} if reply.parts else {"content-length": str(len(reply.body))}
    headers = reply.headers | sized
    start: Message = {
        "type": "http.response.start",
        "status": status,
        "headers": [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()],
    }
    await send(start)
    for part in reply.parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": reply.body})
