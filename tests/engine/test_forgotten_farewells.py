"""What becomes of a resource, and is told of it, where the status forgot what this process sent."""

from collections.abc import Mapping
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import SAMPLES, cloud_key, lab_for, made, ready
from engine.test_farewells import inject, told
from fakes.lab import Lab

kinds = pytest.mark.parametrize("kind", ["MemoryCollection", "AgentRuntime", "FlowEndpoint"])
statuses = pytest.mark.parametrize("status", ["older", "lost"])
policies = pytest.mark.parametrize("policy", ["Retain", "Delete"])
carried_out = pytest.mark.parametrize("is_late", [True, False], ids=["late", "never"])
NO_RECORD: Mapping[str, Any] = {"observedGeneration": -1}


@policies
@statuses
@pytest.mark.parametrize("answered", [True, False], ids=["answered", "answer lost"])
@kinds
async def test_a_delete_is_remembered(
    kind: str, status: str, policy: str, *, answered: bool
) -> None:
    lab, key = await ready(SAMPLES[kind])
    older = lab.get(key).status
    if not answered:
        inject(lab, {"action": "Delete.*", "effect": "drop-after", "times": 1})
    lab.cluster.delete(key)
    await lab.drain()
    sent = lab.get(key).status["deleteSentAt"]
    lab.cluster.put_status(key, older if status == "older" else NO_RECORD)
    lab.edit(key, deletionPolicy=policy)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES[kind]) == []
    reason, message = told(lab)
    if policy == "Delete":
        assert (reason, message) == ("Deleted", "the cloud resource is gone")
        return
    assert reason == ("DeleteSent" if kind == "AgentRuntime" else "Deleted")
    assert message.startswith(f"DELETE had been sent at {sent}, before the resource was to be kept")


def lose_a_create(lab: Lab, *, is_late: bool) -> None:
    """Lose the answer of the next create, which is carried out late or never."""
    how = {"effect": "drop-late", "seconds": 40} if is_late else {"effect": "drop-before"}
    inject(lab, {"action": "Create.*", "times": 1, **how})


async def has_the_end_told(lab: Lab, key: ObjectKey, policy: str, *, is_late: bool) -> None:
    lab.edit(key, deletionPolicy=policy)
    lab.cluster.delete(key)
    await lab.elapse(150)
    assert lab.cluster.raw(key) is None
    if not is_late:
        assert told(lab)[0] == "AlreadyGone"
    else:
        assert told(lab)[0] == ("Retained" if policy == "Retain" else "Deleted")
    is_left = is_late and policy == "Retain"
    assert len(made(lab, SAMPLES[key.kind])) == (1 if is_left else 0)


@policies
@statuses
@carried_out
@kinds
async def test_a_first_create_is_waited_for(
    kind: str, status: str, policy: str, *, is_late: bool
) -> None:
    lab = await lab_for(SAMPLES[kind])
    lose_a_create(lab, is_late=is_late)
    key = lab.cluster.apply(kind, "it", SAMPLES[kind].spec)
    await lab.drain()
    announced = lab.get(key).status
    assert announced["creation"]
    older = {n: announced[n] for n in ("conditions", "observedGeneration", "boundTo")}
    lab.cluster.put_status(key, older if status == "older" else NO_RECORD)
    await has_the_end_told(lab, key, policy, is_late=is_late)


@policies
@carried_out
@kinds
async def test_a_repeated_create_is_waited_for(kind: str, policy: str, *, is_late: bool) -> None:
    sample = SAMPLES[kind]
    lab, key = await ready(sample)
    older = lab.get(key).status
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    lose_a_create(lab, is_late=is_late)
    lab.calls.take()
    while not [name for name in lab.calls.names if name.startswith("Create")]:
        await lab.elapse(1)
    lab.cluster.put_status(key, older)
    await has_the_end_told(lab, key, policy, is_late=is_late)
