"""Every kind of the catalogue, every operation it declares: our request is the official one.

A wrong path, key, operation name or paging of a new kind fails here without a test of its own.
"""

import asyncio
import inspect
import json
import re
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentrun_operator.api.auth import Acs3Auth
from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.api.credentials import Keys, StaticKeys
from agentrun_operator.api.transport import Transport
from agentrun_operator.core.identity import Locator
from agentrun_operator.core.kind import KeyedBy, Paging, Rest
from agentrun_operator.kinds import catalogue
from rig.official import method_of

with warnings.catch_warnings():
    # The official packages warn about themselves when imported; that is not our defect.
    warnings.simplefilter("ignore", DeprecationWarning)
    import alibabacloud_agentrun20250910.client as official_module
    from alibabacloud_agentrun20250910 import models
    from alibabacloud_tea_openapi.utils_models import Config

KEY, PARENT, NAME = "key/1", "parent/1", "name 1"
Ours = Callable[[AgentRunClient, Rest], Awaitable[Any]]

OPERATIONS: dict[str, Ours] = {
    "Create": lambda c, r: c.create(r, {r.name_field or r.id_field: NAME}, parent=PARENT),
    "Get": lambda c, r: c.read(r, Locator(KEY, PARENT)),
    "Update": lambda c, r: c.update(r, Locator(KEY, PARENT), {}),
    "Delete": lambda c, r: c.delete(r, Locator(KEY, PARENT)),
    "List": lambda c, r: c.read_page(
        r, parent=PARENT, partition=dict.fromkeys(r.partitions, "llm")
    ),
    "Find": lambda c, r: c.find(r, name=NAME, parent=PARENT),
}


class Recording:
    """A server that keeps the request line and the action of each request."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self.seen: list[tuple[str, str, str, str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        method, target, _ = head.partition("\r\n")[0].split(" ")
        path, _, query = target.partition("?")
        action = re.search(r"(?im)^x-acs-action: *(\S+)", head)
        length = re.search(r"(?im)^content-length: *(\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        assert action
        self.seen.append((action[1], method, path, "&".join(sorted(query.split("&")))))
        # No key: it is that of whatever was asked for.
        made = dict.fromkeys(self._rest.external_id_fields, KEY)
        data = made if method == "POST" else {"status": "READY"}
        body = json.dumps({"code": "SUCCESS", "requestId": "r", "data": data}).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            + f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()


def official_client(port: int) -> Any:
    return official_module.Client(
        Config(
            endpoint=f"127.0.0.1:{port}",
            protocol="http",
            region_id="cn-hangzhou",
            access_key_id="a",
            access_key_secret="s",
        )
    )


def officially(port: int, rest: Rest, operation: str) -> Any:
    """Call the operation that the official client has under the declared name."""
    client = official_client(port)
    if operation in rest.verbs:
        return getattr(client, method_of(rest.verbs[operation].action))(KEY)
    verb = operation
    if operation == "Find":
        verb = "List" if rest.key is KeyedBy.ID else "Get"
    action = verb + (rest.nouns if verb == "List" else rest.noun)
    action = rest.create_operation if verb == "Create" else action
    method = getattr(client, method_of(action))
    parameters = list(inspect.signature(method).parameters)
    keys = [NAME if operation == "Find" else KEY]
    keys = [PARENT, *keys] if rest.parent_param else keys
    arguments: list[Any] = keys[: len(parameters) - ("request" in parameters)]
    if "request" in parameters:
        arguments.append(official_request(rest, operation, verb, action))
    return method(*arguments)


def official_request(rest: Rest, operation: str, verb: str, action: str) -> Any:
    request = getattr(models, f"{action}Request")()
    if verb in {"Create", "Update"}:
        request.body = getattr(models, f"{action}Input")()
    if verb == "List":
        query: dict[str, Any] = {"pageNumber": 1, "pageSize": 100}
        if rest.paging is Paging.TOKENS:
            query = {"maxResults": 100}
        if operation == "Find":
            filters = rest.name_filter or {}
            query |= {name: value.replace("{name}", NAME) for name, value in filters.items()}
        else:
            query |= dict.fromkeys(rest.partitions, "llm")
        request.from_map(query)
    return request


def cases() -> list[Any]:
    declared = [(kind, kind.rest) for kind in catalogue().values() if kind.rest]
    return [
        pytest.param(rest, operation, id=f"{operation} {kind.kind}")
        for kind, rest in declared
        for operation in (*OPERATIONS, *rest.verbs)
        if operation != "Update" or rest.updatable
    ] + [
        pytest.param(rest.versions, operation, id=f"{operation} version of {kind.kind}")
        for kind, rest in declared
        if rest.versions is not None
        for operation in ("Create", "List")
    ]


@pytest.mark.parametrize(("rest", "operation"), cases())
async def test_request_is_the_official_one(rest: Rest, operation: str) -> None:
    recording = Recording(rest)
    server = await asyncio.start_server(recording.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = AgentRunClient(
        Transport(f"http://127.0.0.1:{port}", Acs3Auth(StaticKeys(Keys("a", "s"))))
    )
    async with server:
        if operation in rest.verbs:
            await client.act(rest, Locator(KEY), rest.verbs[operation])
        else:
            await OPERATIONS[operation](client, rest)
        await client.aclose()
        await asyncio.to_thread(officially, port, rest, operation)
    ours, theirs = recording.seen
    assert ours == theirs
