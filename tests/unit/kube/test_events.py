"""Events: their shape, what is suppressed, and that their loss harms nobody."""

import asyncio

import pytest
import structlog

from agentrun_operator.kube.event_turns import MAX_WAITING
from agentrun_operator.kube.events import (
    BURST,
    DEDUPE_SECONDS,
    MAX_MESSAGE,
    PER_SECOND,
    BackgroundEventRecorder,
)
from agentrun_operator.reconcile.ports import ClusterForbidden, Json
from unit.kube.scripted_cluster import Answer, ManualClock, ScriptedClient, widget


class Run:
    """A recorder, run until everything that was emitted has been posted."""

    def __init__(self, *answers: Answer) -> None:
        self.client = ScriptedClient(*answers)
        self.clock = ManualClock()
        self.recorder = BackgroundEventRecorder(self.client, self.clock)

    async def posted(self) -> list[Json]:
        stop = asyncio.Event()
        stop.set()
        if not self.client.answers:
            self.client.answers.extend([{}] * (MAX_WAITING + 1))
        await self.recorder.run(stop)
        return [body for _, _, body in self.client.asked]


async def test_an_event_says_who_what_and_why() -> None:
    run = Run()
    run.recorder.emit(widget(), "Warning", "CannotCreate", "no quota")
    (event,) = await run.posted()
    assert run.client.asked[0][1] == "/api/v1/namespaces/team/events"
    assert event["metadata"]["name"].startswith("chat.")
    assert event["involvedObject"] == {
        "apiVersion": "agentrun.dev/v1alpha1",
        "kind": "Widget",
        "namespace": "team",
        "name": "chat",
        "uid": "uid-1",
        "resourceVersion": "7",
    }
    assert event["source"] == {"component": "agentrun-operator"}
    assert (event["type"], event["reason"], event["message"]) == (
        "Warning",
        "CannotCreate",
        "no quota",
    )
    assert event["firstTimestamp"] == event["lastTimestamp"]


async def test_long_messages_are_cut_to_what_the_server_takes() -> None:
    run = Run()
    run.recorder.emit(widget(), "Normal", "Created", "x" * 5000)
    (event,) = await run.posted()
    assert len(event["message"]) == MAX_MESSAGE
    assert event["message"].endswith("…")


async def test_a_repetition_within_ten_minutes_is_dropped() -> None:
    run = Run()
    for _ in range(3):
        run.recorder.emit(widget(), "Normal", "Created", "same")
    run.recorder.emit(widget(), "Normal", "Created", "other")
    run.clock.seconds += DEDUPE_SECONDS
    run.recorder.emit(widget(), "Normal", "Created", "same")
    assert [e["message"] for e in await run.posted()] == ["same", "other", "same"]


@pytest.mark.parametrize("length", [10, MAX_MESSAGE - 20, MAX_MESSAGE, 2 * MAX_MESSAGE])
async def test_another_request_id_makes_no_other_event(length: int) -> None:
    run = Run()
    for number in range(3):
        told = f"{'x' * length} (request id {number}A1B2C3D-4E5F)"
        run.recorder.emit(widget(), "Warning", "ProviderFailed", told)
    assert len(await run.posted()) == 1


async def test_names_differ_within_one_second() -> None:
    run = Run()
    run.recorder.emit(widget(), "Normal", "Created", "one")
    run.recorder.emit(widget(), "Normal", "Created", "two")
    names = {e["metadata"]["name"] for e in await run.posted()}
    assert len(names) == 2


async def test_a_burst_passes_and_the_rest_is_paced() -> None:
    run = Run()
    extra = 20
    for number in range(int(BURST) + extra):
        run.recorder.emit(widget(), "Normal", "Created", str(number))
    await run.posted()
    assert sum(run.clock.slept) == pytest.approx(extra / PER_SECOND)


async def test_too_many_are_dropped_with_one_warning() -> None:
    run = Run()
    with structlog.testing.capture_logs() as logs:
        for number in range(MAX_WAITING + 5):
            run.recorder.emit(widget(), "Normal", "Created", str(number))
    assert len(await run.posted()) == MAX_WAITING
    assert [log["event"] for log in logs if log["log_level"] == "warning"] == ["an Event is lost"]


async def test_a_refused_event_is_forgotten_and_the_next_one_posted() -> None:
    run = Run(ClusterForbidden("rbac"), {})
    run.recorder.emit(widget(), "Normal", "Created", "one")
    run.recorder.emit(widget(), "Normal", "Created", "two")
    with structlog.testing.capture_logs() as logs:
        assert len(await run.posted()) == 2
    assert [log["event"] for log in logs] == ["an Event is lost"]
