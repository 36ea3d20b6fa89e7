"""A read that finds nothing while a LIST shows the resource proves nothing: it may be there."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import SAMPLES, Sample, made, ready
from engine.test_absence import ask, count, lie
from fakes.lab import Lab

kinds = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
beside = pytest.mark.parametrize("others", [0, 4], ids=["alone", "read by LIST"])


async def disputed(sample: Sample, others: int) -> tuple[Lab, list[ObjectKey]]:
    """Return a lab whose cloud finds no resource of a kind by a read; LISTs show them all."""
    lab, key = await ready(sample)
    keys = [lab.cluster.apply(sample.kind, f"it{n}", sample.spec) for n in range(others)]
    await lab.elapse(30)
    lab.calls.take()
    lie(lab, f"Get{sample.family}")
    return lab, [key, *keys]


@beside
@kinds
async def test_what_a_list_shows_is_not_created_again(sample: Sample, others: int) -> None:
    lab, keys = await disputed(sample, others)
    for key in keys:
        await ask(lab, key)
    await lab.elapse(200)
    assert count(lab, "Create") == 0
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    assert len(made(lab, sample)) == 1 + others


@beside
@kinds
async def test_what_a_list_shows_is_not_left_behind(sample: Sample, others: int) -> None:
    lab, keys = await disputed(sample, others)
    for key in keys:
        lab.cluster.delete(key)
    await lab.elapse(200)
    assert [key for key in keys if lab.cluster.raw(key) is None] == []
    lab.simulator.clear_faults()
    await lab.elapse(100)
    assert [key for key in keys if lab.cluster.raw(key) is not None] == []
    assert made(lab, sample) == []
