"""Raw requests that no client would send: one JSON answer each, never an exception."""

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentrun_simulator import schema
from agentrun_simulator.server import serve
from agentrun_simulator.settings import Settings
from agentrun_simulator.simulator import Simulator

PATHS = [
    "/2025-09-10/" + "/".join("%41" if part == "{}" else part for part in operation.segments)
    for operation in schema.operations()
]
raw_bytes = st.binary(max_size=60)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
fields = sorted({name for op in schema.operations() for name in schema.properties(op.body or {})})
bodies = (
    raw_bytes
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from(fields), json_values, max_size=6).map(
        lambda value: json.dumps(value).encode()
    )
)
paths = st.sampled_from(PATHS) | raw_bytes.map(lambda raw: "/2025-09-10/" + raw.decode("latin-1"))
queries = raw_bytes | st.sampled_from(
    [
        b"pageNumber=-1",
        b"pageSize=x",
        b"nextToken=%FF",
        b"maxResults=0",
        b"pageSize=" + b"9" * 30,
    ]
)
headers = st.lists(
    st.tuples(
        st.sampled_from([b"host", b"authorization", b"x-acs-date", b"x-acs-security-token", b"x"]),
        raw_bytes
        | st.sampled_from([b"ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host,Signature=b"]),
    ),
    max_size=5,
)


CLOUDS = {
    is_on: Simulator(Settings(verify_signatures=is_on, transition_seconds=0))
    for is_on in (True, False)
}


async def answered(simulator: Simulator, scope: dict[str, Any], body: bytes) -> tuple[int, Any]:
    """Send one request to the application; returns status and document."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await asyncio.wait_for(simulator.app(scope, receive, send), 60)
    start, content = sent
    named = dict(start["headers"])
    assert named[b"content-type"] == b"application/json"
    return start["status"], json.loads(content["body"])


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "X"]),
    path=paths,
    query=queries,
    headers=headers,
    body=bodies,
    auth=st.booleans(),
)
def test_whatever_comes_in_a_json_document_goes_out(
    method: str,
    path: str,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    *,
    auth: bool,
) -> None:
    simulator = CLOUDS[auth]
    simulator.reset()
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": query,
        "headers": headers,
    }
    status, document = asyncio.run(answered(simulator, scope, body))
    assert status < 500, document
    assert isinstance(document, dict)
    assert document.get("requestId") or document.get("RequestId")
    json.dumps(simulator.requests())


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serve(Simulator(Settings(verify_signatures=False))) as url:
        yield int(url.rsplit(":", 1)[1])


@pytest.mark.parametrize(
    "raw",
    [
        b"not HTTP at all\r\n\r\n",
        b"GET /2025-09-10/workspaces HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: many\r\n\r\n",
    ],
    ids=["no HTTP", "overlong header", "overlong path", "bad length"],
)
def test_what_is_no_http_gets_a_document_too(port: int, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(raw)
        received = b""
        while b"\r\n\r\n" not in received or not received.endswith(b"}"):
            chunk = connection.recv(65536)
            assert chunk, received
            received += chunk
    head, body = received.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["Code"] == "InvalidParameter"


def test_ten_megabytes_are_refused_at_once(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        size = 10 * 1024 * 1024
        head = f"POST /2025-09-10/workspaces HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n"
        connection.sendall(head.encode() + b"x" * size)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")
