"""A parent whose name only a status tells of: nothing below that name is deleted."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import SAMPLES
from engine.test_name_prefixes import GOOD, lab_with
from fakes.lab import Lab

PARENT, MINE = ObjectKey("Flow", "team-a", "base"), ObjectKey("FlowEndpoint", "team-a", "it")


async def with_a_strangers_flow() -> tuple[Lab, str]:
    """Return a lab with an endpoint, and one of its name below the flow of nobody here."""
    lab = await lab_with("p-")
    sample = SAMPLES["Flow"]
    await sample.prepare(lab)
    lab.cluster.apply("Flow", "base", sample.spec)
    kept = {"deletionPolicy": "Retain"}
    former = {**sample.spec, **kept, "externalName": "team-b-base"}
    flow = lab.cluster.apply("Flow", "former", former)
    below = {**kept, "flowRef": {"name": "former"}, "externalName": "it", "description": "theirs"}
    theirs = lab.cluster.apply("FlowEndpoint", "former", below)
    lab.cluster.apply("FlowEndpoint", "it", {"flowRef": {"name": "base"}})
    await lab.elapse(30)
    assert lab.ready(MINE) == lab.ready(theirs) == GOOD, lab.message(MINE)
    ident = lab.get(flow).external_id
    assert ident is not None
    for key in (theirs, flow):
        lab.cluster.delete(key)
        await lab.elapse(20)
    return lab, ident


def endpoints(lab: Lab) -> list[str]:
    return [str(r.get("description")) for r in lab.resources("FlowEndpoint")]


@pytest.mark.parametrize("loses_status", [False, True], ids=["on record", "status lost"])
async def test_a_forged_prefix_of_a_parent_has_nothing_deleted(*, loses_status: bool) -> None:
    lab, ident = await with_a_strangers_flow()
    if loses_status:
        lab.cluster.reset_status(MINE)
    lab.cluster.delete(MINE)
    for _ in range(40):
        await lab.elapse(0.25)
        if endpoints(lab) == ["theirs"]:
            break
    told = {"externalId": ident, "externalName": "team-b-base", "namePrefix": "team-b-"}
    lab.cluster.put_status(PARENT, {**lab.get(PARENT).status, **told, "adopted": False})
    lab.restart()
    await lab.elapse(200)
    assert endpoints(lab)[-1:] == ["theirs"]
