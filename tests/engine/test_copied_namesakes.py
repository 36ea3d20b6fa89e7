"""A status of a namesake that lives elsewhere: what has the name here is not what it tells of."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.settings import Account
from engine.specs import RUNTIME, SAMPLES, TEMPLATE, lab_for, made
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab, account_spec

GOOD = ("True", "Available")
NAMED = [name for name in SAMPLES if name not in ("Sandbox", "AgentRuntimeEndpoint")]
deleted = pytest.mark.parametrize("is_deleted", [False, True], ids=["lives", "deleted"])


async def namespace_in(lab: Lab, account: Account) -> None:
    """Give team-b an account and what the samples refer to."""
    lab.cluster.put_secret("default-keys", keys_of(account), namespace="team-b")
    lab.cluster.put_secret("keys", {"token": "canary-4711"}, namespace="team-b")
    spec = account_spec("default-keys", account_id=account.account_id)
    lab.cluster.apply("Account", "default", spec, namespace="team-b")
    await lab.elapse(5)


async def namesakes(lab: Lab, kind: str, **other: Any) -> tuple[ObjectKey, ObjectKey]:
    """Bring `it` in both namespaces."""
    first = lab.cluster.apply(kind, "it", SAMPLES[kind].spec)
    second = lab.cluster.apply(kind, "it", {**SAMPLES[kind].spec, **other}, namespace="team-b")
    await lab.elapse(30)
    assert lab.ready(first) == lab.ready(second) == GOOD
    return first, second


def copy_status(lab: Lab, source: ObjectKey, to: ObjectKey) -> None:
    raw = lab.cluster.raw(source)
    assert raw is not None
    lab.cluster.put_status(to, raw["status"])


def in_other(lab: Lab, kind: str) -> list[dict[str, Any]]:
    found = lab.simulator.resources(OTHER.account_id).get(SAMPLES[kind].family, [])
    return [r for r in found if not str(r.get("templateName")).startswith("__")]


@deleted
@pytest.mark.parametrize("kind", NAMED)
async def test_a_status_from_another_account_hides_nothing(kind: str, *, is_deleted: bool) -> None:
    lab = await lab_for(SAMPLES[kind])
    await namespace_in(lab, OTHER)
    first, second = await namesakes(lab, kind)
    assert len(in_other(lab, kind)) == 1
    copy_status(lab, first, second)
    if is_deleted:
        lab.cluster.delete(second)
    lab.restart()
    await lab.elapse(60)
    if not is_deleted:
        assert lab.ready(second) == GOOD, lab.message(second)
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
    await namespace_in(lab, MAIN)
    spec = {**RUNTIME, "externalName": "base_b"}
    runtime = lab.cluster.apply("AgentRuntime", "base", spec, namespace="team-b")
    await lab.elapse(15)
    first, second = await namesakes(lab, "AgentRuntimeEndpoint")
    copy_status(lab, first, second)
    if is_deleted:
        lab.cluster.delete(second)
    lab.restart()
    await lab.elapse(60)
    if not is_deleted:
        assert lab.ready(second) == GOOD, lab.message(second)
        lab.cluster.delete(second)
    lab.cluster.delete(runtime)
    await lab.elapse(60)
    assert lab.cluster.raw(second) is None
    assert lab.cluster.raw(runtime) is None
    assert lab.ready(first) == GOOD
    assert len(made(lab, sample)) == 1


async def test_a_copy_in_another_account_takes_no_strangers() -> None:
    lab = await lab_for(SAMPLES["SandboxTemplate"])
    await namespace_in(lab, OTHER)
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
    await namespace_in(lab, account)
    spec = {**RUNTIME, "externalName": "base_b"} if account is MAIN else RUNTIME
    theirs = lab.cluster.apply("AgentRuntime", "base", spec, namespace="team-b")
    await lab.elapse(15)
    ours = ObjectKey("AgentRuntime", "team-a", "base")
    first, second = await namesakes(lab, "AgentRuntimeEndpoint")
    statuses = {key: lab.get(key).status for key in (ours, theirs, first, second)}
    for key, other in ((ours, theirs), (theirs, ours), (first, second), (second, first)):
        lab.cluster.put_status(key, dict(statuses[other]))
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
