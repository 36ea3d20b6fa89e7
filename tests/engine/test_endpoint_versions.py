"""Which version an endpoint serves: a number that exists, or the newest, which it follows."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import RUNTIME, SAMPLES, lab_for
from engine.versions import LIST, PUBLISH, published_by_hand, publishing
from fakes.lab import Lab

ENDPOINT = "AgentRuntimeEndpoint"
NOT_FOUND = ("False", "ReferenceNotFound")
READY = ("True", "Available")


def endpoint(lab: Lab, version: Any = None, **more: Any) -> ObjectKey:
    """Apply an endpoint of the runtime `it`."""
    spec = {"runtimeRef": {"name": "it"}, **more}
    if version is not None:
        spec["targetVersion"] = version
    return lab.cluster.apply(ENDPOINT, "ep", spec)


def target(lab: Lab) -> Any:
    (found,) = lab.resources(ENDPOINT)
    return found.get("targetVersion")


async def silent() -> tuple[Lab, ObjectKey]:
    """Return a lab with a runtime `it` that publishes nothing."""
    lab = await lab_for(SAMPLES["AgentRuntime"])
    key = lab.cluster.apply("AgentRuntime", "it", RUNTIME)
    await lab.elapse(15)
    lab.calls.take()
    return lab, key


async def test_the_newest_version_is_waited_for_and_followed() -> None:
    lab = await lab_for(SAMPLES["AgentRuntime"])
    runtime = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "publish": "OnChange"})
    key = endpoint(lab, "Published")
    await lab.elapse(30)
    assert lab.ready(key) == READY, lab.message(key)
    assert target(lab) == "1"
    assert lab.get(key).status["serves"] == "1"
    lab.edit(runtime, description="second")
    await lab.elapse(30)
    assert target(lab) == "2"
    assert lab.ready(key) == READY
    assert lab.get(key).status["serves"] == "2"


async def test_following_costs_one_update_and_no_list() -> None:
    lab, runtime = await publishing()
    key = endpoint(lab, "Published")
    await lab.elapse(30)
    lab.calls.take()
    lab.edit(runtime, description="second")
    await lab.elapse(60)
    assert lab.ready(key) == READY
    assert lab.calls.names.count(f"Update{ENDPOINT}") == 1
    assert lab.calls.names.count(LIST) == 1, "that of the publication"


@pytest.mark.parametrize("version", ["Published", "1"])
async def test_a_quiet_fleet_costs_nothing_also_after_a_restart(version: str) -> None:
    lab, _ = await publishing()
    key = endpoint(lab, version)
    await lab.elapse(30)
    assert lab.ready(key) == READY
    before = lab.get(key).resource_version
    lab.restart()
    lab.calls.take()
    await lab.elapse(300)
    assert not {LIST, PUBLISH, f"Update{ENDPOINT}"} & set(lab.calls.names)
    assert lab.get(key).resource_version == before


@pytest.mark.parametrize("policy", ["Report", "Ignore"])
async def test_a_new_version_is_an_edit_and_no_drift(policy: str) -> None:
    lab, runtime = await publishing()
    key = endpoint(lab, "Published", driftPolicy=policy)
    await lab.elapse(30)
    lab.edit(runtime, description="second")
    await lab.elapse(60)
    assert target(lab) == "2"
    lab.simulator.edit(ENDPOINT, "ep", {"targetVersion": "1"})
    lab.restart()
    await lab.elapse(150)
    assert target(lab) == "1"
    assert lab.get(key).status["serves"] == "1"


async def test_the_newest_of_what_publishes_nothing_is_not_found() -> None:
    lab, runtime = await silent()
    key = endpoint(lab, "Published")
    await lab.elapse(30)
    assert lab.ready(key) == NOT_FOUND
    assert lab.condition(key, "ReferencesResolved")[0] == "False"
    assert "set publish OnChange on AgentRuntime 'it'" in lab.message(key)
    assert LIST not in lab.calls.names
    lab.edit(runtime, publish="OnChange")
    await lab.elapse(30)
    assert lab.ready(key) == READY
    assert target(lab) == "1"


async def test_an_unknown_number_is_not_found_without_a_call() -> None:
    lab, runtime = await publishing()
    key = endpoint(lab, "2")
    await lab.elapse(600)
    assert lab.ready(key) == NOT_FOUND
    assert "spec.targetVersion names version 2, which AgentRuntime 'it' does not" in lab.message(
        key
    )
    assert not {LIST, f"Create{ENDPOINT}"} & set(lab.calls.names)
    lab.edit(runtime, description="second")
    await lab.elapse(30)
    assert lab.ready(key) == READY, "the new version wakes it"
    assert target(lab) == "2"


async def test_an_edit_to_an_unknown_number_leaves_what_serves() -> None:
    lab, _ = await publishing()
    key = endpoint(lab, "1")
    await lab.elapse(30)
    lab.edit(key, targetVersion="7")
    await lab.elapse(60)
    assert lab.ready(key) == NOT_FOUND
    assert target(lab) == "1"
    lab.edit(key, targetVersion=1)
    await lab.elapse(30)
    assert lab.ready(key) == READY


async def test_somebody_elses_version_is_known_once_asked_for() -> None:
    lab, runtime = await publishing()
    await published_by_hand(lab, runtime)
    key = endpoint(lab, "2")
    await lab.elapse(30)
    assert lab.ready(key) == NOT_FOUND
    lab.annotate(runtime, reconcile_requested_at="now")
    await lab.elapse(30)
    assert lab.ready(key) == READY


async def test_of_a_runtime_that_publishes_nothing_versions_are_listed() -> None:
    lab, runtime = await silent()
    key = endpoint(lab, "1")
    await lab.elapse(30)
    assert lab.ready(key) == NOT_FOUND
    await published_by_hand(lab, runtime)
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(30)
    assert lab.ready(key) == READY
    listed = lab.calls.names.count(LIST)
    lab.restart()
    await lab.elapse(300)
    assert lab.calls.names.count(LIST) == listed, "what is in place is not asked for again"


async def test_a_list_from_when_it_published_is_not_believed_later() -> None:
    lab, runtime = await publishing()
    lab.edit(runtime, publish="Never")
    await lab.elapse(30)
    await published_by_hand(lab, runtime)
    key = endpoint(lab, "2")
    await lab.elapse(30)
    assert lab.ready(key) == READY


async def test_of_a_foreign_runtime_versions_are_listed() -> None:
    lab, runtime = await silent()
    await published_by_hand(lab, runtime)
    foreign = {"externalName": lab.get(runtime).external_id}
    key = endpoint(lab, "1", runtimeRef=foreign)
    await lab.elapse(30)
    assert lab.ready(key) == READY
    assert lab.calls.names.count(LIST) == 1
    lab.edit(key, targetVersion="2")
    await lab.elapse(30)
    assert lab.ready(key) == NOT_FOUND
    assert target(lab) == "1"


async def test_shares_name_versions_that_exist() -> None:
    lab, runtime = await publishing()
    routes = [{"version": "1", "weightPercent": 90}, {"version": "2", "weightPercent": 10}]
    key = endpoint(lab, routing=routes)
    await lab.elapse(30)
    assert lab.ready(key) == NOT_FOUND
    assert "spec.routing[1].version names version 2" in lab.message(key)
    lab.edit(runtime, description="second")
    await lab.elapse(30)
    assert lab.ready(key) == READY
    assert lab.get(key).status["serves"] == "1 (90%), 2 (10%)"


@pytest.mark.parametrize("version", [None, "LATEST"])
async def test_the_head_is_no_version_to_look_for(version: str | None) -> None:
    lab, _ = await silent()
    key = endpoint(lab, version)
    await lab.elapse(30)
    assert lab.ready(key) == READY
    assert lab.get(key).status["serves"] == "LATEST"
    assert LIST not in lab.calls.names


async def test_an_older_status_of_the_runtime_takes_no_endpoint_down() -> None:
    lab, runtime = await publishing()
    raw = lab.cluster.raw(runtime)
    assert raw is not None
    lab.edit(runtime, description="second")
    await lab.elapse(30)
    key = endpoint(lab, "2")
    await lab.elapse(30)
    lab.cluster.put_status(runtime, raw["status"])
    lab.restart()
    await lab.elapse(120)
    assert lab.ready(key) == READY
    assert lab.get(runtime).status["latestVersion"] == "2"


async def test_a_list_without_an_answer_creates_nothing() -> None:
    lab, runtime = await silent()
    await published_by_hand(lab, runtime)
    fault = {"action": LIST, "effect": "error", "times": None}
    lab.simulator.inject(Fault.model_validate(fault))
    key = endpoint(lab, "1")
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "ProviderUnavailable")
    assert lab.resources(ENDPOINT) == []
    lab.simulator.clear_faults()
    await lab.elapse(300)
    assert lab.ready(key) == READY
