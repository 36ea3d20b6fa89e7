"""A read that finds nothing while a LIST shows the resource proves nothing: it may be there."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, Sample, cloud_key, made, ready
from engine.test_absence import ask, count, lie
from engine.test_copies import backup
from engine.test_old_status import status_of
from fakes.lab import Lab

kinds = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
beside = pytest.mark.parametrize("others", [0, 4], ids=["alone", "read by LIST"])
PATIENCE_SECONDS = 195
"""How long what was seen last counts."""


async def disputed(sample: Sample, others: int) -> tuple[Lab, list[ObjectKey]]:
    """Return a lab whose cloud finds no resource of a kind by a read; LISTs show them all."""
    lab, key = await ready(sample)
    keys = [lab.cluster.apply(sample.kind, f"it{n}", sample.spec) for n in range(others)]
    await lab.elapse(30)
    lab.calls.take()
    lie(lab, f"Get{sample.noun}")
    return lab, [key, *keys]


def writes(lab: Lab, key: ObjectKey) -> int:
    """Count the versions that the status of an object had."""
    return len(lab.cluster.server.statuses(key))


def is_told(lab: Lab, sample: Sample, key: ObjectKey) -> bool:
    """Whether an object says which two calls disagree, and what happens next."""
    rest = lab.kinds[sample.kind].rest
    assert rest is not None
    said = f"Get{rest.noun} answers 404, and List{rest.nouns} shows the resource: whether it exists"
    message = lab.message(key)
    return said in message and "nothing is created or let go of before they agree" in message


def refuse(lab: Lab, action: str, status: int, code: str) -> None:
    fault: dict[str, Any] = {"action": action, "effect": "error", "status": status, "code": code}
    lab.simulator.inject(Fault.model_validate({**fault, "message": "no", "times": None}))


@kinds
async def test_a_dispute_is_told_once_after_the_patience(sample: Sample) -> None:
    lab, [key] = await disputed(sample, 0)
    before, memory = writes(lab, key), lab.world.memory.peek(key)
    assert memory is not None
    assert memory.looks.seen_at is not None
    await lab.elapse(memory.looks.seen_at + PATIENCE_SECONDS - 5 - lab.clock.monotonic())
    assert lab.ready(key) == ("True", "Available")
    assert writes(lab, key) == before
    await lab.elapse(300)
    assert lab.ready(key) == ("Unknown", "ProviderUnavailable")
    assert lab.condition(key, "Synced") == ("True", "Available")
    assert is_told(lab, sample, key), lab.message(key)
    assert "last seen at" in lab.message(key)
    assert writes(lab, key) == before + 1
    assert count(lab, "Create") == 0
    # One a minute, and a few while the pauses are still short; some kinds look by name as well.
    assert count(lab, "List") <= 30
    lab.simulator.clear_faults()
    await lab.elapse(70)
    assert lab.ready(key) == ("True", "Available")
    assert len(made(lab, sample)) == 1


@beside
@kinds
async def test_what_a_list_shows_is_not_created_again(sample: Sample, others: int) -> None:
    lab, keys = await disputed(sample, others)
    for key in keys:
        await ask(lab, key)
    await lab.elapse(300)
    # Somebody asked, and is told at once.
    assert {lab.ready(key) for key in keys} == {("Unknown", "ProviderUnavailable")}
    assert all(is_told(lab, sample, key) for key in keys), lab.message(keys[0])
    told = {key: writes(lab, key) for key in keys}
    await lab.elapse(150)
    assert {key: writes(lab, key) for key in keys} == told
    assert count(lab, "Create") == 0
    lab.simulator.clear_faults()
    await lab.elapse(70)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    assert len(made(lab, sample)) == 1 + others


@beside
@kinds
async def test_what_a_list_shows_is_not_left_behind(sample: Sample, others: int) -> None:
    lab, keys = await disputed(sample, others)
    for key in keys:
        lab.cluster.delete(key)
    await lab.elapse(1200)
    assert [key for key in keys if lab.cluster.raw(key) is None] == []
    assert {lab.ready(key) for key in keys} == {("False", "ProviderUnavailable")}
    assert all(is_told(lab, sample, key) for key in keys), lab.message(keys[0])
    assert count(lab, "Delete") == 0
    told = {key: writes(lab, key) for key in keys}
    await lab.elapse(600)
    assert {key: writes(lab, key) for key in keys} == told
    lab.simulator.clear_faults()
    await lab.elapse(100)
    assert [key for key in keys if lab.cluster.raw(key) is not None] == []
    assert made(lab, sample) == []


@pytest.mark.parametrize("kind", ["AgentRuntime", "ModelService", "ModelProxy"])
async def test_what_a_list_showed_is_proven_from_the_start(kind: str) -> None:
    sample = SAMPLES[kind]
    lab, [key] = await disputed(sample, 0)
    await ask(lab, key)
    await lab.elapse(300)
    lab.simulator.clear_faults()
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    await ask(lab, key)
    await lab.elapse(19)
    assert count(lab, "Create") == 0
    await lab.elapse(60)
    assert count(lab, "Create") == 1
    assert lab.ready(key) == ("True", "Available")


@pytest.mark.parametrize("lives", [True, False], ids=["lives", "deleted"])
@kinds
async def test_what_a_restored_object_had_is_disputed_too(sample: Sample, *, lives: bool) -> None:
    lab, key = await ready(sample)
    raw = backup(lab, key)
    lab.clock.advance(100)
    lab.cluster.put_back(key, raw)
    lab.restart()
    lab.calls.take()
    lie(lab, f"Get{sample.noun}")
    if not lives:
        lab.cluster.delete(key)
    await lab.elapse(400)
    assert [n for n in lab.calls.names if n.startswith(("Create", "Delete"))] == []
    assert lab.cluster.raw(key) is not None
    assert is_told(lab, sample, key), lab.message(key)
    assert lab.ready(key)[1] == "ProviderUnavailable"
    lab.simulator.clear_faults()
    await lab.elapse(100)
    assert (lab.cluster.raw(key) is not None) is lives
    assert len(made(lab, sample)) == int(lives)


@pytest.mark.parametrize("lives", [True, False], ids=["lives", "deleted"])
@pytest.mark.parametrize("kind", ["AgentRuntime", "ModelService"])
async def test_what_an_older_status_lacks_is_disputed_too(kind: str, *, lives: bool) -> None:
    sample = SAMPLES[kind]
    lab, key = await ready(sample)
    lab.cluster.put_status(key, {**status_of(lab, key), "externalId": "an-older-one"})
    lie(lab, f"Get{sample.noun}")
    lab.calls.take()
    if not lives:
        lab.cluster.delete(key)
    await ask(lab, key)
    await lab.elapse(400)
    assert [n for n in lab.calls.names if n.startswith(("Create", "Delete"))] == []
    assert lab.cluster.raw(key) is not None
    lab.simulator.clear_faults()
    await lab.elapse(100)
    assert len(made(lab, sample)) == int(lives)


async def test_a_refused_create_asks_no_list_again() -> None:
    sample = SAMPLES["ModelService"]
    lab, key = await ready(sample)
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    refuse(lab, "CreateModelService", 403, "Forbidden.RAM")
    lab.calls.take()
    await ask(lab, key)
    await lab.elapse(1800)
    assert lab.ready(key) == ("False", "AccessDenied")
    assert lab.calls.names.count("CreateModelService") > 2
    finds = lab.calls.names.count("GetModelService")
    assert finds > 2
    # One to ask for the absence; a read by name is a GET for this kind.
    assert lab.calls.names.count("ListModelServices") == 1


@pytest.mark.parametrize("lives", [True, False], ids=["lives", "deleted"])
async def test_a_list_that_fails_alone_is_given_up(*, lives: bool) -> None:
    sample = SAMPLES["ModelService"]
    lab, key = await ready(sample)
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    refuse(lab, "ListModelServices", 500, "InternalError")
    lab.calls.take()
    if not lives:
        lab.cluster.delete(key)
    await ask(lab, key)
    await lab.elapse(PATIENCE_SECONDS)
    assert count(lab, "Create") == 0
    assert lab.cluster.raw(key) is not None
    await lab.elapse(130)
    assert (lab.cluster.raw(key) is not None) is lives
    assert len(made(lab, sample)) == int(lives)
    if lives:
        assert lab.ready(key) == ("True", "Available")


async def test_a_throttled_list_is_not_given_up() -> None:
    sample = SAMPLES["ModelService"]
    lab, key = await ready(sample)
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    refuse(lab, "ListModelServices", 429, "Throttling")
    lab.cluster.delete(key)
    await lab.elapse(1200)
    assert lab.cluster.raw(key) is not None
    lab.simulator.clear_faults()
    await lab.elapse(400)
    assert lab.cluster.raw(key) is None
