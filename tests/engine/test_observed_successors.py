"""What is observed in the place of a resource of ours is somebody else's, and stays so."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import SAMPLES, cloud_key, ids, made, ready
from engine.strangers import CREDENTIAL_BODY, DOMAIN_BODY, PROXY_BODY, RUNTIME_BODY, by_hand
from fakes.lab import Lab

BODIES = {
    "ModelProxy": PROXY_BODY,
    "AgentRuntime": RUNTIME_BODY,
    "Credential": CREDENTIAL_BODY,
    "CustomDomain": DOMAIN_BODY,
}
each_kind = pytest.mark.parametrize("kind", BODIES)
restarts = pytest.mark.parametrize("restarts", [False, True])


async def replaced(kind: str) -> tuple[Lab, ObjectKey, str]:
    """Return an object that made something, and now observes what a stranger put there; its id."""
    sample = SAMPLES[kind]
    lab, key = await ready(sample, adoptionPolicy="Never")
    lab.edit(key, managementPolicy="Observe")
    await lab.elapse(100)
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    await lab.elapse(100)
    assert lab.ready(key) == ("False", "ExternalResourceMissing")
    await by_hand(lab, kind, BODIES[kind])
    await lab.elapse(100)
    assert lab.ready(key) == ("True", "Available")
    return lab, key, str(lab.get(key).external_id)


@restarts
@each_kind
async def test_a_strangers_is_not_taken_when_managed_again(kind: str, *, restarts: bool) -> None:
    lab, key, ident = await replaced(kind)
    since = lab.simulator.requests()[-1]["seq"]
    if restarts:
        lab.restart()
    lab.edit(key, managementPolicy="Manage")
    await lab.elapse(100)
    assert lab.ready(key) == ("False", "AlreadyExistsNotOwned")
    lab.cluster.delete(key)
    await lab.elapse(100)
    assert lab.cluster.raw(key) is None
    assert lab.writes_to_cloud(since) == []
    assert ids(lab, SAMPLES[kind]) == [ident]


@restarts
@each_kind
async def test_a_strangers_is_not_deleted_with_the_object(kind: str, *, restarts: bool) -> None:
    lab, key, _ = await replaced(kind)
    if restarts:
        lab.restart()
    lab.edit(key, managementPolicy="Manage", deletionPolicy="Delete")
    lab.cluster.delete(key)
    await lab.elapse(100)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES[kind])) == 1


@pytest.mark.parametrize("kind", SAMPLES)
async def test_what_we_made_is_ours_after_it_was_observed(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    lab.edit(key, managementPolicy="Observe")
    await lab.elapse(100)
    lab.restart()
    lab.edit(key, managementPolicy="Manage")
    await lab.elapse(100)
    assert lab.ready(key) == ("True", "Available")
    assert lab.get(key).status["adopted"] is False
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert made(lab, SAMPLES[kind]) == []


async def test_an_adopted_successor_keeps_what_left_the_spec_before() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.edit(key, managementPolicy="Observe", description=None)
    await lab.elapse(100)
    lab.simulator.remove("ModelProxy", "it")
    await lab.elapse(100)
    await by_hand(lab, "ModelProxy", PROXY_BODY)
    await lab.elapse(100)
    lab.edit(key, managementPolicy="Manage", adoptionPolicy="Adopt")
    await lab.elapse(100)
    assert lab.ready(key) == ("True", "Available")
    assert [r["description"] for r in made(lab, SAMPLES["ModelProxy"])] == ["made by hand"]


@each_kind
async def test_a_new_process_writes_nothing_about_what_is_gone(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    lab.edit(key, managementPolicy="Observe")
    await lab.elapse(100)
    lab.simulator.remove(SAMPLES[kind].family, cloud_key(lab, key))
    await lab.elapse(100)
    told = lab.get(key).status
    assert lab.ready(key) == ("False", "ExternalResourceMissing")
    lab.restart()
    lab.calls.take()
    await lab.elapse(100)
    assert "write_status" not in lab.calls.take()
    assert lab.get(key).status == told
