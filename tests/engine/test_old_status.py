"""An older status that somebody writes back: the record is corrected by what a look finds."""

from collections.abc import Mapping
from typing import Any

import pytest

from agentrun_operator.core.identity import Locator, ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import (
    ENDPOINT,
    PROXY,
    RUNTIME,
    SAMPLES,
    SANDBOX,
    TEMPLATE,
    Sample,
    cloud_key,
    ids,
    keys,
    made,
    ready,
)
from engine.strangers import PROXY_BODY, by_hand
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab
from fakes.rests import rest_of

kinds = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
restarts = pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])


def status_of(lab: Lab, key: ObjectKey) -> dict[str, Any]:
    raw = lab.cluster.raw(key)
    assert raw is not None
    return dict(raw["status"])


def undated(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return a status without the date that goes along with each write."""
    return {name: value for name, value in status.items() if name != "lastSeenTime"}


async def made_again(sample: Sample, **more: Any) -> tuple[Lab, ObjectKey, dict[str, Any]]:
    """Return a lab whose object's resource was deleted and made again, and the first status."""
    lab, key = await ready(sample, **more)
    old = status_of(lab, key)
    await lab.elapse(60)
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert len(made(lab, sample)) == 1
    lab.calls.take()
    return lab, key, old


@pytest.mark.parametrize("echoes_first", [False, True])
async def test_an_old_status_of_an_account_stops_nobody(*, echoes_first: bool) -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.echoes_first = echoes_first
    account = ObjectKey("Account", "team-a", "default")
    lab.cluster.put_secret("default-keys", keys_of(OTHER))
    await lab.elapse(60)
    old = status_of(lab, account)
    assert lab.ready(account) == ("False", "AccountMismatch")
    lab.cluster.put_secret("default-keys", keys_of(MAIN))
    await lab.elapse(60)
    for put_back in (old, status_of(lab, account), old):
        lab.cluster.put_status(account, put_back)
        await lab.elapse(5)
        assert lab.ready(account) == lab.ready(key) == ("True", "Available")
    lab.calls.take()
    await lab.elapse(3600)
    assert "write_status" not in lab.calls.take()


@kinds
async def test_conditions_of_another_day_are_corrected(sample: Sample) -> None:
    lab, key = await ready(sample)
    old = status_of(lab, key)
    conditions = [
        {**c, "status": "False", "reason": "Updating"} if c["type"] == "Ready" else c
        for c in old["conditions"]
    ]
    lab.calls.take()
    lab.cluster.put_status(key, {**old, "conditions": conditions})
    await lab.elapse(1)
    assert lab.ready(key) == ("True", "Available")
    assert lab.calls.names.count("write_status") == 1


async def test_our_last_status_written_back_is_corrected() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    available = status_of(lab, key)
    lab.simulator.edit("ModelProxy", cloud_key(lab, key), {"status": "UPDATING"})
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(1)
    updating = status_of(lab, key)
    assert lab.ready(key) == ("False", "Updating")
    lab.simulator.edit("ModelProxy", cloud_key(lab, key), {"status": "READY"})
    lab.cluster.put_status(key, {**available, "lastRequest": updating["lastRequest"]})
    lab.calls.take()
    await lab.elapse(100)
    assert "write_status" not in lab.calls.names, "what was written back is true by now"
    lab.cluster.put_status(key, updating)
    await lab.elapse(1)
    assert lab.ready(key) == ("True", "Available")


@pytest.mark.parametrize("kind", ["SandboxTemplate", "ModelProxy", "Credential"])
async def test_a_late_create_is_ours_under_an_old_status(kind: str) -> None:
    sample = SAMPLES[kind]
    lab, key = await ready(sample)
    old = status_of(lab, key)
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    late = {"action": "Create.*", "effect": "drop-late", "seconds": 8, "times": 1}
    lab.simulator.inject(Fault.model_validate(late))
    lab.annotate(key, reconcile_requested_at="now")
    while not status_of(lab, key).get("creation"):
        await lab.elapse(1)
    lab.cluster.put_status(key, old)
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert len(made(lab, sample)) == 1
    assert status_of(lab, key)["adopted"] is False


@restarts
@kinds
async def test_an_old_status_is_corrected(sample: Sample, *, restarted: bool) -> None:
    lab, key, old = await made_again(sample)
    new = status_of(lab, key)
    since = lab.simulator.requests()[-1]["seq"]
    lab.cluster.put_status(key, old)
    if restarted:
        lab.restart()
    await lab.elapse(10)
    status = status_of(lab, key)
    assert [status[f] for f in ("externalId", "adopted")] == [new["externalId"], False]
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert lab.writes_to_cloud(since) == []
    assert lab.calls.names.count("write_status") <= 3
    await lab.elapse(100)
    settled = status_of(lab, key)
    await lab.elapse(300)
    assert status_of(lab, key) == settled
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []


@restarts
@kinds
async def test_an_old_status_keeps_nothing_from_being_deleted(
    sample: Sample, *, restarted: bool
) -> None:
    lab, key, old = await made_again(sample)
    lab.cluster.put_status(key, old)
    lab.cluster.delete(key)
    if restarted:
        lab.restart()
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []


async def test_users_follow_a_corrected_id() -> None:
    lab, key, old = await made_again(SAMPLES["AgentRuntime"])
    lab.cluster.put_status(key, old)
    lab.restart()
    endpoint = lab.cluster.apply("AgentRuntimeEndpoint", "at", {"runtimeRef": {"name": "it"}})
    await lab.elapse(60)
    assert lab.ready(endpoint) == ("True", "Available"), lab.message(endpoint)
    assert lab.get(endpoint).status["parentId"] == lab.get(key).external_id


async def namespace_made_again() -> tuple[Lab, list[ObjectKey]]:
    """Return a lab with an object of each kind, all made again, and all with their first status."""
    lab = Lab()
    await lab.ready_account()
    await keys(lab)
    specs: dict[str, Mapping[str, Any]] = {
        "AgentRuntime": RUNTIME,
        "AgentRuntimeEndpoint": ENDPOINT,
        "SandboxTemplate": TEMPLATE,
        "Sandbox": {**SANDBOX, "restartPolicy": "Always"},
        "Credential": SAMPLES["Credential"].spec,
        "ModelService": SAMPLES["ModelService"].spec,
        "ModelProxy": PROXY,
    }
    objects = [lab.cluster.apply(kind, "base", spec) for kind, spec in specs.items()]
    await lab.elapse(60)
    old = {key: status_of(lab, key) for key in objects}
    sandbox = ObjectKey("Sandbox", "team-a", "base")
    lab.simulator.edit("Sandbox", cloud_key(lab, sandbox), {"status": "TERMINATED"})
    await lab.elapse(100)
    # Not all within one window: so much at once is a mass absence, and is not made again unasked.
    groups = ("AgentRuntime",), ("SandboxTemplate",), ("Credential", "ModelService", "ModelProxy")
    for some in groups:
        for key in objects:
            if key.kind in some:
                lab.simulator.remove(SAMPLES[key.kind].family, cloud_key(lab, key))
            lab.annotate(key, reconcile_requested_at=some[0])
        await lab.elapse(700)
    assert {lab.ready(key) for key in objects} == {("True", "Available")}
    for key in objects:
        assert lab.get(key).external_id != old[key]["externalId"], key
        lab.cluster.put_status(key, old[key])
    return lab, objects


@pytest.mark.parametrize("at_once", [False, True], ids=["lives on", "deleted at once"])
@restarts
async def test_nothing_stays_of_a_namespace_with_old_statuses(
    *, restarted: bool, at_once: bool
) -> None:
    lab, objects = await namespace_made_again()
    if restarted:
        lab.restart()
    if not at_once:
        await lab.elapse(100)
        assert {lab.ready(key) for key in objects} == {("True", "Available")}
    for key in objects:
        lab.cluster.delete(key)
    await lab.elapse(200)
    assert [(key, lab.message(key)) for key in objects if lab.cluster.raw(key) is not None] == []
    for sample in SAMPLES.values():
        left = [r for r in lab.resources(sample.family) if "Default" not in r.values()]
        assert left == [], sample.kind


@restarts
async def test_a_stranger_is_no_successor_of_an_old_record(*, restarted: bool) -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    await lab.elapse(60)
    lab.simulator.remove("ModelProxy", "it")
    await by_hand(lab, "ModelProxy", PROXY_BODY)
    lab.cluster.delete(key)
    if restarted:
        lab.restart()
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1


IGNORING = ("ModelProxy", "SandboxTemplate", "IMBot")


async def edited_in_agentrun(lab: Lab, key: ObjectKey) -> None:
    rest = rest_of(key.kind)
    await lab.outsider().update(
        rest, Locator(cloud_key(lab, key)), {"description": "edited in the console"}
    )


@pytest.mark.parametrize("at_once", [False, True], ids=["lives on", "deleted at once"])
@restarts
@pytest.mark.parametrize("kind", IGNORING)
async def test_what_others_may_edit_hides_nothing_of_its_own(
    kind: str, *, restarted: bool, at_once: bool
) -> None:
    sample = SAMPLES[kind]
    more = {"ignoreFields": ["description"], "description": "first"}
    lab, key, old = await made_again(sample, **more)
    await edited_in_agentrun(lab, key)
    lab.cluster.put_status(key, old)
    if at_once:
        lab.cluster.delete(key)
    if restarted:
        lab.restart()
    await lab.elapse(60)
    if not at_once:
        assert lab.ready(key) == ("True", "Available"), lab.message(key)
        assert status_of(lab, key)["adopted"] is False
        lab.cluster.delete(key)
        await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []


@restarts
@pytest.mark.parametrize("is_edited", [True, False], ids=["edited", "as it was made"])
async def test_a_stranger_that_differs_in_what_is_ignored_stays(
    *, restarted: bool, is_edited: bool
) -> None:
    lab, key = await ready(SAMPLES["ModelProxy"], ignoreFields=["description"])
    await lab.elapse(60)
    lab.simulator.remove("ModelProxy", "it")
    await by_hand(lab, "ModelProxy", {**PROXY_BODY, **({"cpu": 4} if is_edited else {})})
    if is_edited:
        await edited_in_agentrun(lab, key)
    lab.cluster.delete(key)
    if restarted:
        lab.restart()
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1


@restarts
async def test_nothing_is_told_by_what_is_left_to_others_alone(*, restarted: bool) -> None:
    sample = SAMPLES["Workspace"]
    lab, key, old = await made_again(sample, description="first", ignoreFields=["description"])
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    await by_hand(lab, "Workspace", {"name": "it", "description": "made by hand"})
    (stranger,) = made(lab, sample)
    rest = rest_of("Workspace")
    at = Locator(rest.external_id_of(stranger))
    await lab.outsider().update(rest, at, {"description": "edited in the console"})
    lab.cluster.put_status(key, old)
    lab.cluster.delete(key)
    if restarted:
        lab.restart()
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, sample)) == 1


@pytest.mark.parametrize("at_once", [False, True], ids=["lives on", "deleted at once"])
@restarts
@pytest.mark.parametrize("kind", SAMPLES)
async def test_another_objects_status_hides_nothing_of_its_own(
    kind: str, *, restarted: bool, at_once: bool
) -> None:
    sample = SAMPLES[kind]
    lab, key = await ready(sample)
    other = lab.cluster.apply(kind, "other", sample.spec)
    await lab.elapse(30)
    before = lab.get(key).external_id
    since = lab.simulator.requests()[-1]["seq"]
    lab.cluster.put_status(key, status_of(lab, other))
    if restarted:
        lab.restart()
    if not at_once:
        await lab.elapse(30)
        assert lab.ready(key) == ("True", "Available"), lab.message(key)
        assert (lab.get(key).external_id, lab.get(key).status["adopted"]) == (before, False)
        # What no read shows may be sent once more.
        assert set(lab.writes_to_cloud(since)) <= {"UpdateModelService", "UpdateIMBot"}
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert ids(lab, sample) == [lab.get(other).external_id], (
        "its own is gone, the other one is not touched"
    )
    assert lab.ready(other) == ("True", "Available")


@pytest.mark.parametrize("paused", [False, True], ids=["active", "paused"])
@restarts
async def test_no_generation_of_a_namesake_is_kept(*, restarted: bool, paused: bool) -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    for description in ("second", "third"):
        lab.edit(key, description=description)
        await lab.elapse(40)
    old = status_of(lab, key)
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    lab.cluster.apply("ModelProxy", key.name, PROXY)
    await lab.elapse(40)
    if paused:
        lab.annotate(key, paused="true")
        await lab.elapse(5)
    if restarted:
        lab.restart()
    spoken: list[int] = []
    notify = lab.cluster.notify

    def noting(event: str, raw: dict[str, Any]) -> None:
        if raw["status"] != old:
            spoken.extend(c["observedGeneration"] for c in raw["status"]["conditions"])
            spoken.append(raw["status"]["observedGeneration"])
        notify(event, raw)

    lab.cluster.notify = noting
    lab.cluster.put_status(key, old)
    await lab.elapse(60)
    assert spoken, "the engine wrote"
    assert max(spoken) <= lab.get(key).generation == 1
    if not paused:
        assert lab.ready(key) == ("True", "Available"), lab.message(key)
        assert lab.get(key).observed_generation == 1
