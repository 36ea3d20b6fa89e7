"""A watch that is late or silent: what the cluster holds is read before it is written anew."""

import pytest

from agentrun_operator.reconcile.ports import ClusterUnavailable, Json
from engine.specs import PROXY, SAMPLES, made
from fakes.calls import FailsOnce
from fakes.lab import Lab


def silence(lab: Lab) -> None:
    """Lose every event from now on."""
    lab.cluster.notify = lambda _event, _raw: None


@pytest.mark.parametrize("call", ["write_status", "add_finalizer"])
async def test_a_write_without_an_answer_is_not_undone(call: str) -> None:
    lab = Lab()
    await lab.ready_account()
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    lab.deliver()
    written: list[Json] = []
    lab.cluster.notify = lambda _event, raw: written.append(raw)
    lab.calls.after = FailsOnce(call)
    await lab.elapse(150)
    assert lab.ready(key) == ("True", "Available")
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1
    times = set()
    for raw in written:
        for condition in raw["status"].get("conditions") or ():
            if (condition["type"], condition["status"]) == ("Ready", "False"):
                times.add(condition["lastTransitionTime"])
    assert len(times) == 1, "a condition moved without a flip"


async def test_a_conflict_without_a_watch_event_is_looked_into() -> None:
    lab = Lab()
    await lab.ready_account()
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    lab.deliver()
    silence(lab)
    lab.annotate(key, poll_interval="60")
    await lab.elapse(20)
    assert lab.ready(key) == ("True", "Available")


async def test_an_unanswered_write_to_what_is_gone_by_now_ends() -> None:
    lab = Lab()
    await lab.ready_account()
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    lab.deliver()
    silence(lab)

    def lose(_name: str) -> None:
        lab.calls.after = lambda _name: None
        lab.cluster.vanish(key)
        raise ClusterUnavailable("the connection broke")

    lab.calls.after = lose
    await lab.elapse(20)
    assert lab.world.cache.get(key) is None
    assert made(lab, SAMPLES["ModelProxy"]) == []


async def test_a_name_that_comes_free_while_nobody_watched_is_taken() -> None:
    lab = Lab()
    await lab.ready_account()
    spec = {**PROXY, "externalName": "one", "deletionPolicy": "Retain"}
    first = lab.cluster.apply("ModelProxy", "first", spec)
    lab.clock.advance(2)
    second = lab.cluster.apply("ModelProxy", "second", spec)
    await lab.drain()
    assert lab.ready(second) == ("False", "ExternalNameConflict")
    lab.clock.advance(2)
    notify = lab.cluster.notify
    silence(lab)
    lab.cluster.vanish(first)
    lab.cluster.notify = notify
    lab.cluster.apply("ModelProxy", "first", spec)
    await lab.drain()
    assert lab.ready(second)[1] != "ExternalNameConflict", "another object came after it"


async def test_what_a_late_watch_tells_of_an_end_wakes_nobody() -> None:
    lab = Lab()
    await lab.ready_account()
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(60)
    lab.cluster.delete(key)
    marked = lab.cluster.raw(key)
    assert marked is not None
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    lab.cluster.apply("ModelProxy", "next", {**PROXY, "externalName": "it"})
    await lab.elapse(60)
    lab.calls.take()
    lab.cluster.notify("MODIFIED", marked)
    await lab.drain()
    assert lab.calls.take() == []
