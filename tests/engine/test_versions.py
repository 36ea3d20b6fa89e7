"""A runtime that publishes: one version for each changed head, and none for anything else."""

from typing import Any

import pytest

from engine.specs import RUNTIME, SAMPLES, lab_for
from engine.strangers import RUNTIME_BODY, by_hand
from engine.versions import (
    LIST,
    PUBLISH,
    edited_by_others,
    numbers,
    published,
    published_by_hand,
    publishing,
    texts,
)

MODES = {
    "adopted, corrected": ("Correct", ["first"]),
    "adopted, reported": ("Report", []),
    "adopted, ignored": ("Ignore", []),
}


async def test_publishing_is_off_by_default() -> None:
    lab = await lab_for(SAMPLES["AgentRuntime"])
    key = lab.cluster.apply("AgentRuntime", "it", RUNTIME)
    await lab.elapse(15)
    lab.edit(key, description="second")
    await lab.elapse(15)
    assert not {PUBLISH, LIST} & set(lab.calls.names)
    assert not {"versions", "latestVersion", "published"} & set(lab.get(key).status)


async def test_a_new_runtime_is_published_once_it_is_ready() -> None:
    lab, key = await publishing()
    (version,) = published(lab)
    assert version["data"]["description"] == "first"
    assert version["description"].startswith("Generation 1 of AgentRuntime team-a/it [agentrun.dev")
    status = lab.get(key).status
    assert status["latestVersion"] == "1"
    assert status["versions"][0]["description"] == version["description"]
    assert status["versions"][0]["publishedAt"].startswith("2026-")
    assert "publishing" not in status
    told = [(e.reason, e.message) for e in lab.cluster.events if e.reason == "Published"]
    assert told == [("Published", "published version 1")]


async def test_a_quiet_fleet_that_publishes_costs_nothing() -> None:
    lab, key = await publishing()
    before = lab.get(key).resource_version
    await lab.elapse(3600)
    assert not {PUBLISH, LIST, "write_status"} & set(lab.calls.names)
    assert lab.get(key).resource_version == before


async def test_a_restart_publishes_nothing() -> None:
    lab, key = await publishing()
    before = lab.get(key).resource_version
    lab.restart()
    await lab.elapse(120)
    assert not {PUBLISH, LIST} & set(lab.calls.names)
    assert lab.get(key).resource_version == before


async def test_a_spec_written_in_another_way_is_no_change() -> None:
    lab, key = await publishing()
    raw = lab.cluster.raw(key)
    assert raw is not None
    record = {**raw["status"]["published"], "head": "of an older way"}
    lab.cluster.put_status(key, {**raw["status"], "published": record})
    lab.restart()
    await lab.elapse(120)
    assert not {PUBLISH, LIST} & set(lab.calls.names)


async def test_each_changed_head_is_published_once() -> None:
    lab, key = await publishing()
    for text in ("second", "first", "third"):
        lab.edit(key, description=text)
        await lab.elapse(60)
    assert texts(lab) == ["first", "second", "first", "third"]
    assert numbers(lab, key) == ["4", "3", "2", "1"]
    assert lab.get(key).status["latestVersion"] == "4"


async def test_an_edit_that_comes_back_at_once_publishes_nothing() -> None:
    lab, key = await publishing()
    lab.edit(key, description="second")
    await lab.drain()
    lab.edit(key, description="first")
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available")
    assert texts(lab) == ["first"]


@pytest.mark.parametrize(
    "edit",
    [
        {"timeouts": {"updateSeconds": 900}},
        {"driftPolicy": "Ignore"},
        {"publishDescription": "another text"},
        {"ignoreFields": ["cpu"]},
    ],
    ids=lambda edit: next(iter(edit)),
)
async def test_what_does_not_change_the_head_publishes_nothing(edit: dict[str, Any]) -> None:
    lab, key = await publishing()
    lab.edit(key, **edit)
    await lab.elapse(60)
    lab.restart()
    await lab.elapse(60)
    assert lab.get(key).is_observed
    assert PUBLISH not in lab.calls.names


async def test_a_version_says_what_its_object_says_of_it() -> None:
    lab, key = await publishing(publishDescription="build 7 of main")
    assert published(lab)[0]["description"].startswith("build 7 of main [agentrun.dev ")
    assert lab.get(key).status["versions"][0]["description"].startswith("build 7 of main")


async def test_a_rotated_secret_is_a_change_a_rewritten_one_is_none() -> None:
    source = {"secretKeyRef": {"name": "keys", "key": "token"}}
    env = [{"name": "TOKEN", "valueFrom": source}]
    lab, key = await publishing(env=env)
    lab.cluster.put_secret("keys", {"token": "canary-4712"})
    await lab.elapse(60)
    assert [v["data"]["environmentVariables"]["TOKEN"] for v in published(lab)] == [
        "canary-4711",
        "canary-4712",
    ]
    lab.cluster.put_secret("keys", {"token": "canary-4712"})
    await lab.elapse(60)
    lab.restart()
    await lab.elapse(60)
    assert numbers(lab, key) == ["2", "1"]
    assert "canary" not in str(lab.get(key).status)


async def test_what_others_change_publishes_nothing() -> None:
    lab, key = await publishing()
    edited_by_others(lab, description="by hand")
    await lab.elapse(150)
    assert lab.ready(key) == ("True", "Available")
    assert "UpdateAgentRuntime" in lab.calls.names
    assert texts(lab) == ["first"]


@pytest.mark.parametrize("policy", ["Report", "Ignore"])
async def test_under_report_and_ignore_edits_publish_drift_does_not(policy: str) -> None:
    lab, key = await publishing(driftPolicy=policy)
    edited_by_others(lab, cpu=4.0)
    await lab.elapse(150)
    lab.restart()
    await lab.elapse(150)
    assert PUBLISH not in lab.calls.names
    lab.edit(key, description="second", cpu="4")
    await lab.elapse(60)
    assert texts(lab) == ["first", "second"]


async def test_reported_drift_holds_a_version_back() -> None:
    """It would carry what nobody asked for, and is not as specified."""
    lab, key = await publishing(driftPolicy="Report")
    edited_by_others(lab, cpu=4.0)
    await lab.elapse(150)
    lab.edit(key, description="second")
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "DriftDetected")
    assert texts(lab) == ["first"]
    edited_by_others(lab, cpu=2.0)
    await lab.elapse(150)
    assert texts(lab) == ["first", "second"]


@pytest.mark.parametrize(("policy", "expected"), MODES.values(), ids=MODES)
async def test_an_adoption_publishes_where_it_corrects(policy: str, expected: list[str]) -> None:
    lab = await lab_for(SAMPLES["AgentRuntime"])
    await by_hand(lab, "AgentRuntime", {**RUNTIME_BODY, "description": "first"})
    spec = {**RUNTIME, "publish": "OnChange", "driftPolicy": policy}
    key = lab.cluster.apply("AgentRuntime", "it", spec)
    await lab.elapse(30)
    lab.restart()
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert texts(lab) == expected
    lab.edit(key, description="second")
    await lab.elapse(60)
    assert texts(lab) == [*expected, "second"]


async def test_observing_publishes_nothing() -> None:
    lab = await lab_for(SAMPLES["AgentRuntime"])
    await by_hand(lab, "AgentRuntime", {**RUNTIME_BODY, "description": "first"})
    spec = {**RUNTIME, "publish": "OnChange", "managementPolicy": "Observe"}
    key = lab.cluster.apply("AgentRuntime", "it", spec)
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available")
    assert not {PUBLISH, LIST} & set(lab.calls.names)


async def test_it_begins_and_ends_with_an_edit_of_publish() -> None:
    lab = await lab_for(SAMPLES["AgentRuntime"])
    key = lab.cluster.apply("AgentRuntime", "it", RUNTIME)
    await lab.elapse(15)
    lab.edit(key, publish="OnChange")
    await lab.elapse(15)
    assert texts(lab) == ["first"]
    lab.edit(key, publish="Never", description="second")
    await lab.elapse(30)
    assert texts(lab) == ["first"]
    assert lab.get(key).status["latestVersion"] == "1", "what was published stays"
    lab.edit(key, publish="OnChange")
    await lab.elapse(15)
    assert texts(lab) == ["first", "second"]


async def test_a_paused_object_publishes_nothing() -> None:
    lab, key = await publishing()
    lab.annotate(key, paused="true")
    lab.edit(key, description="second")
    await lab.elapse(60)
    assert PUBLISH not in lab.calls.names


async def test_a_new_resource_begins_with_no_version() -> None:
    lab, key = await publishing()
    lab.edit(key, description="second")
    await lab.elapse(60)
    lab.simulator.remove("AgentRuntime", "it")
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(120)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert texts(lab) == ["second"]
    assert numbers(lab, key) == ["1"]
    assert lab.get(key).status["latestVersion"] == "1"


async def test_a_request_lists_what_others_published() -> None:
    lab, key = await publishing()
    await published_by_hand(lab, key)
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(15)
    assert numbers(lab, key) == ["2", "1"]
    assert PUBLISH not in lab.calls.names


async def test_deletion_publishes_nothing() -> None:
    lab, key = await publishing()
    lab.edit(key, description="second")
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert PUBLISH not in lab.calls.names
