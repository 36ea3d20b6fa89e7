"""On a real socket, our requests are the official client's: method, raw path, query, body, action.

Also here: what only a socket can show, such as lost connections and the order of bytes.
"""

import asyncio
import json
import re
import socket
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest

from agentrun_operator.api.auth import Acs3Auth
from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.api.credentials import Keys, StaticKeys
from agentrun_operator.api.transport import Timeouts, Transport
from agentrun_operator.core.errors import Unavailable
from agentrun_operator.core.identity import Locator
from fakes.mappings import (
    CREDENTIAL,
    ENDPOINT,
    PAUSE,
    PROXY,
    RESUME,
    RUNTIME,
    SANDBOX,
    SERVICE,
    STOP,
    TEMPLATE,
)

with warnings.catch_warnings():
    # The official packages warn about themselves when imported; that is not our defect.
    warnings.simplefilter("ignore", DeprecationWarning)
    from alibabacloud_agentrun20250910 import models
    from alibabacloud_agentrun20250910.client import Client
    from alibabacloud_tea_openapi.utils_models import Config

OK = b'{"code":"SUCCESS","requestId":"r","data":{"items":[]}}'
KEYS = Keys("STS.testAccessKeyId", "testAccessKeySecret", "testSecurityToken")
ODD_NAME = "a b/c~*+中%"


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


def official(url: str) -> Any:
    return Client(
        Config(
            endpoint=url.removeprefix("http://"),
            protocol="http",
            region_id="cn-hangzhou",
            access_key_id=KEYS.access_key_id,
            access_key_secret=KEYS.access_key_secret,
            security_token=KEYS.security_token,
        )
    )


RUNTIME_BODY = {
    "agentRuntimeName": "demo",
    "artifactType": "Container",
    "containerConfiguration": {"command": ["python", "app.py"], "image": "r.example/a:v1"},
    "cpu": 0.5,
    "environmentVariables": {"K": "中文 v", "quote": '"\\\n'},
    "memory": 4096,
    "port": 9000,
}
PAGES = {"page_number": 1, "page_size": 100}

Ours = Callable[[AgentRunClient], Awaitable[Any]]
Theirs = Callable[[Any], Any]

OPERATIONS: list[tuple[str, Ours, Theirs]] = [
    (
        "CreateAgentRuntime",
        lambda c: c.create(RUNTIME, RUNTIME_BODY),
        lambda c: c.create_agent_runtime(
            models.CreateAgentRuntimeRequest(
                body=models.CreateAgentRuntimeInput().from_map(RUNTIME_BODY)
            )
        ),
    ),
    (
        "GetAgentRuntime",
        lambda c: c.read(RUNTIME, Locator("rt-1")),
        lambda c: c.get_agent_runtime("rt-1", models.GetAgentRuntimeRequest()),
    ),
    (
        "ListAgentRuntimes",
        lambda c: c.find(RUNTIME, name=ODD_NAME),
        lambda c: c.list_agent_runtimes(
            models.ListAgentRuntimesRequest(
                agent_runtime_name=ODD_NAME, search_mode="exact", **PAGES
            )
        ),
    ),
    (
        "UpdateAgentRuntime",
        lambda c: c.update(RUNTIME, Locator("rt-1"), {"cpu": 2, "description": ""}),
        lambda c: c.update_agent_runtime(
            "rt-1",
            models.UpdateAgentRuntimeRequest(
                body=models.UpdateAgentRuntimeInput(cpu=2, description="")
            ),
        ),
    ),
    (
        "DeleteAgentRuntime",
        lambda c: c.delete(RUNTIME, Locator("rt-1")),
        lambda c: c.delete_agent_runtime("rt-1"),
    ),
    (
        "CreateAgentRuntimeEndpoint",
        lambda c: c.create(ENDPOINT, {"targetVersion": "LATEST"}, parent="rt-1"),
        lambda c: c.create_agent_runtime_endpoint(
            "rt-1",
            models.CreateAgentRuntimeEndpointRequest(
                body=models.CreateAgentRuntimeEndpointInput(target_version="LATEST")
            ),
        ),
    ),
    (
        "ListAgentRuntimeEndpoints",
        lambda c: c.find(ENDPOINT, name="e", parent="rt-1"),
        lambda c: c.list_agent_runtime_endpoints(
            "rt-1",
            models.ListAgentRuntimeEndpointsRequest(
                endpoint_name="e", search_mode="exact", **PAGES
            ),
        ),
    ),
    (
        "DeleteAgentRuntimeEndpoint",
        lambda c: c.delete(ENDPOINT, Locator("ep-1", "rt-1")),
        lambda c: c.delete_agent_runtime_endpoint("rt-1", "ep-1"),
    ),
    (
        "CreateModelProxy",
        lambda c: c.create(PROXY, {"modelProxyName": "chat", "memory": 2048}),
        lambda c: c.create_model_proxy(
            models.CreateModelProxyRequest(
                body=models.CreateModelProxyInput(model_proxy_name="chat", memory=2048)
            )
        ),
    ),
    (
        "GetModelProxy",
        lambda c: c.find(PROXY, name="chat"),
        lambda c: c.get_model_proxy("chat"),
    ),
    (
        "ListModelServices",
        lambda c: c.read_page(SERVICE, partition={"modelType": "llm"}),
        lambda c: c.list_model_services(models.ListModelServicesRequest(model_type="llm", **PAGES)),
    ),
    (
        "DeleteCredential",
        lambda c: c.delete(CREDENTIAL, Locator(ODD_NAME)),
        lambda c: c.delete_credential(ODD_NAME),
    ),
    (
        "ListCredentials",
        lambda c: c.read_page(CREDENTIAL),
        lambda c: c.list_credentials(models.ListCredentialsRequest(**PAGES)),
    ),
    (
        "UpdateTemplate",
        lambda c: c.update(TEMPLATE, Locator("t.1_x"), {"memory": 4096}),
        lambda c: c.update_template(
            "t.1_x", models.UpdateTemplateRequest(body=models.UpdateTemplateInput(memory=4096))
        ),
    ),
    (
        "CreateSandbox",
        lambda c: c.create(SANDBOX, {"sandboxId": "sb-1", "templateName": "t"}),
        lambda c: c.create_sandbox(
            models.CreateSandboxRequest(
                body=models.CreateSandboxInput(sandbox_id="sb-1", template_name="t")
            )
        ),
    ),
    (
        "ListSandboxes",
        lambda c: c.read_page(SANDBOX, cursor="t/1=="),
        lambda c: c.list_sandboxes(
            models.ListSandboxesRequest(max_results=100, next_token="t/1==")
        ),
    ),
    (
        "PauseSandbox",
        lambda c: c.act(SANDBOX, Locator("sb 1"), PAUSE),
        lambda c: c.pause_sandbox("sb 1"),
    ),
    (
        "ResumeSandbox",
        lambda c: c.act(SANDBOX, Locator("sb 1"), RESUME),
        lambda c: c.resume_sandbox("sb 1"),
    ),
    (
        "StopSandbox",
        lambda c: c.act(SANDBOX, Locator("sb 1"), STOP),
        lambda c: c.stop_sandbox("sb 1"),
    ),
]


@pytest.mark.parametrize(
    ("action", "ours", "theirs"), [pytest.param(*row, id=row[0]) for row in OPERATIONS]
)
async def test_our_request_is_the_official_one(action: str, ours: Ours, theirs: Theirs) -> None:
    async with recording() as recorder:
        async with connected(recorder.url) as client:
            await ours(client)
        await asyncio.to_thread(theirs, official(recorder.url))
    mine, reference = recorder.seen
    assert mine.headers["x-acs-action"] == action
    for name in ("x-acs-action", "x-acs-version", "host", "x-acs-accesskey-id"):
        assert mine.headers[name] == reference.headers[name]
    assert mine.headers.get("content-type") == reference.headers.get("content-type")
    assert (mine.method, mine.path) == (reference.method, reference.path)
    assert mine.query == reference.query
    assert mine.document == reference.document
    # The official client signs whatever it sets; we sign all that must be signed.
    assert mine.signed <= reference.signed
    assert {n for n in mine.headers if n.startswith("x-acs-")} <= mine.signed


async def test_the_query_is_encoded_as_the_official_client_does() -> None:
    async with recording() as recorder, connected(recorder.url) as client:
        await client.find(RUNTIME, name="a b+c~*/中,:@")
    assert "agentRuntimeName=a+b%2Bc~%2A%2F%E4%B8%AD%2C%3A%40&" in recorder.seen[0].target


async def test_connections_are_reused() -> None:
    async with recording() as recorder, connected(recorder.url) as client:
        for _ in range(5):
            await client.read_page(PROXY)
    assert (len(recorder.seen), recorder.connections) == (5, 1)


async def test_connections_are_bounded() -> None:
    async with recording() as recorder, connected(recorder.url, connections=3) as client:
        await asyncio.gather(*(client.read_page(PROXY) for _ in range(20)))
    assert len(recorder.seen) == 20
    assert recorder.connections <= 3


async def test_a_create_whose_answer_is_lost_may_have_been_applied() -> None:
    async with recording(answer=None) as recorder, connected(recorder.url) as client:
        with pytest.raises(Unavailable, match="closed without an answer") as caught:
            await client.create(PROXY, {"modelProxyName": "chat"})
    assert caught.value.maybe_applied
    assert len(recorder.seen) == 1


async def test_a_create_that_never_left_was_not_applied() -> None:
    with socket.socket() as taken:
        # Bound but not listening: a connection is refused, and nobody else takes the port.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with connected(url) as client:
            with pytest.raises(Unavailable, match="no connection") as caught:
                await client.create(PROXY, {"modelProxyName": "chat"})
    assert not caught.value.maybe_applied


async def test_a_slow_answer_is_given_up_and_may_have_been_applied() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    impatient = Timeouts(read=0.05)
    async with (
        listening(hang) as port,
        connected(f"http://127.0.0.1:{port}", timeouts=impatient) as client,
    ):
        with pytest.raises(Unavailable, match="time limit") as caught:
            await client.create(PROXY, {"modelProxyName": "chat"})
    assert caught.value.maybe_applied


async def test_proxy_settings_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with recording() as recorder, connected(recorder.url) as client:
        await client.read_page(PROXY)
    assert len(recorder.seen) == 1
