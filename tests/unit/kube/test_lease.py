"""What a leader learns from the Lease; several processes at once are an integration test."""

import asyncio
from typing import Any

import pytest

from agentrun_operator.kube.client import KubeClient
from agentrun_operator.kube.lease import LeaseElector, LeaseLostError, LeaseTimes
from agentrun_operator.reconcile.ports import ClusterRewound, Json, ObjectGone
from fakes.clock import VirtualClock


class LeaseStore(KubeClient):
    """An API server that holds one Lease."""

    def __init__(self) -> None:
        self.version = 100
        self.lag = 0
        """How many reads come from a server that has not caught up."""
        self.spec: Json | None = None
        self.reads = 0

    async def get(self, path: str, **_: Any) -> Json:
        self.reads += 1
        if self.spec is None:
            raise ObjectGone(path)
        self.lag -= 1
        behind = 5 if self.lag >= 0 else 0
        return {"metadata": {"resourceVersion": str(self.version - behind)}, "spec": self.spec}

    async def post(self, path: str, body: Json, **_: Any) -> Json:  # noqa: ARG002 - its shape
        self.spec = {}
        return await self.get(path)

    async def patch(self, path: str, body: Any, **_: Any) -> Json:  # noqa: ARG002 - its shape
        self.version += 1
        self.spec = {**(self.spec or {}), **body["spec"]}
        return {"metadata": {"resourceVersion": str(self.version)}, "spec": self.spec}


def elector(store: LeaseStore) -> LeaseElector:
    clock = VirtualClock(jumps=True)
    return LeaseElector(store, clock, namespace="system", name="op", identity="one")


async def test_a_lease_that_is_older_than_it_was_ends_the_leader() -> None:
    store = LeaseStore()
    subject = elector(store)
    await subject.acquire()
    for _ in range(20):
        assert await subject._attempt()
    store.version = 101
    before = store.reads
    with pytest.raises(ClusterRewound, match="put back"):
        await subject.hold()
    assert store.reads - before < 10


async def test_one_read_from_a_lagging_server_ends_no_leader() -> None:
    store = LeaseStore()
    subject = elector(store)
    await subject.acquire()
    store.lag = 1
    for _ in range(5):
        assert await subject._attempt()
    store.spec = {"holderIdentity": "two", "leaseDurationSeconds": 15, "renewTime": "x"}
    with pytest.raises(LeaseLostError):
        await subject.hold()


class DeadConnection(LeaseStore):
    """Never answers the request that is sent over the connection of the moment."""

    seconds = 0.15
    """How long that lasts: half of a lease's `renew_deadline` here, whatever the machine takes."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock
        self.dead = 0

    async def get(self, path: str, **_: Any) -> Json:
        if self.dead:
            self.dead -= 1
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.clock.advance(self.seconds)
        return await super().get(path)


@pytest.mark.parametrize(("dead", "is_held"), [(1, True), (2, False)])
async def test_a_dead_connection_leaves_time_for_another_one(*, dead: int, is_held: bool) -> None:
    clock = VirtualClock(jumps=True)
    store = DeadConnection(clock)
    times = LeaseTimes(lease=0.4, renew_deadline=2 * store.seconds, retry=0.01)
    subject = LeaseElector(store, clock, namespace="system", name="op", identity="one", times=times)
    await subject.acquire()
    store.dead, before = dead, store.reads
    with pytest.raises(LeaseLostError):
        await subject.hold(may_renew=lambda: store.reads == before)
    assert (store.reads > before) == is_held
