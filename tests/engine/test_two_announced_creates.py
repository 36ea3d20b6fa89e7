"""Two equal objects of one name that both announced a create: whose is what is found?"""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import CREDENTIAL, PROXY, SAMPLES, lab_for, made
from fakes.lab import Lab

SPECS: dict[str, dict[str, Any]] = {"ModelProxy": PROXY, "Credential": CREDENTIAL}
unmarked = pytest.mark.parametrize("kind", SPECS)


async def two_of_one_name(kind: str) -> tuple[Lab, ObjectKey, ObjectKey]:
    """Return a lab with one whose create got lost, and another one, which made the resource.

    Behind a watch that stands still neither knows of the other's claim; here it is hidden.
    """
    lab = await lab_for(SAMPLES[kind])
    spec = {**SPECS[kind], "externalName": "one"}
    fault = {"action": "Create.*", "effect": "drop-before", "times": 1}
    lab.simulator.inject(Fault.model_validate(fault))
    solo = lab.cluster.apply(kind, "solo", spec)
    await lab.drain()
    lost = lab.get(solo).status
    assert lost["creation"]
    lab.annotate(solo, paused="true")
    lab.cluster.put_status(solo, {"observedGeneration": -1})
    lab.edit(solo, managementPolicy="Observe")
    maker = lab.cluster.apply(kind, "maker", spec)
    await lab.elapse(20)
    assert lab.ready(maker) == ("True", "Available"), lab.message(maker)
    lab.edit(solo, managementPolicy=None)
    creation = {**lost["creation"], "generation": lab.get(solo).generation}
    lab.cluster.put_status(solo, {**lost, "creation": creation})
    lab.annotate(solo, paused="false")
    return lab, solo, maker


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarted"])
@unmarked
async def test_what_its_maker_has_on_record_outlives_the_other(
    kind: str, *, restarts: bool
) -> None:
    lab, solo, maker = await two_of_one_name(kind)
    lab.cluster.delete(solo)
    if restarts:
        lab.restart()
    await lab.elapse(150)
    assert lab.cluster.raw(solo) is None
    assert not [a for a in lab.writes_to_cloud() if a.startswith("Delete")]
    assert len(made(lab, SAMPLES[kind])) == 1
    assert lab.ready(maker) == ("True", "Available"), lab.message(maker)


@unmarked
async def test_the_other_does_not_say_that_it_made_it(kind: str) -> None:
    lab, solo, _maker = await two_of_one_name(kind)
    await lab.elapse(150)
    assert lab.get(solo).status.get("adopted", True) is True
    lab.cluster.delete(solo)
    await lab.elapse(30)
    assert lab.cluster.raw(solo) is None
    assert len(made(lab, SAMPLES[kind])) == 1
