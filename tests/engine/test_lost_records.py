"""An object whose status was lost, as by a restore without it, and deleted before it is looked at.

Its finalizer says that a resource may exist: nothing is released before somebody has looked.
"""

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.kinds import catalogue
from agentrun_simulator.faults import Fault
from engine.specs import (
    ENDPOINT,
    PROXY,
    RUNTIME,
    SAMPLES,
    Sample,
    lab_for,
    made,
    ready,
)
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab

kinds = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


def lose_and_delete(lab: Lab, key: ObjectKey) -> None:
    """Lose the status while no operator runs, delete, and start one."""
    lab.cluster.reset_status(key)
    lab.cluster.delete(key)
    lab.restart()


def last_event(lab: Lab, key: ObjectKey) -> str:
    return [e.reason for e in lab.cluster.events if e.key == key][-1]


@kinds
async def test_what_adopting_would_have_deleted_is_deleted(sample: Sample) -> None:
    policy = "Delete"
    more = {} if catalogue()[sample.kind].adopts_by_default else {"adoptionPolicy": "Adopt"}
    lab, key = await ready(sample, deletionPolicy=policy, **more)
    lose_and_delete(lab, key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []
    assert last_event(lab, key) == "Deleted"


@pytest.mark.parametrize("kind", ["AgentRuntime", "Sandbox"])
async def test_what_carries_our_mark_is_deleted_unasked(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    lose_and_delete(lab, key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES[kind]) == []


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("ModelProxy", {}),
        ("ModelProxy", {"deletionPolicy": "Delete", "adoptionPolicy": "Never"}),
        ("Credential", {"deletionPolicy": "Delete"}),
        ("IMBot", {"deletionPolicy": "Delete"}),
        ("AgentRuntimeEndpoint", {"adoptionPolicy": "Adopt"}),
    ],
)
async def test_what_may_be_a_strangers_is_left_and_named(kind: str, spec: dict[str, str]) -> None:
    lab, key = await ready(SAMPLES[kind], **spec)
    lose_and_delete(lab, key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES[kind])) == 1
    assert last_event(lab, key) == "Retained"


async def test_an_outage_of_the_cloud_releases_nothing() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    lab.simulator.inject(Fault.model_validate({"effect": "error", "status": 503, "times": 4}))
    lose_and_delete(lab, key)
    await lab.elapse(3)
    assert lab.cluster.raw(key) is not None
    lab.restart()
    await lab.elapse(300)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["AgentRuntime"]) == []


async def test_a_restart_in_the_middle_of_the_deletion_forgets_nothing() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    lose_and_delete(lab, key)
    await lab.drain()
    assert lab.ready(key) == ("False", "Deleting")
    lab.restart()
    await lab.drain()
    assert lab.cluster.raw(key) is not None, "the cloud is still at it"
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["AgentRuntime"]) == []


async def test_a_wait_before_the_look_is_no_proof_that_nothing_exists() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    lab.cluster.reset_status(key)
    account = ObjectKey("Account", "team-a", "default")
    spec = dict(lab.get(account).spec)
    lab.cluster.vanish(account)
    lab.restart()
    await lab.elapse(30)
    assert lab.ready(key) == ("False", "CredentialsNotFound")
    lab.cluster.delete(key)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    assert "Retain" in lab.message(key)
    lab.cluster.apply("Account", "default", spec)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["AgentRuntime"]) == []


async def test_the_account_waits_for_who_may_live_in_it() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    account = ObjectKey("Account", "team-a", "default")
    lab.cluster.reset_status(key)
    for each in (account, key):
        lab.cluster.delete(each)
    lab.restart()
    await lab.elapse(60)
    assert lab.cluster.keys() == []
    assert made(lab, SAMPLES["AgentRuntime"]) == []


async def test_another_objects_resource_is_not_taken_along() -> None:
    lab, first = await ready(SAMPLES["ModelProxy"])
    second = lab.cluster.apply(
        "ModelProxy", "other", {**PROXY, "externalName": "it", "deletionPolicy": "Delete"}
    )
    await lab.elapse(5)
    assert lab.ready(second) == ("False", "ExternalNameConflict")
    raw = lab.cluster.raw(first)
    assert raw is not None
    await lab.world.writer.add_finalizer(lab.get(second))
    lose_and_delete(lab, second)
    await lab.elapse(30)
    assert lab.cluster.keys() == [ObjectKey("Account", "team-a", "default"), first]
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1


async def test_an_endpoint_of_a_lost_runtime_is_not_released_unseen() -> None:
    lab = Lab()
    await lab.ready_account()
    runtime = lab.cluster.apply("AgentRuntime", "base", RUNTIME)
    key = lab.cluster.apply("AgentRuntimeEndpoint", "it", {**ENDPOINT, "deletionPolicy": "Delete"})
    await lab.elapse(30)
    assert lab.ready(key) == ("True", "Available")
    lab.cluster.vanish(runtime)
    lose_and_delete(lab, key)
    await lab.elapse(30)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    assert "spec.runtimeRef" in lab.message(key)
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(5)
    assert lab.cluster.raw(key) is None


async def test_what_this_process_has_only_claimed_goes_without_a_cloud() -> None:
    lab = await lab_for(SAMPLES["ModelProxy"])
    lab.simulator.inject(Fault.model_validate({"effect": "error", "status": 503, "times": 1000}))
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(5)
    assert lab.get(key).is_claimed
    lab.cluster.delete(key)
    await lab.drain()
    assert lab.cluster.raw(key) is None


async def test_a_missing_secret_is_no_proof_either() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    lab.cluster.delete_secret("default-keys")
    lose_and_delete(lab, key)
    await lab.elapse(30)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    lab.cluster.put_secret("default-keys", keys_of(MAIN))
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["AgentRuntime"]) == []
