"""Which account serves an object, and who may use it."""

from dataclasses import replace

import pytest

from agentrun_operator.core.grants import GRANTS, Allowance
from agentrun_operator.core.identity import FINALIZER, ObjectKey
from agentrun_operator.core.settings import OwnAccount, Settings
from engine.shared import EVERYTHING
from engine.specs import PROXY, SAMPLES, made, ready
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab, account_spec

SYSTEM = "agentrun-system"
DEFAULT = ObjectKey("Account", "team-a", "default")
GOOD = ("True", "Available")


async def lab_with_cluster_account(**more: object) -> Lab:
    lab = Lab()
    lab.cluster.put_secret("shared", keys_of(OTHER), namespace=SYSTEM)
    spec = account_spec("shared", OTHER.account_id, **{"allow": [EVERYTHING], **more})
    lab.cluster.apply("ClusterAccount", "default", spec, namespace="")
    await lab.drain()
    return lab


async def test_the_namespaces_own_account_comes_first() -> None:
    lab = await lab_with_cluster_account(allowedNamespaces={"names": ["team-a"]})
    await lab.ready_account()
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(10)
    assert lab.get(key).status["account"] == {
        "kind": "Account",
        "name": "default",
        "accountId": "10001",
        "region": "cn-hangzhou",
    }


@pytest.mark.parametrize(
    "allowed",
    [{"names": ["team-a"]}, {"selector": {"matchLabels": {"tier": "gold"}}}],
    ids=["by name", "by label"],
)
async def test_a_cluster_account_serves_whom_it_allows(allowed: dict[str, object]) -> None:
    lab = await lab_with_cluster_account(allowedNamespaces=allowed)
    lab.cluster.label_namespace("team-a", {"tier": "gold", "other": "x"})
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(10)
    assert lab.ready(key) == GOOD
    assert lab.get(key).status["account"]["accountId"] == "20002"


async def test_a_cluster_account_refuses_whom_it_does_not_allow() -> None:
    lab = await lab_with_cluster_account(allowedNamespaces={"names": ["team-b"]})
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(10)
    assert lab.ready(key) == ("False", "AccessDenied")
    assert "allowedNamespaces" in lab.message(key)
    assert lab.writes_to_cloud() == []
    lab.edit(ObjectKey("ClusterAccount", "", "default"), allowedNamespaces={"names": ["team-a"]})
    await lab.elapse(10)
    assert lab.ready(key) == GOOD


SHARED = ObjectKey("ClusterAccount", "", "default")


@pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
async def test_who_lost_the_leave_may_delete_its_own_resource(*, restarted: bool) -> None:
    lab = await lab_with_cluster_account(allowedNamespaces={"names": ["team-a"]})
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(10)
    lab.edit(SHARED, allowedNamespaces={"names": ["team-b"]})
    if restarted:
        lab.restart()
    await lab.elapse(10)
    lab.cluster.delete(key)
    await lab.elapse(60)
    if restarted:
        # Only the status says so any more, and anybody may have written that.
        assert lab.ready(key) == ("False", "DeletionBlocked")
        assert "does not allow namespace 'team-a'; ask its owner" in lab.message(key)
        lab.edit(SHARED, allowedNamespaces={"names": ["team-a"]})
        await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert lab.simulator.resources(OTHER.account_id).get("ModelProxy", []) == []


async def test_a_status_gives_no_leave_to_delete_in_a_cluster_account() -> None:
    lab = await lab_with_cluster_account(allowedNamespaces={"names": ["team-a"]})
    there = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(10)
    record = lab.get(there).status
    lab.cluster.vanish(there)
    await lab.elapse(10)
    thief = lab.cluster.apply("ModelProxy", "it", PROXY, namespace="team-b")
    raw = lab.cluster.raw(thief)
    assert raw is not None
    raw["metadata"]["finalizers"] = [FINALIZER]
    thief = lab.cluster.put_back(thief, raw)
    bound = {**record["boundTo"], "namespace": "team-b", "uid": lab.get(thief).uid}
    lab.cluster.put_status(thief, {**record, "boundTo": bound})
    await lab.elapse(10)
    lab.cluster.delete(thief)
    await lab.elapse(60)
    assert "does not allow namespace 'team-b'" in lab.message(thief)
    assert len(lab.simulator.resources(OTHER.account_id)["ModelProxy"]) == 1


ROLE = {"roleArn": "acs:ram::20002:role/team-a", "externalId": "ext-1"}


async def test_a_cluster_account_may_act_as_a_role() -> None:
    lab = Lab()
    lab.cluster.put_secret("shared", keys_of(OTHER), namespace=SYSTEM)
    spec = account_spec("shared", OTHER.account_id, allowedNamespaces={"names": ["team-a"]})
    spec["credentials"]["assumeRole"] = ROLE
    lab.cluster.apply("ClusterAccount", "default", spec, namespace="")
    await lab.drain()
    [connection] = lab.cloud.connected
    assert (connection.role_arn, connection.role_external_id) == tuple(ROLE.values())


async def test_an_account_of_a_tenant_never_does() -> None:
    lab = Lab()
    lab.cluster.put_secret("keys", keys_of(MAIN))
    spec = account_spec("keys")
    spec["credentials"]["assumeRole"] = ROLE
    lab.cluster.apply("Account", "default", spec)
    await lab.drain()
    assert [each.role_arn for each in lab.cloud.connected if each.role_arn] == []


async def test_without_any_account_the_remedy_is_told() -> None:
    lab = Lab()
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    named = lab.cluster.apply("ModelProxy", "named", {**PROXY, "accountRef": {"name": "prod"}})
    await lab.elapse(5)
    assert lab.ready(key) == lab.ready(named) == ("False", "CredentialsNotFound")
    assert "create an Account named 'default'" in lab.message(key)
    assert "'prod'" in lab.message(named)
    lab.cluster.put_secret("k", keys_of(MAIN))
    lab.cluster.apply("Account", "prod", account_spec("k"))
    await lab.elapse(10)
    assert lab.ready(named) == GOOD


OWN = OwnAccount("10001", "cn-hangzhou", allow=(Allowance(namespaces=("team-a",), grants=GRANTS),))


async def test_the_operators_own_account_serves_only_if_allowed() -> None:
    lab = Lab(replace(Settings(), own_account=OWN))
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    named = lab.cluster.apply("ModelProxy", "named", {**PROXY, "accountRef": {"name": "prod"}})
    await lab.elapse(10)
    assert lab.ready(key) == GOOD
    assert lab.ready(named) == ("False", "CredentialsNotFound")
    lab.restart()
    lab.cluster.delete(key)
    await lab.elapse(10)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["ModelProxy"]) == []


async def test_own_settings_that_moved_on_delete_nothing_elsewhere() -> None:
    lab = Lab(replace(Settings(), own_account=OWN))
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(10)
    lab.settings = replace(Settings(), own_account=replace(OWN, region="cn-beijing"))
    lab.restart()
    lab.cluster.delete(key)
    await lab.elapse(10)
    assert lab.ready(key) == ("False", "DeletionBlocked")


async def test_nobody_creates_in_an_account_that_is_not_ready() -> None:
    lab = Lab()
    lab.cluster.put_secret("k", {"accessKeyId": "main-id", "accessKeySecret": "wrong"})
    lab.cluster.apply("Account", "default", account_spec("k"))
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "DependencyNotReady")
    assert "CredentialsInvalid" in lab.message(key)
    lab.cluster.put_secret("k", keys_of(MAIN))
    await lab.elapse(10)
    assert lab.ready(key) == GOOD


async def test_an_edit_of_the_account_keeps_nobody_waiting_for_long() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    young = lab.cluster.apply("ModelProxy", "young", PROXY)
    lab.edit(DEFAULT, requestsPerSecond=30)
    await lab.elapse(10)
    assert lab.ready(key) == GOOD
    assert lab.ready(young) == GOOD, lab.message(young)
