"""kopf and our own watches on the real API server, also when it fails on us."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.client import KubeClient, core_path, custom_path
from agentrun_operator.kube.metadata_watch import MetadataWatch
from agentrun_operator.kube.source import Watcher, WatchLostError
from agentrun_operator.kube.watch_ages import WatchAges
from controlplane import ControlPlane
from integration.kube_lab import (
    GADGET,
    WIDGET,
    FaultyProxy,
    eventually,
    lab_kinds,
    namespace,
    once,
)

TEAM, OTHER = "kube-watch", "kube-watch-other"


@pytest.fixture(scope="module", autouse=True)
def lab(control_plane: ControlPlane) -> Iterator[None]:
    """Serve the test kinds and two namespaces to this module."""
    with (
        lab_kinds(control_plane),
        namespace(control_plane, TEAM),
        namespace(control_plane, OTHER),
    ):
        yield


@pytest.fixture
def access(control_plane: ControlPlane) -> ClusterAccess:
    """Return an administrator's access."""
    return ClusterAccess.load(control_plane.kubeconfig)


@pytest.fixture
async def client(access: ClusterAccess) -> AsyncIterator[KubeClient]:
    """Return an administrator's client."""
    async with KubeClient.open(access) as opened:
        yield opened


class Observed:
    """What a watcher reported."""

    def __init__(self) -> None:
        self.events: list[tuple[str | None, dict[str, Any]]] = []

    def __call__(self, kind: str | None, raw: Any) -> None:
        self.events.append((kind, raw))

    def of(self, name: str) -> list[str | None]:
        return [kind for kind, raw in self.events if raw["metadata"]["name"] == name]


@asynccontextmanager
async def watching(
    access: ClusterAccess, observed: Observed, *namespaces: str, ages: WatchAges | None = None
) -> AsyncIterator[Watcher]:
    watcher = Watcher(
        access=access, kinds=[WIDGET, GADGET], observe=observed, namespaces=namespaces, ages=ages
    )
    stop = asyncio.Event()
    task = asyncio.create_task(watcher.run(stop))
    await eventually(lambda: task.done() or not watcher.missing)
    if task.done():
        task.result()
    yield watcher
    stop.set()
    await task


async def create(
    client: KubeClient, name: str, where: str = TEAM, kind: ResourceKind = WIDGET
) -> None:
    raw = {
        "apiVersion": "agentrun.dev/v1alpha1",
        "kind": kind.kind,
        "metadata": {"name": name},
        "spec": {},
    }
    await client.post(custom_path(kind.plural, where), raw)


async def edit(client: KubeClient, name: str, value: int) -> None:
    await client.patch(custom_path(WIDGET.plural, TEAM, name), {"spec": {"value": value}})


async def test_each_watch_shows_that_it_lives(access: ClusterAccess, client: KubeClient) -> None:
    now, ages, observed = 100.0, WatchAges(monotonic=lambda: now), Observed()
    async with watching(access, observed, ages=ages):
        await eventually(lambda: len(ages.seconds()) == 2)
        assert ages.seconds() == {WIDGET.plural: 0.0, GADGET.plural: 0.0}
        now = 150.0
        await create(client, "alive")
        await eventually(lambda: observed.of("alive"))
        assert ages.seconds() == {WIDGET.plural: 0.0, GADGET.plural: 50.0}


async def test_every_event_arrives_and_nothing_is_written(
    access: ClusterAccess, client: KubeClient, control_plane: ControlPlane
) -> None:
    await create(client, "early")
    await create(client, "all", "", GADGET)
    start, observed = control_plane.audit.position(), Observed()
    async with watching(access, observed):
        await eventually(lambda: observed.of("early") and observed.of("all"))
        await create(client, "late")
        await edit(client, "late", 1)
        control_plane.kubectl("delete", WIDGET.plural, "late", f"-n={TEAM}")
        await eventually(lambda: "DELETED" in observed.of("late"))
    assert observed.of("early") == observed.of("all") == [None]
    assert observed.of("late") == ["ADDED", "MODIFIED", "DELETED"]
    assert {raw["kind"] for _, raw in observed.events} == {WIDGET.kind, GADGET.kind}
    assert not any("managedFields" in raw["metadata"] for _, raw in observed.events)
    writes = control_plane.audit.writes(since=start)
    ours = [w.verb for w in writes if w.group == "agentrun.dev" and w.namespace == TEAM]
    assert ours == ["create", "patch", "delete"]


async def test_a_namespaced_install_sees_its_namespaces_only(
    access: ClusterAccess, client: KubeClient
) -> None:
    observed = Observed()
    async with watching(access, observed, TEAM) as watcher:
        assert [kind.kind for kind in watcher.kinds] == [WIDGET.kind]
        await create(client, "foreign", OTHER)
        await create(client, "own")
        await eventually(lambda: observed.of("own"))
    assert not observed.of("foreign")


async def test_the_end_of_the_watch_leaves_other_tasks_alone(access: ClusterAccess) -> None:
    async with watching(access, Observed()):
        younger = asyncio.create_task(asyncio.sleep(600))
        await asyncio.sleep(0)
    assert not younger.done()
    younger.cancel()


async def test_a_signal_goes_to_whoever_had_it_before_kopf(access: ClusterAccess) -> None:
    watcher = Watcher(access=access, kinds=[WIDGET], observe=Observed())
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    before = signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(stop.set))
    try:
        task = asyncio.create_task(watcher.run(stop))
        await eventually(lambda: not watcher.missing)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(task, 60)
        assert stop.is_set()
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_a_watcher_task_that_dies_in_silence_is_noticed(access: ClusterAccess) -> None:
    watcher = Watcher(access=access, kinds=[WIDGET, GADGET], observe=Observed())
    task = asyncio.create_task(watcher.run(asyncio.Event()))
    await eventually(lambda: not watcher.missing)
    (victim,) = [t for t in asyncio.all_tasks() if t.get_name() == watcher.expected()[0]]
    victim.cancel()
    with pytest.raises(WatchLostError, match=r"kopf no longer runs: watcher for labwidgets"):
        await asyncio.wait_for(task, 60)


async def test_a_kind_that_the_server_lost_ends_the_watch(access: ClusterAccess) -> None:
    proxy = FaultyProxy(access)

    def lost(request: web.Request) -> int | None:
        return 404 if request.path.endswith(WIDGET.plural) else None

    async with proxy.running():
        proxy.faults.append(lost)
        watcher = Watcher(access=proxy.access, kinds=[WIDGET], observe=Observed())
        with pytest.raises(WatchLostError, match="injected"):
            await asyncio.wait_for(watcher.run(asyncio.Event()), 60)


@pytest.mark.parametrize("kind", [WIDGET, GADGET])
async def test_a_kind_that_goes_leaves_no_stream_of_another_one_behind(
    access: ClusterAccess, kind: ResourceKind
) -> None:
    """What is left behind holds up the end of the process for ever."""
    proxy = FaultyProxy(access)
    async with proxy.running():
        watcher = Watcher(access=proxy.access, kinds=[WIDGET, GADGET], observe=Observed())
        task = asyncio.create_task(watcher.run(asyncio.Event()))
        await eventually(lambda: not watcher.missing)
        proxy.faults.append(lambda request: 404 if request.path.endswith(kind.plural) else None)
        proxy.hang_up()
        with pytest.raises(WatchLostError, match=f"no longer serves {kind.plural}.*CRD"):
            await asyncio.wait_for(task, 60)
        names = [each.get_name() for each in asyncio.all_tasks()]
        assert not [name for name in names if name.startswith(("watcher for", "pause-waiter"))]


def only_watches(fault: int | bytes) -> Any:
    def strike(request: web.Request) -> int | bytes | None:
        is_ours = request.path.endswith(WIDGET.plural) and "watch" in request.query
        return fault if is_ours else None

    return strike


EXPIRED = b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}\n'
FAILED = b'{"type":"ERROR","object":{"kind":"Status","code":500,"message":"no leader"}}\n'


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(401, id="a stray 401, for which a stock login ends the process"),
        pytest.param(403, id="403"),
        pytest.param(429, id="429"),
        pytest.param(503, id="503"),
        pytest.param(EXPIRED, id="410 in the stream"),
        pytest.param(FAILED, id="500 in the stream, after which a stock kopf ends"),
        pytest.param(b"", id="hung up at once"),
        pytest.param(b'{"type":"MODI', id="hung up within a line"),
    ],
)
async def test_faults_of_a_stream_lose_no_event(
    access: ClusterAccess, client: KubeClient, fault: int | bytes
) -> None:
    proxy, observed = FaultyProxy(access), Observed()
    name = f"fault-{abs(hash(fault)) % 10**8}"
    async with proxy.running():
        proxy.faults.append(once(only_watches(fault)))
        async with watching(proxy.access, observed):
            await create(client, name)
            await edit(client, name, 1)
            await eventually(
                lambda: any(
                    raw["metadata"]["name"] == name and raw["spec"].get("value") == 1
                    for _, raw in observed.events
                )
            )


async def test_a_list_that_expires_between_two_pages_begins_anew(
    access: ClusterAccess, client: KubeClient
) -> None:
    """Large objects take longer than the server keeps a list; kopf ends after that 410."""
    proxy, observed = FaultyProxy(access), Observed()
    await create(client, "expired")

    def expired(request: web.Request) -> int | None:
        is_list = request.path.endswith(WIDGET.plural) and "limit" in request.query
        return 410 if is_list else None

    async with proxy.running():
        proxy.faults.append(once(expired))
        async with watching(proxy.access, observed):
            await eventually(
                lambda: "expired" in {r["metadata"]["name"] for _, r in observed.events}
            )
            assert sum("limit=" in seen and WIDGET.plural in seen for seen in proxy.seen) == 2


async def test_refused_credentials_neither_end_the_watch_nor_storm(
    access: ClusterAccess,
) -> None:
    proxy = FaultyProxy(access)
    proxy.faults.append(lambda _: 401)
    async with proxy.running():
        watcher = Watcher(access=proxy.access, kinds=[WIDGET], observe=Observed())
        stop = asyncio.Event()
        task = asyncio.create_task(watcher.run(stop))
        await eventually(lambda: proxy.seen)
        await asyncio.sleep(1.5)
        assert not task.done()
        assert len(proxy.seen) <= 10
        proxy.faults.clear()
        await eventually(lambda: not watcher.missing)
        stop.set()
        await asyncio.wait_for(task, 60)


class Changes:
    """What a metadata watch reported, in a running watch."""

    def __init__(self, access: ClusterAccess, *namespaces: str) -> None:
        self.seen: list[tuple[str, str, str]] = []
        self._access = access
        self._namespaces = namespaces

    def _changed(self, kind: str, namespace: str, name: str, _version: str) -> None:
        self.seen.append((kind, namespace, name))

    def named(self, name: str) -> int:
        return sum(1 for _, _, each in self.seen if each == name)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Changes"]:
        stop = asyncio.Event()
        async with KubeClient.open(self._access, streams=4) as client:
            watch = MetadataWatch(client, self._changed, namespaces=self._namespaces)
            task = asyncio.create_task(watch.run(stop))
            await watch.answered()
            yield self
            stop.set()
            await task


async def post_secret(client: KubeClient, name: str, **more: Any) -> None:
    body = {"metadata": {"name": name}, "stringData": {"a": "b"}, **more}
    await client.post(core_path("secrets", TEAM), body)


async def test_secrets_and_maps_are_reported_without_helm_releases(
    access: ClusterAccess, client: KubeClient, control_plane: ControlPlane
) -> None:
    await post_secret(client, "before")
    async with Changes(access).running() as changes:
        await post_secret(client, "release", type="helm.sh/release.v1")
        await post_secret(client, "keys")
        body = {"metadata": {"name": "settings"}}
        await client.post(core_path("configmaps", OTHER), body)
        await eventually(lambda: changes.named("keys") and changes.named("settings"))
        control_plane.kubectl("delete", "secret", "before", f"-n={TEAM}")
        await eventually(lambda: changes.named("before"))
    assert ("Secret", TEAM, "keys") in changes.seen
    assert ("ConfigMap", OTHER, "settings") in changes.seen
    assert not changes.named("release")
    assert changes.named("before") == 1, "the first list is silent"


async def test_a_namespaced_metadata_watch_sees_its_namespace_only(
    access: ClusterAccess, client: KubeClient
) -> None:
    async with Changes(access, OTHER).running() as changes:
        await post_secret(client, "elsewhere")
        await client.post(core_path("configmaps", OTHER), {"metadata": {"name": "here"}})
        await eventually(lambda: changes.named("here"))
    assert not changes.named("elsewhere")


@pytest.mark.parametrize("fault", [401, 503, EXPIRED, b"", b'{"type":"MODI', b"no json\n"])
async def test_faults_of_a_metadata_stream_lose_no_change(
    access: ClusterAccess, client: KubeClient, fault: int | bytes
) -> None:
    proxy = FaultyProxy(access)
    name = f"fault-{abs(hash(fault)) % 10**8}"

    def strike(request: web.Request) -> int | bytes | None:
        is_ours = request.path.endswith("secrets") and "watch" in request.query
        return fault if is_ours else None

    async with proxy.running():
        proxy.faults.append(once(strike))
        async with Changes(proxy.access).running() as changes:
            await post_secret(client, name)
            await eventually(lambda: changes.named(name))
