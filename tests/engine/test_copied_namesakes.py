"""A status of a namesake that lives elsewhere: what has the name here is not what it tells of."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.settings import Account
from engine.shared import GOOD
from engine.specs import RUNTIME, SAMPLES, TEMPLATE, lab_for, made
from engine.test_copies import account_in, named
from fakes.cloud import MAIN, OTHER
from fakes.lab import Lab

deleted = pytest.mark.parametrize("is_deleted", [False, True], ids=["lives", "deleted"])


async def namesakes(lab: Lab, kind: str) -> tuple[ObjectKey, ObjectKey]:
    """Bring `it` in both namespaces."""
    first = lab.cluster.apply(kind, "it", SAMPLES[kind].spec)
    second = lab.cluster.apply(kind, "it", SAMPLES[kind].spec, namespace="team-b")
    await lab.elapse(30)
    assert lab.ready(first) == lab.ready(second) == GOOD
    return first, second


def in_other(lab: Lab, kind: str) -> list[dict[str, Any]]:
    found = lab.resources(SAMPLES[kind].family, OTHER.account_id)
    return [r for r in found if not str(r.get("templateName")).startswith("__")]


async def take_for(lab: Lab, key: ObjectKey, other: ObjectKey, *, is_deleted: bool) -> None:
    """Give an object the status of another one while no operator runs; it lives on or goes."""
    lab.cluster.put_status(key, lab.get(other).status)
    if is_deleted:
        lab.cluster.delete(key)
    lab.restart()
    await lab.elapse(60)
    assert is_deleted or lab.ready(key) == GOOD, lab.message(key)


@deleted
@named
async def test_a_status_from_another_account_hides_nothing(kind: str, *, is_deleted: bool) -> None:
    lab = await lab_for(SAMPLES[kind])
    await account_in(lab, "team-b", OTHER)
    first, second = await namesakes(lab, kind)
    assert len(in_other(lab, kind)) == 1
    await take_for(lab, second, first, is_deleted=is_deleted)
    if not is_deleted:
        assert lab.get(second).status["adopted"] is False
        lab.cluster.delete(second)
        await lab.elapse(60)
    assert lab.cluster.raw(second) is None
    assert in_other(lab, kind) == []
    assert lab.ready(first) == GOOD
    assert len(made(lab, SAMPLES[kind])) == 1


@deleted
async def test_a_status_from_below_another_parent_hides_nothing(*, is_deleted: bool) -> None:
    sample = SAMPLES["AgentRuntimeEndpoint"]
    lab = await lab_for(sample)
    await account_in(lab, "team-b", MAIN)
    spec = {**RUNTIME, "externalName": "base_b"}
    runtime = lab.cluster.apply("AgentRuntime", "base", spec, namespace="team-b")
    await lab.elapse(15)
    first, second = await namesakes(lab, "AgentRuntimeEndpoint")
    await take_for(lab, second, first, is_deleted=is_deleted)
    if not is_deleted:
        lab.cluster.delete(second)
    lab.cluster.delete(runtime)
    await lab.elapse(60)
    assert lab.cluster.raw(second) is None
    assert lab.cluster.raw(runtime) is None
    assert lab.ready(first) == GOOD
    assert len(made(lab, sample)) == 1


async def test_a_copy_in_another_account_takes_no_strangers() -> None:
    lab = await lab_for(SAMPLES["SandboxTemplate"])
    await account_in(lab, "team-b", OTHER)
    first = lab.cluster.apply("SandboxTemplate", "it", TEMPLATE)
    maker = lab.cluster.apply(
        "SandboxTemplate", "it", {**TEMPLATE, "deletionPolicy": "Retain"}, namespace="team-b"
    )
    await lab.elapse(30)
    raw = lab.cluster.raw(first)
    lab.cluster.delete(maker)
    await lab.elapse(30)
    assert raw is not None
    raw["spec"]["adoptionPolicy"] = "Never"
    lab.clock.advance(100)
    lab.cluster.put_back(maker, raw)
    await lab.elapse(30)
    assert lab.ready(maker) == ("False", "AlreadyExistsNotOwned")
    assert "carries nobody's mark" in lab.message(maker)
    assert "adoptionPolicy: Adopt" in lab.message(maker)


@deleted
@pytest.mark.parametrize("account", [MAIN, OTHER], ids=["same account", "other account"])
async def test_swapped_statuses_of_parents_leave_nothing(
    account: Account, *, is_deleted: bool
) -> None:
    lab = await lab_for(SAMPLES["AgentRuntimeEndpoint"])
    await account_in(lab, "team-b", account)
    spec = {**RUNTIME, "externalName": "base_b"} if account is MAIN else RUNTIME
    theirs = lab.cluster.apply("AgentRuntime", "base", spec, namespace="team-b")
    await lab.elapse(15)
    ours = ObjectKey("AgentRuntime", "team-a", "base")
    first, second = await namesakes(lab, "AgentRuntimeEndpoint")
    statuses = {key: lab.get(key).status for key in (ours, theirs, first, second)}
    for key, other in ((ours, theirs), (theirs, ours), (first, second), (second, first)):
        lab.cluster.put_status(key, statuses[other])
        if is_deleted:
            lab.cluster.delete(key)
    lab.restart()
    await lab.elapse(120)
    if not is_deleted:
        for key, status in statuses.items():
            assert lab.ready(key) == GOOD, lab.message(key)
            assert lab.get(key).external_id == status["externalId"]
            lab.cluster.delete(key)
        await lab.elapse(60)
    assert [key for key in statuses if lab.cluster.raw(key) is not None] == []
    for cloud in (MAIN, OTHER):
        left = lab.simulator.resources(cloud.account_id)
        assert not left.get("AgentRuntime")
        assert not left.get("AgentRuntimeEndpoint")
