"""An endpoint that was edited is another cloud until a known resource shows that it is not."""

from typing import Any

import pytest

from agentrun_operator.core.identity import FINALIZER, PAUSED_ANNOTATION, ObjectKey
from agentrun_simulator.faults import Fault
from agentrun_simulator.simulator import Simulator
from engine.elsewhere import CHANGED, ELSEWHERE, another_cloud
from engine.shared import REF, SHARED, shared_lab
from engine.specs import PROXY, RUNTIME, SAMPLES, made, ready
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab, account_spec

DEFAULT = ObjectKey("Account", "team-a", "default")
GOOD = ("True", "Available")
PUBLIC = "https://agentrun.cn-hangzhou.aliyuncs.com"
VPC = "https://agentrun-vpc.cn-hangzhou.aliyuncs.com"


def writes_to(cloud: Simulator) -> list[str]:
    asked = [r for r in cloud.requests() if r["method"] != "GET"]
    return [r["action"] for r in asked if r["action"] != "GetCallerIdentity"]


@pytest.mark.parametrize("kind", SAMPLES)
async def test_an_endpoint_of_another_cloud_changes_nothing(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    before = len(made(lab, SAMPLES[kind]))
    other = another_cloud(lab)
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    await lab.elapse(400)
    assert lab.ready(DEFAULT) == lab.ready(key) == CHANGED
    assert lab.condition(DEFAULT, "Stalled") == ("True", "AccountChanged")
    assert "correct spec.endpoint" in lab.message(key)
    assert writes_to(other) == []
    lab.edit(DEFAULT, endpoint=None)
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD
    assert len(made(lab, SAMPLES[kind])) == before
    assert writes_to(other) == []


async def test_a_restart_forgets_nothing_of_where_an_account_was() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    other = another_cloud(lab)
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    lab.restart()
    await lab.elapse(100)
    assert lab.ready(DEFAULT) == lab.ready(key) == CHANGED
    assert writes_to(other) == []


async def test_a_deletion_meanwhile_is_blocked_and_ends_afterwards() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    other = another_cloud(lab)
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    await lab.drain()
    lab.cluster.delete(key)
    await lab.elapse(200)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    assert "correct spec.endpoint" in lab.message(key)
    assert writes_to(other) == []
    lab.edit(DEFAULT, endpoint=None)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert lab.resources("AgentRuntime") == []


async def test_new_objects_wait_meanwhile() -> None:
    lab, _ = await ready(SAMPLES["ModelProxy"])
    other = another_cloud(lab)
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    await lab.drain()
    young = lab.cluster.apply("AgentRuntime", "young", RUNTIME)
    await lab.elapse(60)
    assert lab.ready(young) == ("False", "DependencyNotReady")
    assert writes_to(other) == []
    lab.edit(DEFAULT, endpoint=None)
    await lab.elapse(60)
    assert lab.ready(young) == GOOD


async def test_a_namesake_over_there_proves_nothing() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    other = another_cloud(lab)
    there = Lab()
    there.cloud.simulator = other
    await there.ready_account()
    there.cluster.apply("ModelProxy", "it", PROXY)
    await there.elapse(30)
    assert len(other.resources()["ModelProxy"]) == 1
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    await lab.elapse(60)
    assert lab.ready(key) == CHANGED


@pytest.mark.parametrize(("before", "after"), [(None, VPC), (VPC, PUBLIC), (PUBLIC, None)])
async def test_another_way_into_the_same_region_needs_no_proof(
    before: str | None, after: str | None
) -> None:
    lab = Lab()
    lab.cluster.put_secret("keys", keys_of(MAIN))
    lab.cluster.apply("Account", "default", account_spec("keys", endpoint=before))
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(30)
    version = lab.get(key).resource_version
    lab.edit(DEFAULT, endpoint=after)
    await lab.elapse(30)
    assert lab.ready(DEFAULT) == GOOD
    assert lab.get(key).resource_version == version
    # Nor would it get one: what is gone proves nothing, and nobody asks for it.
    lab.simulator.remove("ModelProxy", "it")
    lab.edit(DEFAULT, endpoint=before)
    await lab.drain()
    assert lab.ready(DEFAULT) == GOOD


async def test_a_gateway_is_believed_for_one_known_resource() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    lab.cloud.elsewhere[ELSEWHERE] = lab.simulator
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    await lab.elapse(10)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD
    assert lab.get(DEFAULT).status["atProvider"]["endpoint"] == ELSEWHERE
    # And back, which is an edit like any other.
    lab.edit(DEFAULT, endpoint=None)
    await lab.elapse(10)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD


async def test_one_of_several_is_enough() -> None:
    lab = Lab()
    await lab.ready_account()
    keys = [lab.cluster.apply("ModelProxy", f"it-{n}", PROXY) for n in range(4)]
    await lab.elapse(30)
    for n in range(3):
        lab.simulator.remove("ModelProxy", f"it-{n}")
    lab.cloud.elsewhere[ELSEWHERE] = lab.simulator
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    await lab.drain()
    assert lab.ready(DEFAULT) == GOOD
    assert lab.ready(keys[3]) == GOOD


async def test_an_account_without_resources_moves_freely() -> None:
    lab = Lab()
    await lab.ready_account()
    other = another_cloud(lab)
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(30)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD
    assert len(other.resources()["ModelProxy"]) == 1


async def test_a_create_in_doubt_holds_its_account_where_it_is() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.simulator.inject(Fault.model_validate({"action": "Create.*", "effect": "drop-after"}))
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.drain()
    assert lab.get(key).external_id is None
    other = another_cloud(lab)
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    await lab.elapse(200)
    assert lab.ready(DEFAULT) == CHANGED
    assert writes_to(other) == []
    lab.edit(DEFAULT, endpoint=None)
    await lab.elapse(200)
    assert lab.ready(key) == GOOD
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1


@pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
@pytest.mark.parametrize("kind", ["AgentRuntime", "Flow"])
async def test_a_lost_status_holds_its_account_where_it_is(kind: str, *, restarted: bool) -> None:
    lab, key = await ready(SAMPLES[kind])
    other = another_cloud(lab)
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    lab.cluster.reset_status(key)
    if restarted:
        lab.restart()
    await lab.elapse(200)
    assert lab.ready(DEFAULT) == CHANGED
    assert f"{key}, whose status was lost, may have a resource" in lab.message(DEFAULT)
    assert writes_to(other) == []
    lab.edit(DEFAULT, endpoint=None)
    await lab.elapse(200)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD
    assert len(made(lab, SAMPLES[kind])) == 1


@pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
async def test_nor_is_what_it_had_let_go_of_elsewhere(*, restarted: bool) -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    another_cloud(lab)
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    lab.cluster.reset_status(key)
    lab.cluster.delete(key)
    if restarted:
        lab.restart()
    await lab.elapse(200)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    lab.edit(DEFAULT, endpoint=None)
    await lab.elapse(200)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["AgentRuntime"]) == []


async def test_what_lost_its_status_can_be_given_up_for_a_move() -> None:
    lab, key = await ready(SAMPLES["Flow"])
    another_cloud(lab)
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    lab.cluster.reset_status(key)
    await lab.elapse(100)
    lab.edit(key, deletionPolicy="Retain")
    lab.cluster.delete(key)
    await lab.elapse(400)
    assert lab.cluster.raw(key) is None
    assert lab.ready(DEFAULT) == GOOD
    assert len(made(lab, SAMPLES["Flow"])) == 1


async def test_an_answer_of_before_proves_a_gateway_without_a_record() -> None:
    lab, key = await ready(SAMPLES["Flow"])
    lab.cloud.elsewhere[ELSEWHERE] = lab.simulator
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    lab.cluster.reset_status(key)
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD
    assert len(made(lab, SAMPLES["Flow"])) == 1


async def test_where_all_statuses_are_lost_no_account_is_held() -> None:
    lab, key = await ready(SAMPLES["Flow"])
    another_cloud(lab)
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    for each in (DEFAULT, key):
        lab.cluster.reset_status(each)
    lab.restart()
    await lab.elapse(100)
    assert lab.ready(DEFAULT) == GOOD, "nothing tells where it was, nor would anything ever"


@pytest.mark.parametrize("namespace", ["stranger", "team-b"])
async def test_only_who_is_admitted_holds_a_shared_account(namespace: str) -> None:
    lab = await shared_lab()
    another_cloud(lab)
    meta = {"finalizers": [FINALIZER], "annotations": {PAUSED_ANNOTATION: "true"}}
    raw = {"metadata": meta, "spec": {**SAMPLES["Flow"].spec, **REF}}
    lab.cluster.server.create(ObjectKey("Flow", namespace, "it"), raw)
    await lab.elapse(10)
    lab.edit(SHARED, endpoint=ELSEWHERE)
    await lab.elapse(100)
    assert lab.ready(SHARED) == (CHANGED if namespace == "team-b" else GOOD)


async def test_an_outage_over_there_concludes_nothing() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.cloud.elsewhere[ELSEWHERE] = lab.simulator
    fault: dict[str, Any] = {"action": "GetModelProxy", "effect": "error", "times": None}
    lab.simulator.inject(Fault.model_validate(fault))
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == ("False", "ProviderUnavailable")
    lab.simulator.clear_faults()
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD


async def test_an_official_host_of_another_region_is_refused() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.edit(DEFAULT, endpoint="https://agentrun.cn-beijing.aliyuncs.com")
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == ("False", "InvalidParameter")
    assert "is of region cn-beijing" in lab.message(DEFAULT)
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    lab.edit(DEFAULT, endpoint=None)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["ModelProxy"]) == []


async def test_a_record_that_makes_no_sense_has_to_be_proven() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    raw = lab.cluster.raw(DEFAULT)
    assert raw is not None
    raw["status"]["atProvider"]["endpoint"] = "https://agentrun.cn-beijing.aliyuncs.com"
    lab.cluster.put_status(DEFAULT, raw["status"])
    lab.restart()
    await lab.elapse(30)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD
