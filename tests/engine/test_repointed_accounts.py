"""An object that another Account of the same number serves: another way in, or another cloud."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.elsewhere import CHANGED, ELSEWHERE, another_cloud
from engine.specs import PROXY, SAMPLES, ids, lab_for, made, ready
from fakes.cloud import MAIN, OTHER, TEMPORARY, keys_of
from fakes.lab import Lab, account_spec, made_in

GOOD = ("True", "Available")
DEFAULT = ObjectKey("Account", "team-a", "default")
SECOND = ObjectKey("Account", "team-a", "second")
TO_SECOND = {"accountRef": {"name": "second"}}
all_kinds = pytest.mark.parametrize("kind", SAMPLES)


async def second_account(lab: Lab, **more: Any) -> None:
    """Bring another Account with the same account number."""
    lab.cluster.put_secret("second-keys", keys_of(more.pop("keys", TEMPORARY)))
    lab.cluster.apply("Account", "second", account_spec("second-keys", **more))
    await lab.elapse(10)
    assert lab.ready(SECOND) == GOOD


def repoint(lab: Lab, ref: dict[str, str] | None) -> None:
    """Let every object of the namespace use another Account."""
    for raw in lab.cluster.all():
        key = ObjectKey.of(raw)
        if key.kind != "Account":
            lab.edit(key, accountRef=ref)


# ------------------------------------------------ another way into the same cloud


@pytest.mark.parametrize("policy", ["Correct", "Report"])
@all_kinds
async def test_the_account_before_is_let_go(kind: str, policy: str) -> None:
    lab = await lab_for(SAMPLES[kind])
    await second_account(lab)
    spec = {**SAMPLES[kind].spec, **TO_SECOND, "driftPolicy": policy}
    key = lab.cluster.apply(kind, "it", spec)
    repoint(lab, {"name": "second"})
    await lab.elapse(30)
    assert lab.ready(key) == GOOD
    since = lab.simulator.requests()[-1]["seq"]
    repoint(lab, None)
    await lab.elapse(30)
    assert lab.get(key).status["account"]["name"] == "default"
    lab.cluster.delete(SECOND)
    await lab.elapse(60)
    assert lab.cluster.raw(SECOND) is None
    assert lab.ready(key) == GOOD
    assert lab.writes_to_cloud(since) == []


async def test_what_differs_follows_its_reference_as_well() -> None:
    lab = await lab_for(SAMPLES["ModelProxy"])
    await second_account(lab)
    key = lab.cluster.apply("ModelProxy", "it", {**PROXY, **TO_SECOND, "driftPolicy": "Report"})
    await lab.elapse(30)
    lab.simulator.edit("ModelProxy", "it", {"description": "console"})
    await lab.elapse(70)
    repoint(lab, None)
    await lab.elapse(30)
    assert lab.ready(key) == ("False", "DriftDetected")
    assert lab.get(key).status["account"]["name"] == "default"


async def goes_by_the_second(lab: Lab, key: ObjectKey) -> None:
    """Expect a deletion to be blocked, and to end once the other Account is named."""
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    repoint(lab, {"name": "second"})
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["ModelProxy"]) == []


@pytest.mark.parametrize("restarts", [False, True])
async def test_what_is_deleted_may_be_repointed_to_working_keys(*, restarts: bool) -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    await second_account(lab)
    lab.cluster.put_secret("default-keys", keys_of(OTHER))
    lab.cluster.delete(key)
    if restarts:
        lab.restart()
    await goes_by_the_second(lab, key)


async def test_an_account_made_anew_as_another_holds_up_no_deletion() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    await second_account(lab)
    lab.cluster.put_secret("default-keys", keys_of(OTHER))
    lab.cluster.vanish(DEFAULT)
    lab.cluster.apply("Account", "default", account_spec("default-keys", OTHER.account_id))
    await lab.elapse(60)
    lab.cluster.delete(key)
    await goes_by_the_second(lab, key)


# ------------------------------------------------ another cloud


@pytest.mark.parametrize("restarts", [False, True])
@all_kinds
async def test_elsewhere_nothing_is_made_a_second_time(kind: str, *, restarts: bool) -> None:
    lab, key = await ready(SAMPLES[kind])
    other = another_cloud(lab)
    await second_account(lab, keys=MAIN, endpoint=ELSEWHERE)
    before = ids(lab, SAMPLES[kind])
    repoint(lab, {"name": "second"})
    if restarts:
        lab.restart()
    await lab.elapse(200)
    if kind not in ("Sandbox", "AgentRuntimeEndpoint"):
        assert lab.ready(key) == CHANGED
        assert "Account default" in lab.message(key)
        assert "team-a/second" in lab.message(key)
    assert not any(made_in(other, s.family) for s in SAMPLES.values())
    repoint(lab, None)
    await lab.elapse(60)
    assert lab.ready(key) == GOOD
    assert ids(lab, SAMPLES[kind]) == before


async def test_a_namesake_over_there_is_not_taken() -> None:
    lab = Lab()
    await lab.ready_account()
    other = another_cloud(lab)
    await second_account(lab, keys=MAIN, endpoint=ELSEWHERE)
    there = {**PROXY, **TO_SECOND, "deletionPolicy": "Retain"}
    maker = lab.cluster.apply("ModelProxy", "it", there)
    await lab.elapse(30)
    lab.cluster.delete(maker)
    await lab.elapse(30)
    key = lab.cluster.apply("ModelProxy", "it", {**PROXY, "adoptionPolicy": "Adopt"})
    await lab.elapse(30)
    repoint(lab, {"name": "second"})
    await lab.elapse(100)
    assert lab.ready(key) == CHANGED
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert ids(lab, SAMPLES["ModelProxy"]) == []
    assert len(other.resources()["ModelProxy"]) == 1


async def test_unverified_keys_make_no_second_resource() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    await second_account(lab, keys=OTHER, identityCheck={"mode": "Off"})
    repoint(lab, {"name": "second"})
    await lab.elapse(100)
    assert lab.ready(key) == CHANGED
    assert lab.simulator.resources(OTHER.account_id).get("ModelProxy", []) == []


async def test_a_gateway_into_the_same_cloud_shows_the_resource() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    lab.cloud.elsewhere[ELSEWHERE] = lab.simulator
    await second_account(lab, endpoint=ELSEWHERE)
    repoint(lab, {"name": "second"})
    await lab.elapse(30)
    assert lab.ready(key) == GOOD
    assert lab.get(key).status["account"]["endpoint"] == ELSEWHERE


async def test_a_create_in_doubt_is_not_repeated_elsewhere() -> None:
    lab = await lab_for(SAMPLES["ModelProxy"])
    other = another_cloud(lab)
    await second_account(lab, keys=MAIN, endpoint=ELSEWHERE)
    lab.simulator.inject(Fault.model_validate({"action": "Create.*", "effect": "drop-after"}))
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.drain()
    repoint(lab, {"name": "second"})
    await lab.elapse(200)
    assert lab.ready(key) == CHANGED
    assert "ModelProxy" not in other.resources()
    repoint(lab, None)
    await lab.elapse(100)
    assert lab.ready(key) == GOOD
    assert len(ids(lab, SAMPLES["ModelProxy"])) == 1


@pytest.mark.parametrize("restarts", [False, True])
async def test_what_ended_is_removed_where_it_is(*, restarts: bool) -> None:
    lab, key = await ready(SAMPLES["Sandbox"], idleTimeoutSeconds=30, ttlSecondsAfterFinished=200)
    other = another_cloud(lab)
    await second_account(lab, keys=MAIN, endpoint=ELSEWHERE)
    await lab.elapse(100)
    assert lab.ready(key) == ("True", "Completed")
    repoint(lab, {"name": "second"})
    if restarts:
        lab.restart()
    await lab.elapse(400)
    assert "DeleteSandbox" not in [r["action"] for r in other.requests()]
    assert lab.ready(key) == ("True", "Completed")
    repoint(lab, None)
    await lab.elapse(400)
    assert made(lab, SAMPLES["Sandbox"]) == []
