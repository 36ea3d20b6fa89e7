"""Deleting an object: who holds it, what is retained, and who can still reach the cloud."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import ClusterUnavailable
from agentrun_simulator.faults import Fault
from engine.specs import (
    ENDPOINT,
    PROXY,
    RUNTIME,
    SAMPLES,
    SANDBOX,
    SECRET_VALUE,
    TEMPLATE,
    Sample,
    cloud_key,
    lab_for,
    made,
    ready,
)
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab, account_spec

kinds = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


@kinds
async def test_an_object_goes_when_its_resource_is_gone(sample: Sample) -> None:
    lab, key = await ready(sample)
    lab.cluster.delete(key)
    await lab.drain()
    if lab.cluster.raw(key) is not None:
        assert lab.ready(key) == ("False", "Deleting")
    await lab.elapse(10)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []
    assert len([n for n in lab.calls.names if n.startswith("Delete")]) == 1
    assert [e.reason for e in lab.cluster.events if e.key == key][-1] == "Deleted"


@kinds
async def test_retaining_leaves_the_resource_without_a_call(sample: Sample) -> None:
    lab, key = await ready(sample, deletionPolicy="Retain")
    lab.cluster.delete(key)
    await lab.drain()
    assert lab.cluster.raw(key) is None
    assert lab.calls.take() == ["remove_finalizer"]
    assert len(made(lab, sample)) == 1
    assert [e.reason for e in lab.cluster.events if e.key == key][-1] == "Retained"


@kinds
async def test_what_is_gone_already_is_released(sample: Sample) -> None:
    lab, key = await ready(sample)
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    lab.cluster.delete(key)
    await lab.elapse(25)
    assert lab.cluster.raw(key) is None
    assert [n for n in lab.calls.names if n.startswith("Delete")] == []


async def test_a_pause_does_not_block_deletion() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.annotate(key, paused="true")
    lab.cluster.delete(key)
    await lab.elapse(10)
    assert lab.cluster.raw(key) is None


async def test_other_finalizers_are_left_alone() -> None:
    lab, key = await ready(SAMPLES["Credential"])
    lab.cluster.add_foreign_finalizer(key, "example.com/audit")
    lab.cluster.delete(key)
    await lab.elapse(10)
    raw = lab.cluster.raw(key)
    assert raw is not None
    assert raw["metadata"]["finalizers"] == ["example.com/audit"]
    calls = len(lab.calls.names)
    await lab.elapse(300)
    assert len(lab.calls.names) == calls, "nothing of ours is left to do"


async def test_a_delete_that_fails_is_tried_again_and_explained() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    lab.simulator.inject(
        Fault.model_validate({"effect": "delete-failed", "reason": "still busy", "times": 2})
    )
    lab.cluster.delete(key)
    await lab.elapse(6)
    assert lab.cluster.raw(key) is not None
    seen = [e.message for e in lab.cluster.events if e.key == key]
    await lab.elapse(300)
    assert lab.cluster.raw(key) is None, seen
    assert lab.calls.names.count("DeleteAgentRuntime") == 3


async def test_a_failing_delete_backs_off_and_says_why() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    fault = {"effect": "delete-failed", "reason": "still busy", "times": None}
    lab.simulator.inject(Fault.model_validate(fault))
    lab.cluster.delete(key)
    await lab.elapse(600)
    assert lab.calls.names.count("DeleteAgentRuntime") <= 10
    assert lab.message(key) == (
        "the cloud could not delete the resource; trying again; AgentRun says: still busy"
    )
    lab.simulator.clear_faults()
    await lab.elapse(400)
    assert lab.cluster.raw(key) is None


async def test_a_delete_that_the_cloud_refuses_waits() -> None:
    lab, key = await ready(SAMPLES["ModelService"])
    lab.simulator.inject(
        Fault.model_validate(
            {
                "action": "Delete.*",
                "effect": "error",
                "status": 409,
                "code": "ERR_RESOURCE_IN_USE",
                "message": "in use by ModelProxy chat",
                "times": 1,
            }
        )
    )
    lab.cluster.delete(key)
    await lab.drain()
    assert lab.ready(key) == ("False", "DeletionBlocked")
    assert "in use by ModelProxy chat" in lab.message(key)
    await lab.elapse(400)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["ModelService"]) == []


async def test_a_busy_resource_under_deletion_is_not_updating() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    fault = {
        "action": "Delete.*",
        "effect": "error",
        "status": 400,
        "code": "ERR_BAD_REQUEST",
        "message": "runtime is in UPDATING status",
        "times": 1,
    }
    lab.simulator.inject(Fault.model_validate(fault))
    lab.cluster.delete(key)
    await lab.drain()
    assert lab.ready(key) == ("False", "Deleting")
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None


async def test_refused_keys_are_told_without_a_word_of_another_call() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    fault = {"effect": "error", "status": 403, "code": "InvalidAccessKeyId.Inactive", "times": 99}
    lab.simulator.inject(Fault.model_validate(fault))
    other = lab.cluster.apply("ModelProxy", "other", PROXY)
    await lab.drain()
    lab.cluster.delete(key)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "CredentialsInvalid")
    assert "Account team-a/default is not Ready" in lab.message(key)
    assert "ModelProxy" not in lab.message(key) + lab.message(other)


# ------------------------------------------------ users hold


async def chain() -> tuple[Lab, list[ObjectKey]]:
    """Return a lab with a runtime and its endpoint, a template and its sandbox, all Ready."""
    lab = Lab()
    await lab.ready_account()
    runtime = lab.cluster.apply("AgentRuntime", "base", RUNTIME)
    endpoint = lab.cluster.apply("AgentRuntimeEndpoint", "it", ENDPOINT)
    template = lab.cluster.apply("SandboxTemplate", "base", TEMPLATE)
    sandbox = lab.cluster.apply("Sandbox", "it", SANDBOX)
    await lab.elapse(60)
    keys = [runtime, endpoint, template, sandbox]
    assert [lab.ready(k) for k in keys] == [("True", "Available")] * 4
    lab.calls.take()
    return lab, keys


async def test_a_target_is_held_while_it_has_users() -> None:
    lab, [runtime, endpoint, *_] = await chain()
    lab.cluster.delete(runtime)
    await lab.elapse(100)
    assert lab.ready(runtime) == ("False", "DeletionBlocked")
    assert "AgentRuntimeEndpoint team-a/it" in lab.message(runtime)
    assert lab.ready(endpoint) == ("True", "Available")
    assert "DeleteAgentRuntime" not in lab.calls.names
    lab.cluster.delete(endpoint)
    await lab.elapse(20)
    assert lab.cluster.raw(endpoint) is None
    assert lab.cluster.raw(runtime) is None, "the end of its last user wakes it"


async def test_a_deleted_parent_is_no_reason_to_make_anew() -> None:
    lab, [runtime, endpoint, *_] = await chain()
    lab.cluster.delete(runtime)
    await lab.drain()
    for key in (endpoint, runtime):
        lab.simulator.remove(key.kind, cloud_key(lab, key))
    await lab.elapse(100)
    assert "CreateAgentRuntimeEndpoint" not in lab.calls.names
    assert lab.ready(endpoint) == ("False", "DependencyNotReady")
    assert lab.message(endpoint) == f"{runtime} is being deleted"
    assert lab.ready(runtime) == ("False", "DeletionBlocked")
    lab.cluster.delete(endpoint)
    await lab.elapse(60)
    assert [lab.cluster.raw(key) for key in (runtime, endpoint)] == [None, None]


async def test_a_mass_delete_runs_from_users_to_targets() -> None:
    lab, keys = await chain()
    account = ObjectKey("Account", "team-a", "default")
    for key in [account, *keys]:
        lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.keys() == []
    deletes = [n for n in lab.calls.names if n.startswith("Delete")]
    assert deletes.index("DeleteAgentRuntimeEndpoint") < deletes.index("DeleteAgentRuntime")
    assert deletes.index("DeleteSandbox") < deletes.index("DeleteTemplate")
    assert len(deletes) == 4
    assert lab.calls.names[-1] == "remove_finalizer", "the account goes last"


@pytest.mark.parametrize(
    "spec", [{"deletionPolicy": "Retain"}, {"managementPolicy": "Observe"}], ids=str
)
async def test_who_leaves_the_resource_alone_holds_nothing(spec: dict[str, str]) -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    credential = lab.cluster.apply("Credential", "c", SAMPLES["Credential"].spec)
    lab.simulator.configure({"switches": {"deleteInUse": "allow"}})
    user = lab.cluster.apply("ModelProxy", "it", {**PROXY, "credentialRef": {"name": "c"}})
    await lab.elapse(10)
    lab.edit(user, **spec)
    await lab.elapse(5)
    lab.cluster.delete(credential)
    await lab.elapse(10)
    assert lab.cluster.raw(credential) is None


async def test_a_user_that_never_created_anything_holds_nothing() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    credential = lab.cluster.apply("Credential", "c", SAMPLES["Credential"].spec)
    await lab.drain()
    lab.cluster.apply(
        "ModelProxy", "it", {**PROXY, "credentialRef": {"name": "c"}, "mode": "Sideways"}
    )
    await lab.elapse(5)
    lab.cluster.delete(credential)
    await lab.elapse(10)
    assert lab.cluster.raw(credential) is None


# ------------------------------------------------ without the account


async def test_the_last_working_client_still_deletes() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.cluster.delete_secret("default-keys")
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["ModelProxy"]) == []


@pytest.mark.parametrize("moved", [False, True], ids=["same account", "another account"])
async def test_the_last_client_also_looks_for_what_is_on_no_record(*, moved: bool) -> None:
    lab = await lab_for(SAMPLES["ModelProxy"])

    def refuse(name: str) -> None:
        if name == "write_status":
            raise ClusterUnavailable("HTTP 500")

    lab.calls.before = refuse
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(5)
    lab.calls.before = lambda _name: None
    assert lab.get(key).is_claimed
    assert "creation" not in lab.get(key).status, "nobody could announce the create"
    lab.cluster.delete_secret("default-keys")
    if moved:
        account = ObjectKey("Account", "team-a", "default")
        lab.edit(account, accountId="222")
    lab.cluster.delete(key)
    await lab.elapse(60)
    if moved:
        assert lab.ready(key) == ("False", "DeletionBlocked"), lab.message(key)
    else:
        assert lab.cluster.raw(key) is None


async def test_after_a_restart_a_missing_secret_blocks_with_remedies() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.cluster.delete_secret("default-keys")
    lab.restart()
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    assert "deletionPolicy" in lab.message(key)
    assert "default-keys" in lab.message(key)
    lab.cluster.put_secret("default-keys", keys_of(MAIN))
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["ModelProxy"]) == []


async def test_giving_the_resource_up_ends_a_blocked_deletion() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.cluster.delete_secret("default-keys")
    lab.restart()
    lab.cluster.delete(key)
    await lab.elapse(30)
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(1)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1


async def test_an_unused_object_goes_without_any_account() -> None:
    lab = Lab()
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "CredentialsNotFound")
    lab.cluster.delete(key)
    await lab.drain()
    assert lab.cluster.raw(key) is None


async def test_an_account_that_leads_elsewhere_deletes_nothing() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.cluster.vanish(ObjectKey("Account", "team-a", "default"))
    lab.cluster.put_secret("default-keys", keys_of(OTHER))
    spec = account_spec("default-keys", OTHER.account_id)
    lab.cluster.apply("Account", "default", spec)
    lab.restart()
    await lab.elapse(5)
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    assert "10001" in lab.message(key)
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1


async def test_deleting_needs_no_references() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    lab.simulator.inject(
        Fault.model_validate({"action": "CreateCredential", "effect": "drop-after"})
    )
    key = lab.cluster.apply("Credential", "it", SAMPLES["Credential"].spec)
    await lab.drain()
    lab.cluster.delete_secret("keys")
    lab.cluster.delete(key)
    await lab.elapse(150)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["Credential"]) == [], "the mark and the time tell whose it is"


async def test_an_invalid_spec_is_obeyed_when_it_says_observe() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.edit(key, managementPolicy="Observe", memory="a lot")
    await lab.elapse(5)
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1


async def test_a_spec_that_makes_no_sense_does_not_hold_a_lost_create() -> None:
    lab = Lab()
    await lab.ready_account()
    sample = SAMPLES["ModelProxy"]
    lab.simulator.inject(
        Fault.model_validate({"action": "CreateModelProxy", "effect": "drop-after", "times": 1})
    )
    key = lab.cluster.apply(sample.kind, "it", sample.spec)
    await lab.drain()
    assert lab.get(key).status.get("creation")
    lab.edit(key, memory="a lot")
    lab.cluster.delete(key)
    await lab.elapse(200)
    assert lab.cluster.raw(key) is None
