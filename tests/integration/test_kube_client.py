"""The start-up errors that people meet, RBAC, and answers that make no sense."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.client import (
    METADATA_LIST,
    KubeClient,
    ListExpired,
    core_path,
)
from agentrun_operator.kube.events import BackgroundEventRecorder
from agentrun_operator.kube.pages import MAX_BYTES
from agentrun_operator.kube.reader import ReferenceReader
from agentrun_operator.reconcile.ports import (
    ClusterForbidden,
    ClusterUnavailable,
    ObjectConflict,
    ObjectGone,
)
from controlplane import ControlPlane
from integration.kube_lab import WIDGET, FaultyProxy, namespace
from unit.kube.scripted_cluster import ManualClock


@pytest.fixture
def access(control_plane: ControlPlane) -> ClusterAccess:
    """Return an administrator's access."""
    return ClusterAccess.load(control_plane.kubeconfig)


@pytest.fixture
async def proxy(access: ClusterAccess) -> AsyncIterator[FaultyProxy]:
    """Return a running proxy before the API server."""
    async with FaultyProxy(access).running() as running:
        yield running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def start_up_error(access: ClusterAccess) -> str:
    async with KubeClient.open(access) as client:
        with pytest.raises(ClusterUnavailable) as caught:
            await ReferenceReader(client).require_crds([WIDGET])
    return str(caught.value)


async def test_an_unreachable_cluster_is_told_with_its_address() -> None:
    url = f"https://127.0.0.1:{free_port()}"
    said = await start_up_error(ClusterAccess(url))
    assert f"no answer from {url}" in said
    assert "check that the API server is up" in said
    assert "networkPolicy.apiServerPorts" in said


async def test_a_foreign_certificate_is_told(access: ClusterAccess) -> None:
    said = await start_up_error(replace(access, ca=None))
    assert "not signed by the configured authority" in said


async def test_refused_credentials_are_told_without_quoting_them(access: ClusterAccess) -> None:
    said = await start_up_error(replace(access, token="s3cr3t-but-wr0ng"))
    assert "refuses our credentials" in said
    assert "renew the token" in said
    assert "s3cr3t" not in said


async def test_missing_crds_are_told(access: ClusterAccess) -> None:
    said = await start_up_error(access)
    assert "labwidgets.agentrun.dev" in said
    assert "install the operator's CRDs" in said


async def test_missing_rights_name_the_resource(control_plane: ControlPlane) -> None:
    with namespace(control_plane, "kube-client"):
        control_plane.kubectl("create", "serviceaccount", "nobody", "-n=kube-client")
        kubeconfig = control_plane.kubeconfig_for("kube-client", "nobody")
        async with KubeClient.open(ClusterAccess.load(kubeconfig)) as client:
            with pytest.raises(ClusterForbidden, match=r"secrets is forbidden.*extend the RBAC"):
                await client.get(core_path("secrets", "kube-client"))
            reader = ReferenceReader(client)
            assert await reader.cluster_uid() is None
            assert await reader.namespace_labels("kube-client") == {}


async def test_a_rotated_token_file_is_picked_up_by_one_client(
    access: ClusterAccess, tmp_path: Path
) -> None:
    assert access.token is not None
    file = tmp_path / "token"
    file.write_text("expired", encoding="utf-8")
    async with KubeClient.open(replace(access, token=None, token_file=file)) as client:
        with pytest.raises(ClusterUnavailable, match="refuses our credentials"):
            await client.get(core_path("namespaces", name="default"))
        file.write_text(access.token, encoding="utf-8")
        found = await client.get(core_path("namespaces", name="default"))
        assert found["metadata"]["name"] == "default"


async def test_lists_are_read_in_chunks_of_one_snapshot(
    access: ClusterAccess, control_plane: ControlPlane
) -> None:
    with namespace(control_plane, "kube-chunks") as name:
        async with KubeClient.open(access) as client:
            for number in range(5):
                body: dict[str, Any] = {"metadata": {"name": f"c{number}"}}
                await client.post(core_path("configmaps", name), body)
            pages = [
                page
                async for page in client.pages(
                    core_path("configmaps", name), accept=METADATA_LIST, limit=2
                )
            ]
    assert len({page["metadata"]["resourceVersion"] for page in pages}) == 1
    items = [item for page in pages for item in page["items"]]
    assert len(pages) >= 3
    assert len({item["metadata"]["name"] for item in items}) == len(items) >= 5
    assert not any("data" in item for item in items)


async def test_a_list_of_large_objects_comes_in_pages_of_few_bytes(
    control_plane: ControlPlane, access: ClusterAccess
) -> None:
    size, count = 250_000, 40
    with namespace(control_plane, "kube-large") as name:
        path = core_path("configmaps", name)
        async with KubeClient.open(access) as client:
            for n in range(count):
                annotations = {"example.com/big": f"{n:03}" * (size // 3)}
                metadata = {"name": f"map-{n:03}", "annotations": annotations}
                await client.post(path, {"metadata": metadata})
            pages = [len(page["items"]) async for page in client.pages(path, accept=METADATA_LIST)]
            again = [len(page["items"]) async for page in client.pages(path, accept=METADATA_LIST)]
    # One more is the cluster's own: the certificate of its authority.
    assert sum(pages) == sum(again) == count + 1
    assert max(pages) <= MAX_BYTES // size
    assert len(again) < len(pages) + count // 4


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, ClusterForbidden),
        (404, ObjectGone),
        (409, ObjectConflict),
        (410, ListExpired),
        (422, ObjectConflict),
        (429, ClusterUnavailable),
        (500, ClusterUnavailable),
        (503, ClusterUnavailable),
    ],
)
async def test_each_status_has_its_error(
    proxy: FaultyProxy, status: int, error: type[Exception]
) -> None:
    proxy.faults.append(lambda _: status)
    async with KubeClient.open(proxy.access) as client:
        with pytest.raises(error, match="injected"):
            await client.get("/api")


@pytest.mark.parametrize("begun", [b"", b'{"kind":', b"<html>502</html>"])
async def test_an_answer_that_breaks_off_is_unavailable(proxy: FaultyProxy, begun: bytes) -> None:
    proxy.faults.append(lambda _: begun)
    async with KubeClient.open(proxy.access) as client:
        with pytest.raises(ClusterUnavailable):
            await client.get("/api")


async def test_a_body_that_is_no_json_is_unavailable(proxy: FaultyProxy) -> None:
    async with KubeClient.open(proxy.access) as client:
        with pytest.raises(ClusterUnavailable, match="no JSON"):
            await client.get("/healthz")


async def test_events_reach_kubectl(access: ClusterAccess, control_plane: ControlPlane) -> None:
    with namespace(control_plane, "kube-events") as name:
        raw = {"metadata": {"namespace": name, "name": "chat", "uid": "u", "resourceVersion": "1"}}
        stop = asyncio.Event()
        stop.set()
        async with KubeClient.open(access) as client:
            recorder = BackgroundEventRecorder(client, ManualClock())
            obj = KubeObject.of(raw, WIDGET.kind)
            recorder.emit(obj, "Warning", "CannotCreate", "no quota left")
            await recorder.run(stop)
        shown = control_plane.kubectl("get", "events", f"-n={name}")
        assert "CannotCreate" in shown
        assert "labwidget/chat" in shown
        assert "no quota left" in shown


async def test_the_token_stays_with_the_api_server(
    proxy: FaultyProxy, access: ClusterAccess
) -> None:
    leaked: list[str | None] = []

    async def elsewhere(request: web.Request) -> web.Response:
        leaked.append(request.headers.get("Authorization"))
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/", elsewhere)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        proxy.redirect_to = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with KubeClient.open(proxy.access) as client:
            await client.get("/api")
    finally:
        await runner.cleanup()
    assert leaked == [None]
    assert access.token is not None
