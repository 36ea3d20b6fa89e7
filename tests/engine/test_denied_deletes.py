"""A 404 to DELETE, about what a read has just found, is no proof that the resource is gone."""

import pytest

from agentrun_simulator.faults import Fault
from engine.specs import PROXY, SAMPLES, Sample, cloud_key, made, ready
from engine.test_absence import VANISHED_SECONDS, count, deny, lie
from engine.test_mass_absence import ACCOUNT, BRAKED, fleet
from fakes.lab import Lab

kinds = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


def lie_after_delete(lab: Lab) -> None:
    """Let all reads say from the next DELETE on that nothing exists."""

    def after(name: str) -> None:
        if name.startswith("Delete"):
            lab.calls.after = lambda _name: None
            lie(lab)

    lab.calls.after = after


def events(lab: Lab, sample: Sample) -> list[str]:
    return [e.reason for e in lab.cluster.events if e.key.kind == sample.kind]


@kinds
async def test_a_denied_delete_waits_for_a_proof_of_absence(sample: Sample) -> None:
    lab, key = await ready(sample)
    deny(lab)
    lie_after_delete(lab)
    lab.cluster.delete(key)
    await lab.elapse(15)
    assert count(lab, "Delete") == 1
    assert lab.cluster.raw(key) is not None
    assert lab.ready(key) == ("False", "Deleting")
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []
    assert count(lab, "Delete") == 2


@kinds
async def test_what_vanished_before_its_delete_goes_as_already_gone(sample: Sample) -> None:
    lab, key = await ready(sample)
    at = cloud_key(lab, key)

    def before(name: str) -> None:
        if name.startswith("Delete"):
            lab.calls.before = lambda _name: None
            lab.simulator.remove(sample.family, at)

    lab.calls.before = before
    lab.cluster.delete(key)
    await lab.elapse(VANISHED_SECONDS - 2)
    assert lab.cluster.raw(key) is not None
    assert "deleteSentAt" not in lab.get(key).status
    await lab.elapse(10)
    assert lab.cluster.raw(key) is None
    assert events(lab, sample)[-1] == "AlreadyGone"
    assert count(lab, "List") >= 1


async def test_denied_deletes_do_not_pass_the_brake() -> None:
    lab, keys = await fleet()
    deny(lab, times=None)
    lie_after_delete(lab)
    for key in keys:
        lab.cluster.delete(key)
    await lab.elapse(300)
    assert lab.ready(ACCOUNT) == BRAKED
    assert [key for key in keys if lab.cluster.raw(key) is None] == []
    lab.simulator.clear_faults()
    await lab.elapse(300)
    assert [key for key in keys if lab.cluster.raw(key) is not None] == []
    assert lab.resources("ModelProxy") == []


async def test_a_delete_denied_for_what_is_there_backs_off() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    deny(lab, times=None)
    lab.cluster.delete(key)
    await lab.elapse(300)
    assert lab.ready(key) == ("False", "ProviderUnavailable")
    assert "DeleteModelProxy answers 404" in lab.message(key)
    assert count(lab, "Delete") <= 15
    lab.simulator.clear_faults()
    await lab.elapse(400)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["ModelProxy"]) == []


@pytest.mark.parametrize("denied", [True, False], ids=["denied", "taken"])
async def test_a_failed_resource_is_replaced_once_it_is_gone(*, denied: bool) -> None:
    lab, _ = await ready(SAMPLES["ModelProxy"])
    fault = {"effect": "create-failed", "reason": "no room", "times": 1}
    lab.simulator.inject(Fault.model_validate(fault))
    if denied:
        deny(lab)
        lie_after_delete(lab)
    key = lab.cluster.apply("ModelProxy", "other", PROXY)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "ProviderFailed")
    lab.calls.take()
    lab.edit(key, description="better")
    await lab.elapse(VANISHED_SECONDS - 4)
    assert count(lab, "Delete") == 1
    assert count(lab, "Create") == (0 if denied else 1)
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available")
    assert len(lab.resources("ModelProxy")) == 2
