"""Objects that a backup restored with finalizer and status: a copied status proves nothing."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from agentrun_simulator.settings import Account
from engine.specs import (
    ALONE,
    SAMPLES,
    Sample,
    ids,
    lab_for,
    made,
    ready,
)
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab, account_spec

kinds = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
named = pytest.mark.parametrize("kind", ALONE)
OTHER_NAMESPACE = "restored"


async def account_in(lab: Lab, namespace: str, account: Account = MAIN) -> None:
    """Give a namespace an Account object, and the Secret that the samples refer to."""
    lab.cluster.put_secret("default-keys", keys_of(account), namespace=namespace)
    lab.cluster.put_secret("keys", {"token": "canary-4711"}, namespace=namespace)
    spec = account_spec("default-keys", account.account_id)
    lab.cluster.apply("Account", "default", spec, namespace=namespace)
    await lab.elapse(5)


def backup(lab: Lab, key: ObjectKey) -> dict[str, Any]:
    raw = lab.cluster.raw(key)
    assert raw is not None
    return raw


def at(key: ObjectKey, namespace: str = OTHER_NAMESPACE, name: str = "") -> ObjectKey:
    return ObjectKey(key.kind, namespace, name or key.name)


def last_event(lab: Lab, key: ObjectKey) -> tuple[str, str]:
    found = [e for e in lab.cluster.events if e.key == key][-1]
    return found.reason, found.message


# ------------------------------------------------ into another namespace


@pytest.mark.parametrize("lives", [True, False], ids=["lives first", "deleted at once"])
@pytest.mark.parametrize("policy", [None, "Delete"])
@kinds
async def test_deleting_a_copy_elsewhere_leaves_the_cloud_alone(
    sample: Sample, policy: str | None, *, lives: bool
) -> None:
    more = {"deletionPolicy": policy} if policy else {}
    lab, key = await ready(sample, **more)
    before = ids(lab, sample)
    await account_in(lab, OTHER_NAMESPACE)
    lab.clock.advance(100)
    copied = lab.cluster.put_back(at(key), backup(lab, key))
    if not lives:
        lab.cluster.delete(copied)
    lab.restart()
    await lab.elapse(30)
    if lives:
        assert lab.ready(copied)[0] == "False", lab.message(copied)
        lab.cluster.delete(copied)
        await lab.elapse(30)
    assert lab.cluster.raw(copied) is None
    assert ids(lab, sample) == before
    assert not [n for n in lab.calls.names if n.startswith(("Update", "Delete"))]
    await lab.elapse(100)
    assert lab.ready(key) == ("True", "Available")


@named
async def test_a_copy_says_whose_the_resource_is(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    await account_in(lab, OTHER_NAMESPACE)
    lab.clock.advance(100)
    copied = lab.cluster.put_back(at(key), backup(lab, key))
    lab.restart()
    await lab.elapse(30)
    assert lab.ready(copied) == ("False", "ExternalNameConflict")
    assert str(key) in lab.message(copied)
    assert lab.get(copied).external_id is None
    assert "adopted" not in lab.get(copied).status


async def test_a_copied_sandbox_gets_a_sandbox_of_its_own() -> None:
    lab, key = await ready(SAMPLES["Sandbox"])
    await account_in(lab, OTHER_NAMESPACE)
    lab.cluster.apply(
        "SandboxTemplate",
        "base",
        {**SAMPLES["SandboxTemplate"].spec, "externalName": "another"},
        namespace=OTHER_NAMESPACE,
    )
    await lab.elapse(30)
    copied = lab.cluster.put_back(at(key), backup(lab, key))
    lab.restart()
    await lab.elapse(30)
    assert lab.ready(copied) == ("True", "Available"), lab.message(copied)
    assert len(made(lab, SAMPLES["Sandbox"])) == 2
    lab.cluster.delete(copied)
    await lab.elapse(30)
    assert [r["sandboxId"] for r in made(lab, SAMPLES["Sandbox"])] == [lab.get(key).external_id]


@named
async def test_a_copy_goes_where_no_account_is_left_to_look_in(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    copied = lab.cluster.put_back(at(key), backup(lab, key))
    lab.cluster.delete(copied)
    lab.restart()
    await lab.elapse(30)
    assert lab.cluster.raw(copied) is None
    assert len(made(lab, SAMPLES[kind])) == 1


@pytest.mark.parametrize("is_deleted", [False, True], ids=["lives", "deleted"])
async def test_a_copied_endpoint_below_the_same_runtime_is_not_taken(*, is_deleted: bool) -> None:
    lab, key = await ready(SAMPLES["AgentRuntimeEndpoint"], deletionPolicy="Delete")
    runtime = lab.get(ObjectKey("AgentRuntime", "team-a", "base")).external_id
    await account_in(lab, OTHER_NAMESPACE)
    raw = backup(lab, key)
    raw["spec"]["runtimeRef"] = {"externalName": runtime}
    copied = lab.cluster.put_back(at(key), raw)
    if is_deleted:
        lab.cluster.delete(copied)
    lab.restart()
    await lab.elapse(30)
    if not is_deleted:
        assert lab.ready(copied) == ("False", "AlreadyExistsNotOwned")
        assert f"{key}, which exists in this cluster" in lab.message(copied)
        lab.cluster.delete(copied)
        await lab.elapse(30)
    assert lab.cluster.raw(copied) is None
    assert len(made(lab, SAMPLES["AgentRuntimeEndpoint"])) == 1
    assert "DeleteAgentRuntimeEndpoint" not in lab.calls.names


# ------------------------------------------------ into another cluster


async def other_cluster(lab: Lab) -> Lab:
    other = Lab(cluster_id="cluster-2", beside=lab)
    await other.ready_account()
    other.cluster.put_secret("keys", {"token": "canary-4711"})
    return other


@named
async def test_a_copy_in_another_cluster_stalls_and_names_the_first(kind: str) -> None:
    sample = SAMPLES[kind]
    lab, key = await ready(sample, deletionPolicy="Delete")
    other = await other_cluster(lab)
    lab.clock.advance(100)
    other.cluster.put_back(key, backup(lab, key))
    other.restart()
    await other.elapse(30)
    for _ in range(2):
        assert other.ready(key) == ("False", "AlreadyExistsNotOwned"), other.message(key)
        assert "team-a/it of cluster 'cluster-1'" in other.message(key)
        assert "adopt=force" in other.message(key)
        other.restart()
        await other.elapse(400)
    version = other.get(key).resource_version
    await other.elapse(900)
    assert other.get(key).resource_version == version, "it stands still"
    other.cluster.delete(key)
    await other.elapse(30)
    assert other.cluster.raw(key) is None
    assert last_event(other, key)[0] == "Retained"
    assert len(made(lab, sample)) == 1
    assert not [n for n in lab.calls.names if n.startswith(("Update", "Delete"))]


@named
async def test_a_copy_deleted_at_once_leaves_the_cloud_alone(kind: str) -> None:
    sample = SAMPLES[kind]
    lab, key = await ready(sample, deletionPolicy="Delete")
    other = await other_cluster(lab)
    other.cluster.put_back(key, backup(lab, key))
    other.cluster.delete(key)
    other.restart()
    await other.elapse(30)
    assert other.cluster.raw(key) is None
    assert last_event(other, key)[0] == "Retained"
    assert "cluster-1" in last_event(other, key)[1]
    assert len(made(lab, sample)) == 1


@named
async def test_a_copy_takes_by_force_and_gives_back_on_delete(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    other = await other_cluster(lab)
    other.cluster.put_back(key, backup(lab, key))
    other.restart()
    await other.elapse(30)
    other.annotate(key, adopt="force")
    await other.elapse(30)
    assert other.ready(key) == ("True", "Available"), other.message(key)
    assert other.get(key).status["adopted"] is True
    assert other.get(key).copied_from is None
    other.cluster.delete(key)
    await other.elapse(30)
    assert len(made(lab, SAMPLES[kind])) == 1


# ------------------------------------------------ statuses of the version before


def unbound(raw: dict[str, Any]) -> dict[str, Any]:
    raw["status"].pop("boundTo")
    return raw


@kinds
async def test_an_unbound_status_counts_and_costs_nothing(sample: Sample) -> None:
    lab, key = await ready(sample)
    lab.cluster.put_status(key, unbound(backup(lab, key))["status"])
    lab.restart()
    since = lab.simulator.requests()[-1]["seq"]
    lab.calls.take()
    await lab.elapse(100)
    assert lab.ready(key) == ("True", "Available")
    assert "write_status" not in lab.calls.take()
    assert lab.writes_to_cloud(since) == []
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert made(lab, sample) == []


@named
async def test_an_unbound_status_older_than_its_object_is_a_copy(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind], deletionPolicy="Delete")
    other = await other_cluster(lab)
    other.clock.advance(100)
    other.cluster.put_back(key, unbound(backup(lab, key)))
    other.restart()
    await other.elapse(30)
    assert other.ready(key) == ("False", "AlreadyExistsNotOwned"), other.message(key)
    assert "adopt=force" in other.message(key)
    other.cluster.delete(key)
    await other.elapse(30)
    assert other.cluster.raw(key) is None
    assert len(made(lab, SAMPLES[kind])) == 1


@pytest.mark.parametrize("lives", [True, False], ids=["lives first", "deleted at once"])
@pytest.mark.parametrize("said", [None, [], "default"], ids=["nothing", "empty", "default"])
@named
async def test_nor_does_an_unbound_status_without_times_count(
    kind: str, said: list[Any] | str | None, *, lives: bool
) -> None:
    lab, key = await ready(SAMPLES[kind], deletionPolicy="Delete")
    other = await other_cluster(lab)
    raw = unbound(backup(lab, key))
    if said == "default":
        raw["status"]["conditions"] = [
            {**c, "lastTransitionTime": "1970-01-01T00:00:00Z"} for c in raw["status"]["conditions"]
        ]
    else:
        raw["status"].pop("conditions")
        raw["status"] |= {} if said is None else {"conditions": said}
    other.cluster.put_back(key, raw)
    if not lives:
        other.cluster.delete(key)
    other.restart()
    await other.elapse(30)
    if lives:
        assert other.ready(key) == ("False", "AlreadyExistsNotOwned"), other.message(key)
        other.cluster.delete(key)
        await other.elapse(30)
    assert other.cluster.raw(key) is None
    assert len(made(lab, SAMPLES[kind])) == 1
    assert not [n for n in lab.calls.names if n.startswith(("Update", "Delete"))]


@pytest.mark.parametrize("kind", [*ALONE, "Sandbox"])
async def test_a_cluster_with_the_identity_of_another_one_goes_on(kind: str) -> None:
    sample = SAMPLES[kind]
    lab, key = await ready(sample)
    other = Lab(beside=lab)
    await other.ready_account()
    await sample.prepare(other)
    since = lab.simulator.requests()[-1]["seq"]
    lab.clock.advance(100)
    other.cluster.put_back(key, backup(lab, key))
    other.restart()
    await other.elapse(30)
    assert other.ready(key) == ("True", "Available"), other.message(key)
    assert other.get(key).status["adopted"] is False
    assert lab.writes_to_cloud(since) == []
    other.cluster.delete(key)
    await other.elapse(60)
    assert made(lab, sample) == []


# ------------------------------------------------ a backup taken while it was created


async def takes_nothing(
    other: Lab, key: ObjectKey, raw: dict[str, Any], owner: str, *, lives: bool
) -> None:
    """Restore `it` of `owner` in another cluster; delete it at once, or after it has lived."""
    other.cluster.put_back(key, raw)
    if not lives:
        other.cluster.delete(key)
    other.restart()
    await other.elapse(60)
    if lives:
        assert other.ready(key) == ("False", "AlreadyExistsNotOwned")
        assert owner in other.message(key)
        other.cluster.delete(key)
        await other.elapse(60)
    assert other.cluster.raw(key) is None


@pytest.mark.parametrize("lives", [True, False], ids=["lives first", "deleted at once"])
@named
async def test_what_was_about_to_be_created_is_the_originals_as_well(
    kind: str, *, lives: bool
) -> None:
    sample = SAMPLES[kind]
    lab = await lab_for(sample)
    policies = {"deletionPolicy": "Delete", "adoptionPolicy": "Adopt"}
    lab.simulator.inject(Fault.model_validate({"action": "Create.*", "effect": "drop-after"}))
    key = lab.cluster.apply(kind, "it", {**sample.spec, **policies})
    await lab.drain()
    raw = backup(lab, key)
    assert "creation" in raw["status"]
    assert "externalId" not in raw["status"]
    await lab.elapse(100)
    assert lab.ready(key) == ("True", "Available")
    other = await other_cluster(lab)
    await takes_nothing(other, key, raw, "team-a/it of cluster 'cluster-1'", lives=lives)
    assert len(made(lab, sample)) == 1
