"""`adopt=force` takes over the mark of another owner, and the message says whose it was."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import RUNTIME, SAMPLES, made, ready
from engine.strangers import RUNTIME_BODY, by_hand
from fakes.lab import CLUSTER_ID, Lab

SAMPLE = SAMPLES["AgentRuntime"]
OWN = f"k8s:{CLUSTER_ID}/team-a/it"


async def two_clusters(**more: Any) -> tuple[Lab, Lab, ObjectKey]:
    """Return the lab that has the runtime, another one whose object stalls, and the key of both."""
    lab, key = await ready(SAMPLE)
    other = Lab(cluster_id="cluster-2", beside=lab)
    await other.ready_account()
    other.cluster.apply("AgentRuntime", "it", {**RUNTIME, **more})
    await other.elapse(20)
    assert other.ready(key) == ("False", "AlreadyExistsNotOwned"), other.message(key)
    assert f"team-a/it of cluster {CLUSTER_ID!r}" in other.message(key)
    assert "adoptionPolicy" not in other.message(key), "that would not help"
    return lab, other, key


def tags(lab: Lab) -> list[str]:
    [found] = made(lab, SAMPLE)
    return list(found["systemTags"])


@pytest.mark.parametrize("drift", ["Correct", "Report", "Ignore"])
async def test_force_takes_the_mark_over_and_the_former_owner_sees_it(drift: str) -> None:
    lab, other, key = await two_clusters(driftPolicy=drift)
    other.annotate(key, adopt="force")
    await other.elapse(30)
    assert other.ready(key) == ("True", "Available"), other.message(key)
    assert tags(lab) == ["k8s:cluster-2/team-a/it/adopted"]
    await lab.elapse(100)
    assert lab.ready(key) == ("False", "AlreadyExistsNotOwned")
    assert "team-a/it of cluster 'cluster-2'" in lab.message(key)
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLE)) == 1, "it has another owner"
    assert other.ready(key) == ("True", "Available")


async def test_a_forced_takeover_stays_without_the_annotation() -> None:
    lab, other, key = await two_clusters()
    other.annotate(key, adopt="force")
    await other.elapse(30)
    other.cluster.edit(key, annotations={})
    since = lab.simulator.requests()[-1]["seq"]
    other.restart()
    await other.elapse(100)
    assert other.ready(key) == ("True", "Available")
    assert lab.writes_to_cloud(since) == []


async def test_a_runtime_that_is_busy_is_taken_over_later() -> None:
    lab, other, key = await two_clusters()
    busy = {"action": "UpdateAgentRuntime", "effect": "error", "status": 400}
    fault = {**busy, "code": "ERR_BAD_REQUEST", "message": "runtime is in UPDATING status"}
    lab.simulator.inject(Fault.model_validate({**fault, "times": 2}))
    other.annotate(key, adopt="force")
    await other.elapse(200)
    assert other.ready(key) == ("True", "Available"), other.message(key)
    assert tags(lab) == ["k8s:cluster-2/team-a/it/adopted"]


async def test_two_that_force_do_not_fight() -> None:
    lab, other, key = await two_clusters()
    other.annotate(key, adopt="force")
    await other.elapse(30)
    lab.annotate(key, adopt="force")
    await lab.elapse(30)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    since = lab.simulator.requests()[-1]["seq"]
    for _ in range(5):
        await other.elapse(100)
        await lab.elapse(100)
    assert other.ready(key) == ("False", "AlreadyExistsNotOwned")
    assert "reconcile-requested-at" in other.message(key)
    assert lab.writes_to_cloud(since) == []
    other.annotate(key, adopt="force", reconcile_requested_at="once more")
    await other.elapse(30)
    assert other.ready(key) == ("True", "Available"), other.message(key)
    assert tags(lab) == ["k8s:cluster-2/team-a/it/adopted"]


@pytest.mark.parametrize("restarts", [False, True])
async def test_what_was_taken_back_is_kept_where_the_answer_got_lost(*, restarts: bool) -> None:
    lab, other, key = await two_clusters()
    other.annotate(key, adopt="force")
    await other.elapse(30)
    lab.simulator.inject(Fault(action="UpdateAgentRuntime", effect="drop-after"))
    lab.annotate(key, adopt="force")
    await lab.elapse(1)
    if restarts:
        lab.restart()
    await lab.elapse(30)
    assert tags(lab) == [f"{OWN}/adopted"]
    assert lab.get(key).status["adopted"] is True
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert tags(lab) == [f"{OWN}/adopted"]


@pytest.mark.parametrize(
    ("tag", "told", "remedy", "kept"),
    [
        (f"k8s:{CLUSTER_ID}/team-b/gone", "does not exist in this cluster", "adopt=force", ()),
        (f"k8s:{CLUSTER_ID}/team-a/there", "exists in this cluster", "deletionPolicy: Retain", ()),
        ("k8s:elsewhere/team-a/it", "of cluster 'elsewhere'", "give it up there", ()),
        ("x-agentrun-super", "another tool", "adopt=force", ("x-agentrun-super",)),
        ("k8s:odd", "another tool", "adopt=force", ()),
    ],
)
async def test_the_message_names_the_owner_and_a_remedy(
    tag: str, told: str, remedy: str, kept: tuple[str, ...]
) -> None:
    lab = Lab()
    await lab.ready_account()
    await by_hand(lab, "AgentRuntime", {**RUNTIME_BODY, "systemTags": [tag]})
    lab.cluster.apply("AgentRuntime", "there", RUNTIME)
    key = lab.cluster.apply("AgentRuntime", "it", RUNTIME)
    await lab.elapse(20)
    assert lab.ready(key) == ("False", "AlreadyExistsNotOwned")
    assert told in lab.message(key)
    assert remedy in lab.message(key)
    assert "adoptionPolicy" not in lab.message(key)
    lab.annotate(key, adopt="force")
    await lab.elapse(30)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    [found] = [r for r in made(lab, SAMPLE) if r["agentRuntimeName"] == "it"]
    assert found["systemTags"] == [*kept, f"{OWN}/adopted"], "the tag of a tool stays"
    assert found["description"] == "first"


async def test_what_carries_nobodys_mark_needs_a_policy_and_no_force() -> None:
    lab = Lab()
    await lab.ready_account()
    await by_hand(lab, "AgentRuntime", RUNTIME_BODY)
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "adoptionPolicy": "Never"})
    await lab.elapse(20)
    assert lab.ready(key) == ("False", "AlreadyExistsNotOwned")
    assert "adoptionPolicy: Adopt" in lab.message(key)
    lab.edit(key, adoptionPolicy="Adopt")
    await lab.elapse(20)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
