"""In a shared account, what takes the place of what was observed is shown with a grant only."""

from typing import Any

import pytest

from agentrun_simulator.faults import Fault
from engine.shared import (
    GOOD,
    PLAIN_RUNTIME,
    REF,
    a_runtime,
    apply,
    entry,
    grant,
    made_by_a,
    refuses,
    shared_lab,
)
from engine.specs import CREDENTIAL, SERVICE, cloud_key
from engine.strangers import RUNTIME_BODY, by_hand

REPLACED: dict[str, dict[str, Any]] = {
    "AgentRuntime": PLAIN_RUNTIME,
    "Credential": CREDENTIAL,
    "ModelService": SERVICE,
}


@pytest.mark.parametrize("is_seen_missing", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("kind", REPLACED)
async def test_what_replaced_an_own_one_is_observed_with_a_grant(
    kind: str, *, is_seen_missing: bool
) -> None:
    lab = await shared_lab()
    spec = {**REPLACED[kind], "externalName": "it"}
    key = await apply(lab, kind, "b", spec)
    lab.edit(key, managementPolicy="Observe")
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    lab.simulator.remove(kind, cloud_key(lab, key))
    if is_seen_missing:
        await lab.elapse(100)
        assert lab.ready(key) == ("False", "ExternalResourceMissing")
    await made_by_a(lab, kind, "a", spec)
    await lab.elapse(100)
    assert refuses(lab, key, "observe", f"{kind} 'it'")
    assert not {"atProvider", "drift"} & set(lab.get(key).status)
    grant(lab, entry("observe"))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)


async def test_a_view_from_before_the_grants_ends_with_its_resource() -> None:
    lab = await shared_lab(entry("observe"))
    made = await a_runtime(lab)
    spec = {**PLAIN_RUNTIME, "externalName": "a_agent", "managementPolicy": "Observe"}
    key = await apply(lab, "AgentRuntime", "view", spec)
    # As a version left it that granted nothing.
    status = {n: v for n, v in lab.get(key).status.items() if n != "granted"}
    lab.cluster.put_status(key, status)
    grant(lab)
    await lab.elapse(100)
    assert lab.ready(key) == GOOD, lab.message(key)
    lab.edit(made, managementPolicy="Observe")
    lab.simulator.remove("AgentRuntime", cloud_key(lab, made))
    said = set()
    for _ in range(30):
        await lab.elapse(10)
        said.add(lab.message(key))
    assert refuses(lab, key, "observe", "AgentRuntime 'a_agent'")
    assert not [message for message in said if "does not exist" in message]
    assert "externalId" not in lab.get(key).status


@pytest.mark.parametrize("maker", ["observes", "is paused"])
async def test_a_neighbours_record_gives_no_view_of_another_resource(maker: str) -> None:
    lab = await shared_lab()
    spec = {**PLAIN_RUNTIME, "externalName": "it"}
    made = await apply(lab, "AgentRuntime", "maker", spec)
    observing = {**spec, "managementPolicy": "Observe"}
    view = await apply(lab, "AgentRuntime", "view", observing)
    assert lab.ready(view) == GOOD, lab.message(view)
    if maker == "observes":
        lab.edit(made, managementPolicy="Observe")
    else:
        lab.annotate(made, paused="true")
    await lab.elapse(20)
    lab.simulator.remove("AgentRuntime", cloud_key(lab, made))
    await by_hand(lab, "AgentRuntime", {**RUNTIME_BODY, "agentRuntimeName": "it"})
    await lab.elapse(100)
    assert refuses(lab, view, "observe", "AgentRuntime 'it'")
    assert not {"atProvider", "externalId", "drift"} & set(lab.get(view).status)
    new = await apply(lab, "AgentRuntime", "new-view", observing)
    await lab.elapse(100)
    assert refuses(lab, new, "observe", "AgentRuntime 'it'")


async def test_a_neighbour_that_observes_gives_no_view_by_name() -> None:
    lab = await shared_lab()
    spec = {**CREDENTIAL, "externalName": "it"}
    made = await apply(lab, "Credential", "maker", spec)
    lab.edit(made, managementPolicy="Observe")
    await lab.elapse(20)
    lab.simulator.remove("Credential", "it")
    await made_by_a(lab, "Credential", "a", spec)
    view = await apply(lab, "Credential", "view", {**spec, "managementPolicy": "Observe"})
    assert refuses(lab, view, "observe", "Credential 'it'")


@pytest.mark.parametrize("kind", REPLACED)
async def test_a_view_that_may_not_be_had_holds_no_deletion(kind: str) -> None:
    lab = await shared_lab()
    spec = {**REPLACED[kind], "externalName": "it"}
    lab.simulator.inject(Fault(action=f"Create{kind}", effect="drop-before"))
    key = lab.cluster.apply(kind, "b", {**spec, **REF}, namespace="team-b")
    await lab.elapse(1)
    elsewhere = await shared_lab(cluster_id="cluster-2", beside=lab)
    elsewhere.cluster.apply(kind, "a", {**spec, **REF}, namespace="team-a")
    await elsewhere.drain()
    lab.edit(key, managementPolicy="Observe")
    lab.cluster.delete(key)
    await lab.elapse(200)
    assert lab.cluster.raw(key) is None
    assert len(lab.resources(kind)) == 1


async def test_what_is_shown_by_the_grant_alone_goes_with_it() -> None:
    lab = await shared_lab(entry("observe"))
    spec = {**PLAIN_RUNTIME, "externalName": "it"}
    key = await apply(lab, "AgentRuntime", "b", spec)
    lab.edit(key, managementPolicy="Observe")
    await lab.elapse(20)
    lab.simulator.remove("AgentRuntime", cloud_key(lab, key))
    await made_by_a(lab, "AgentRuntime", "a", spec)
    while lab.get(key).status.get("adopted") is not None:
        await lab.elapse(1)
    grant(lab)
    await lab.elapse(60)
    assert refuses(lab, key, "observe", "AgentRuntime 'it'")
