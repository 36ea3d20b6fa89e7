"""What is on record is gone when two answers, some time apart, say so; one answer is a slip."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, Sample, cloud_key, made, ready
from fakes.lab import Lab

kinds = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
VANISHED_SECONDS = 20.0
"""How long something has to be absent that nobody of us deleted."""


def lie(lab: Lab, action: str = ".*", times: int | None = None) -> int:
    """Let the cloud answer reads as if nothing existed."""
    fault = {"action": action, "effect": "absent", "times": times}
    return lab.simulator.inject(Fault.model_validate(fault))


def deny(lab: Lab, times: int | None = 1) -> int:
    """Let DELETE answer 404 for what exists."""
    fault = {
        "action": "Delete.*",
        "effect": "error",
        "status": 404,
        "code": "ERR_NOT_FOUND",
        "message": "not found",
        "times": times,
    }
    return lab.simulator.inject(Fault.model_validate(fault))


def count(lab: Lab, prefix: str) -> int:
    return len([name for name in lab.calls.names if name.startswith(prefix)])


async def ask(lab: Lab, key: ObjectKey) -> None:
    """Let an object look at its resource itself, now."""
    lab.annotate(key, reconcile_requested_at=str(lab.clock.monotonic()))
    await lab.drain()


def told(lab: Lab, key: ObjectKey) -> dict[str, Any]:
    """Return what the status says, but for the echo of a request and the date that rides along."""
    echoed = ("lastRequest", "lastSeenTime")
    return {n: v for n, v in lab.get(key).status.items() if n not in echoed}


@kinds
@pytest.mark.parametrize("seconds", [0, 1, 15])
async def test_a_lie_of_the_cloud_is_not_told_and_makes_no_duplicate(
    sample: Sample, seconds: int
) -> None:
    lab, key = await ready(sample)
    before, events = told(lab, key), len(lab.cluster.events)
    lie(lab)
    await ask(lab, key)
    for _ in range(seconds):
        await lab.elapse(1)
        await ask(lab, key)
    lab.simulator.clear_faults()
    assert count(lab, "Get") > 0
    await lab.elapse(60)
    assert count(lab, "Create") == 0
    assert told(lab, key) == before
    assert len(lab.cluster.events) == events
    assert len(made(lab, sample)) == 1


@kinds
async def test_what_was_made_goes_with_its_object_in_spite_of_a_lie(sample: Sample) -> None:
    lab, key = await ready(sample)
    lie(lab)
    lab.cluster.delete(key)
    await lab.drain()
    assert lab.cluster.raw(key) is not None
    await lab.elapse(15)
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []


@kinds
async def test_a_lie_after_our_delete_lets_nothing_go_too_early(sample: Sample) -> None:
    lab, key = await ready(sample)
    deny(lab)
    lab.calls.after = lambda name: None if not name.startswith("Delete") else once(lab)
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []


def once(lab: Lab) -> None:
    lab.calls.after = lambda _name: None
    lie(lab, times=1)


@kinds
async def test_what_vanished_is_made_again_after_two_answers(sample: Sample) -> None:
    lab, key = await ready(sample)
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    await ask(lab, key)
    await lab.elapse(VANISHED_SECONDS - 1)
    assert count(lab, "Create") == 0
    assert lab.ready(key) == ("True", "Available")
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")
    assert len(made(lab, sample)) == 1
    assert count(lab, "Create") == 1


async def test_a_restart_begins_the_count_anew() -> None:
    sample = SAMPLES["ModelProxy"]
    lab, key = await ready(sample)
    lab.simulator.remove(sample.family, "it")
    await ask(lab, key)
    await lab.elapse(VANISHED_SECONDS - 1)
    lab.restart()
    await lab.elapse(VANISHED_SECONDS - 1)
    assert count(lab, "Create") == 0
    await lab.elapse(5)
    assert len(made(lab, sample)) == 1


@pytest.mark.parametrize("adopted", [True, False], ids=["adopted", "made"])
async def test_whose_it_is_survives_a_lie(*, adopted: bool) -> None:
    sample = SAMPLES["ModelProxy"]
    lab, key = await ready(sample)
    if adopted:
        lab.edit(key, deletionPolicy="Retain")
        await lab.elapse(5)
        lab.cluster.delete(key)
        await lab.elapse(5)
        lab.cluster.apply(sample.kind, "it", sample.spec)
        await lab.elapse(15)
    before = lab.get(key).status
    assert before["adopted"] is adopted
    lie(lab)
    await ask(lab, key)
    await lab.elapse(10)
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert lab.get(key).status["adopted"] is adopted
    assert lab.get(key).external_id == before["externalId"]
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, sample)) == int(adopted)


async def test_what_was_never_made_is_looked_for_once() -> None:
    lab, _ = await ready(SAMPLES["AgentRuntime"])
    key = lab.cluster.apply("AgentRuntime", "other", SAMPLES["AgentRuntime"].spec)
    await lab.drain()
    assert lab.calls.names.count("ListAgentRuntimes") == 1
    assert count(lab, "Create") == 1
    assert lab.get(key).external_id


@kinds
async def test_a_lost_answer_needs_two_looks_before_the_object_goes(sample: Sample) -> None:
    lab, key = await ready(sample)
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    lab.cluster.delete(key)
    await lab.elapse(40)
    lab.simulator.inject(Fault.model_validate({"action": "Create.*", "effect": "drop-after"}))
    key = lab.cluster.apply(sample.kind, "it", sample.spec)
    await lab.drain()
    assert lab.get(key).status["creation"]
    lab.cluster.delete(key)
    await lab.elapse(58)
    lie(lab)
    await lab.elapse(5)
    assert lab.cluster.raw(key) is not None
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []


@kinds
async def test_an_answer_that_leaves_the_id_out_tells_of_no_other_one(sample: Sample) -> None:
    lab, key = await ready(sample)
    rest = lab.kinds[sample.kind].rest
    assert rest is not None
    ident, at = lab.get(key).external_id, cloud_key(lab, key)
    [resource] = made(lab, sample)
    for shown in (None, resource[rest.id_field]):
        lab.simulator.edit(sample.family, at, {rest.id_field: shown})
        await ask(lab, key)
        assert (lab.get(key).external_id, lab.get(key).status["adopted"]) == (ident, False)
    assert lab.ready(key) == ("True", "Available")
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert made(lab, sample) == []
