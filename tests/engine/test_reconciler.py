"""Whole passes: the happy path and what it costs, waiting, failing, timing out."""

import pytest

from agentrun_operator.core.settings import Settings
from agentrun_simulator.faults import Fault
from engine.specs import (
    CREDENTIAL,
    PROXY,
    SAMPLES,
    SECRET_VALUE,
    Sample,
    cloud_key,
    lab_for,
    made,
    ready,
)
from fakes.lab import Lab, quick

kinds = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
KUBE_WRITES = {"add_finalizer", "write_status", "remove_finalizer"}


def inject(lab: Lab, **fault: object) -> None:
    lab.simulator.inject(Fault.model_validate(fault))


# ------------------------------------------------ the happy path


@kinds
async def test_create_costs_four_writes_and_three_calls(sample: Sample) -> None:
    lab = await lab_for(sample)
    key = lab.cluster.apply(sample.kind, "it", sample.spec)
    await lab.elapse(15)
    calls = lab.calls.take()
    writes = [c for c in calls if c in KUBE_WRITES]
    assert len(writes) <= 4, writes
    asked = [c for c in calls if c not in KUBE_WRITES]
    # Polling apart: the look-ups between the answer and READY.
    assert len([c for c in asked if not c.startswith(("Get", "List"))]) == 1, asked
    assert len(asked) <= 4, asked
    assert lab.ready(key) == ("True", "Available")
    assert lab.condition(key, "Synced") == ("True", "Available")
    assert lab.get(key).observed_generation == 1
    assert lab.get(key).status.get("creation") is None


@kinds
async def test_a_converged_object_is_only_read(sample: Sample) -> None:
    lab, key = await ready(sample)
    version = lab.get(key).resource_version
    since = lab.simulator.requests()[-1]["seq"]
    await lab.elapse(500)  # less than a sandbox of the samples lives
    assert all(name.startswith("Get") for name in lab.calls.take())
    assert lab.writes_to_cloud(since) == []
    assert lab.get(key).resource_version == version


@kinds
async def test_a_restart_writes_nothing(sample: Sample) -> None:
    lab, key = await ready(sample)
    version = lab.get(key).resource_version
    lab.restart()
    await lab.elapse(200)
    assert not KUBE_WRITES & set(lab.calls.names)
    assert lab.get(key).resource_version == version
    assert [c for c in lab.calls.names if not c.startswith(("Get", "List"))] == []


@kinds
async def test_what_went_missing_is_created_again(sample: Sample) -> None:
    lab, key = await ready(sample)
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    await lab.elapse(90)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert len(made(lab, sample)) == 1


@kinds
async def test_each_transition_is_one_event(sample: Sample) -> None:
    lab = await lab_for(sample)
    lab.cluster.events.clear()
    key = lab.cluster.apply(sample.kind, "it", sample.spec)
    await lab.elapse(120)
    told = [e.reason for e in lab.cluster.events if e.key == key]
    caution = ["Unprotected"] if sample.kind == "AgentRuntime" else []
    assert told == ["Creating", "Created", *caution, "Available"]


# ------------------------------------------------ failures


async def test_a_failed_create_stalls_with_the_clouds_reason() -> None:
    sample = SAMPLES["AgentRuntime"]
    lab = await lab_for(sample)
    inject(lab, effect="create-failed", reason="image not found")
    key = lab.cluster.apply("AgentRuntime", "it", sample.spec)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "ProviderFailed")
    assert lab.condition(key, "Stalled") == ("True", "ProviderFailed")
    assert "image not found" in lab.message(key)
    assert lab.calls.names.count("CreateAgentRuntime") == 1
    await lab.elapse(900)
    assert lab.calls.names.count("CreateAgentRuntime") == 1


async def test_a_secret_that_the_cloud_quotes_is_not_shown() -> None:
    lab = await lab_for(SAMPLES["AgentRuntime"])
    inject(lab, effect="create-failed", reason=f"cannot start with TOKEN={SECRET_VALUE}")
    spec = {
        **SAMPLES["AgentRuntime"].spec,
        "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}}],
    }
    lab.cluster.put_secret("keys", {"k": SECRET_VALUE})
    key = lab.cluster.apply("AgentRuntime", "it", spec)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "ProviderFailed")
    assert "cannot start with TOKEN=(secret)" in lab.message(key)
    assert SECRET_VALUE not in str(lab.get(key).status)
    assert SECRET_VALUE not in str(lab.cluster.events)


@pytest.mark.parametrize("how", ["edit", "token"])
async def test_a_failed_create_is_tried_again_when_asked(how: str) -> None:
    sample = SAMPLES["ModelProxy"]
    lab = await lab_for(sample)
    inject(lab, effect="create-failed", reason="image not found")
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(60)
    if how == "edit":
        lab.edit(key, description="better")
    else:
        lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert lab.calls.names.count("DeleteModelProxy") == 1
    assert lab.calls.names.count("CreateModelProxy") == 2
    assert len(made(lab, sample)) == 1


@pytest.mark.parametrize("how", ["edit", "token"])
async def test_a_failed_update_is_tried_again_when_asked(how: str) -> None:
    sample = SAMPLES["AgentRuntime"]
    lab, key = await ready(sample)
    inject(lab, effect="update-failed", reason="no capacity")
    lab.edit(key, description="second")
    await lab.elapse(120)
    assert lab.ready(key) == ("False", "ProviderFailed")
    assert "no capacity" in lab.message(key)
    assert lab.calls.names.count("UpdateAgentRuntime") == 1
    if how == "edit":
        lab.edit(key, description="third")
    else:
        lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available")
    assert lab.calls.names.count("UpdateAgentRuntime") == 2
    assert lab.calls.names.count("DeleteAgentRuntime") == 0


async def test_a_rotation_that_fails_is_not_sent_for_ever() -> None:
    spec = {
        **SAMPLES["AgentRuntime"].spec,
        "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}],
    }
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    key = lab.cluster.apply("AgentRuntime", "it", spec)
    await lab.elapse(15)
    inject(lab, effect="update-failed", reason="no capacity", times=None)
    lab.cluster.put_secret("keys", {"token": "rotated"})
    await lab.elapse(600)
    assert lab.ready(key) == ("False", "ProviderFailed")
    assert lab.calls.names.count("UpdateAgentRuntime") == 1


async def test_the_deadline_of_a_create() -> None:
    sample = SAMPLES["ModelProxy"]
    lab = await lab_for(sample)
    inject(lab, action="Create.*", effect="slow", seconds=400)
    key = lab.cluster.apply("ModelProxy", "it", {**PROXY, "timeouts": {"createSeconds": 60}})
    await lab.elapse(50)
    assert lab.ready(key) == ("False", "Creating")
    assert lab.condition(key, "Reconciling") == ("True", "Creating")
    await lab.elapse(70)
    assert lab.ready(key) == ("False", "Timeout")
    assert lab.condition(key, "Stalled") == ("True", "Timeout")
    assert lab.condition(key, "Reconciling") == ("", "")
    writes = lab.get(key).resource_version
    lab.calls.take()
    await lab.elapse(200)
    assert lab.calls.names.count("GetModelProxy") <= 4, "past the deadline polling is slow"
    assert lab.get(key).resource_version == writes
    await lab.elapse(200)
    assert lab.ready(key) == ("True", "Available")


async def test_the_deadline_of_an_update() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"], timeouts={"updateSeconds": 60})
    inject(lab, action="Update.*", effect="slow", seconds=300)
    lab.edit(key, description="second")
    await lab.elapse(40)
    assert lab.ready(key) == ("False", "Updating")
    await lab.elapse(80)
    assert lab.ready(key) == ("False", "Timeout")
    await lab.elapse(300)
    assert lab.ready(key) == ("True", "Available")


@pytest.mark.parametrize(
    ("fault", "reason", "stalls"),
    [
        ({"status": 400, "code": "ERR_VALIDATION_FAILED"}, "InvalidParameter", True),
        ({"status": 403, "code": "Forbidden.RAM"}, "AccessDenied", False),
        ({"status": 429, "code": "Throttling.User"}, "Throttled", False),
    ],
    ids=["invalid", "denied", "throttled"],
)
async def test_a_refused_create_says_why(
    fault: dict[str, object], reason: str, *, stalls: bool
) -> None:
    lab = await lab_for(SAMPLES["ModelProxy"])
    inject(lab, action="Create.*", effect="error", times=None, **fault)
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", reason), lab.message(key)
    other = "Stalled" if stalls else "Reconciling"
    assert lab.condition(key, other) == ("True", reason)
    lab.simulator.clear_faults()
    lab.edit(key, description="second")
    await lab.elapse(200)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)


async def test_a_refused_create_leaves_no_mark() -> None:
    lab = await lab_for(SAMPLES["ModelProxy"])
    inject(lab, action="Create.*", effect="error", status=400, code="ERR_VALIDATION_FAILED")
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(3)
    assert lab.get(key).status.get("creation") is None
    lab.cluster.delete(key)
    lab.calls.take()
    await lab.drain()
    assert lab.cluster.raw(key) is None
    assert lab.calls.take() == ["remove_finalizer"], "what never existed needs no cloud to go"


async def test_throttling_is_waited_for_as_long_as_asked() -> None:
    lab = await lab_for(SAMPLES["ModelProxy"])
    inject(
        lab,
        action="CreateModelProxy",
        effect="error",
        status=429,
        code="Throttling.User",
        headers={"retry-after": "40"},
    )
    lab.cluster.apply("ModelProxy", "it", PROXY)
    begun = lab.clock.monotonic()
    await lab.elapse(35)
    assert lab.calls.names.count("CreateModelProxy") == 1
    await lab.elapse(20)
    assert lab.calls.names.count("CreateModelProxy") == 2
    assert lab.clock.monotonic() - begun >= 40


async def test_a_short_outage_is_no_news_of_a_ready_resource() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    version = lab.get(key).resource_version
    inject(lab, action="Get.*", effect="html", status=502, times=2)
    await lab.elapse(90)
    assert lab.get(key).resource_version == version


async def test_a_long_outage_is_told_and_ends() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    inject(lab, action="Get.*", effect="drop-before", times=None)
    await lab.elapse(260)
    assert lab.ready(key) == ("Unknown", "ProviderUnavailable")
    assert lab.condition(key, "Reconciling") == ("True", "ProviderUnavailable")
    lab.simulator.clear_faults()
    await lab.elapse(300)
    assert lab.ready(key) == ("True", "Available")


async def test_no_secret_is_written_to_the_cluster() -> None:
    for name in ("Credential", "ModelService"):
        lab, key = await ready(SAMPLES[name])
        lab.edit(key, deletionPolicy="Delete")
        await lab.elapse(60)
        assert SECRET_VALUE not in str(lab.cluster.all())
        assert SECRET_VALUE not in str(lab.cluster.events)


async def test_an_unreadable_spec_stalls_and_can_still_be_deleted() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.edit(key, mode="Sideways")
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert lab.message(key).startswith("spec.mode:")
    assert "Sideways" not in lab.message(key)
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["ModelProxy"]) == []


async def test_lost_leadership_ends_the_pass_without_a_write() -> None:
    lab = await lab_for(SAMPLES["ModelProxy"])
    lab.leadership.holds = False
    lab.cluster.apply("ModelProxy", "it", PROXY)
    with pytest.raises(Exception, match="lease"):
        await lab.drain()
    assert not KUBE_WRITES & set(lab.calls.names)
    assert lab.writes_to_cloud() == []


# ------------------------------------------------ waiting


async def test_dependencies_are_waited_for_and_wake_their_users() -> None:
    lab = Lab()
    await lab.ready_account()
    spec = {**PROXY, "endpoints": [{"modelServiceRef": {"name": "qwen"}, "modelNames": ["m"]}]}
    key = lab.cluster.apply("ModelProxy", "it", spec)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "ReferenceNotFound")
    assert lab.condition(key, "ReferencesResolved") == ("False", "ReferenceNotFound")
    assert "qwen" in lab.message(key)
    assert not lab.get(key).is_claimed
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    lab.cluster.apply("ModelService", "qwen", SAMPLES["ModelService"].spec)
    await lab.elapse(5)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert lab.condition(key, "ReferencesResolved") == ("True", "Available")


async def test_objects_applied_together_say_nothing_of_waiting() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    spec = {**PROXY, "endpoints": [{"modelServiceRef": {"name": "qwen"}, "modelNames": ["m"]}]}
    key = lab.cluster.apply("ModelProxy", "it", spec)
    service = lab.cluster.apply("ModelService", "qwen", SAMPLES["ModelService"].spec)
    lab.calls.take()
    await lab.elapse(15)
    assert lab.ready(key) == lab.ready(service) == ("True", "Available")
    assert [e.reason for e in lab.cluster.events if e.key == key] == [
        "Creating",
        "Created",
        "Available",
    ]


async def test_a_missing_secret_key_is_named() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"other": "x"})
    key = lab.cluster.apply("Credential", "it", CREDENTIAL)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "ReferenceNotFound")
    assert "'token'" in lab.message(key)
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    await lab.drain()
    assert lab.ready(key) == ("True", "Available")


async def test_writes_refused_in_transition_wait() -> None:
    sample = SAMPLES["AgentRuntime"]
    lab, key = await ready(sample)
    lab.simulator.configure({"switches": {"writeInTransition": "refuse"}})
    inject(lab, effect="slow", seconds=30, action="UpdateAgentRuntime")
    lab.edit(key, description="second")
    await lab.elapse(3)
    lab.edit(key, description="third")
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert made(lab, sample)[0]["description"] == "third"


async def test_another_class_is_left_alone() -> None:
    lab = Lab(quick(Settings(), controller_class="blue"))
    await_key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(5)
    assert lab.calls.names == []
    assert lab.ready(await_key) == ("", "")
