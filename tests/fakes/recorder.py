"""A server on a real socket that remembers requests byte for byte, and our client on it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from agentrun_operator.api.auth import Acs3Auth
from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.api.credentials import Keys, StaticKeys
from agentrun_operator.api.transport import Transport

OK = b'{"code":"SUCCESS","requestId":"r","data":{"items":[]}}'
KEYS = Keys("STS.testAccessKeyId", "testAccessKeySecret", "testSecurityToken")


@dataclass
class Recorded:
    """One request as its bytes said."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def signed(self) -> set[str]:
        found = re.search("SignedHeaders=([^,]+)", self.headers["authorization"])
        assert found
        return set(found[1].split(";"))

    @property
    def document(self) -> Any:
        return without_empty_lists(json.loads(self.body)) if self.body else None


def without_empty_lists(node: Any) -> Any:
    """The official models emit `[]` for lists that nobody set."""
    if isinstance(node, dict):
        return {k: without_empty_lists(v) for k, v in node.items() if v != []}
    return node


@dataclass
class Recorder:
    """A server that remembers requests byte for byte and gives one answer, or none."""

    answer: bytes | None = OK
    port: int = 0
    seen: list[Recorded] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        line, *rest = head.rstrip().split("\r\n")
        method, target, _ = line.split(" ")
        headers = {n.lower(): v.strip() for n, _, v in (h.partition(":") for h in rest)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.seen.append(Recorded(method, target, headers, body))
        if self.answer is None:
            return False
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            + f"content-length: {len(self.answer)}\r\n\r\n".encode()
            + self.answer
        )
        await writer.drain()
        return True


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[int]:
    """Serve on a free port; at the end no connection is left, whoever held it."""
    handling: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        handling[task] = writer
        await handler(reader, writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in handling.values():
            writer.close()
        await asyncio.gather(*handling)
        await server.wait_closed()


@asynccontextmanager
async def recording(answer: bytes | None = OK) -> AsyncIterator[Recorder]:
    recorder = Recorder(answer)
    async with listening(recorder.serve) as recorder.port:
        yield recorder


@asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[AgentRunClient]:
    client = AgentRunClient(Transport(url, Acs3Auth(StaticKeys(KEYS)), **options))
    try:
        yield client
    finally:
        await client.aclose()
