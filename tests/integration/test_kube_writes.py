"""What the real API server makes of our writes: preconditions, races, namesakes."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from agentrun_operator.core.errors import AlreadyExistsNotOwned
from agentrun_operator.core.identity import FINALIZER, ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.client import KubeClient, core_path, custom_path
from agentrun_operator.kube.connections import ConfigMapConnectionWriter
from agentrun_operator.kube.reader import ReferenceReader
from agentrun_operator.kube.writer import StatusAndFinalizerWriter
from agentrun_operator.reconcile.ports import (
    ClusterUnavailable,
    Held,
    Json,
    ObjectConflict,
    ObjectGone,
)
from controlplane import ControlPlane
from integration.kube_lab import GADGET, WIDGET, lab_kind, lab_kinds, namespace

TEAM = "kube-writes"
TRACKING = dict.fromkeys(
    (
        "app.kubernetes.io/instance",
        "argocd.argoproj.io/tracking-id",
        "helm.toolkit.fluxcd.io/name",
        "kustomize.toolkit.fluxcd.io/name",
        "meta.helm.sh/release-name",
    ),
    "somebody",
)
"""By what GitOps tools know what is theirs; a child that had it would be pruned."""


@pytest.fixture(scope="module", autouse=True)
def lab(control_plane: ControlPlane) -> Iterator[None]:
    """Serve the test kinds and a namespace to this module."""
    with lab_kinds(control_plane), namespace(control_plane, TEAM):
        yield


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[KubeClient]:
    """Return an administrator's client."""
    async with KubeClient.open(ClusterAccess.load(control_plane.kubeconfig)) as opened:
        yield opened


@pytest.fixture
def writer(client: KubeClient) -> StatusAndFinalizerWriter:
    """Return the subject."""
    return StatusAndFinalizerWriter(client, [WIDGET, GADGET])


async def created(client: KubeClient, name: str, **metadata: Any) -> KubeObject:
    raw = {
        "apiVersion": "agentrun.dev/v1alpha1",
        "kind": WIDGET.kind,
        "metadata": {"name": name, **metadata},
        "spec": {},
    }
    return of(await client.post(custom_path(WIDGET.plural, TEAM), raw))


async def read(client: KubeClient, name: str) -> Json:
    return await client.get(custom_path(WIDGET.plural, TEAM, name))


def of(raw: Json) -> KubeObject:
    return KubeObject.of(raw, WIDGET.kind)


async def test_a_claim_is_refused_when_the_object_moved(
    client: KubeClient, writer: StatusAndFinalizerWriter
) -> None:
    stale = await created(client, "race", finalizers=["other.dev/one"])
    fresh = of(await writer.add_finalizer(stale))
    assert fresh.finalizers == ("other.dev/one", FINALIZER)
    with pytest.raises(ObjectConflict, match="has been modified"):
        await writer.add_finalizer(stale)
    assert of(await read(client, "race")) == fresh


async def test_a_release_survives_another_writers_edit(
    client: KubeClient, writer: StatusAndFinalizerWriter
) -> None:
    stale = await created(client, "release", finalizers=["other.dev/one", FINALIZER])
    path = custom_path(WIDGET.plural, TEAM, "release")
    await client.patch(path, {"metadata": {"finalizers": ["new.dev/two", "x.dev/y", FINALIZER]}})
    await writer.remove_finalizer(stale)
    assert of(await read(client, "release")).finalizers == ("new.dev/two", "x.dev/y")
    await writer.remove_finalizer(stale)


async def test_a_release_of_a_deleted_object_lets_it_go(
    client: KubeClient, writer: StatusAndFinalizerWriter, control_plane: ControlPlane
) -> None:
    held = await created(client, "going", finalizers=[FINALIZER])
    control_plane.kubectl("delete", WIDGET.plural, "going", f"-n={TEAM}", "--wait=false")
    assert of(await read(client, "going")).deleting
    await writer.remove_finalizer(held)
    with pytest.raises(ObjectGone):
        await read(client, "going")
    await writer.remove_finalizer(held)


async def test_a_release_never_touches_a_namesake(
    client: KubeClient, writer: StatusAndFinalizerWriter, control_plane: ControlPlane
) -> None:
    old = await created(client, "again")
    control_plane.kubectl("delete", WIDGET.plural, "again", f"-n={TEAM}")
    new = await created(client, "again", finalizers=[FINALIZER])
    claimed = KubeObject.of({**(await read(client, "again")), "spec": {}}, WIDGET.kind)
    gone = KubeObject(
        key=old.key,
        uid=old.uid,
        resource_version=old.resource_version,
        generation=1,
        created_at=old.created_at,
        deleted_at=old.created_at,
        finalizers=(FINALIZER,),
        annotations={},
        spec={},
        status={},
    )
    await writer.remove_finalizer(gone)
    assert of(await read(client, "again")) == claimed == new


async def test_a_status_replaces_the_old_one_whole_and_nothing_else(
    client: KubeClient, writer: StatusAndFinalizerWriter
) -> None:
    obj = await created(client, "status")
    first = {"count": 1, "atProvider": {"old": 1, "kept": 1}, "conditions": [{"type": "Ready"}]}
    obj = of(await writer.write_status(obj, first))
    assert obj.status == first
    second = {"atProvider": {"kept": 2}, "conditions": []}
    obj = of(await writer.write_status(obj, second))
    assert obj.status == second
    raw = await read(client, "status")
    assert raw["metadata"]["generation"] == 1
    managers = {f["manager"]: f.get("subresource") for f in raw["metadata"]["managedFields"]}
    assert managers["agentrun-operator"] == "status"
    again = of(await writer.write_status(obj, second))
    assert again.resource_version == obj.resource_version, "an equal status is not written"


async def test_a_status_survives_an_edit_of_the_spec_in_between(
    client: KubeClient, writer: StatusAndFinalizerWriter
) -> None:
    stale = await created(client, "edited")
    await client.patch(custom_path(WIDGET.plural, TEAM, "edited"), {"spec": {"a": 1}})
    written = of(await writer.write_status(stale, {"observedGeneration": 1}))
    assert (written.generation, written.status) == (2, {"observedGeneration": 1})


async def test_a_status_never_ends_up_on_a_namesake(
    client: KubeClient, writer: StatusAndFinalizerWriter, control_plane: ControlPlane
) -> None:
    old = await created(client, "namesake")
    control_plane.kubectl("delete", WIDGET.plural, "namesake", f"-n={TEAM}")
    with pytest.raises(ObjectGone):
        await writer.write_status(old, {"count": 1})
    await created(client, "namesake")
    with pytest.raises(ObjectConflict):
        await writer.write_status(old, {"count": 1})
    assert "status" not in await read(client, "namesake")


async def test_why_the_status_is_no_merge_patch(client: KubeClient) -> None:
    """Metadata in a patch of `/status` is dropped, the uid included: it is no precondition."""
    await created(client, "merge")
    path = custom_path(WIDGET.plural, TEAM, "merge", status=True)
    foreign = {"uid": "00000000-0000-0000-0000-000000000000", "annotations": {"a": "b"}}
    raw = await client.patch(path, {"metadata": foreign, "status": {"count": 1}})
    assert raw["status"] == {"count": 1}
    assert "annotations" not in raw["metadata"]


async def test_a_status_that_the_schema_refuses_is_no_conflict(
    client: KubeClient, writer: StatusAndFinalizerWriter
) -> None:
    obj = await created(client, "schema")
    with pytest.raises(ClusterUnavailable, match=r"HTTP 422: .*status\.count"):
        await writer.write_status(obj, {"count": "many"})


async def test_a_cluster_scoped_object_is_written_too(
    client: KubeClient, writer: StatusAndFinalizerWriter
) -> None:
    raw = {"apiVersion": "agentrun.dev/v1alpha1", "kind": GADGET.kind, "metadata": {"name": "all"}}
    obj = KubeObject.of(await client.post(custom_path(GADGET.plural), raw), GADGET.kind)
    obj = KubeObject.of(await writer.add_finalizer(obj), GADGET.kind)
    obj = KubeObject.of(await writer.write_status(obj, {"count": 1}), GADGET.kind)
    await writer.remove_finalizer(obj)
    found = await client.get(custom_path(GADGET.plural, name="all"))
    assert (found["status"], found["metadata"].get("finalizers")) == ({"count": 1}, None)


async def test_reads_of_the_real_server(client: KubeClient, control_plane: ControlPlane) -> None:
    await created(client, "listed")
    control_plane.kubectl(
        "create", "secret", "generic", "keys", f"-n={TEAM}", "--from-literal=a=välue"
    )
    reader = ReferenceReader(client)
    listed = await reader.list_objects(WIDGET)
    raw = await read(client, "listed")
    held = Held(raw["metadata"]["uid"], int(raw["metadata"]["resourceVersion"]))
    assert listed.objects[ObjectKey(WIDGET.kind, TEAM, "listed")] == held
    assert listed.version >= held.version
    found = await reader.secret(TEAM, "keys")
    assert found is not None
    assert found.data == {"a": "välue"}
    assert await reader.secret(TEAM, "missing") is None
    labels = await reader.namespace_labels(TEAM)
    assert labels["kubernetes.io/metadata.name"] == TEAM
    system = json.loads(control_plane.kubectl("get", "ns", "kube-system", "-o=json"))
    assert await reader.cluster_uid() == system["metadata"]["uid"]
    missing = lab_kind("LabMissing")
    assert await reader.check_crds([WIDGET, GADGET, missing]) == ("labmissings.agentrun.dev",)
    with pytest.raises(ClusterUnavailable, match="install the operator's CRDs"):
        await reader.list_objects(missing)


async def test_a_connection_is_owned_current_and_never_taken(
    client: KubeClient, control_plane: ControlPlane
) -> None:
    owner = await created(client, "owner", labels=TRACKING, annotations=TRACKING)
    writer = ConfigMapConnectionWriter(client)
    await writer.publish(owner, "owner-endpoint", {"url": "one", "old": "x"})
    await writer.publish(owner, "owner-endpoint", {"url": "two"})
    found = await client.get(core_path("configmaps", TEAM, "owner-endpoint"))
    assert found["data"] == {"url": "two"}
    metadata = found["metadata"]
    assert [r["uid"] for r in metadata["ownerReferences"]] == [owner.uid]
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "agentrun-operator"}
    assert metadata["annotations"] == {"agentrun.dev/published-by": f"{WIDGET.kind}/owner"}
    control_plane.kubectl("create", "configmap", "users", f"-n={TEAM}", "--from-literal=a=b")
    with pytest.raises(AlreadyExistsNotOwned):
        await writer.publish(owner, "users", {"url": "two"})
    await writer.withdraw(owner, "users")
    assert (await client.get(core_path("configmaps", TEAM, "users")))["data"] == {"a": "b"}


@pytest.mark.parametrize("owners", ["null", "old"])
async def test_a_connection_of_a_backup_is_taken_back_and_withdrawn(
    client: KubeClient, owners: str
) -> None:
    owner = await created(client, f"restored-{owners}")
    writer, name = ConfigMapConnectionWriter(client), f"restored-{owners}"
    path = core_path("configmaps", TEAM, name)
    await writer.publish(owner, name, {"url": "one"})
    found = await client.get(path)
    await client.delete(path, uid=found["metadata"]["uid"], version=version_of(found))
    kept = {k: found["metadata"][k] for k in ("name", "labels", "annotations")}
    old = {**found["metadata"]["ownerReferences"][0], "uid": "0" * 8}
    backup = {"metadata": kept if owners == "null" else {**kept, "ownerReferences": [old]}}
    await client.post(core_path("configmaps", TEAM), {**backup, "data": {"url": "dead"}})
    written = await writer.publish(owner, name, {"url": "two"})
    found = await client.get(path)
    assert (found["data"], version_of(found)) == ({"url": "two"}, written)
    assert [r["uid"] for r in found["metadata"]["ownerReferences"]] == [owner.uid]
    assert await writer.publish(owner, name, {"url": "two"}) == written, "nothing to write"
    await writer.withdraw(owner, name)
    with pytest.raises(ObjectGone):
        await client.get(path)


def version_of(raw: Json) -> str:
    return str(raw["metadata"]["resourceVersion"])
