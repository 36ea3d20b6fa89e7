"""A wrong "absent" while no record tells of the resource: nothing is left, nothing made twice."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import SAMPLES, cloud_key, made, ready
from engine.test_absence import count, lie
from engine.test_mass_absence import ACCOUNT, BRAKED, FLEET, GOOD, fleet
from fakes.lab import Lab

restarts = pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
kinds = pytest.mark.parametrize("kind", ["ModelProxy", "AgentRuntime", "FlowEndpoint", "Sandbox"])


def end_of(lab: Lab, key: ObjectKey) -> str:
    """Return the reason of the last event of an object."""
    return [e.reason for e in lab.cluster.events if e.key == key][-1]


@pytest.mark.parametrize("seconds", [6, 15])
@restarts
@kinds
async def test_nothing_is_called_gone_that_is_there(
    kind: str, seconds: int, *, restarted: bool
) -> None:
    lab, key = await ready(SAMPLES[kind])
    lab.cluster.reset_status(key)
    lab.cluster.delete(key)
    if restarted:
        lab.restart()
    lie(lab)
    await lab.elapse(seconds)
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    # Where neither record, mark, parent nor memory is left, nobody knows whose it is.
    is_known = kind != "ModelProxy" or not restarted
    assert end_of(lab, key) == ("Deleted" if is_known else "Retained")
    assert len(made(lab, SAMPLES[kind])) == (0 if is_known else 1)


@restarts
async def test_a_short_absence_makes_no_second_sandbox(*, restarted: bool) -> None:
    sample = SAMPLES["Sandbox"]
    lab, key = await ready(sample, restartPolicy="Always", idleTimeoutSeconds=86000)
    lab.simulator.edit(sample.family, cloud_key(lab, key), {"status": "TERMINATED"})
    await lab.elapse(100)
    lab.cluster.reset_status(key)
    if restarted:
        lab.restart()
    lie(lab)
    await lab.elapse(8)
    lab.simulator.clear_faults()
    await lab.elapse(100)
    assert len([each for each in made(lab, sample) if each["status"] != "TERMINATED"]) == 1


@pytest.mark.parametrize("deleted", [False, True], ids=["lives", "deleted"])
@restarts
@kinds
async def test_a_list_that_shows_it_contradicts(
    kind: str, *, restarted: bool, deleted: bool
) -> None:
    lab, key = await ready(SAMPLES[kind])
    lab.cluster.reset_status(key)
    if deleted:
        lab.cluster.delete(key)
    if restarted:
        lab.restart()
    lab.calls.take()
    lie(lab, "Get.*")
    await lab.elapse(100)
    assert count(lab, "Create") == 0
    assert lab.cluster.raw(key) is not None, "it was let go of"
    assert lab.ready(key)[1] == "ProviderUnavailable"
    assert lab.get(key).is_unrecorded


@pytest.mark.parametrize("deleted", [False, True], ids=["live", "deleted"])
async def test_a_fleet_without_records_has_a_brake(*, deleted: bool) -> None:
    lab, keys = await fleet()
    for key in keys:
        lab.cluster.reset_status(key)
        if deleted:
            lab.cluster.delete(key)
    lie(lab)
    await lab.elapse(100)
    assert lab.ready(ACCOUNT) == BRAKED
    assert f"{FLEET} of {FLEET} resources" in lab.message(ACCOUNT)
    lab.simulator.clear_faults()
    await lab.elapse(200)
    assert count(lab, "Create") == 0
    assert lab.ready(ACCOUNT) == GOOD
    assert [key for key in keys if lab.cluster.raw(key) is not None] == ([] if deleted else keys)
    assert len(lab.resources("ModelProxy")) == (0 if deleted else FLEET)
    assert {end_of(lab, key) for key in keys} == {"Deleted" if deleted else "Available"}


@restarts
async def test_what_was_removed_for_good_is_made_again(*, restarted: bool) -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.simulator.remove(SAMPLES["ModelProxy"].family, cloud_key(lab, key))
    lab.cluster.reset_status(key)
    if restarted:
        lab.restart()
    await lab.elapse(40)
    assert lab.ready(key) == GOOD
    assert count(lab, "Create") == 1
