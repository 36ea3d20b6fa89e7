"""A write that had to wait for a connection asks at the last moment whether it may be sent."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from agentrun_operator.api.auth import Acs3Auth
from agentrun_operator.api.credentials import Keys, StaticKeys
from agentrun_operator.api.exchange import Call
from agentrun_operator.api.transport import Transport
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kinds import catalogue
from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.client import KubeClient
from agentrun_operator.kube.writer import StatusAndFinalizerWriter
from agentrun_operator.reconcile.guard import LeadershipLost, checked_at_sending

BODY = {
    "kind": "Sandbox",
    "metadata": {
        "namespace": "team",
        "name": "box",
        "uid": "uid-1",
        "resourceVersion": "7",
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "finalizers": ["agentrun.dev/cleanup"],
    },
    "spec": {},
    "status": {},
}


class Door:
    """Counts who knocks (connects) and who comes in (sends a request)."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.asked = 0
        self.admits = 0
        """How often a question is answered by yes, before it is refused."""

    def refuse(self) -> None:
        self.asked += 1
        if self.asked > self.admits:
            raise LeadershipLost("deposed while the connection was made")

    async def serve(self, request: web.Request) -> web.Response:
        await request.read()
        self.requests.append(request.method)
        return web.json_response(BODY)


@pytest.fixture
def door() -> Door:
    """Return an empty visitors' book."""
    return Door()


@pytest.fixture
async def server(door: Door) -> AsyncIterator[str]:
    """Return the URL of a server that accepts everything."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", door.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def client(server: str) -> AsyncIterator[KubeClient]:
    """Return a client of it."""
    async with KubeClient.open(ClusterAccess(server, token="t")) as opened:
        yield opened


async def test_the_deposed_send_nothing(door: Door, client: KubeClient) -> None:
    """Claim, status and release: a connection is made, and no request goes over it."""
    writer = StatusAndFinalizerWriter(client, catalogue().values(), check=door.refuse)
    obj = KubeObject.of(BODY, "Sandbox")
    with pytest.raises(LeadershipLost):
        await writer.add_finalizer(obj)
    with pytest.raises(LeadershipLost):
        await writer.write_status(obj, {"observedGeneration": 1})
    with pytest.raises(LeadershipLost):
        await writer.remove_finalizer(obj)
    assert door.asked == 3
    assert door.requests == []


async def test_a_body_is_not_sent_after_a_freeze(
    door: Door, client: KubeClient, server: str
) -> None:
    """Frozen after the headers were made, and awake again when another process leads."""
    door.admits = 1
    writer = StatusAndFinalizerWriter(client, catalogue().values(), check=door.refuse)
    with pytest.raises(LeadershipLost):
        await writer.write_status(KubeObject.of(BODY, "Sandbox"), {"observedGeneration": 1})
    door.asked = 0
    call = Call("CreateThing", "POST", "/things", body={"name": "it"})
    async with Transport(server, Acs3Auth(StaticKeys(Keys("id", "secret")))) as transport:
        with pytest.raises(LeadershipLost), checked_at_sending(door.refuse):
            await transport.send(call)
    assert door.requests == []


async def test_reads_ask_nobody(door: Door, client: KubeClient) -> None:
    """The check belongs to the write that brought it, and ends with it."""
    writer = StatusAndFinalizerWriter(client, catalogue().values(), check=door.refuse)
    with pytest.raises(LeadershipLost):
        await writer.write_status(KubeObject.of(BODY, "Sandbox"), {"observedGeneration": 1})
    await client.get("/apis/anything")
    assert door.requests == ["GET"]
    assert door.asked == 1


async def test_the_deposed_change_nothing_in_the_cloud(door: Door, server: str) -> None:
    """A process was frozen between its decision and its connection, and woke up deposed."""
    keys = StaticKeys(Keys("id", "secret"))
    call = Call("DeleteThing", "DELETE", "/things/1")
    async with Transport(server, Acs3Auth(keys)) as transport:
        with pytest.raises(LeadershipLost), checked_at_sending(door.refuse):
            await transport.send(call)
        assert door.asked == 1
        assert door.requests == []
        await transport.send(call)
        assert door.requests == ["DELETE"]
