"""Namespaces and their accounts take turns, and none of them keeps the others from a worker."""

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.queue import WorkQueue
from agentrun_operator.reconcile.turns import Flow
from fakes.clock import VirtualClock
from fakes.metrics import CountingMetrics


def key(namespace: str, number: int = 0, account: str = "default") -> ObjectKey:
    return ObjectKey("Tool", namespace, f"{account}-{number}")


def flow_of(at: ObjectKey) -> Flow:
    account = at.name.rpartition("-")[0]
    return Flow(at.namespace, ObjectKey("Account", at.namespace, account))


def queue(workers: int = 32) -> WorkQueue:
    return WorkQueue(VirtualClock(), CountingMetrics(), workers=workers, flow_of=flow_of)


async def take(subject: WorkQueue) -> ObjectKey | None:
    """Return the next key, None if nobody may begin now."""
    taking = asyncio.ensure_future(subject.take())
    for _ in range(8):
        await asyncio.sleep(0)
    if taking.done():
        return taking.result().key
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    return None


async def take_all(subject: WorkQueue) -> list[ObjectKey]:
    """Begin as many passes as may begin, each of which then waits for the cloud."""
    begun = []
    while (at := await take(subject)) is not None:
        subject.leave(at)
        begun.append(at)
    return begun


async def test_one_key_waits_for_no_thousand_of_another_namespace() -> None:
    subject = queue()
    for n in range(1000):
        subject.add(key("many", n))
    subject.add(key("one"))
    assert [(await take(subject)) for _ in range(2)] == [key("many"), key("one")]


async def test_three_hundred_accounts_are_one_namespace() -> None:
    subject = queue()
    for n in range(300):
        subject.add(key("many", account=f"account{n}"))
    subject.add(key("one"))
    assert key("one") in [await take(subject) for _ in range(2)]


async def test_accounts_of_one_namespace_take_turns() -> None:
    subject = queue()
    for n in range(100):
        subject.add(key("team", n, "busy"))
    subject.add(key("team", 0, "calm"))
    assert key("team", 0, "calm") in [await take(subject) for _ in range(2)]


async def test_changes_go_before_routine_of_every_namespace() -> None:
    subject = queue()
    for namespace in "abcdef":
        subject.add(key(namespace), fresh=False)
    subject.add(key("one"))
    assert await take(subject) == key("one")


async def test_a_pass_that_waits_holds_no_worker() -> None:
    subject = queue(workers=2)
    for namespace in "abc":
        subject.add(key(namespace))
    first = await take(subject)
    assert await take(subject) is not None
    assert await take(subject) is None, "both workers are busy"
    assert first is not None
    subject.leave(first)
    assert subject.at_work == 1
    assert await take(subject) == key("c")


async def test_a_pass_goes_on_without_waiting_for_a_worker() -> None:
    subject = queue(workers=1)
    for namespace in "abc":
        subject.add(key(namespace))
    first = await take(subject)
    assert first is not None
    subject.leave(first)
    second = await take(subject)
    subject.come_back(first)
    assert subject.at_work == 2
    subject.done(first)
    assert await take(subject) is None, "the second is still at work"
    assert second is not None
    subject.done(second)
    assert await take(subject) == key("c")


async def test_a_silent_account_has_a_limit_of_passes_in_flight() -> None:
    subject = queue(workers=8)
    for n in range(100):
        subject.add(key("team", n, "silent"), fresh=False)
    assert len(await take_all(subject)) == 8
    subject.add(key("team", 0, "fine"), fresh=False)
    assert await take(subject) == key("team", 0, "fine"), "another account of the namespace"


async def test_an_edit_finds_room_behind_routine_that_waits() -> None:
    subject = queue(workers=8)
    for n in range(100):
        subject.add(key("team", n), fresh=False)
    await take_all(subject)
    subject.add(key("team", 200))
    assert await take(subject) == key("team", 200)


async def test_many_silent_accounts_leave_room_for_other_namespaces() -> None:
    subject = queue(workers=8)
    for n in range(100):
        for account in range(10):
            subject.add(key("many", n, f"account{account}"), fresh=False)
    assert len(await take_all(subject)) == 16
    subject.add(key("one"), fresh=False)
    assert await take(subject) == key("one")


async def test_what_was_in_flight_makes_room_again() -> None:
    subject = queue(workers=4)
    for n in range(100):
        subject.add(key("team", n), fresh=False)
    begun = await take_all(subject)
    assert len(begun) == 4
    subject.done(begun[0])
    assert await take(subject) == key("team", 4)


_NAMESPACES = "abcd"
_sizes = st.dictionaries(st.sampled_from(_NAMESPACES), st.integers(1, 12), min_size=1)


@settings(max_examples=80, deadline=None)
@given(sizes=_sizes, accounts=st.integers(1, 3), fresh=st.booleans())
def test_turns_go_round(sizes: dict[str, int], accounts: int, *, fresh: bool) -> None:
    """While several have work, none is served twice before each other one was served."""

    async def run() -> None:
        subject = queue(workers=1)
        left = Counter(sizes)
        for namespace, size in sizes.items():
            for n in range(size):
                subject.add(key(namespace, n, f"account{n % accounts}"), fresh=fresh)
        while left:
            waiting, served = set(left), []
            for _ in waiting:
                at = await take(subject)
                assert at is not None
                subject.done(at)
                served.append(at.namespace)
            assert set(served) == waiting
            left = +(left - Counter(served))

    asyncio.run(run())


_steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "add", "routine", "after", "take", "take", "leave", "back", "done", "advance"]
        ),
        st.builds(key, st.sampled_from("ab"), st.integers(0, 9), st.sampled_from(["x", "y"])),
    ),
    max_size=150,
)


class Model:
    """What the queue owes, and what it may never do."""

    WORKERS = 3

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.queue = WorkQueue(self.clock, CountingMetrics(), workers=self.WORKERS, flow_of=flow_of)
        self.wanted: dict[ObjectKey, float] = {}
        self.flying: set[ObjectKey] = set()
        self.away: set[ObjectKey] = set()

    async def step(self, step: str, at: ObjectKey) -> None:
        now = self.clock.monotonic()
        if step in ("add", "routine"):
            self.queue.add(at, fresh=step == "add")
            self.wanted[at] = now
        elif step == "after":
            self.queue.add_after(at, 2.0)
            self.wanted[at] = min(self.wanted.get(at, now + 2), now + 2)
        elif step == "advance":
            self.clock.advance(1.0)
        elif step == "take":
            await self.take()
        elif at in self.flying:
            self.move(step, at)

    def move(self, step: str, at: ObjectKey) -> None:
        if step == "done":
            self.queue.done(at)
            self.flying.discard(at)
            self.away.discard(at)
        elif step == "leave":
            self.queue.leave(at)
            self.away.add(at)
        else:
            self.queue.come_back(at)
            self.away.discard(at)

    async def take(self) -> ObjectKey | None:
        busy = len(self.flying - self.away)
        at = await take(self.queue)
        if at is None:
            return None
        assert busy < self.WORKERS, "a worker was free"
        assert at not in self.flying, "a key in two workers"
        assert self.wanted.pop(at) <= self.clock.monotonic(), "served too early"
        self.flying.add(at)
        by_flow = Counter(flow_of(f) for f in self.flying)
        by_namespace = Counter(f.namespace for f in self.flying)
        assert max(by_flow.values()) <= self.WORKERS + 1
        assert max(by_namespace.values()) <= 2 * (self.WORKERS + 1)
        assert self.queue.at_work == len(self.flying - self.away)
        return at

    async def finish(self) -> None:
        self.clock.advance(10)
        for at in sorted(self.flying):
            self.move("done", at)
        while (served := await self.take()) is not None:
            self.move("done", served)
        assert not self.wanted, "each request is served"
        assert not self.queue._flying, "nothing is counted for ever"


@settings(max_examples=150, deadline=None)
@given(_steps)
def test_no_history_loses_a_key_or_leaves_the_limits(steps: list[tuple[str, ObjectKey]]) -> None:
    async def run() -> None:
        model = Model()
        for step in steps:
            await model.step(*step)
        await model.finish()

    asyncio.run(run())


@settings(max_examples=80, deadline=None)
@given(adds=st.lists(st.integers(0, 3), min_size=150, max_size=150), fresh=st.booleans())
def test_nobody_starves(adds: list[int], *, fresh: bool) -> None:
    """Whatever the others keep adding, a key has its turn within so many passes."""

    async def run() -> None:
        subject, wanted = queue(workers=1), key("one")
        for n in range(200):
            subject.add(key("many", n))
        subject.add(wanted, fresh=fresh)
        for served, more in enumerate(adds):
            for n in range(more):
                subject.add(key(f"other{n}", served))
                subject.add(key("many", 1000 + served * 4 + n))
            at = await take(subject)
            assert at is not None
            subject.done(at)
            if at == wanted:
                # Four others at most have changes, and every eighth turn is routine's.
                assert served < (5 if fresh else 8)
                return
        raise AssertionError("never served")

    asyncio.run(run())
