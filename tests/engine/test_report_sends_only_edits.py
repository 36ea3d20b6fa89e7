"""Under Report and Ignore nothing is sent but what the user edited, whatever wakes a pass."""

from collections.abc import Mapping
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import (
    RUNTIME,
    SAMPLES,
    SECRET_VALUE,
    Sample,
    cloud_key,
    made,
    ready,
)
from fakes.lab import Lab
from fakes.wakes import WAKES

RUNTIMES = SAMPLES["AgentRuntime"]
each_policy = pytest.mark.parametrize("policy", ["Report", "Ignore"])
ENV = [
    {"name": "LEVEL", "value": "info"},
    {"name": "MODE", "value": "fast"},
    {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
]


def sent(lab: Lab) -> list[Any]:
    """Return the bodies of all updates and the actions of all other writes but creates."""
    return [
        r["body"] if r["action"].startswith("Update") else r["action"]
        for r in lab.cloud_writes()
        if not r["action"].startswith("Create")
    ]


def said(lab: Lab, key: ObjectKey) -> list[str]:
    return [entry["path"] for entry in lab.get(key).status.get("drift") or ()]


def is_told(lab: Lab, key: ObjectKey, policy: str, *paths: str) -> None:
    if policy == "Report":
        assert lab.ready(key) == ("False", "DriftDetected"), lab.message(key)
        assert said(lab, key) == list(paths)
    else:
        assert lab.ready(key) == ("True", "Available"), lab.message(key)


async def drifted(sample: Sample, changes: Mapping[str, Any], **spec: Any) -> tuple[Lab, ObjectKey]:
    lab, key = await ready(sample, **spec)
    lab.simulator.edit(sample.family, cloud_key(lab, key), dict(changes))
    return lab, key


async def with_env(**spec: Any) -> tuple[Lab, ObjectKey]:
    """Return a runtime with variables, one of them changed in the console and one added there."""
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE, "other": "unused"})
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "env": ENV, **spec})
    await lab.elapse(15)
    variables = {"LEVEL": "info", "MODE": "console", "KEY": SECRET_VALUE, "EXTRA": "console"}
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"environmentVariables": variables})
    await lab.elapse(70)
    return lab, key


# ------------------------------------------------ nothing was edited


@each_policy
@pytest.mark.parametrize("wake", WAKES)
async def test_nothing_is_sent_that_nobody_edited(wake: str, policy: str) -> None:
    """Of each kind and field: `drift/test_wakes.py`."""
    lab, key = await drifted(RUNTIMES, {"cpu": 4.0}, driftPolicy=policy)
    if wake != "recovered_keys":
        await lab.elapse(70)
    await WAKES[wake](lab, key)
    assert sent(lab) == []
    ready_now = ("False", "DriftDetected") if policy == "Report" else ("True", "Available")
    assert lab.ready(key) == ready_now, lab.message(key)
    lab.calls.take()
    await lab.elapse(200)
    assert sent(lab) == []
    assert "write_status" not in lab.calls.take(), "told once"


@each_policy
async def test_a_state_that_nobody_edited_is_not_brought_back(policy: str) -> None:
    sample = SAMPLES["Sandbox"]
    lab, key = await ready(sample, desiredState="Running", driftPolicy=policy)
    lab.simulator.edit("Sandbox", cloud_key(lab, key), {"status": "PAUSED"})
    await lab.elapse(70)
    is_told(lab, key, policy, "desiredState")
    await WAKES["recovered_keys"](lab, key)
    await WAKES["restart"](lab, key)
    assert sent(lab) == []
    is_told(lab, key, policy, "desiredState")


# ------------------------------------------------ an edit


@each_policy
@pytest.mark.parametrize("restarts", ["lives", "restarts"])
async def test_an_edit_sends_what_was_edited(policy: str, restarts: str) -> None:
    lab, key = await drifted(RUNTIMES, {"cpu": 4.0, "memory": 8192}, driftPolicy=policy)
    await lab.elapse(70)
    if restarts == "restarts":
        lab.restart()
    lab.edit(key, description="second")
    await lab.elapse(90)
    assert sent(lab) == [{"description": "second", "cpu": 4.0}], "cpu goes along, as it stands"
    is_told(lab, key, policy, "cpu", "memory")
    lab.edit(key, memory="2Gi")
    await lab.elapse(90)
    assert sent(lab)[1:] == [{"memory": 2048, "cpu": 4.0}]
    is_told(lab, key, policy, "cpu")


@each_policy
async def test_an_edit_while_nobody_looked_is_sent(policy: str) -> None:
    lab, key = await drifted(RUNTIMES, {"cpu": 4.0}, driftPolicy=policy)
    await lab.elapse(70)
    lab.cluster.notify = lambda _event, _raw: None
    lab.edit(key, description="second")
    lab.restart()
    await lab.elapse(90)
    assert sent(lab) == [{"description": "second", "cpu": 4.0}]


async def test_the_drift_that_an_edit_leaves_keeps_its_time() -> None:
    lab, key = await drifted(RUNTIMES, {"cpu": 4.0}, driftPolicy="Report")
    await lab.elapse(70)
    (before,) = lab.get(key).status["drift"]
    lab.edit(key, description="second")
    await lab.elapse(90)
    assert lab.get(key).status["drift"] == [before]


@each_policy
async def test_a_field_that_leaves_the_spec_is_an_edit(policy: str) -> None:
    lab, key = await drifted(RUNTIMES, {"memory": 8192}, driftPolicy=policy)
    await lab.elapse(70)
    lab.edit(key, description=None)
    await lab.elapse(90)
    assert sent(lab) == [{"description": "", "cpu": 2.0}]
    is_told(lab, key, policy, "memory")


@each_policy
async def test_one_variable_is_edited_and_the_others_are_left(policy: str) -> None:
    lab, key = await with_env(driftPolicy=policy)
    lab.edit(key, env=[{"name": "LEVEL", "value": "debug"}, *ENV[1:]])
    await lab.elapse(90)
    (resource,) = made(lab, RUNTIMES)
    assert resource["environmentVariables"] == {
        "LEVEL": "debug",
        "MODE": "console",
        "KEY": SECRET_VALUE,
        "EXTRA": "console",
    }
    is_told(lab, key, policy, "env")


@each_policy
async def test_a_variable_that_leaves_the_spec_goes_alone(policy: str) -> None:
    lab, key = await with_env(driftPolicy=policy)
    lab.edit(key, env=ENV[1:])
    await lab.elapse(90)
    (resource,) = made(lab, RUNTIMES)
    assert set(resource["environmentVariables"]) == {"MODE", "KEY", "EXTRA"}
    assert resource["environmentVariables"]["MODE"] == "console"


@each_policy
@pytest.mark.parametrize("restarts", ["lives", "restarts"])
async def test_a_rotation_is_an_edit_of_what_the_secret_feeds(policy: str, restarts: str) -> None:
    lab, key = await with_env(driftPolicy=policy)
    if restarts == "restarts":
        lab.cluster.reference_changed = lambda *_where: None
        lab.cluster.put_secret("keys", {"token": "canary-rotated", "other": "unused"})
        lab.restart()
    else:
        lab.cluster.put_secret("keys", {"token": "canary-rotated", "other": "unused"})
    await lab.elapse(130)
    (resource,) = made(lab, RUNTIMES)
    variables = resource["environmentVariables"]
    assert (variables["KEY"], variables["MODE"]) == ("canary-rotated", "console")
    assert len(sent(lab)) == 1
    is_told(lab, key, policy, "env")


@each_policy
async def test_a_key_that_nothing_reads_is_no_rotation(policy: str) -> None:
    lab, _ = await with_env(driftPolicy=policy)
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE, "other": "rotated"})
    await lab.elapse(130)
    assert sent(lab) == []


@each_policy
@pytest.mark.parametrize("restarts", ["lives", "restarts"])
async def test_one_item_is_edited_and_the_others_are_left(policy: str, restarts: str) -> None:
    def model(name: str, size: int) -> dict[str, Any]:
        return {"name": name, "properties": {"contextSize": size}}

    def there(resource: Mapping[str, Any]) -> dict[str, Any]:
        found = resource["modelInfoConfigs"]
        return {item["modelName"]: item["modelProperties"]["contextSize"] for item in found}

    sample = SAMPLES["ModelService"]
    models = [model("a", 1), model("b", 2), model("c", 3), model("d", 4)]
    lab, key = await ready(sample, models=models, driftPolicy=policy)
    changed = [
        {"modelName": name, "modelProperties": {"contextSize": size}}
        for name, size in {"d": 4, "a": 1, "b": 20, "console": 5}.items()
    ]
    lab.simulator.edit(sample.family, cloud_key(lab, key), {"modelInfoConfigs": changed})
    await lab.elapse(70)
    if restarts == "restarts":
        lab.restart()
    lab.edit(key, models=[model("a", 10), *models[1:3], model("new", 6)])
    await lab.elapse(90)
    (resource,) = made(lab, sample)
    assert there(resource) == {"a": 10, "b": 20, "console": 5, "new": 6}, "c is gone, d was removed"
    assert len(sent(lab)) == 1
    is_told(lab, key, policy, "models")


@each_policy
async def test_what_no_read_returns_goes_along_with_a_neighbour_alone(policy: str) -> None:
    sample = SAMPLES["ModelService"]
    lab, key = await drifted(sample, {}, driftPolicy=policy)
    lab.edit(key, description="second")
    await lab.elapse(30)
    assert sent(lab) == [{"description": "second"}]


@each_policy
@pytest.mark.parametrize("restarts", ["lives", "restarts"])
@pytest.mark.parametrize("edit", ["rotation", "value", "gone"])
async def test_what_no_read_confirms_is_sent_once(policy: str, restarts: str, edit: str) -> None:
    license_key = {"licenseKeyFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    arms = {"enabled": True, **license_key}
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "arms": arms, "driftPolicy": policy})
    await lab.elapse(15)
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"memory": 8192})
    await lab.elapse(70)
    lab.simulator.inject(
        Fault.model_validate({"action": "Update.*", "effect": "slow", "seconds": 20})
    )
    if edit == "rotation":
        lab.cluster.put_secret("keys", {"token": "canary-rotated"})
    else:
        lab.edit(key, arms={"enabled": False, **license_key} if edit == "value" else None)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "Updating")
    if restarts == "restarts":
        lab.restart()
    await lab.elapse(300)
    assert len(sent(lab)) == 1
    assert set(sent(lab)[0]) == {"armsConfiguration", "cpu"}
    is_told(lab, key, policy, "memory")


@each_policy
@pytest.mark.parametrize("edit", ["rotation", "value"])
async def test_an_update_that_failed_is_tried_again_on_request(policy: str, edit: str) -> None:
    license_key = {"licenseKeyFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    arms = {"enabled": True, **license_key}
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "arms": arms, "driftPolicy": policy})
    await lab.elapse(15)
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"memory": 8192})
    await lab.elapse(70)
    lab.simulator.inject(Fault.model_validate({"action": "Update.*", "effect": "update-failed"}))
    if edit == "rotation":
        lab.cluster.put_secret("keys", {"token": "canary-rotated"})
    else:
        lab.edit(key, description="second")
    await lab.elapse(120)
    assert lab.ready(key) == ("False", "ProviderFailed")
    assert len(sent(lab)) == 1
    await WAKES["recovered_keys"](lab, key)
    lab.annotate(key, reconcile_requested_at="again")
    await lab.elapse(120)
    assert sent(lab)[-1] == sent(lab)[0]
    is_told(lab, key, policy, "memory")


@each_policy
async def test_an_edit_that_was_refused_at_first_is_sent_in_the_end(policy: str) -> None:
    lab, key = await drifted(RUNTIMES, {"memory": 8192}, driftPolicy=policy)
    await lab.elapse(70)
    down = {"action": "Update.*", "effect": "error", "status": 503, "times": None}
    lab.simulator.inject(Fault.model_validate(down))
    lab.edit(key, description="second")
    await lab.elapse(30)
    lab.simulator.clear_faults()
    lab.restart()
    await lab.elapse(400)
    (resource,) = made(lab, RUNTIMES)
    assert (resource["description"], resource["memory"]) == ("second", 8192)
    is_told(lab, key, policy, "memory")


@each_policy
async def test_another_state_is_brought_about_when_it_is_edited(policy: str) -> None:
    lab, key = await ready(SAMPLES["Sandbox"], desiredState="Running", driftPolicy=policy)
    lab.edit(key, desiredState="Paused")
    await lab.elapse(90)
    assert sent(lab) == ["PauseSandbox"]
    assert lab.ready(key) == ("True", "Available")


async def test_correct_brings_the_rest_in_order() -> None:
    lab, key = await drifted(RUNTIMES, {"cpu": 4.0}, driftPolicy="Report")
    await lab.elapse(70)
    assert lab.get(key).status["actedOn"]
    lab.edit(key, driftPolicy="Correct")
    await lab.elapse(90)
    assert sent(lab) == [{"cpu": 2.0}]
    assert "actedOn" not in lab.get(key).status


async def test_no_secret_is_told_by_what_was_acted_on() -> None:
    lab, key = await with_env(driftPolicy="Report", envFrom=[{"secretRef": {"name": "keys"}}])
    record = lab.get(key).status["actedOn"]
    lab.cluster.put_secret("elsewhere", {})
    assert "token" not in str(record)
    before = record["values"]
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE, "other": "unused"})
    await lab.elapse(130)
    after = lab.get(key).status["actedOn"]["values"]
    fed = {path for path in before if before[path] != after[path]}
    assert len(fed) == 3, "told by the version of the Secret, not by the value"


@each_policy
async def test_what_cannot_be_cleared_is_told_until_it_is_edited(policy: str) -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"], driftPolicy=policy, description="it")
    lab.simulator.configure({"switches": {"emptyText": "not-set"}})
    lab.edit(key, description=None)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "CannotClear")
    events = len(lab.cluster.events)
    await lab.elapse(200)
    lab.restart()
    await lab.elapse(200)
    assert lab.ready(key) == ("False", "CannotClear")
    assert len(lab.cluster.events) == events
    assert len(sent(lab)) == 1
    lab.edit(key, description="new")
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available")
