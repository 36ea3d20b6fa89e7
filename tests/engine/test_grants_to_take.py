"""What another namespace made in a shared account is observed and taken with a grant only."""

from engine.shared import (
    GOOD,
    PLAIN_RUNTIME,
    SHARED,
    a_credential,
    a_runtime,
    apply,
    entry,
    grant,
    refuses,
    shared_lab,
)
from engine.specs import CREDENTIAL, PROXY
from engine.strangers import PROXY_BODY, by_hand

# ------------------------------------------------ observation


async def test_observing_what_another_namespace_made_needs_a_grant() -> None:
    lab = await shared_lab()
    await a_runtime(lab)
    spec = {**PLAIN_RUNTIME, "externalName": "a_agent", "managementPolicy": "Observe"}
    key = await apply(lab, "AgentRuntime", "view", spec)
    assert refuses(lab, key, "observe", "AgentRuntime 'a_agent'")
    assert "atProvider" not in lab.get(key).status
    grant(lab, entry("observe", names=["a_*"]))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert lab.get(key).status["granted"] == ["observe"]


async def test_a_withdrawn_grant_ends_the_observation() -> None:
    lab = await shared_lab(entry("observe"))
    await a_runtime(lab)
    spec = {**PLAIN_RUNTIME, "externalName": "a_agent", "managementPolicy": "Observe"}
    key = await apply(lab, "AgentRuntime", "view", spec)
    assert lab.ready(key) == GOOD, lab.message(key)
    grant(lab)
    await lab.elapse(20)
    assert refuses(lab, key, "observe")
    status = lab.get(key).status
    assert not {"atProvider", "externalId", "drift", "granted"} & set(status)


async def test_what_the_namespace_made_is_observed_freely() -> None:
    lab = await shared_lab()
    key = await apply(lab, "AgentRuntime", "b_agent", PLAIN_RUNTIME)
    spec = {**PLAIN_RUNTIME, "externalName": "b_agent", "managementPolicy": "Observe"}
    view = await apply(lab, "AgentRuntime", "view", spec)
    assert lab.ready(view) == GOOD, lab.message(view)
    lab.edit(key, managementPolicy="Observe")
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)


async def test_endpoints_below_a_strange_runtime_are_not_looked_at() -> None:
    lab = await shared_lab(entry("observe"))
    ident = lab.get(await a_runtime(lab)).external_id
    spec = {"runtimeRef": {"externalName": ident}, "managementPolicy": "Observe"}
    lab.calls.take()
    key = await apply(lab, "AgentRuntimeEndpoint", "view", spec)
    assert refuses(lab, key, "externalReferences", "spec.runtimeRef")
    assert "ListAgentRuntimeEndpoints" not in lab.calls.names


# ------------------------------------------------ adoption


async def test_what_nobody_marked_is_adopted_by_a_grant_only() -> None:
    lab = await shared_lab(entry("executionRoles", "externalReferences"))
    await by_hand(lab, "ModelProxy", {**PROXY_BODY, "modelProxyName": "old"})
    key = await apply(lab, "ModelProxy", "old", PROXY)
    assert refuses(lab, key, "adoption", "ModelProxy 'old'")
    grant(lab, entry("executionRoles", "externalReferences"), entry("adoption", names=["old"]))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert lab.get(key).status["adopted"] is True
    grant(lab)
    lab.restart()
    await lab.elapse(200)
    assert lab.ready(key) == GOOD, "what was adopted stays so"


async def test_a_workspace_is_adopted_by_two_grants_only() -> None:
    lab = await shared_lab(entry("adoption"))
    key = await apply(lab, "Workspace", "default", {"description": "mine"})
    assert refuses(lab, key, "does not grant workspaces of Workspace 'default'")
    grant(lab, entry("workspaces"))
    await lab.elapse(20)
    assert refuses(lab, key, "does not grant adoption of Workspace 'default'")
    [default] = lab.simulator.resources()["Workspace"]
    assert "description" not in default
    grant(lab, entry("adoption"), entry("workspaces", names=[default["workspaceId"]]))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert lab.get(key).status["adopted"] is True


async def test_deletion_takes_nothing_along_that_could_not_be_adopted() -> None:
    lab = await shared_lab()
    await by_hand(lab, "ModelProxy", {**PROXY_BODY, "modelProxyName": "old"})
    key = lab.cluster.apply(
        "ModelProxy",
        "old",
        {
            **PROXY,
            "deletionPolicy": "Delete",
            "accountRef": {"kind": SHARED.kind, "name": "shared"},
        },
        namespace="team-b",
    )
    # Written by hand: a finalizer without any status says that a record may be lost.
    lab.cluster.add_foreign_finalizer(key, "agentrun.dev/cleanup")
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(lab.resources("ModelProxy")) == 1


# ------------------------------------------------ force


async def test_the_mark_of_another_namespace_needs_the_grant_force() -> None:
    lab = await shared_lab(entry("adoption"))
    made = await a_runtime(lab)
    lab.cluster.vanish(made)
    await lab.elapse(5)
    spec = {**PLAIN_RUNTIME, "externalName": "a_agent"}
    forced = {"agentrun.dev/adopt": "force"}
    key = await apply(lab, "AgentRuntime", "thief", spec, annotations=forced)
    assert refuses(lab, key, "force", "AgentRuntime 'a_agent'")
    lab.cluster.delete(key)
    await lab.elapse(30)
    [resource] = lab.resources("AgentRuntime")
    assert resource["systemTags"] == ["k8s:cluster-1/team-a/a_agent"]


async def test_the_mark_of_another_cluster_needs_the_grant_force() -> None:
    lab = await shared_lab()
    await a_runtime(lab)
    other = await shared_lab(cluster_id="cluster-2", beside=lab)
    forced = {"agentrun.dev/adopt": "force"}
    spec = {**PLAIN_RUNTIME, "externalName": "a_agent"}
    key = await apply(other, "AgentRuntime", "thief", spec, annotations=forced)
    assert refuses(other, key, "force")
    grant(other, entry("force", names=["a_agent"]))
    await other.elapse(30)
    assert other.ready(key) == GOOD, other.message(key)
    [resource] = lab.resources("AgentRuntime")
    assert resource["systemTags"] == ["k8s:cluster-2/team-b/thief/adopted"]


async def test_what_has_no_mark_is_protected_by_who_has_it_on_record() -> None:
    lab = await shared_lab(entry("adoption"))
    await a_credential(lab)
    forced = {"agentrun.dev/adopt": "force"}
    spec = {**CREDENTIAL, "externalName": "a-key"}
    key = await apply(lab, "Credential", "thief", spec, annotations=forced)
    assert lab.ready(key) == ("False", "ExternalNameConflict")


async def test_a_mark_of_the_own_namespace_needs_no_grant() -> None:
    lab = await shared_lab()
    made = await apply(lab, "AgentRuntime", "one", {**PLAIN_RUNTIME, "externalName": "b_agent"})
    lab.edit(made, deletionPolicy="Retain")
    lab.cluster.delete(made)
    await lab.elapse(20)
    forced = {"agentrun.dev/adopt": "force"}
    spec = {**PLAIN_RUNTIME, "externalName": "b_agent"}
    key = await apply(lab, "AgentRuntime", "two", spec, annotations=forced)
    assert lab.ready(key) == GOOD, lab.message(key)
