"""What is nearly done goes before what was not begun, in its own turn and not for ever."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.queue import WorkQueue
from agentrun_operator.reconcile.turns import MOST_OVERTAKES, Flow, Turns
from fakes.clock import VirtualClock
from fakes.metrics import CountingMetrics


def key(name: str, namespace: str = "team-a") -> ObjectKey:
    return ObjectKey("AgentRuntime", namespace, name)


def queue(workers: int = 32) -> WorkQueue:
    return WorkQueue(VirtualClock(), CountingMetrics(), workers=workers)


async def names(subject: WorkQueue, count: int) -> list[str]:
    found = []
    for _ in range(count):
        work = await subject.take()
        subject.done(work.key)
        found.append(work.key.name)
    return found


async def test_what_is_nearly_done_goes_before_creates() -> None:
    subject = queue()
    for n in range(3):
        subject.add(key(f"create-{n}"))
    subject.add(key("ready"), fresh=False, is_nearly_done=True)
    work = await subject.take()
    assert (work.key.name, work.fresh, work.is_nearly_done) == ("ready", False, True)


async def test_a_create_is_overtaken_so_many_times_and_no_more() -> None:
    subject = queue()
    subject.add(key("create-0"))
    subject.add(key("create-1"))
    for n in range(10):
        subject.add(key(f"ready-{n}"), fresh=False, is_nearly_done=True)
    served = await names(subject, 2 * (MOST_OVERTAKES + 1))
    assert [name for name in served if name.startswith("create")] == ["create-0", "create-1"]
    assert served[MOST_OVERTAKES] == "create-0"


async def test_a_waiting_key_that_is_nearly_done_moves_ahead() -> None:
    subject = queue()
    for n in range(9):
        subject.add(key(f"it-{n}"), fresh=False)
    subject.add(key("it-7"), fresh=False, is_nearly_done=True)
    assert await names(subject, 2) == ["it-7", "it-0"]


async def test_a_key_in_flight_is_nearly_done_at_its_next_turn() -> None:
    subject = queue()
    subject.add(key("busy"))
    work = await subject.take()
    subject.add(key("create"))
    subject.add(key("busy"), fresh=False, is_nearly_done=True)
    subject.done(work.key)
    again = await subject.take()
    assert (again.key.name, again.is_nearly_done) == ("busy", True)


async def test_another_namespace_does_not_wait_for_what_is_nearly_done() -> None:
    subject = queue()
    for n in range(20):
        subject.add(key(f"ready-{n}"), fresh=False, is_nearly_done=True)
    subject.add(key("edit", "team-b"))
    assert "edit" in await names(subject, 2)


async def take_now(subject: WorkQueue) -> str | None:
    """Return whose pass may begin now, and waits for the cloud from then on; None: nobody's."""
    taking = asyncio.ensure_future(subject.take())
    for _ in range(5):
        await asyncio.sleep(0)
    if not taking.done():
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        return None
    subject.leave(taking.result().key)
    return taking.result().key.name


async def test_creates_that_wait_leave_room_for_what_is_nearly_done() -> None:
    subject = queue(workers=8)
    for n in range(50):
        subject.add(key(f"create-{n}"))
    while await take_now(subject) is not None:
        pass
    for n in range(50):
        subject.add(key(f"ready-{n}"), fresh=False, is_nearly_done=True)
    begun = []
    while (name := await take_now(subject)) is not None:
        begun.append(name)
    assert begun == ["ready-0", "ready-1"], "a quarter, for the cloud may be silent"


async def test_what_is_nearly_done_takes_no_room_from_creates() -> None:
    """It comes without end, and each create finds its place as soon as another one has ended."""
    subject, serial = queue(workers=8), iter(range(10**6))
    for n in range(30):
        subject.add(key(f"create-{n}"))
    flying: list[str] = []
    created = 0
    for _ in range(200):
        subject.add(key(f"ready-{next(serial)}"), fresh=False, is_nearly_done=True)
        while (name := await take_now(subject)) is not None:
            flying.append(name)
        for name in [*flying[:1], *(name for name in flying[1:] if name.startswith("ready"))]:
            flying.remove(name)
            subject.done(key(name))
            created += name.startswith("create")
    assert created == 30
    assert len(flying) <= 10


_FLOW = Flow("team-a")


@settings(max_examples=80, deadline=None)
@given(adds=st.lists(st.booleans(), max_size=120), taken=st.lists(st.booleans(), max_size=120))
def test_nobody_is_overtaken_for_ever(adds: list[bool], taken: list[bool]) -> None:
    """However they come, each run of keys that are nearly done ends in time for the others."""
    subject, waiting, run = Turns(), 0, 0
    pending = [*zip(adds, [*taken, *[True] * len(adds)], strict=False)]
    for serial, (is_nearly_done, takes) in enumerate(pending):
        subject.add(_FLOW, key(str(serial)), is_nearly_done=is_nearly_done)
        waiting += not is_nearly_done
        if not takes or (found := subject.take(lambda _flow: True)) is None:
            continue
        is_late = adds[int(found[1].name)]
        run = run + 1 if is_late and waiting else 0
        waiting -= not is_late
        assert run <= MOST_OVERTAKES
