"""Kinds that are created and end: verbs, restart policy, time to live, incarnations."""

from contextlib import suppress
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, made, ready
from fakes.calls import Crash
from fakes.cloud import OTHER, keys_of
from fakes.lab import Lab, account_spec

SANDBOXES = SAMPLES["Sandbox"]


def states(lab: Lab) -> list[str]:
    return [str(r["status"]) for r in made(lab, SANDBOXES)]


async def ended(**spec: Any) -> tuple[Lab, ObjectKey]:
    """Return a lab whose sandbox ended by idleness a moment ago."""
    lab, key = await ready(SANDBOXES, idleTimeoutSeconds=30, **spec)
    await lab.elapse(100)
    return lab, key


async def test_pause_resume_and_stop() -> None:
    lab, key = await ready(SANDBOXES)
    lab.edit(key, desiredState="Paused")
    await lab.elapse(5)
    assert states(lab) == ["PAUSED"]
    assert lab.ready(key) == ("True", "Available")
    lab.edit(key, desiredState="Running")
    await lab.elapse(5)
    assert states(lab) == ["READY"]
    lab.edit(key, desiredState="Stopped")
    await lab.elapse(5)
    assert states(lab) == ["TERMINATED"]
    assert lab.ready(key) == ("True", "Completed")
    verbs = [n for n in lab.calls.names if n.startswith(("Pause", "Resume", "Stop"))]
    assert verbs == ["PauseSandbox", "ResumeSandbox", "StopSandbox"]


async def test_a_state_changed_by_others_is_corrected_or_reported() -> None:
    lab, key = await ready(SANDBOXES)
    [found] = made(lab, SANDBOXES)
    lab.simulator.edit("Sandbox", found["sandboxId"], {"status": "PAUSED"})
    await lab.elapse(70)
    assert states(lab) == ["READY"]
    lab.edit(key, driftPolicy="Report")
    await lab.elapse(5)
    lab.simulator.edit("Sandbox", found["sandboxId"], {"status": "PAUSED"})
    await lab.elapse(70)
    assert states(lab) == ["PAUSED"]
    assert lab.ready(key) == ("False", "DriftDetected")
    assert "desiredState" in lab.message(key)
    assert [d["path"] for d in lab.get(key).status["drift"]] == ["desiredState"]


async def test_a_verb_that_changes_nothing_is_not_called_for_ever() -> None:
    lab, key = await ready(SANDBOXES)
    [found] = made(lab, SANDBOXES)

    def undo(name: str) -> None:
        if name == "PauseSandbox":
            lab.simulator.edit("Sandbox", found["sandboxId"], {"status": "READY"})

    lab.calls.after = undo
    lab.edit(key, desiredState="Paused")
    await lab.elapse(300)
    assert lab.calls.names.count("PauseSandbox") == 2
    assert lab.ready(key) == ("False", "UnexpectedEcho")
    assert "desiredState" in lab.message(key)
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(50)
    assert lab.calls.names.count("PauseSandbox") == 4, "asked to try again"


async def test_two_masters_of_a_state_do_not_fight() -> None:
    lab, key = await ready(SANDBOXES, idleTimeoutSeconds=20_000)
    [found] = made(lab, SANDBOXES)
    for _ in range(50):
        lab.simulator.edit("Sandbox", found["sandboxId"], {"status": "PAUSED"})
        await lab.elapse(70)
    assert lab.ready(key) == ("False", "Contested")
    assert "desiredState" in lab.message(key)
    assert lab.calls.names.count("ResumeSandbox") <= 9


async def test_a_state_counts_as_corrected_despite_a_lost_answer() -> None:
    lab, key = await ready(SANDBOXES, idleTimeoutSeconds=20_000)
    ident = lab.get(key).external_id or ""
    for _ in range(8):
        fault = {"action": "ResumeSandbox", "effect": "drop-after", "times": 1}
        lab.simulator.inject(Fault.model_validate(fault))
        lab.simulator.edit("Sandbox", ident, {"status": "PAUSED"})
        await lab.elapse(70)
    assert lab.calls.names.count("ResumeSandbox") == 5
    assert lab.ready(key) == ("False", "Contested")


async def test_an_end_is_completion_and_stays_so() -> None:
    lab, key = await ended()
    assert lab.ready(key) == ("True", "Completed")
    assert lab.condition(key, "Reconciling") == ("", "")
    version = lab.get(key).resource_version
    lab.calls.take()
    lab.restart()
    await lab.elapse(1000)
    assert lab.get(key).resource_version == version
    assert set(lab.calls.take()) == {"GetCallerIdentity", "GetTemplate"}, "nothing of the sandbox"
    assert len(made(lab, SANDBOXES)) == 1


async def test_the_next_incarnation_follows_where_asked() -> None:
    lab, key = await ended(restartPolicy="Always")
    await lab.elapse(10)
    assert len(states(lab)) == 1, "those before are removed"
    status = lab.get(key).status
    assert status["incarnation"] >= 1
    assert status["externalId"] == f"k8s-{lab.get(key).uid}-{status['incarnation']}"
    assert status["adopted"] is False


async def test_a_crash_between_two_incarnations_makes_no_duplicate() -> None:
    for calls in range(1, 8):
        lab, key = await ready(SANDBOXES, restartPolicy="Always")
        [found] = made(lab, SANDBOXES)
        lab.simulator.edit("Sandbox", found["sandboxId"], {"status": "TERMINATED"})
        lab.annotate(key, reconcile_requested_at="now")
        lab.calls.crash_after = calls
        with suppress(Crash):
            await lab.elapse(10)
        lab.restart()
        await lab.elapse(90)
        assert states(lab).count("READY") == 1
        assert states(lab) == ["READY"], "the one that ended is removed, whoever has to do it"
        assert lab.ready(key) == ("True", "Available")
        assert lab.get(key).status["incarnation"] == 1


async def test_a_removal_that_fails_does_not_keep_the_next_one_waiting() -> None:
    lab, key = await ready(SANDBOXES, restartPolicy="Always")
    lab.simulator.inject(Fault.model_validate({"action": "DeleteSandbox", "effect": "error"}))
    [found] = made(lab, SANDBOXES)
    lab.simulator.edit("Sandbox", found["sandboxId"], {"status": "TERMINATED"})
    await lab.elapse(70)
    assert lab.ready(key) == ("True", "Available")
    assert sorted(states(lab)) == ["READY", "TERMINATED"]


@pytest.mark.parametrize("is_deleted", [False, True], ids=["lives on", "deleted"])
async def test_the_last_incarnation_is_found_without_a_record(*, is_deleted: bool) -> None:
    lab, key = await ready(SANDBOXES, restartPolicy="Always")
    [found] = made(lab, SANDBOXES)
    lab.simulator.edit("Sandbox", found["sandboxId"], {"status": "TERMINATED"})
    await lab.elapse(70)
    last = lab.get(key).external_id
    assert lab.get(key).status["incarnation"] == 1
    lab.cluster.reset_status(key)
    if is_deleted:
        lab.cluster.delete(key)
    lab.restart()
    await lab.elapse(30)
    if is_deleted:
        assert lab.cluster.raw(key) is None
        assert made(lab, SANDBOXES) == []
        return
    assert [r["sandboxId"] for r in made(lab, SANDBOXES)] == [last]
    assert lab.get(key).external_id == last
    assert lab.get(key).status["incarnation"] == 1


async def restored(**spec: Any) -> tuple[Lab, ObjectKey]:
    """Return a lab whose sandbox object came back from a backup: same record, another uid."""
    lab, key = await ready(SANDBOXES, **spec)
    raw = lab.cluster.raw(key)
    assert raw is not None
    lab.cluster.put_back(key, raw)
    lab.restart()
    await lab.elapse(30)
    return lab, key


async def test_a_restored_object_takes_its_sandbox_back_and_deletes_it() -> None:
    lab, key = await restored()
    assert lab.ready(key) == ("True", "Available")
    assert len(states(lab)) == 1
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert states(lab) == []


async def test_a_restored_object_goes_on_to_an_incarnation_of_its_own() -> None:
    lab, key = await restored(restartPolicy="Always")
    [found] = made(lab, SANDBOXES)
    lab.simulator.edit("Sandbox", found["sandboxId"], {"status": "TERMINATED"})
    await lab.elapse(70)
    assert states(lab) == ["READY"]
    assert lab.get(key).external_id == f"k8s-{lab.get(key).uid}-1"


async def test_one_that_always_ends_at_once_backs_off() -> None:
    lab, key = await ready(SANDBOXES, restartPolicy="Always")

    async def suffer(seconds: int) -> int:
        for _ in range(seconds // 5):
            for found in made(lab, SANDBOXES):
                if found["status"] == "READY":
                    lab.simulator.edit("Sandbox", found["sandboxId"], {"status": "TERMINATED"})
            lab.annotate(key, reconcile_requested_at=str(lab.clock.monotonic()))
            await lab.elapse(5)
        return lab.calls.take().count("CreateSandbox")

    assert 3 <= await suffer(300) <= 6
    assert lab.ready(key) == ("False", "Creating")
    assert "soon after each start" in lab.message(key)
    assert 1 <= await suffer(900) <= 4
    await lab.elapse(700)
    assert lab.ready(key) == ("True", "Available")
    lab.calls.take()
    assert await suffer(5) == 1, "it lived long enough"


async def test_a_completed_sandbox_goes_when_its_time_is_over() -> None:
    lab, key = await ended(ttlSecondsAfterFinished=50)
    await lab.elapse(60)
    assert made(lab, SANDBOXES) == []
    assert lab.ready(key) == ("True", "Completed")
    assert lab.calls.names.count("DeleteSandbox") == 1
    await lab.elapse(500)
    assert lab.calls.names.count("DeleteSandbox") == 1
    assert lab.calls.names.count("CreateSandbox") == 0


@pytest.mark.parametrize("removed", [True, False], ids=["removed", "still listed"])
async def test_an_edit_does_not_wake_the_dead(*, removed: bool) -> None:
    lab, key = await ended(**({"ttlSecondsAfterFinished": 0} if removed else {}))
    await lab.elapse(10)
    lab.edit(key, deletionPolicy="Delete")
    await lab.elapse(30)
    assert lab.ready(key) == ("True", "Completed")
    assert lab.calls.names.count("CreateSandbox") == 0
    assert lab.get(key).observed_generation == lab.get(key).generation


async def test_asking_for_restarts_later_brings_the_next_one() -> None:
    lab, key = await ended(ttlSecondsAfterFinished=0)
    await lab.elapse(10)
    lab.edit(key, restartPolicy="Always")
    await lab.elapse(10)
    assert "READY" in states(lab)


async def test_a_removal_that_could_not_be_done_is_made_up_for() -> None:
    lab, key = await ended(ttlSecondsAfterFinished=200)
    account = ObjectKey("Account", "team-a", "default")
    lab.cluster.put_secret("default-keys", {"accessKeyId": "main-id"})
    lab.annotate(account, reconcile_requested_at="now")
    await lab.elapse(250)
    assert len(made(lab, SANDBOXES)) == 1
    assert lab.ready(key) == ("True", "Completed")
    lab.cluster.put_secret(
        "default-keys", {"accessKeyId": "main-id", "accessKeySecret": "main-key-canary"}
    )
    await lab.elapse(400)
    assert made(lab, SANDBOXES) == []


async def test_a_removal_that_is_refused_is_tried_again() -> None:
    lab, key = await ended(ttlSecondsAfterFinished=50)
    lab.simulator.inject(
        Fault.model_validate({"action": "DeleteSandbox", "effect": "error", "times": 2})
    )
    await lab.elapse(200)
    assert made(lab, SANDBOXES) == []
    assert lab.ready(key) == ("True", "Completed")


async def test_deleting_an_ended_one() -> None:
    lab, key = await ended()
    lab.cluster.delete(key)
    await lab.elapse(10)
    assert lab.cluster.raw(key) is None
    assert made(lab, SANDBOXES) == []


async def test_stopping_is_final_even_with_restarts() -> None:
    lab, key = await ready(SANDBOXES, restartPolicy="Always", desiredState="Running")
    lab.edit(key, desiredState="Stopped")
    await lab.elapse(60)
    assert states(lab) == ["TERMINATED"]
    assert lab.ready(key) == ("True", "Completed")


async def test_the_time_to_live_counts_from_the_end() -> None:
    lab, key = await ready(SANDBOXES, idleTimeoutSeconds=2000, ttlSecondsAfterFinished=600)
    await lab.elapse(2100)
    assert lab.ready(key) == ("True", "Completed")
    lab.restart()
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(300)
    assert states(lab) == ["TERMINATED"]
    await lab.elapse(400)
    assert states(lab) == []


@pytest.mark.parametrize("calls", range(1, 5))
async def test_a_crash_around_the_removal_brings_none_back(calls: int) -> None:
    lab, key = await ready(SANDBOXES, idleTimeoutSeconds=30, ttlSecondsAfterFinished=0)
    lab.calls.before = lambda name: crash_at(lab, name, calls)
    with suppress(Crash):
        await lab.elapse(100)
    lab.calls.before = lambda _name: None
    lab.restart()
    await lab.elapse(100)
    assert lab.ready(key) == ("True", "Completed")
    assert states(lab) == []
    assert "CreateSandbox" not in lab.calls.take()


def crash_at(lab: Lab, name: str, calls: int) -> None:
    """Let the process die so many calls after it finds out that the sandbox ended."""
    if "TERMINATED" in states(lab) and lab.calls.crash_after is None and name != "DeleteSandbox":
        lab.calls.crash_after = calls


async def test_observing_an_end_whose_time_is_over_is_calm() -> None:
    lab, key = await ended(ttlSecondsAfterFinished=200)
    lab.edit(key, managementPolicy="Observe")
    await lab.elapse(400)
    assert states(lab) == ["TERMINATED"]
    assert lab.ready(key) == ("True", "Completed")


async def test_each_that_ends_is_removed() -> None:
    lab, key = await ended(ttlSecondsAfterFinished=0)
    lab.edit(key, restartPolicy="Always")
    await lab.elapse(10)
    assert "READY" in states(lab)
    lab.edit(key, restartPolicy="Never")
    await lab.elapse(200)
    assert lab.ready(key) == ("True", "Completed")
    assert states(lab) == []


async def test_a_removal_whose_answers_are_lost_wakes_nobody() -> None:
    lab, key = await ended(ttlSecondsAfterFinished=60)
    for fault in (
        {"action": "DeleteSandbox", "effect": "drop-after", "times": 1},
        {"action": "DeleteSandbox", "effect": "error", "status": 503, "times": 5},
    ):
        lab.simulator.inject(Fault.model_validate(fault))
    lab.calls.take()
    await lab.elapse(900)
    assert made(lab, SANDBOXES) == []
    assert "CreateSandbox" not in lab.calls.take()
    assert lab.ready(key) == ("True", "Completed")


async def test_an_account_that_is_exchanged_for_a_while_wakes_no_dead() -> None:
    lab, key = await ended(ttlSecondsAfterFinished=60)
    await lab.elapse(200)
    assert made(lab, SANDBOXES) == []
    lab.cluster.put_secret("other-keys", keys_of(OTHER))
    lab.cluster.apply("Account", "other", account_spec("other-keys", OTHER.account_id))
    await lab.elapse(10)
    for account in ({"name": "other"}, None):
        lab.edit(key, accountRef=account)
        await lab.elapse(100)
        assert lab.ready(key) == ("True", "Completed")
    assert made(lab, SANDBOXES) == []
