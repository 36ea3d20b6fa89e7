"""Gaps and gone, the barrier at the start, and what the engine makes of them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.reconcile.engine import Engine
from agentrun_operator.reconcile.ports import ClusterUnavailable, Json, Listed
from agentrun_operator.reconcile.resync import Resync
from engine.specs import PROXY, SAMPLES, made, ready
from fakes.cluster import FakeCluster
from fakes.lab import Lab

Cluster = TypeVar("Cluster", bound=FakeCluster)
PROXY_KEY = ObjectKey("ModelProxy", "team-a", "it")


def resync_of(lab: Lab) -> Resync:
    return Resync(lab.world, lab.cluster)


async def proxy_in(kind_of: type[Cluster]) -> tuple[Lab, Cluster, ObjectKey]:
    """Return a lab whose cluster is of a kind of its own, and a proxy that is Ready in it."""
    lab = Lab()
    cluster = lab.cluster = kind_of(lab.clock, lab.calls)
    lab.restart()
    await lab.ready_account()
    key = cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(15)
    return lab, cluster, key


async def test_a_whole_picture_shows_nothing() -> None:
    lab, _ = await ready(SAMPLES["ModelProxy"])
    assert await resync_of(lab).find_gone_and_gaps() == ([], [])


async def test_what_the_watch_missed_is_read() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.notify = lambda _event, _raw: None
    lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.drain()
    assert lab.calls.take() == []
    await lab.engine.resync()
    await lab.elapse(15)
    assert lab.ready(PROXY_KEY) == ("True", "Available")


async def test_an_edit_that_the_watch_missed_is_read() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    notify, lab.cluster.notify = lab.cluster.notify, lambda _event, _raw: None
    lab.edit(key, description="second")
    lab.cluster.notify = notify
    await lab.engine.resync()
    await lab.elapse(15)
    assert made(lab, SAMPLES["AgentRuntime"])[0]["description"] == "second"


class Refusing(FakeCluster):
    """A cluster that has taken the operator's Role in one namespace away."""

    refused = ""
    may_get = False

    async def list_objects(self, kind: ResourceKind) -> Listed:
        found = await super().list_objects(kind)
        shown = {k: v for k, v in found.objects.items() if k.namespace != self.refused}
        return replace(found, objects=shown)

    async def read_object(self, kind: ResourceKind, key: ObjectKey) -> Json | None:
        if key.namespace == self.refused and not self.may_get:
            raise ClusterUnavailable("forbidden")
        return await super().read_object(kind, key)


async def test_a_namespace_that_refuses_us_gives_no_name_away() -> None:
    """A list without it looks as if its objects were gone, and a namesake would take them."""
    lab = Lab()
    cluster = lab.cluster = Refusing(lab.clock, lab.calls)
    lab.restart()
    for namespace in ("team-a", "team-b"):
        await lab.ready_account(namespace=namespace)
    cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(15)
    spec = {**PROXY, "description": "a namesake's"}
    namesake = cluster.apply("ModelProxy", "it", spec, namespace="team-b")
    cluster.refused = "team-a"
    await lab.engine.resync()
    await lab.elapse(30)
    assert lab.ready(namesake) == ("False", "ExternalNameConflict")
    assert made(lab, SAMPLES["ModelProxy"])[0]["description"] == PROXY["description"]


async def test_what_vanished_unseen_is_dropped_where_a_read_tells() -> None:
    lab, cluster, key = await proxy_in(Refusing)
    cluster.refused, cluster.may_get = "team-a", True
    cluster.notify = lambda _event, _raw: None
    cluster.vanish(key)
    await lab.engine.resync()
    assert lab.world.cache.keys() == [ObjectKey("Account", "team-a", "default")]


async def test_objects_gone_are_dropped_and_free_what_they_held() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": "x"})
    lab.simulator.configure({"switches": {"deleteInUse": "allow"}})
    credential = lab.cluster.apply("Credential", "c", SAMPLES["Credential"].spec)
    user = lab.cluster.apply("ModelProxy", "it", {**PROXY, "credentialRef": {"name": "c"}})
    await lab.elapse(15)
    notify, lab.cluster.notify = lab.cluster.notify, lambda _event, _raw: None
    lab.cluster.vanish(user)
    lab.cluster.notify = notify
    lab.cluster.delete(credential)
    await lab.elapse(5)
    assert lab.ready(credential) == ("False", "DeletionBlocked")
    await lab.engine.resync()
    await lab.elapse(5)
    assert lab.cluster.raw(credential) is None


async def lose_by_a_404(lab: Lab, key: ObjectKey) -> None:
    """Let a write to an object be told wrongly that there is none."""
    served = lab.cluster.server.objects
    lab.edit(key, description="second")
    hidden = served.pop(key)
    await lab.elapse(5)
    assert lab.world.cache.version(key) is None, "a write said 404"
    served[key] = hidden


def description(lab: Lab) -> str:
    return str(made(lab, SAMPLES["ModelProxy"])[0]["description"])


async def test_an_object_that_was_not_served_for_a_moment_is_read() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    await lose_by_a_404(lab, key)
    await lab.engine.resync()
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")
    assert description(lab) == "second"


@pytest.mark.parametrize("is_reachable", [True, False])
async def test_the_next_event_shows_that_a_404_was_wrong(*, is_reachable: bool) -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    await lose_by_a_404(lab, key)
    lab.edit(key, description="third")
    lab.cluster.client.is_reachable = is_reachable
    await lab.elapse(5)
    lab.cluster.client.is_reachable = True
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")
    assert description(lab) == "third"
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["ModelProxy"]) == []


class Slow(FakeCluster):
    """A cluster whose answer that an object is gone arrives after the event of its namesake."""

    then: Callable[[], object] = staticmethod(lambda: None)

    async def read_object(self, kind: ResourceKind, key: ObjectKey) -> Json | None:
        found = await super().read_object(kind, key)
        self.then()
        return found


async def test_a_namesake_of_one_gone_is_not_dropped_with_it() -> None:
    lab, cluster, key = await proxy_in(Slow)
    notify, cluster.notify = cluster.notify, lambda _event, _raw: None
    cluster.vanish(key)
    cluster.notify = notify

    def make_anew() -> None:
        cluster.apply("ModelProxy", "it", {**PROXY, "externalName": "other"})
        lab.deliver()

    cluster.then = make_anew
    await lab.engine.resync()
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")


async def test_an_end_while_a_late_event_is_looked_into_is_believed() -> None:
    lab, cluster, key = await proxy_in(Slow)
    await lose_by_a_404(lab, key)
    lab.edit(key, description="third")

    def lose() -> None:
        cluster.vanish(key)
        lab.deliver()

    cluster.then = lose
    since = lab.simulator.requests()[-1]["seq"]
    await lab.elapse(5)
    assert lab.world.cache.version(key) is None
    assert lab.writes_to_cloud(since) == []


async def test_a_watch_that_is_a_moment_behind_is_no_gap() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.apply("ModelProxy", "it", PROXY)  # delivered only below
    looking = asyncio.ensure_future(resync_of(lab).find_gone_and_gaps())
    await asyncio.sleep(0)
    lab.deliver()
    assert await looking == ([], [])


async def test_objects_of_another_class_are_no_gap() -> None:
    lab = Lab()
    lab.cluster.apply("ModelProxy", "it", {**PROXY, "controllerClass": "blue"})
    lab.deliver()
    await lab.engine.resync()
    assert len(lab.engine.queue) == 0
    assert lab.calls.names == []


async def test_an_object_that_became_ours_unseen_is_read() -> None:
    lab = Lab()
    await lab.ready_account()
    key = lab.cluster.apply("ModelProxy", "it", {**PROXY, "controllerClass": "blue"})
    lab.deliver()
    lab.cluster.notify = lambda _event, _raw: None
    lab.cluster.delete(key)
    lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.engine.resync()
    await lab.elapse(15)
    assert lab.ready(PROXY_KEY) == ("True", "Available")


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "missed"])
async def test_gone_objects_of_another_class_are_forgotten(*, is_told: bool) -> None:
    lab = Lab()
    key = lab.cluster.apply("ModelProxy", "it", {**PROXY, "controllerClass": "blue"})
    lab.deliver()
    if not is_told:
        lab.cluster.notify = lambda _event, _raw: None
    lab.cluster.delete(key)
    lab.deliver()
    await lab.engine.resync()
    assert lab.engine._resync._foreign == {}


async def test_nothing_is_done_before_the_picture_is_whole() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.cluster.edit(key, spec={**PROXY, "description": "second"})
    lab.world = lab._world()
    engine = Engine(lab.world, lab.cluster, lab.metrics)
    lab.calls.take()
    running = asyncio.ensure_future(engine.run())
    for _ in range(50):
        await asyncio.sleep(0)
    assert not engine.is_synced
    assert lab.calls.names == []
    for raw in lab.cluster.all():
        assert not engine.is_synced
        engine.observe(None, raw)
    for _ in range(5000):
        await asyncio.sleep(0)
        if "UpdateModelProxy" in lab.calls.names:
            break
    assert engine.is_synced
    assert "UpdateModelProxy" in lab.calls.names
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_a_silent_watch_lost_at_the_start_is_read() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.cluster.edit(key, spec={**PROXY, "description": "second"})
    lab.world = lab._world()
    engine = Engine(lab.world, lab.cluster, lab.metrics)
    engine.observe(None, lab.cluster.raw(ObjectKey("Account", "team-a", "default")) or {})
    began = lab.clock.monotonic()
    running = asyncio.ensure_future(engine.run())
    for _ in range(5000):
        await asyncio.sleep(0)
        if description(lab) == "second":
            break
    assert description(lab) == "second"
    assert lab.clock.monotonic() - began >= 10.0, "the watch had its time"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
