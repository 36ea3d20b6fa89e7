"""Clusters that have no id: what is bound to a place there may be bound to another cluster's."""

import itertools

import pytest

from agentrun_operator.core.identity import UNKNOWN_CLUSTER
from engine.specs import ALONE, SAMPLES, made
from engine.test_copies import backup, takes_nothing
from fakes.lab import Lab


@pytest.mark.parametrize("lives", [True, False], ids=["lives first", "deleted at once"])
@pytest.mark.parametrize("kind", ALONE)
async def test_a_copy_in_another_cluster_without_id_takes_nothing(
    kind: str, *, lives: bool
) -> None:
    sample = SAMPLES[kind]
    lab = Lab(cluster_id=UNKNOWN_CLUSTER)
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": "canary-4711"})
    key = lab.cluster.apply(kind, "it", {**sample.spec, "deletionPolicy": "Delete"})
    await lab.elapse(30)
    assert lab.ready(key) == ("True", "Available")
    other = Lab(cluster_id=UNKNOWN_CLUSTER, beside=lab)
    other.cluster.server.uids = itertools.count(100)
    await other.ready_account()
    other.cluster.put_secret("keys", {"token": "canary-4711"})
    owner = "team-a/it of cluster 'unknown'"
    await takes_nothing(other, key, backup(lab, key), owner, lives=lives)
    assert len(made(lab, sample)) == 1
    lab.restart()
    await lab.elapse(100)
    assert lab.ready(key) == ("True", "Available"), "its own uid is its own"
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert made(lab, sample) == []
