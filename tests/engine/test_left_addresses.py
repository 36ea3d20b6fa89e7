"""The address ConfigMap of an object goes with it, whatever became of its owner reference."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import SAMPLES, made
from engine.test_publications import AT, PUBLISHING, published
from fakes.lab import Lab

MAP = ObjectKey("ConfigMap", *AT)
ENDS = ("while no operator runs", "while it is paused", "while its status is lost")
each_kind = pytest.mark.parametrize("kind", PUBLISHING)


def change(lab: Lab, **metadata: Any) -> None:
    lab.cluster.server.edit(MAP, lambda raw: raw["metadata"].update(metadata))


@each_kind
@pytest.mark.parametrize("policy", ["Delete", "Retain"])
@pytest.mark.parametrize("end", ENDS)
async def test_a_map_without_its_owner_goes(kind: str, policy: str, end: str) -> None:
    lab, key = await published(kind)
    lab.edit(key, deletionPolicy=policy)
    await lab.elapse(20)
    if end == "while it is paused":
        lab.annotate(key, paused="true")
        await lab.elapse(5)
    change(lab, ownerReferences=[])
    if end == "while it is paused":
        await lab.elapse(5)
    elif end == "while its status is lost":
        lab.cluster.reset_status(key)
    lab.cluster.delete(key)
    if end != "while it is paused":
        lab.restart()
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES[kind])) == (policy == "Retain")
    assert lab.cluster.connections == {}
    assert lab.calls.names.count("withdraw") == 1


OTHER = {
    "another's owner": {
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "it", "uid": "else"}]
    },
    "another's mark": {
        "ownerReferences": [],
        "annotations": {"agentrun.dev/published-by": "ModelProxy/else"},
    },
}


@each_kind
@pytest.mark.parametrize("metadata", OTHER.values(), ids=OTHER)
async def test_a_map_of_somebody_else_stays(kind: str, metadata: dict[str, Any]) -> None:
    lab, key = await published(kind)
    change(lab, **metadata)
    before = lab.cluster.raw(MAP)
    lab.cluster.delete(key)
    lab.restart()
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert lab.cluster.raw(MAP) == before


@each_kind
@pytest.mark.parametrize("restarts", [False, True], ids=["living", "restarted"])
async def test_a_map_with_its_owner_costs_no_write(kind: str, *, restarts: bool) -> None:
    lab, key = await published(kind)
    lab.cluster.delete(key)
    if restarts:
        lab.restart()
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert lab.cluster.connections == {}
    assert {"withdraw", "publish"}.isdisjoint(lab.calls.names)


@each_kind
async def test_who_deletes_without_what_it_owns_keeps_it(kind: str) -> None:
    lab, key = await published(kind)
    lab.cluster.add_foreign_finalizer(key, "orphan")
    change(lab, ownerReferences=[])
    lab.edit(key, deletionPolicy="Retain")
    lab.cluster.delete(key)
    lab.restart()
    await lab.elapse(60)
    assert AT in lab.cluster.connections
    assert "withdraw" not in lab.calls.names


@each_kind
async def test_a_missing_right_does_not_hold_the_object(kind: str) -> None:
    lab, key = await published(kind)
    change(lab, ownerReferences=[])
    lab.cluster.client.forbidden = frozenset({"ConfigMap"})
    lab.cluster.delete(key)
    lab.restart()
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
