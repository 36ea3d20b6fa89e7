"""An endpoint without a status: below a parent that we made, what it would make is its own.

Left behind it would keep its parent from ever being deleted.
"""

from typing import Any

import pytest

from agentrun_operator.core.identity import FINALIZER, ObjectKey
from engine.shared import GOOD
from engine.specs import SAMPLES, keys
from fakes.lab import Lab

PARENTS = {"AgentRuntimeEndpoint": "AgentRuntime", "FlowEndpoint": "Flow"}
kinds = pytest.mark.parametrize("kind", PARENTS)
deleted = pytest.mark.parametrize("seen", [True, False], ids=["looked at", "deleted at once"])


async def family(kind: str, **more: Any) -> tuple[Lab, ObjectKey, ObjectKey]:
    """Return a lab with a parent and something below it."""
    lab = Lab()
    await lab.ready_account()
    await keys(lab)
    above = lab.cluster.apply(PARENTS[kind], "base", SAMPLES[PARENTS[kind]].spec)
    below = lab.cluster.apply(kind, "kid", {**SAMPLES[kind].spec, **more})
    await lab.elapse(60)
    assert lab.ready(above) == lab.ready(below) == GOOD
    return lab, above, below


def restore(lab: Lab, *restored: ObjectKey, **metadata: Any) -> None:
    """Restore objects without their statuses, as new ones; start a new process."""
    for key in restored:
        raw = lab.cluster.raw(key)
        assert raw is not None
        raw["status"] = {"observedGeneration": -1}
        raw["metadata"] |= metadata
        lab.cluster.put_back(key, raw)
    lab.restart()


async def delete(lab: Lab, *gone: ObjectKey) -> None:
    for key in gone:
        lab.cluster.delete(key)
    await lab.elapse(300)


def left(lab: Lab, *of: ObjectKey) -> list[ObjectKey]:
    return [key for key in of if lab.cluster.raw(key) is not None]


@deleted
async def test_a_runtime_and_its_endpoint_go_without_statuses(*, seen: bool) -> None:
    lab, above, below = await family("AgentRuntimeEndpoint")
    restore(lab, above, below)
    if seen:
        await lab.elapse(60)
        assert lab.ready(above) == lab.ready(below) == GOOD
        assert lab.get(below).status["adopted"] is False
    await delete(lab, below, above)
    assert left(lab, below, above) == []
    assert lab.resources("AgentRuntime") == lab.resources("AgentRuntimeEndpoint") == []


@deleted
@kinds
async def test_so_does_an_endpoint_that_alone_lost_its_status(kind: str, *, seen: bool) -> None:
    lab, above, below = await family(kind)
    restore(lab, below)
    if seen:
        await lab.elapse(60)
    await delete(lab, below, above)
    assert left(lab, below, above) == []
    assert lab.resources(kind) == []


@kinds
@pytest.mark.parametrize("why", ["differs", "asked for", "new"])
async def test_what_may_be_a_strangers_stays_and_is_named(kind: str, why: str) -> None:
    more = {"adoptionPolicy": "Adopt"} if why == "asked for" else {}
    lab, above, below = await family(kind, **more)
    if why == "differs":
        lab.simulator.edit(kind, "kid", {"description": "somebody else's"})
    restore(lab, below, finalizers=[] if why == "new" else [FINALIZER])
    await lab.elapse(60)
    assert lab.get(below).status["adopted"] is True
    await delete(lab, below, above)
    assert (left(lab, below, above), len(lab.resources(kind))) == ([above], 1)
    told = [e.message for e in lab.cluster.events if e.key == below and e.reason == "Retained"]
    assert "delete 'kid' in AgentRun" in told[-1]
    message = lab.message(above)
    assert f"what is left of {kind} whose objects are gone has to be deleted" in message
    assert "endpoint kid" in message, "in the words of the cloud"
    lab.simulator.remove(kind, "kid")
    await lab.elapse(600)
    assert left(lab, above) == []


@kinds
async def test_a_policy_set_before_the_deletion_takes_it_along(kind: str) -> None:
    lab, above, below = await family(kind)
    restore(lab, below, finalizers=[])
    await lab.elapse(60)
    lab.edit(below, deletionPolicy="Delete")
    await delete(lab, below, above)
    assert left(lab, below, above) == []


async def test_below_a_flow_without_a_status_all_is_kept_together() -> None:
    lab, above, below = await family("FlowEndpoint")
    restore(lab, above, below)
    await lab.elapse(60)
    assert lab.get(above).status["adopted"] is True, "nothing marks a flow"
    assert lab.get(below).status["adopted"] is True
    await delete(lab, below, above)
    assert left(lab, below, above) == []
    assert len(lab.resources("Flow")) == len(lab.resources("FlowEndpoint")) == 1


async def test_what_another_object_has_on_record_stays_its_own() -> None:
    lab, above, below = await family("AgentRuntimeEndpoint")
    raw = lab.cluster.raw(below)
    assert raw is not None
    lab.cluster.vanish(below)
    by_id = {"runtimeRef": {"externalName": lab.get(above).external_id}, "externalName": "kid"}
    spec = {**SAMPLES["AgentRuntimeEndpoint"].spec, **by_id}
    other = lab.cluster.apply("AgentRuntimeEndpoint", "other", spec)
    await lab.elapse(30)
    assert lab.get(other).status["adopted"] is True
    raw["status"] = {"observedGeneration": -1}
    lab.cluster.put_back(below, raw)
    await delete(lab, below)
    assert left(lab, below, other) == [other]
    assert len(lab.resources("AgentRuntimeEndpoint")) == 1
    assert lab.ready(other) == GOOD
