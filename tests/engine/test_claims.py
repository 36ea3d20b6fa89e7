"""One name and two objects: who has the resource."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.shared import (
    EVERYTHING,
    PLAIN_RUNTIME,
    a_runtime,
    apply,
    entry,
    made_by_a,
    shared_lab,
)
from engine.specs import (
    PROXY,
    RUNTIME,
    SAMPLES,
    made,
    ready,
)
from engine.strangers import PROXY_BODY, by_hand
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab, account_spec


async def claims() -> tuple[Lab, ObjectKey, ObjectKey]:
    """Return a lab with two objects of one external name, the older one first."""
    lab = Lab()
    await lab.ready_account()
    old = lab.cluster.apply("ModelProxy", "zz-old", {**PROXY, "externalName": "shared"})
    lab.clock.advance(2)
    young = lab.cluster.apply("ModelProxy", "aa-young", {**PROXY, "externalName": "shared"})
    await lab.elapse(15)
    return lab, old, young


async def test_the_older_object_has_the_name() -> None:
    lab, old, young = await claims()
    assert lab.ready(old) == ("True", "Available")
    assert lab.ready(young) == ("False", "ExternalNameConflict")
    assert "zz-old" in lab.message(young)
    assert lab.calls.names.count("CreateModelProxy") == 1


async def test_the_younger_object_inherits_the_name() -> None:
    lab, old, young = await claims()
    lab.cluster.delete(old)
    await lab.elapse(15)
    assert lab.cluster.raw(old) is None
    assert lab.ready(young) == ("True", "Available")
    assert lab.get(young).status["adopted"] is False


async def two_accounts() -> Lab:
    """Return a lab with the accounts `default` and `other`."""
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("other-keys", keys_of(OTHER))
    lab.cluster.apply("Account", "other", account_spec("other-keys", OTHER.account_id))
    return lab


@pytest.mark.parametrize(
    "edit",
    [{"externalName": "another"}, {"accountRef": {"name": "other"}}],
    ids=["renamed", "moved to another account"],
)
async def test_a_name_that_becomes_free_is_noticed(edit: dict[str, Any]) -> None:
    lab = await two_accounts()
    broken = {**PROXY, "externalName": "shared", "mode": "Sideways"}
    old = lab.cluster.apply("ModelProxy", "old", broken)
    lab.clock.advance(2)
    young = lab.cluster.apply("ModelProxy", "young", {**PROXY, "externalName": "shared"})
    await lab.elapse(5)
    assert lab.ready(young) == ("False", "ExternalNameConflict")
    lab.edit(old, **edit)
    await lab.elapse(10)
    assert lab.ready(young) == ("True", "Available")


@pytest.mark.parametrize("how", ["moves", "is renamed"])
async def test_a_claim_that_comes_first_is_noticed(how: str) -> None:
    lab = await two_accounts()
    broken = {**PROXY, "externalName": "shared", "mode": "Sideways"}
    elsewhere = {"accountRef": {"name": "other"}} if how == "moves" else {"externalName": "first"}
    old = lab.cluster.apply("ModelProxy", "old", {**broken, **elsewhere})
    lab.clock.advance(2)
    await by_hand(lab, "ModelProxy", {**PROXY_BODY, "modelProxyName": "shared"})
    spec = {**PROXY, "externalName": "shared", "adoptionPolicy": "Never"}
    young = lab.cluster.apply("ModelProxy", "young", spec)
    await lab.elapse(5)
    assert lab.ready(young) == ("False", "AlreadyExistsNotOwned")
    lab.edit(old, accountRef=None, externalName="shared")
    await lab.elapse(10)
    assert lab.ready(young) == ("False", "ExternalNameConflict")


async def test_a_moved_claim_wakes_nobody_elsewhere() -> None:
    lab = await shared_lab(entry("executionRoles"))
    runtime = await apply(lab, "AgentRuntime", "mine", PLAIN_RUNTIME)
    other = await a_runtime(lab, "other")
    below = {"targetVersion": "LATEST", "externalName": "end"}
    end = await made_by_a(
        lab, "AgentRuntimeEndpoint", "end", {**below, "runtimeRef": {"name": other.name}}
    )
    broken = {**below, "runtimeRef": {"name": runtime.name}, "deletionPolicy": "Sideways"}
    mine = await apply(lab, "AgentRuntimeEndpoint", "end", broken)
    lab.calls.take()
    lab.edit(mine, runtimeRef={"name": "another"})
    await lab.elapse(2)
    assert lab.calls.names.count("GetAgentRuntimeEndpoint") == 0
    assert lab.ready(end) == ("True", "Available")


async def test_a_claim_that_moves_below_another_parent_is_noticed() -> None:
    lab, runtime = await ready(SAMPLES["AgentRuntime"])
    await lab.elapse(10)
    below = {"runtimeRef": {"name": runtime.name}, "targetVersion": "LATEST", "externalName": "end"}
    old = lab.cluster.apply("AgentRuntimeEndpoint", "old", {**below, "deletionPolicy": "Sideways"})
    lab.clock.advance(2)
    young = lab.cluster.apply("AgentRuntimeEndpoint", "young", below)
    await lab.elapse(5)
    assert lab.ready(young) == ("False", "ExternalNameConflict"), lab.message(young)
    lab.edit(old, runtimeRef={"name": "another"})
    await lab.elapse(10)
    assert lab.ready(young) == ("True", "Available"), lab.message(young)


async def test_the_same_second_is_decided_by_the_key() -> None:
    lab = Lab()
    await lab.ready_account()
    second = lab.cluster.apply("ModelProxy", "b", {**PROXY, "externalName": "shared"})
    first = lab.cluster.apply("ModelProxy", "a", {**PROXY, "externalName": "shared"})
    await lab.elapse(15)
    assert lab.ready(first) == ("True", "Available")
    assert lab.ready(second) == ("False", "ExternalNameConflict")


async def test_who_only_observes_a_name_does_not_claim_it() -> None:
    lab = Lab()
    await lab.ready_account()
    shared = {**PROXY, "externalName": "shared"}
    before = lab.cluster.apply("ModelProxy", "before", {**shared, "managementPolicy": "Observe"})
    lab.clock.advance(2)
    master = lab.cluster.apply("ModelProxy", "master", shared)
    await lab.elapse(15)
    assert lab.ready(master) == ("True", "Available")
    after = lab.cluster.apply("ModelProxy", "after", {**shared, "managementPolicy": "Observe"})
    await lab.elapse(100)
    assert lab.ready(before) == lab.ready(after) == ("True", "Available")
    lab.edit(before, managementPolicy="Manage")
    await lab.elapse(15)
    assert lab.ready(before) == ("False", "ExternalNameConflict"), "who has it is the master"
    assert lab.ready(master) == ("True", "Available")


async def test_one_name_in_two_accounts_is_no_conflict() -> None:
    lab = await two_accounts()
    await lab.drain()
    one = lab.cluster.apply("ModelProxy", "one", {**PROXY, "externalName": "shared"})
    spec = {**PROXY, "externalName": "shared", "accountRef": {"name": "other"}}
    two = lab.cluster.apply("ModelProxy", "two", spec)
    await lab.elapse(15)
    assert lab.ready(one) == lab.ready(two) == ("True", "Available")
    assert len(lab.simulator.resources("20002")["ModelProxy"]) == 1


async def test_one_name_in_two_namespaces_of_one_account_is_a_conflict() -> None:
    lab = Lab()
    lab.cluster.put_secret("shared", keys_of(MAIN), namespace="agentrun-system")
    spec = account_spec(
        "shared", allowedNamespaces={"names": ["team-a", "team-b"]}, allow=[EVERYTHING]
    )
    lab.cluster.apply("ClusterAccount", "default", spec, namespace="")
    await lab.drain()
    old = lab.cluster.apply("ModelProxy", "it", PROXY, namespace="team-b")
    lab.clock.advance(2)
    young = lab.cluster.apply("ModelProxy", "it", PROXY, namespace="team-a")
    await lab.elapse(15)
    assert lab.ready(old) == ("True", "Available")
    assert lab.ready(young) == ("False", "ExternalNameConflict")


async def test_keys_that_open_no_account_claim_no_name_in_it() -> None:
    lab = Lab()
    await lab.ready_account()
    wrong = {"accessKeyId": "bogus", "accessKeySecret": "bogus"}
    lab.cluster.put_secret("default-keys", wrong, namespace="team-b")
    lab.cluster.apply("Account", "default", account_spec("default-keys"), namespace="team-b")
    squatter = lab.cluster.apply("ModelProxy", "it", PROXY, namespace="team-b")
    lab.clock.advance(2)
    it = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(15)
    assert lab.ready(it) == ("True", "Available")
    assert lab.ready(squatter)[0] == "False"
    lab.cluster.put_secret("default-keys", keys_of(MAIN), namespace="team-b")
    await lab.elapse(400)
    assert lab.ready(it) == ("True", "Available")
    assert lab.ready(squatter) == ("False", "ExternalNameConflict")
    assert lab.calls.names.count("CreateModelProxy") == 1


async def test_a_namespace_that_is_not_allowed_claims_no_name() -> None:
    lab = Lab()
    lab.cluster.put_secret("shared", keys_of(MAIN), namespace="agentrun-system")
    spec = account_spec("shared", allowedNamespaces={"names": ["team-a"]}, allow=[EVERYTHING])
    lab.cluster.apply("ClusterAccount", "default", spec, namespace="")
    await lab.drain()
    squatter = lab.cluster.apply("ModelProxy", "it", PROXY, namespace="team-b")
    lab.clock.advance(2)
    it = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(15)
    assert lab.ready(it) == ("True", "Available")
    assert lab.ready(squatter)[0] == "False"


async def test_endpoints_of_two_runtimes_may_share_a_name() -> None:
    lab = Lab()
    await lab.ready_account()
    for name in ("one", "two"):
        lab.cluster.apply("AgentRuntime", name, RUNTIME)
    await lab.elapse(10)
    keys = [
        lab.cluster.apply(
            "AgentRuntimeEndpoint",
            f"at-{name}",
            {"runtimeRef": {"name": name}, "externalName": "x"},
        )
        for name in ("one", "two")
    ]
    await lab.elapse(20)
    assert [lab.ready(k) for k in keys] == [("True", "Available")] * 2


async def test_an_endpoint_by_runtime_id_takes_no_other_endpoint() -> None:
    lab, key = await ready(SAMPLES["AgentRuntimeEndpoint"])
    runtime = lab.get(ObjectKey("AgentRuntime", "team-a", "base")).external_id
    await lab.ready_account(namespace="team-b")
    spec = {"runtimeRef": {"externalName": runtime}, "externalName": "it"}
    other = lab.cluster.apply("AgentRuntimeEndpoint", "other", spec, namespace="team-b")
    await lab.elapse(30)
    assert lab.ready(other) == ("False", "ExternalNameConflict"), lab.message(other)
    assert str(key) in lab.message(other)
    lab.cluster.delete(other)
    await lab.elapse(30)
    assert len(made(lab, SAMPLES["AgentRuntimeEndpoint"])) == 1
