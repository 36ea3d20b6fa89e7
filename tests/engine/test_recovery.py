"""A crash after any single call, and any lost answer, leave one resource: no duplicate, no loss."""

import itertools
from collections.abc import Callable

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import ClusterUnavailable
from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, Sample, lab_for, made, ready
from fakes.calls import Crash
from fakes.lab import Lab

MAX_CALLS = 12
kinds = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
LASTING = 150.0
"""Seconds in which every window and every backoff of a recovery has passed."""


async def crash_after(lab: Lab, calls: int, seconds: float = 15.0) -> bool:
    """Let the process die after so many calls; returns False if it ended its work before."""
    lab.calls.crash_after = calls
    try:
        await lab.elapse(seconds)
    except Crash:
        return True
    finally:
        lab.calls.crash_after = None
    return False


def assert_one(lab: Lab, sample: Sample, key: ObjectKey) -> None:
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    found = made(lab, sample)
    assert len(found) == 1, found
    assert lab.get(key).status.get("adopted") is not True
    creates = [name for name in lab.calls.names if name.startswith("Create")]
    assert len(creates) <= 1


@kinds
async def test_create_survives_a_crash_after_any_call(sample: Sample) -> None:
    for calls in range(1, MAX_CALLS):
        lab = await lab_for(sample)
        key = lab.cluster.apply(sample.kind, "it", sample.spec)
        crashed = await crash_after(lab, calls)
        lab.restart()
        await lab.elapse(LASTING)
        assert_one(lab, sample, key)
        if not crashed:
            assert calls > 5, "nothing was done at all"
            return
    raise AssertionError(f"the create takes more than {MAX_CALLS} calls")


@kinds
async def test_delete_survives_a_crash_after_any_call(sample: Sample) -> None:
    for calls in range(1, MAX_CALLS):
        lab, key = await ready(sample)
        lab.cluster.delete(key)
        crashed = await crash_after(lab, calls)
        lab.restart()
        await lab.elapse(60)
        assert lab.cluster.raw(key) is None
        assert made(lab, sample) == []
        if not crashed:
            return
    raise AssertionError(f"the delete takes more than {MAX_CALLS} calls")


UPDATES = [name for name in SAMPLES if name not in ("Sandbox", "ModelService", "Credential")]


@pytest.mark.parametrize("kind", UPDATES)
async def test_update_survives_a_crash_after_any_call(kind: str) -> None:
    sample = SAMPLES[kind]
    for calls in range(1, MAX_CALLS):
        lab, key = await ready(sample)
        lab.edit(key, description="second")
        crashed = await crash_after(lab, calls)
        lab.restart()
        await lab.elapse(LASTING)
        assert_one(lab, sample, key)
        assert made(lab, sample)[0]["description"] == "second"
        assert lab.get(key).observed_generation == 2
        if not crashed:
            return
    raise AssertionError(f"the update takes more than {MAX_CALLS} calls")


@pytest.mark.parametrize("effect", ["drop-after", "drop-before"])
@kinds
async def test_a_lost_answer_of_a_create_is_found_again(sample: Sample, effect: str) -> None:
    lab = await lab_for(sample)
    fault = {"action": "Create.*", "effect": effect}
    lab.simulator.inject(Fault.model_validate(fault))
    key = lab.cluster.apply(sample.kind, "it", sample.spec)
    await lab.elapse(LASTING)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert len(made(lab, sample)) == 1
    posts = [name for name in lab.calls.names if name.startswith("Create")]
    assert len(posts) == (1 if effect == "drop-after" else 2)
    assert lab.get(key).status.get("adopted") is False


async def created_late(sample: Sample) -> tuple[Lab, ObjectKey]:
    """Return a lab with one object, whose create will be carried out after its answer was lost."""
    lab = await lab_for(sample)
    late = {"action": "Create.*", "effect": "drop-late", "seconds": 40}
    lab.simulator.inject(Fault.model_validate(late))
    return lab, lab.cluster.apply(sample.kind, "it", sample.spec)


@kinds
async def test_a_create_that_comes_late_has_no_duplicate(sample: Sample) -> None:
    lab, key = await created_late(sample)
    await lab.elapse(LASTING)
    assert_one(lab, sample, key)


@kinds
async def test_a_clock_that_jumps_makes_no_duplicate(sample: Sample) -> None:
    lab, key = await created_late(sample)
    await lab.drain()
    lab.clock.set_forward(300)
    lab.cloud.time.offset_seconds -= 300
    await lab.elapse(LASTING)
    assert_one(lab, sample, key)


@kinds
async def test_a_create_that_comes_late_is_deleted_all_the_same(sample: Sample) -> None:
    lab, key = await created_late(sample)
    await lab.elapse(3)
    lab.cluster.delete(key)
    lab.restart()
    await lab.elapse(LASTING)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []


@kinds
async def test_a_lost_answer_of_a_delete_does_no_harm(sample: Sample) -> None:
    lab, key = await ready(sample)
    lab.simulator.inject(Fault.model_validate({"action": "Delete.*", "effect": "drop-after"}))
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []


KUBE_WRITES = ("add_finalizer", "write_status", "remove_finalizer")


def lose_write(nth: int) -> Callable[[str], None]:
    """Return a hook that loses the nth write to the cluster from now on."""
    left = itertools.count(nth, -1)

    def lose(name: str) -> None:
        if name in KUBE_WRITES and next(left) == 1:
            raise ClusterUnavailable("the API server did not answer")

    return lose


@pytest.mark.parametrize("nth", range(1, 5))
@pytest.mark.parametrize("when", ["before", "after"])
@kinds
async def test_a_lost_write_to_the_cluster_is_made_up_for(
    sample: Sample, when: str, nth: int
) -> None:
    lab = await lab_for(sample)
    key = lab.cluster.apply(sample.kind, "it", sample.spec)
    setattr(lab.calls, when, lose_write(nth))
    await lab.elapse(LASTING)
    assert_one(lab, sample, key)


@pytest.mark.parametrize("nth", range(1, 4))
@pytest.mark.parametrize("when", ["before", "after"])
@kinds
async def test_a_lost_write_while_deleting_is_made_up_for(
    sample: Sample, when: str, nth: int
) -> None:
    lab, key = await ready(sample)
    lab.cluster.delete(key)
    setattr(lab.calls, when, lose_write(nth))
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []


@pytest.mark.parametrize("again", [1, 3, 5])
@pytest.mark.parametrize("kind", ["Credential", "AgentRuntime", "AgentRuntimeEndpoint", "Sandbox"])
async def test_a_second_crash_during_the_recovery_changes_nothing(kind: str, again: int) -> None:
    sample = SAMPLES[kind]
    for calls in range(2, 6):
        lab = await lab_for(sample)
        key = lab.cluster.apply(sample.kind, "it", sample.spec)
        await crash_after(lab, calls)
        lab.restart()
        await crash_after(lab, again, LASTING)
        lab.restart()
        await lab.elapse(LASTING)
        assert_one(lab, sample, key)


@kinds
async def test_the_watch_may_be_faster_than_the_answer(sample: Sample) -> None:
    lab = await lab_for(sample)
    lab.echoes_first = True
    key = lab.cluster.apply(sample.kind, "it", sample.spec)
    await lab.elapse(15)
    assert_one(lab, sample, key)
    lab.cluster.delete(key)
    await lab.elapse(15)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []


@pytest.mark.parametrize("kind", ["AgentRuntime", "AgentRuntimeEndpoint"])
async def test_each_lost_create_is_looked_for_twice_after_its_window(kind: str) -> None:
    sample = SAMPLES[kind]
    lab = await lab_for(sample)
    for fault in ({"effect": "drop-before"}, {"effect": "drop-late", "seconds": 61.5}):
        lab.simulator.inject(Fault.model_validate({"action": "Create.*", **fault}))
    key = lab.cluster.apply(sample.kind, "it", sample.spec)
    await lab.elapse(2 * LASTING)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert len([name for name in lab.calls.names if name.startswith("Create")]) == 2
    assert lab.get(key).status["adopted"] is False


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_clock_that_was_set_back_does_not_prolong_a_window(*, restarts: bool) -> None:
    sample = SAMPLES["ModelProxy"]
    lab = await lab_for(sample)
    lab.simulator.inject(Fault(action="Create.*", effect="drop-before"))
    key = lab.cluster.apply(sample.kind, "it", sample.spec)
    await lab.elapse(5)
    lab.clock.set_forward(-900)
    if restarts:
        lab.restart()
    lab.cluster.delete(key)
    await lab.elapse(LASTING)
    assert lab.cluster.raw(key) is None
