"""Events of namespaces: their turns, what goes first, and who loses where there are too many."""

import asyncio
from typing import Any

import pytest
import structlog

from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kube.event_turns import MAX_IN_ALL, MAX_WAITING
from agentrun_operator.kube.events import PER_SECOND, BackgroundEventRecorder
from agentrun_operator.reconcile.ports import Json
from unit.kube.scripted_cluster import ManualClock, ScriptedClient, raw_widget


def widget(namespace: str) -> KubeObject:
    raw = raw_widget(uid=f"uid-of-{namespace}")
    raw["metadata"]["namespace"] = namespace
    return KubeObject.of(raw, "Widget")


class Tenants:
    """A recorder, and what it posted of whom."""

    def __init__(self) -> None:
        self.client = ScriptedClient()
        self.clock = ManualClock()
        self.recorder = BackgroundEventRecorder(self.client, self.clock)

    def tell(self, namespace: str, count: int = 1, kind: Any = "Normal", word: str = "it") -> None:
        for number in range(count):
            self.recorder.emit(widget(namespace), kind, "Told", f"{word}-{number}")

    async def posted(self) -> list[tuple[str, str]]:
        """Return namespace and message of each."""
        stop = asyncio.Event()
        stop.set()
        self.client.answers.extend([{}] * (MAX_IN_ALL + 1))
        await self.recorder.run(stop)
        bodies: list[Json] = [body for _, _, body in self.client.asked]
        return [(each["metadata"]["namespace"], each["message"]) for each in bodies]


@pytest.mark.parametrize("count", [1, MAX_WAITING, MAX_WAITING + 100, MAX_IN_ALL + 100])
@pytest.mark.parametrize("kind", ["Normal", "Warning"])
async def test_one_namespace_keeps_no_other_waiting(count: int, kind: str) -> None:
    run = Tenants()
    run.tell("loud", count, kind)
    run.tell("calm", kind="Warning", word="help")
    posted = await run.posted()
    assert posted.index(("calm", "help-0")) <= 1
    assert len(posted) == min(count, MAX_WAITING) + 1


async def test_turns_go_round_the_namespaces() -> None:
    run = Tenants()
    for namespace, count in (("a", 3), ("b", 2), ("c", 1)):
        run.tell(namespace, count)
    assert [name for name, _ in await run.posted()] == ["a", "b", "c", "a", "b", "a"]


async def test_warnings_of_a_namespace_go_first() -> None:
    run = Tenants()
    run.tell("a", 2)
    run.tell("a", 2, "Warning", "help")
    expected = ["help-0", "help-1", "it-0", "it-1"]
    assert [message for _, message in await run.posted()] == expected


@pytest.mark.parametrize("kind", ["Normal", "Warning"])
async def test_of_a_full_namespace_a_warning_costs_the_newest(kind: str) -> None:
    run = Tenants()
    run.tell("a", MAX_WAITING, kind)
    run.tell("a", kind="Warning", word="help")
    messages = {message for _, message in await run.posted()}
    assert ("help-0" in messages) == (kind == "Normal")
    assert (f"it-{MAX_WAITING - 1}" in messages) == (kind == "Warning")
    assert len(messages) == MAX_WAITING


async def test_of_too_many_the_namespace_with_most_loses() -> None:
    run = Tenants()
    with structlog.testing.capture_logs() as logs:
        for number in range(MAX_IN_ALL - MAX_WAITING):
            run.tell(f"small-{number}")
        run.tell("loud", MAX_WAITING)
        assert logs == []
        run.tell("late", 2, word="late")
    posted = await run.posted()
    assert len(posted) == MAX_IN_ALL
    assert sum(name == "loud" for name, _ in posted) == MAX_WAITING - 2
    assert {("late", "late-0"), ("late", "late-1")} <= {*posted}
    told = [(each["event"], each["log_level"]) for each in logs]
    assert told == [("an Event is lost", "warning"), ("another Event is lost", "debug")]


async def test_of_equals_the_newcomer_loses() -> None:
    run = Tenants()
    for number in range(MAX_IN_ALL + 1):
        run.tell(f"small-{number}")
    names = [name for name, _ in await run.posted()]
    assert names == [f"small-{number}" for number in range(MAX_IN_ALL)]


async def test_a_warning_that_comes_while_others_are_paced_goes_first() -> None:
    run = Tenants()
    run.tell("a", 200)
    told_at: list[int] = []

    def tell_late() -> Json:
        told_at.append(len(run.client.asked))
        run.tell("b", kind="Warning", word="help")
        return {}

    run.client.answers.extend([*[{}] * 99, tell_late])
    posted = await run.posted()
    assert told_at == [100]
    assert posted.index(("b", "help-0")) <= 101
    assert sum(run.clock.slept) >= 100 / PER_SECOND
