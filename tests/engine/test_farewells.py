"""What is told of a resource when its object goes: the truth, in whatever order things happen."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, cloud_key, lab_for, made, ready
from fakes.calls import Crash
from fakes.lab import Lab

RUNTIME = SAMPLES["AgentRuntime"]
PROXY = SAMPLES["ModelProxy"]
SLOW = {"action": "Delete.*", "effect": "slow", "seconds": 60, "times": None}
DOWN = {"effect": "error", "status": 503, "code": "ServiceUnavailable", "times": None}


def inject(lab: Lab, fault: dict[str, object]) -> None:
    lab.simulator.inject(Fault.model_validate(fault))


def told(lab: Lab) -> tuple[str, str]:
    """Return reason and message of the last event of the object `it`."""
    last = [e for e in lab.cluster.events if e.key.name == "it"][-1]
    return last.reason, last.message


def deletes(lab: Lab) -> int:
    return len([name for name in lab.calls.names if name.startswith("Delete")])


async def refused_to_go() -> tuple[Lab, ObjectKey]:
    """Return a deleted object whose DELETE the cloud refuses until its faults are cleared."""
    lab, key = await ready(RUNTIME)
    in_use = {"status": 409, "code": "ERR_RESOURCE_IN_USE", "message": "in use by X"}
    inject(lab, {"action": "Delete.*", "effect": "error", "times": None, **in_use})
    lab.cluster.delete(key)
    await lab.elapse(30)
    return lab, key


def crash_at_delete(lab: Lab) -> None:
    """Let the process die right after DELETE, before it can say so."""

    def crash(name: str) -> None:
        if name.startswith("Delete"):
            lab.calls.before = lambda _name: None
            lab.calls.crash_after = 1

    lab.calls.before = crash


@pytest.mark.parametrize("restarts", [False, True], ids=["one process", "another process"])
async def test_delete_then_retain(*, restarts: bool) -> None:
    lab, key = await ready(RUNTIME)
    inject(lab, SLOW)
    lab.cluster.delete(key)
    await lab.elapse(2)
    sent = lab.get(key).status["deleteSentAt"]
    if restarts:
        lab.restart()
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(2)
    assert lab.cluster.raw(key) is None, "it is released"
    reason, message = told(lab)
    assert reason == "DeleteSent"
    assert message.startswith(f"DELETE had been sent at {sent}, before the resource was to be kept")
    assert message.endswith("; the cloud is deleting it")
    assert deletes(lab) == 1


@pytest.mark.parametrize("kind", ["AgentRuntime", "Credential"])
async def test_a_crash_right_after_delete_forgets_nothing(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    if kind == "AgentRuntime":
        inject(lab, SLOW)
    crash_at_delete(lab)
    lab.cluster.delete(key)
    with pytest.raises(Crash):
        await lab.drain()
    assert deletes(lab) == 1
    lab.restart()
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(5)
    assert lab.cluster.raw(key) is None
    reason, message = told(lab)
    assert reason in ("DeleteSent", "Deleted")
    assert message.startswith("DELETE had been sent at 2026-")


async def test_retain_then_delete_before_release() -> None:
    lab, key = await ready(RUNTIME, deletionPolicy="Retain")
    lab.cluster.delete(key)
    lab.edit(key, deletionPolicy="Delete")
    await lab.elapse(20)
    assert lab.cluster.raw(key) is None
    assert made(lab, RUNTIME) == []
    assert told(lab) == ("Deleted", "the cloud resource is gone")


async def test_what_was_deleted_to_be_made_anew_is_not_called_retained() -> None:
    lab = await lab_for(PROXY)
    inject(lab, {"action": "Create.*", "effect": "create-failed", "reason": "no image"})
    key = lab.cluster.apply(PROXY.kind, "it", {**PROXY.spec, "deletionPolicy": "Retain"})
    await lab.elapse(60)
    lab.edit(key, description="better")
    while not deletes(lab):
        await lab.elapse(0.1)
    lab.cluster.delete(key)
    await lab.elapse(5)
    assert lab.cluster.raw(key) is None
    assert told(lab)[0] == "DeleteSent"


async def test_retain_from_the_beginning() -> None:
    lab, key = await ready(RUNTIME, deletionPolicy="Retain")
    lab.cluster.delete(key)
    await lab.elapse(5)
    assert told(lab) == ("Retained", "left the cloud resource alone")
    assert len(made(lab, RUNTIME)) == 1


async def test_delete_and_retain_while_nobody_can_be_asked() -> None:
    """No DELETE went out, so nothing else may be said."""
    lab, key = await ready(RUNTIME)
    inject(lab, DOWN)
    lab.cluster.delete(key)
    await lab.elapse(120)
    assert lab.ready(key) == ("False", "ProviderUnavailable")
    assert "the deletion waits: Account team-a/default" in lab.message(key)
    assert "deleteSentAt" not in lab.get(key).status
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(5)
    assert told(lab) == ("Retained", "left the cloud resource alone")
    assert len(made(lab, RUNTIME)) == 1
    assert deletes(lab) == 0


async def test_an_outage_after_delete_hides_the_end_and_says_so() -> None:
    lab, key = await ready(RUNTIME)
    inject(lab, SLOW)
    lab.cluster.delete(key)
    await lab.elapse(2)
    inject(lab, DOWN)
    await lab.elapse(100)
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(5)
    assert lab.cluster.raw(key) is None, "retaining needs no cloud"
    reason, message = told(lab)
    assert reason == "DeleteSent"
    assert message.endswith("; nobody can see what became of it")


async def test_a_delete_whose_answer_was_lost_counts_as_sent() -> None:
    lab, key = await ready(RUNTIME)
    inject(lab, {"action": "Delete.*", "effect": "drop-after", "times": 1})
    lab.cluster.delete(key)
    await lab.drain()
    assert lab.get(key).status["deleteSentAt"]
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(5)
    assert told(lab)[0] == "DeleteSent"


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 409, "code": "ERR_RESOURCE_IN_USE", "message": "in use by X"},
        {"status": 403, "code": "Forbidden.RAM"},
        {"status": 429, "code": "Throttling.User"},
    ],
    ids=["in use", "denied", "throttled"],
)
async def test_a_delete_that_was_refused_is_not_called_sent(fault: dict[str, object]) -> None:
    lab, key = await ready(RUNTIME)
    inject(lab, {"action": "Delete.*", "effect": "error", "times": None, **fault})
    lab.cluster.delete(key)
    await lab.elapse(1)
    assert "deleteSentAt" not in lab.get(key).status
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(5)
    assert told(lab) == ("Retained", "left the cloud resource alone")
    assert len(made(lab, RUNTIME)) == 1


async def test_a_delete_that_goes_on_being_refused_writes_nothing_more() -> None:
    lab, key = await refused_to_go()
    assert lab.ready(key) == ("False", "DeletionBlocked")
    lab.calls.take()
    await lab.elapse(1200)
    assert deletes(lab) > 2
    assert "write_status" not in lab.calls.names


async def test_an_unrecorded_try_that_was_accepted_is_seen_by_a_look() -> None:
    lab, key = await refused_to_go()
    lab.simulator.clear_faults()
    inject(lab, SLOW)
    crash_at_delete(lab)
    with pytest.raises(Crash):
        await lab.elapse(400)
    assert "deleteSentAt" not in lab.get(key).status
    lab.restart()
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(5)
    assert told(lab)[0] == "DeleteSent"
    assert told(lab)[1].endswith("; the cloud is deleting it")


async def test_an_unrecorded_try_that_nobody_can_look_for_is_told() -> None:
    lab, key = await refused_to_go()
    lab.simulator.clear_faults()
    crash_at_delete(lab)
    with pytest.raises(Crash):
        await lab.elapse(400)
    inject(lab, DOWN)
    lab.restart()
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(60)
    assert told(lab)[0] == "Retained"
    assert told(lab)[1].endswith("nobody can see whether a DELETE reached it before")


async def test_delete_failed_then_retain() -> None:
    lab, key = await ready(RUNTIME)
    inject(lab, {"effect": "delete-failed", "reason": "still busy", "times": None})
    lab.cluster.delete(key)
    await lab.elapse(20)
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(5)
    assert lab.cluster.raw(key) is None
    reason, message = told(lab)
    assert reason == "Retained"
    assert message.startswith("DELETE had been sent at 2026-")
    assert message.endswith("; the cloud could not delete it, and it was left there")
    assert len(made(lab, RUNTIME)) == 1


async def test_what_went_before_delete_was_already_gone() -> None:
    lab, key = await ready(RUNTIME)
    lab.simulator.remove("AgentRuntime", cloud_key(lab, key))
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert told(lab) == ("AlreadyGone", "the cloud resource was already gone")
    assert deletes(lab) == 0


async def test_somebody_else_made_one_of_that_name_meanwhile() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    inject(lab, {**SLOW, "seconds": 4})
    lab.cluster.delete(key)
    await lab.elapse(20)
    assert told(lab) == ("Deleted", "the cloud resource is gone")


async def test_an_adopted_resource_is_kept_and_never_called_deleted() -> None:
    lab, key = await ready(RUNTIME)
    lab.cluster.put_status(key, {**lab.get(key).status, "adopted": True})
    lab.restart()  # the process that made it would know better
    await lab.drain()
    lab.cluster.delete(key)
    await lab.elapse(10)
    assert told(lab) == ("Retained", "left the cloud resource alone")
    assert len(made(lab, RUNTIME)) == 1


async def test_observing_instead_of_retaining_is_told_the_same() -> None:
    lab, key = await ready(RUNTIME)
    inject(lab, SLOW)
    lab.cluster.delete(key)
    await lab.elapse(2)
    lab.edit(key, managementPolicy="Observe")
    await lab.elapse(2)
    assert lab.cluster.raw(key) is None
    assert told(lab)[0] == "DeleteSent"


async def test_what_an_older_version_was_deleting_is_told() -> None:
    lab, key = await ready(RUNTIME)
    inject(lab, SLOW)
    lab.cluster.delete(key)
    await lab.elapse(2)
    status = {k: v for k, v in lab.get(key).status.items() if k != "deleteSentAt"}
    lab.cluster.put_status(key, status)
    lab.restart()
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(2)
    reason, message = told(lab)
    assert reason == "DeleteSent"
    assert message.startswith("the cloud was deleting the resource already")


async def test_a_restored_object_drops_the_record_of_another_deletion() -> None:
    lab, key = await ready(RUNTIME)
    lab.cluster.put_status(key, {**lab.get(key).status, "deleteSentAt": "2026-01-05T09:00:00Z"})
    lab.restart()
    await lab.elapse(100)
    assert "deleteSentAt" not in lab.get(key).status
    lab.edit(key, deletionPolicy="Retain")
    lab.cluster.delete(key)
    await lab.elapse(5)
    assert told(lab) == ("Retained", "left the cloud resource alone")


async def test_a_version_from_before_the_release_tells_nothing_anew() -> None:
    lab, key = await ready(PROXY)
    notify = lab.cluster.notify
    late: list[tuple[str, dict[str, Any]]] = []

    def edit_unseen(name: str) -> None:
        if name == "remove_finalizer":
            lab.calls.before = lambda _name: None
            lab.cluster.notify = lambda event, raw: late.append((event, raw))
            lab.edit(key, deletionPolicy="Retain")

    lab.calls.before = edit_unseen
    lab.cluster.delete(key)
    await lab.elapse(10)
    assert [event for event, _ in late] == ["MODIFIED", "DELETED"]
    assert told(lab) == ("Deleted", "the cloud resource is gone")
    for event, raw in late:
        notify(event, raw)
        await lab.drain()
    assert told(lab) == ("Deleted", "the cloud resource is gone"), "that is the truth, and the last"
