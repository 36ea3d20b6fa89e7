"""An account made anew under its name is believed where its objects are known to have been."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Json
from engine.elsewhere import CHANGED, ELSEWHERE, another_cloud
from engine.specs import PROXY, SAMPLES, cloud_key, made, ready
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab, account_spec

DEFAULT = ObjectKey("Account", "team-a", "default")
GOOD = ("True", "Available")
HERE = "http://here.test"


async def object_at(lab: Lab, endpoint: str | None) -> ObjectKey:
    """Bring an account with one object that is Ready."""
    lab.cluster.put_secret("keys", keys_of(MAIN))
    lab.cluster.apply("Account", "default", account_spec("keys", endpoint=endpoint))
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(30)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD
    return key


def recreate(lab: Lab, *, restarts: bool, status: Json | None = None, **changes: object) -> None:
    """Let the account vanish and come back; its Secret stays."""
    before = lab.cluster.raw(DEFAULT)
    assert before is not None
    lab.cluster.vanish(DEFAULT)
    if restarts:
        lab.restart()
    lab.deliver()
    lab.cluster.apply("Account", "default", {**before["spec"], **changes})
    if status is not None:
        lab.cluster.put_status(DEFAULT, status)


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("endpoint", [None, HERE])
async def test_a_gone_resource_proves_nothing_of_a_place(
    *, endpoint: str | None, restarts: bool
) -> None:
    lab = Lab()
    key = await object_at(lab, endpoint)
    recreate(lab, restarts=restarts)
    lab.simulator.remove("ModelProxy", "it")
    await lab.elapse(300)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1


@pytest.mark.parametrize("kind", SAMPLES)
async def test_objects_of_every_kind_are_released_when_gone(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    lab.simulator.remove(SAMPLES[kind].family, cloud_key(lab, key))
    for raw in lab.cluster.all():
        if raw["metadata"]["name"] == "base":
            lab.simulator.remove(SAMPLES[raw["kind"]].family, "base")
    recreate(lab, restarts=True)
    lab.cluster.delete(key)
    await lab.elapse(300)
    assert lab.cluster.raw(key) is None
    assert lab.ready(DEFAULT) == GOOD


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(("before", "after"), [(None, ELSEWHERE), (HERE, ELSEWHERE)])
async def test_elsewhere_a_resource_has_to_be_shown(
    *, before: str | None, after: str | None, restarts: bool
) -> None:
    lab = Lab()
    key = await object_at(lab, before)
    other = another_cloud(lab)
    recreate(lab, restarts=restarts, endpoint=after)
    await lab.elapse(300)
    assert lab.ready(DEFAULT) == lab.ready(key) == CHANGED
    assert "ModelProxy" not in other.resources()
    recreate(lab, restarts=restarts, endpoint=before)
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD


@pytest.mark.parametrize("restarts", [False, True])
async def test_an_endpoint_that_is_left_out_is_another_one(*, restarts: bool) -> None:
    lab = Lab()
    other = another_cloud(lab)
    key = await object_at(lab, ELSEWHERE)
    recreate(lab, restarts=restarts, endpoint=None)
    await lab.elapse(300)
    assert lab.ready(DEFAULT) == lab.ready(key) == CHANGED
    assert made(lab, SAMPLES["ModelProxy"]) == []
    assert len(other.resources()["ModelProxy"]) == 1


@pytest.mark.parametrize("restarts", [False, True])
async def test_another_region_and_back_needs_no_proof(*, restarts: bool) -> None:
    lab = Lab()
    key = await object_at(lab, None)
    raw = lab.cluster.raw(DEFAULT)
    assert raw is not None
    region, status = raw["spec"]["region"], raw["status"]
    # A backup brings the old account's status along; it says nothing of the new one's region.
    recreate(lab, restarts=restarts, status=status, region="cn-beijing")
    await lab.elapse(60)
    assert (lab.ready(DEFAULT), lab.ready(key)) == (GOOD, CHANGED)
    lab.simulator.remove("ModelProxy", "it")
    raw = lab.cluster.raw(DEFAULT)
    assert raw is not None
    recreate(lab, restarts=restarts, status=raw["status"], region=region)
    await lab.elapse(300)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD


async def test_what_is_only_observed_protects_nothing() -> None:
    lab = Lab()
    await lab.ready_account()
    kept = {**PROXY, "deletionPolicy": "Retain"}
    maker = lab.cluster.apply("ModelProxy", "it", kept)
    await lab.elapse(30)
    observing = {**PROXY, "externalName": "it", "managementPolicy": "Observe"}
    lab.cluster.apply("ModelProxy", "watching", observing)
    await lab.elapse(30)
    lab.cluster.delete(maker)
    await lab.drain()
    lab.simulator.remove("ModelProxy", "it")
    other = another_cloud(lab)
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == GOOD
    assert "ModelProxy" not in other.resources()


async def test_keys_that_nobody_vouches_for_have_to_show_a_resource() -> None:
    lab = Lab()
    key = await object_at(lab, None)
    recreate(lab, restarts=True, identityCheck={"mode": "Off"})
    lab.cluster.put_secret("keys", keys_of(OTHER))
    await lab.elapse(300)
    assert lab.ready(DEFAULT) == lab.ready(key) == CHANGED


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_gateway_once_believed_is_where_the_objects_are(*, restarts: bool) -> None:
    lab = Lab()
    key = await object_at(lab, HERE)
    lab.cloud.elsewhere[ELSEWHERE] = lab.simulator
    lab.edit(DEFAULT, endpoint=ELSEWHERE)
    await lab.elapse(120)
    assert lab.get(key).status["account"]["endpoint"] == ELSEWHERE
    lab.simulator.remove("ModelProxy", "it")
    recreate(lab, restarts=restarts)
    await lab.elapse(300)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD


async def test_an_older_object_learns_its_endpoint_in_one_write() -> None:
    lab = Lab()
    key = await object_at(lab, HERE)
    status = lab.get(key).status
    pin = {name: value for name, value in status["account"].items() if name != "endpoint"}
    lab.cluster.put_status(key, {**status, "account": pin})
    lab.restart()
    lab.calls.take()
    await lab.elapse(120)
    assert lab.get(key).status["account"] == {**pin, "endpoint": HERE}
    assert lab.calls.names.count("write_status") == 1
    await lab.elapse(600)
    assert lab.calls.names.count("write_status") == 1
