"""A cluster that was put back to an older state is noticed, and a server that lags is not."""

import asyncio
from dataclasses import replace

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.reconcile.engine import Engine
from agentrun_operator.reconcile.ports import ClusterRewound, Held, Listed
from agentrun_operator.reconcile.rewind import Rewind
from engine.specs import PROXY, SAMPLES, ready
from fakes.cluster import FakeCluster
from fakes.lab import Lab

KEY = ObjectKey("ModelProxy", "team-a", "it")
OTHER = ObjectKey("ModelProxy", "team-a", "other")


def listed(version: int, **objects: tuple[str, int]) -> Listed:
    found = {ObjectKey("ModelProxy", "team-a", n): Held(*what) for n, what in objects.items()}
    return Listed(found, version)


@pytest.mark.parametrize(
    ("held", "now"),
    [
        pytest.param({}, listed(90), id="the list is older than one before"),
        pytest.param({KEY: Held("a", 105)}, listed(101), id="and than an object"),
        pytest.param({KEY: Held("a", 95)}, listed(101, it=("a", 94)), id="an object is older"),
        pytest.param({KEY: Held("a", 95)}, listed(101, it=("b", 94)), id="and is another one"),
        pytest.param({KEY: Held("a", 95)}, listed(101, it=("b", 95)), id="one version, two uids"),
    ],
)
def test_two_looks_in_a_row_make_a_verdict(held: dict[ObjectKey, Held], now: Listed) -> None:
    rewind = Rewind()
    rewind.compare("ModelProxy", {}, listed(100))
    rewind.check()
    assert not rewind.is_suspected
    rewind.compare("ModelProxy", held, now)
    rewind.check()
    assert rewind.is_suspected
    rewind.compare("ModelProxy", held, now)
    with pytest.raises(ClusterRewound, match=r"ModelProxy.*put back.*new one"):
        rewind.check()


@pytest.mark.parametrize(
    ("held", "now"),
    [
        pytest.param({KEY: Held("a", 95)}, listed(100, it=("a", 95)), id="nothing changed"),
        pytest.param({KEY: Held("a", 95)}, listed(101, it=("b", 101)), id="made anew"),
        pytest.param({KEY: Held("a", 95)}, listed(101, other=("b", 3)), id="gone, and an old one"),
        pytest.param({}, listed(0), id="a server that gives no version"),
    ],
)
def test_what_may_happen_in_a_cluster_that_goes_forward(
    held: dict[ObjectKey, Held], now: Listed
) -> None:
    rewind = Rewind()
    rewind.compare("ModelProxy", {}, listed(100))
    for _ in range(3):
        rewind.compare("ModelProxy", held, now)
        rewind.check()
    assert not rewind.is_suspected


def test_one_look_at_a_server_that_lags_is_forgiven() -> None:
    rewind = Rewind()
    for version in (100, 90, 101, 95, 102):
        rewind.compare("ModelProxy", {}, listed(version))
        rewind.check()
    assert not rewind.is_suspected


def test_each_kind_is_compared_with_itself() -> None:
    rewind = Rewind()
    for _ in range(3):
        rewind.compare("ModelProxy", {}, listed(100))
        rewind.compare("Sandbox", {}, listed(7))
        rewind.check()


def test_signs_of_different_kinds_confirm_nothing() -> None:
    rewind = Rewind()
    for proxies, sandboxes in ((100, 100), (90, 100), (100, 90)):
        rewind.compare("ModelProxy", {}, listed(proxies))
        rewind.compare("Sandbox", {}, listed(sandboxes))
        rewind.check()
    assert rewind.is_suspected


async def test_a_restored_backup_ends_the_engine() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    backup = lab.cluster.server.backup()
    lab.edit(key, description="second")
    await lab.elapse(30)
    lab.cluster.server.restore(backup)
    with pytest.raises(ClusterRewound, match=r"put back"):
        await lab.engine.resync()


async def test_a_backup_with_new_objects_since_ends_the_engine() -> None:
    """The versions of the LISTs may have caught up before anybody looks."""
    lab, key = await ready(SAMPLES["ModelProxy"])
    await lab.engine.resync()
    backup = lab.cluster.server.backup()
    lab.edit(key, description="second")
    await lab.elapse(30)
    lab.cluster.server.restore(backup)
    for number in range(100):
        lab.cluster.apply("ModelProxy", f"new-{number}", {**PROXY, "controllerClass": "blue"})
    with pytest.raises(ClusterRewound, match=r"team-a/it"):
        await lab.engine.resync()


async def test_a_backup_older_than_an_object_ends_the_engine() -> None:
    lab, _ = await ready(SAMPLES["ModelProxy"])
    await lab.engine.resync()
    backup = lab.cluster.server.backup()
    lab.cluster.apply("ModelProxy", "late", PROXY)
    await lab.elapse(30)
    await lab.engine.resync()
    lab.cluster.server.restore(backup)
    with pytest.raises(ClusterRewound):
        await lab.engine.resync()


class Lagging(FakeCluster):
    """A LIST now and then comes from a server that has not caught up."""

    behind = 0

    async def list_objects(self, kind: ResourceKind) -> Listed:
        found = await super().list_objects(kind)
        if kind.kind != "ModelProxy" or self.behind <= 0:
            return found
        self.behind -= 1
        old = {key: replace(held, version=held.version - 1) for key, held in found.objects.items()}
        return Listed(old, found.version - 5)


@pytest.mark.parametrize(("looks", "ends"), [(1, False), (2, True)])
async def test_a_list_from_a_lagging_server_ends_nothing(*, looks: int, ends: bool) -> None:
    lab = Lab()
    cluster = lab.cluster = Lagging(lab.clock, lab.calls)
    lab.restart()
    await lab.ready_account()
    cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(15)
    await lab.engine.resync()
    before = lab.clock.monotonic()
    cluster.behind = looks
    if ends:
        with pytest.raises(ClusterRewound):
            await lab.engine.resync()
    else:
        await lab.engine.resync()
    assert lab.clock.monotonic() - before >= 5, "the second look is some seconds later"


async def test_the_barrier_ends_where_the_cluster_goes_back_under_it() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    backup = lab.cluster.server.backup()
    lab.edit(key, description="second")
    lab.deliver()
    newest = lab.cluster.raw(key)
    assert newest is not None
    lab.world = lab._world()
    engine = Engine(lab.world, lab.cluster, lab.metrics)
    engine.observe(None, {**newest, "kind": "ModelProxy"})
    lab.cluster.server.restore(backup)  # the account of the backup is never shown by the watch
    with pytest.raises(ClusterRewound):
        async with asyncio.timeout(60):
            await engine.run()
