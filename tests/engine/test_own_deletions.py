"""What this operator itself deleted, for whatever object, is no absence that its brake counts."""

import pytest

from engine.shared import GOOD, PLAIN_RUNTIME, REF, SHARED, apply, shared_lab
from engine.test_absence import lie
from engine.test_mass_absence import BRAKED
from fakes.lab import Lab

NAMES = [f"b-{n}" for n in range(5)]


async def taken_over(wait: float = 0) -> Lab:
    """Return a lab whose team-b made resources, took them over by other objects and deleted them.

    The objects that made them observe meanwhile, and are back in charge.
    """
    lab = await shared_lab()
    for n in range(4):
        await apply(lab, "AgentRuntime", f"a-{n}", PLAIN_RUNTIME, namespace="team-a")
    first = [await apply(lab, "AgentRuntime", name, PLAIN_RUNTIME) for name in NAMES]
    for key in first:
        lab.edit(key, managementPolicy="Observe")
    await lab.elapse(10)
    second = []
    for name in NAMES:
        taking = {**PLAIN_RUNTIME, **REF, "externalName": name, "deletionPolicy": "Delete"}
        key = lab.cluster.apply("AgentRuntime", f"take-{name}", taking, namespace="team-b")
        lab.annotate(key, adopt="force")
        second.append(key)
    await lab.elapse(60)
    for key in second:
        lab.cluster.delete(key)
    await lab.elapse(60 + wait)
    await lab.engine.resync()
    for key in first:
        lab.edit(key, managementPolicy="Manage")
    return lab


@pytest.mark.parametrize("wait", [0, 2000], ids=["at once", "after the window"])
async def test_a_namespace_brakes_no_other_by_its_own_deletions(wait: float) -> None:
    lab = await taken_over(wait)
    new = await apply(lab, "AgentRuntime", "a-new", PLAIN_RUNTIME, namespace="team-a")
    await lab.elapse(300)
    assert lab.ready(SHARED) == GOOD, lab.message(SHARED)
    assert lab.ready(new) == GOOD


async def test_what_others_made_is_counted_beside_it() -> None:
    lab = await taken_over()
    await lab.elapse(200)
    lie(lab)
    await lab.elapse(300)
    assert lab.ready(SHARED) == BRAKED
