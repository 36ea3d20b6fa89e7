"""An edit does not wait for a resync, and a resync not for ever for edits."""

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.queue import WorkQueue
from fakes.clock import VirtualClock
from fakes.metrics import CountingMetrics


def key(name: str) -> ObjectKey:
    return ObjectKey("ModelProxy", "team-a", name)


def queue() -> WorkQueue:
    return WorkQueue(VirtualClock(), CountingMetrics())


async def test_what_changed_goes_before_routine() -> None:
    subject = queue()
    for n in range(100):
        subject.add(key(f"routine-{n}"), fresh=False)
    subject.add(key("edited"))
    taken = [(await subject.take()).key.name for _ in range(2)]
    assert taken == ["edited", "routine-0"]


async def test_a_routine_pass_that_becomes_urgent_moves_ahead() -> None:
    subject = queue()
    for n in range(100):
        subject.add(key(f"routine-{n}"), fresh=False)
    subject.add(key("routine-70"))
    assert (await subject.take()).key.name == "routine-70"
    assert (await subject.take()).key.name == "routine-0"


async def test_routine_does_not_starve() -> None:
    subject = queue()
    subject.add(key("routine"), fresh=False)
    served = []
    for n in range(20):
        subject.add(key(f"edit-{n}"))
        subject.add(key(f"another-{n}"))
        work = await subject.take()
        subject.done(work.key)
        served.append(work.key.name)
    assert "routine" in served


async def test_what_was_forgotten_is_in_no_lane() -> None:
    subject = queue()
    subject.add(key("gone"))
    subject.add(key("there"), fresh=False)
    subject.forget(key("gone"))
    assert (await subject.take()).key.name == "there"
