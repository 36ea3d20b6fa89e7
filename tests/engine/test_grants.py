"""A namespace in a shared account reaches what its own objects made, and what it was granted."""

from typing import Any

import pytest

from agentrun_operator.core.grants import Allowance
from agentrun_operator.core.settings import OwnAccount, Settings
from engine.shared import (
    GOOD,
    PLAIN_RUNTIME,
    REFUSED,
    SHARED,
    a_credential,
    a_runtime,
    a_template,
    apply,
    entry,
    grant,
    made_by_a,
    refuses,
    shared_lab,
)
from engine.specs import CREDENTIAL, PROXY, ROLE, RUNTIME, SANDBOX, TEMPLATE, cloud_key
from engine.strangers import PROXY_BODY, by_hand
from fakes.cloud import MAIN
from fakes.lab import Lab

# ------------------------------------------------ references


async def test_a_credential_of_another_namespace_needs_a_grant() -> None:
    lab = await shared_lab()
    await a_credential(lab)
    spec = {**PLAIN_RUNTIME, "credentialRef": {"externalName": "a-key"}}
    key = await apply(lab, "AgentRuntime", "b_agent", spec)
    assert refuses(lab, key, "externalReferences", "spec.credentialRef", "Credential 'a-key'")
    assert len(lab.resources("AgentRuntime")) == 0
    grant(lab, entry("externalReferences", kinds=["Credential"], names=["a-*"]))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)


async def test_a_runtime_of_another_namespace_is_granted_by_name_or_id() -> None:
    lab = await shared_lab()
    ident = lab.get(await a_runtime(lab)).external_id
    spec = {"runtimeRef": {"externalName": ident}, "targetVersion": "LATEST"}
    key = await apply(lab, "AgentRuntimeEndpoint", "b_end", spec)
    assert refuses(lab, key, "externalReferences", "spec.runtimeRef", f"AgentRuntime {ident!r}")
    grant(lab, entry("externalReferences", names=["a_ag?nt"]))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    grant(lab, entry("externalReferences", names=[ident]))
    other = await apply(lab, "AgentRuntimeEndpoint", "b_too", spec)
    assert lab.ready(other) == GOOD, lab.message(other)


async def test_a_flow_of_another_namespace_gets_endpoints_by_a_grant() -> None:
    lab = await shared_lab()
    await made_by_a(lab, "Flow", "a_faq", {"description": "answers"})
    key = await apply(lab, "FlowEndpoint", "b_end", {"flowRef": {"externalName": "a_faq"}})
    assert refuses(lab, key, "externalReferences", "spec.flowRef", "Flow 'a_faq'")
    assert lab.resources("FlowEndpoint") == []
    grant(lab, entry("externalReferences", kinds=["Flow"], names=["a_*"]))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)


async def test_a_template_of_another_namespace_needs_a_grant() -> None:
    lab = await shared_lab()
    await a_template(lab)
    spec = {**SANDBOX, "templateRef": {"externalName": "a-box"}}
    key = await apply(lab, "Sandbox", "b", spec)
    assert refuses(lab, key, "externalReferences", "spec.templateRef")
    assert lab.resources("Sandbox") == []
    grant(lab, entry("externalReferences", kinds=["SandboxTemplate"]))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)


async def test_what_was_made_in_the_console_is_reached_by_a_grant_only() -> None:
    lab = await shared_lab(entry("executionRoles"))
    key = await apply(lab, "ModelProxy", "b", PROXY)
    assert refuses(lab, key, "spec.endpoints[0].modelServiceRef", "ModelService 'qwen'")
    grant(lab, entry("executionRoles", "externalReferences"))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)


async def test_what_the_namespace_made_is_reached_by_external_name() -> None:
    lab = await shared_lab()
    await apply(lab, "Credential", "own", {**CREDENTIAL, "externalName": "b-key"})
    runtime = await apply(lab, "AgentRuntime", "b_agent", PLAIN_RUNTIME)
    ident = lab.get(runtime).external_id
    lab.restart()
    spec = {**PLAIN_RUNTIME, "credentialRef": {"externalName": "b-key"}}
    used = await apply(lab, "AgentRuntime", "b_two", spec)
    end = {"runtimeRef": {"externalName": ident}, "targetVersion": "LATEST"}
    endpoint = await apply(lab, "AgentRuntimeEndpoint", "b_end", end)
    assert lab.ready(used) == lab.ready(endpoint) == GOOD, lab.message(used)


async def test_an_object_that_only_observes_lends_nobody_what_it_shows() -> None:
    lab = await shared_lab(entry("observe"))
    await a_credential(lab)
    shown = {**CREDENTIAL, "externalName": "a-key", "managementPolicy": "Observe"}
    view = await apply(lab, "Credential", "view", shown)
    assert lab.ready(view) == GOOD, lab.message(view)
    spec = {**PLAIN_RUNTIME, "credentialRef": {"name": "view"}}
    key = await apply(lab, "AgentRuntime", "b_agent", spec)
    assert refuses(lab, key, "externalReferences", "spec.credentialRef", "Credential 'a-key'")


async def test_a_grant_for_one_kind_or_name_is_none_for_another() -> None:
    lab = await shared_lab(
        entry("externalReferences", kinds=["ModelService"]),
        entry("externalReferences", names=["b-*"]),
        entry("adoption", "force", "observe"),
        {**entry("externalReferences"), "namespaces": ["team-c"]},
    )
    await a_credential(lab)
    spec = {**PLAIN_RUNTIME, "credentialRef": {"externalName": "a-key"}}
    key = await apply(lab, "AgentRuntime", "b_agent", spec)
    assert refuses(lab, key, "externalReferences")


async def test_a_grant_may_choose_namespaces_by_their_labels() -> None:
    selected = {
        "namespaceSelector": {"matchLabels": {"tier": "gold"}},
        "grants": ["executionRoles"],
    }
    lab = await shared_lab(selected)
    key = await apply(lab, "AgentRuntime", "b_agent", RUNTIME)
    assert refuses(lab, key, "executionRoles")
    lab.cluster.label_namespace("team-b", {"tier": "gold"})
    await lab.elapse(600)
    assert lab.ready(key) == GOOD, lab.message(key)


# ------------------------------------------------ roles and workspaces


async def test_a_role_is_handed_out_by_the_accounts_owner() -> None:
    lab = await shared_lab()
    key = await apply(lab, "AgentRuntime", "b_agent", RUNTIME)
    assert refuses(lab, key, "executionRoles", "spec.executionRoleArn", ROLE)
    grant(lab, entry("executionRoles", names=["acs:ram::1001:role/agent*"]))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    lab.edit(key, executionRoleArn="acs:ram::1001:role/admin")
    await lab.elapse(20)
    assert refuses(lab, key, "executionRoles", "role/admin")
    [resource] = lab.resources("AgentRuntime")
    assert resource["executionRoleArn"] == ROLE


async def test_a_workspace_is_handed_out_by_the_accounts_owner() -> None:
    lab = await shared_lab()
    key = await apply(lab, "SandboxTemplate", "b", {**TEMPLATE, "workspace": {"id": "ws-1"}})
    assert refuses(lab, key, "workspaces", "spec.workspace.id", "ws-1")
    assert lab.resources("Template") == []
    grant(lab, entry("workspaces", names=["ws-1"]))
    await lab.elapse(20)
    assert lab.ready(key)[1] != "NotGranted", lab.message(key)


IN_WORKSPACE = {**TEMPLATE, "workspaceRef": {"name": "team"}}
OTHER_GRANTS = ("externalReferences", "adoption", "force", "observe")


async def test_a_workspace_by_reference_takes_the_grant_of_its_id() -> None:
    lab = await shared_lab(entry(*OTHER_GRANTS))
    made = await made_by_a(lab, "Workspace", "team-a", {"description": "of a"})
    ident = str(lab.get(made).external_id)
    spec = {**TEMPLATE, "workspaceRef": {"externalName": ident}}
    key = await apply(lab, "SandboxTemplate", "b", spec)
    assert refuses(lab, key, "spec.workspaceRef", f"workspaces of SandboxTemplate {ident!r}")
    assert lab.resources("Template") == []
    grant(lab, entry("workspaces", kinds=["SandboxTemplate"], names=[ident]))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)


async def test_a_workspace_that_the_namespace_made_takes_no_grant() -> None:
    lab = await shared_lab()
    made = await apply(lab, "Workspace", "team", {"description": "of b"})
    key = await apply(lab, "SandboxTemplate", "b", IN_WORKSPACE)
    assert lab.ready(key) == GOOD, lab.message(key)
    lab.restart()
    named = {"externalName": lab.get(made).external_id}
    key = await apply(lab, "SandboxTemplate", "b-too", {**TEMPLATE, "workspaceRef": named})
    assert lab.ready(key) == GOOD, lab.message(key)


@pytest.mark.parametrize("policy", ["Manage", "Observe"])
async def test_a_workspace_that_was_not_made_here_is_lent_by_nobody(policy: str) -> None:
    lab = await shared_lab(entry(*OTHER_GRANTS, "workspaces"))
    spec = {"description": "of b", "externalName": "default", "managementPolicy": policy}
    held = await apply(lab, "Workspace", "team", spec)
    assert lab.ready(held)[0] == "True", lab.message(held)
    grant(lab, entry(*OTHER_GRANTS))
    key = await apply(lab, "SandboxTemplate", "b", IN_WORKSPACE)
    assert refuses(lab, key, "spec.workspaceRef", "workspaces")
    assert lab.resources("Template") == []


async def test_everything_that_is_missing_is_told_at_once() -> None:
    lab = await shared_lab()
    wrong = {
        "credentialRef": {"externalName": "a-key"},
        "workspace": {"id": "ws-1"},
        "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "k"}}}],
    }
    key = await apply(lab, "AgentRuntime", "b_agent", {**RUNTIME, **wrong})
    assert refuses(lab, key, "executionRoles", "externalReferences", "workspaces", "'gone'")
    assert lab.message(key).startswith("4 problems: (1)")
    assert lab.condition(key, "ReferencesResolved") == ("False", "NotGranted"), "'gone' is missing"


# ------------------------------------------------ what stays free


async def test_an_account_of_the_namespace_keeps_its_freedom() -> None:
    lab = Lab()
    await lab.ready_account(namespace="team-b")
    await by_hand(lab, "ModelProxy", {**PROXY_BODY, "modelProxyName": "old"})
    key = lab.cluster.apply("ModelProxy", "old", PROXY, namespace="team-b")
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert lab.get(key).status["adopted"] is True


async def test_the_operators_own_account_is_shared_as_well() -> None:
    own = OwnAccount(MAIN.account_id, "cn-hangzhou")
    lab = Lab(Settings(own_account=own))
    key = lab.cluster.apply("AgentRuntime", "b_agent", RUNTIME, namespace="team-b")
    await lab.elapse(20)
    assert lab.ready(key) == REFUSED
    assert "account.allow" in lab.message(key)
    allow = (Allowance(namespaces=("team-b",), grants=("executionRoles",)),)
    lab.settings = Settings(own_account=OwnAccount(MAIN.account_id, "cn-hangzhou", allow=allow))
    lab.restart()
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)


# ------------------------------------------------ the upgrade


GRANDFATHERED: dict[str, tuple[str, dict[str, Any]]] = {
    "role": ("AgentRuntime", RUNTIME),
    "reference": ("AgentRuntime", {**PLAIN_RUNTIME, "credentialRef": {"externalName": "a-key"}}),
    "adopted": ("ModelProxy", PROXY),
    "template": ("Sandbox", {**SANDBOX, "templateRef": {"externalName": "a-box"}}),
    "observed": ("Credential", {**CREDENTIAL, "managementPolicy": "Observe"}),
    "workspace": ("AgentRuntime", {**PLAIN_RUNTIME, "workspace": {"id": "ws-1"}}),
    "by reference": ("AgentRuntime", {**PLAIN_RUNTIME, "workspaceRef": {"externalName": "ws-1"}}),
}


@pytest.mark.parametrize("name", GRANDFATHERED)
async def test_what_was_there_before_the_upgrade_goes_on(name: str) -> None:
    kind, spec = GRANDFATHERED[name]
    lab = await shared_lab(entry("executionRoles", "workspaces", *OTHER_GRANTS))
    await a_credential(lab)
    await a_template(lab)
    await by_hand(lab, "ModelProxy", {**PROXY_BODY, "modelProxyName": "old"})
    known = {"adopted": "old", "observed": "a-key"}
    spec = {**spec, **({"externalName": known[name]} if name in known else {})}
    key = await apply(lab, kind, "b_it", spec)
    assert lab.ready(key) == GOOD, lab.message(key)
    # As the version before left it: it granted nothing, and wrote down nothing about that.
    status = {n: v for n, v in lab.get(key).status.items() if n != "granted"}
    lab.cluster.put_status(key, status)
    grant(lab)
    since = lab.simulator.requests()[-1]["seq"]
    lab.restart()
    await lab.elapse(400)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert lab.writes_to_cloud(since) == []
    if kind in ("AgentRuntime", "ModelProxy"):
        lab.edit(key, description="second")
        await lab.elapse(30)
        assert lab.ready(key) == GOOD, lab.message(key)


async def test_what_vanished_is_made_anew_only_with_leave() -> None:
    lab = await shared_lab(entry("executionRoles"))
    key = await apply(lab, "AgentRuntime", "b_agent", RUNTIME)
    grant(lab)
    lab.simulator.remove("AgentRuntime", cloud_key(lab, key))
    await lab.elapse(200)
    assert refuses(lab, key, "executionRoles")
    assert lab.resources("AgentRuntime") == []
    grant(lab, entry("executionRoles"))
    await lab.elapse(30)
    assert lab.ready(key) == GOOD, lab.message(key)


# ------------------------------------------------ holds


async def test_a_namespace_that_is_not_admitted_holds_no_account() -> None:
    lab = await shared_lab(allowed=("team-a",))
    stranger = await apply(lab, "AgentRuntime", "b_agent", PLAIN_RUNTIME)
    assert lab.ready(stranger)[1] == "AccessDenied"
    lab.cluster.add_foreign_finalizer(stranger, "agentrun.dev/cleanup")
    forged = {"externalId": "x", "adopted": False, "account": pin()}
    lab.cluster.put_status(stranger, {**lab.get(stranger).status, **forged})
    lab.cluster.delete(SHARED)
    await lab.elapse(30)
    assert lab.cluster.raw(SHARED) is None


async def test_a_namespace_that_is_admitted_holds_the_account() -> None:
    lab = await shared_lab()
    key = await apply(lab, "AgentRuntime", "b_agent", PLAIN_RUNTIME)
    lab.cluster.delete(SHARED)
    await lab.elapse(30)
    assert lab.ready(SHARED) == ("False", "DeletionBlocked")
    assert str(key) in lab.message(SHARED)
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(SHARED) is None


async def test_a_user_that_is_not_admitted_holds_no_target() -> None:
    lab = await shared_lab()
    lab.edit(SHARED, allowedNamespaces={"names": ["team-a"]})
    await lab.ready_account(namespace="team-b")
    credential = lab.cluster.apply("Credential", "key", CREDENTIAL, namespace="team-b")
    await lab.elapse(10)
    assert lab.ready(credential) == GOOD, lab.message(credential)
    spec = {**PLAIN_RUNTIME, "credentialRef": {"name": "key"}}
    user = await apply(lab, "AgentRuntime", "b_agent", spec)
    lab.cluster.add_foreign_finalizer(user, "agentrun.dev/cleanup")
    forged = {"externalId": "x", "adopted": False, "account": pin()}
    lab.cluster.put_status(user, {**lab.get(user).status, **forged})
    lab.cluster.delete(credential)
    await lab.elapse(30)
    assert lab.cluster.raw(credential) is None


def pin() -> dict[str, str]:
    return {
        "kind": "ClusterAccount",
        "name": "shared",
        "accountId": MAIN.account_id,
        "region": "cn-hangzhou",
    }
