"""The work queue behaves as client-go's: one key once, never twice at a time, delays on a heap."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.queue import Work, WorkQueue
from fakes.clock import VirtualClock
from fakes.metrics import CountingMetrics

A, B, C = (ObjectKey("Tool", "ns", name) for name in "abc")


class Bench:
    """A queue, its time and what it counted."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.metrics = CountingMetrics()
        self.queue = WorkQueue(self.clock, self.metrics)

    async def take(self) -> Work | None:
        """Return the next work, None if there is none now."""
        taking = asyncio.ensure_future(self.queue.take())
        await spin()
        if taking.done():
            return taking.result()
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        return None


async def spin() -> None:
    """Let everything run that can."""
    for _ in range(8):
        await asyncio.sleep(0)


async def test_first_come_first_served() -> None:
    bench = Bench()
    for key in (B, A, C):
        bench.queue.add(key)
    assert [(await bench.queue.take()).key for _ in range(3)] == [B, A, C]
    assert await bench.take() is None


async def test_a_key_is_queued_once() -> None:
    bench = Bench()
    for _ in range(3):
        bench.queue.add(A)
    assert len(bench.queue) == 1
    assert bench.metrics.added["Tool"] == 1
    assert (await bench.queue.take()).key == A
    assert await bench.take() is None


async def test_freshness_is_kept_if_anybody_asked_for_it() -> None:
    bench = Bench()
    bench.queue.add(A, fresh=True)
    bench.queue.add(A, fresh=False)
    bench.queue.add(B, fresh=False)
    assert await bench.queue.take() == Work(A, fresh=True)
    assert await bench.queue.take() == Work(B, fresh=False)


async def test_a_key_in_flight_waits_and_then_runs_again() -> None:
    bench = Bench()
    bench.queue.add(A, fresh=False)
    await bench.queue.take()
    bench.queue.add(A, fresh=False)
    bench.queue.add(A, fresh=True)
    assert await bench.take() is None
    assert bench.queue.in_flight == 1
    bench.queue.done(A)
    assert await bench.queue.take() == Work(A, fresh=True)
    bench.queue.done(A)
    assert await bench.take() is None
    assert (len(bench.queue), bench.queue.in_flight) == (0, 0)


async def test_a_delay_ends_in_due_time() -> None:
    bench = Bench()
    bench.queue.add_after(A, 10.0)
    bench.clock.advance(9.9)
    assert await bench.take() is None
    bench.clock.advance(0.1)
    assert await bench.take() == Work(A, fresh=False)


async def test_a_waiting_worker_wakes_when_the_delay_ends() -> None:
    bench = Bench()
    bench.queue.add_after(A, 10.0)
    taking = asyncio.ensure_future(bench.queue.take())
    await spin()
    assert bench.clock.next_due() == 10.0
    bench.clock.advance(10.0)
    await spin()
    assert taking.done()
    assert taking.result().key == A


async def test_a_waiting_worker_notices_a_shorter_delay() -> None:
    bench = Bench()
    bench.queue.add_after(A, 100.0)
    taking = asyncio.ensure_future(bench.queue.take())
    await spin()
    bench.queue.add_after(B, 1.0)
    await spin()
    bench.clock.advance(1.0)
    await spin()
    assert taking.done()
    assert taking.result().key == B


async def test_the_earlier_of_two_delays_wins() -> None:
    bench = Bench()
    bench.queue.add_after(A, 10.0)
    bench.queue.add_after(A, 5.0)
    bench.queue.add_after(A, 20.0)
    bench.clock.advance(5.0)
    assert await bench.take() is not None
    bench.queue.done(A)
    bench.clock.advance(60.0)
    assert await bench.take() is None, "the others were replaced"


async def test_an_immediate_request_cancels_the_delay() -> None:
    bench = Bench()
    bench.queue.add_after(A, 10.0)
    bench.queue.add(A)
    assert await bench.take() is not None
    bench.queue.done(A)
    bench.clock.advance(60.0)
    assert await bench.take() is None


async def test_a_delay_behind_an_immediate_request_is_nothing() -> None:
    bench = Bench()
    bench.queue.add(A)
    bench.queue.add_after(A, 1.0)
    await bench.queue.take()
    bench.queue.done(A)
    bench.clock.advance(60.0)
    assert await bench.take() is None


async def test_a_delay_that_ends_in_flight_runs_afterwards() -> None:
    bench = Bench()
    bench.queue.add(A)
    await bench.queue.take()
    bench.queue.add_after(A, 1.0)
    bench.clock.advance(2.0)
    assert await bench.take() is None
    bench.queue.done(A)
    assert (await bench.queue.take()).key == A


async def test_what_is_forgotten_does_not_come() -> None:
    bench = Bench()
    bench.queue.add(A)
    bench.queue.add_after(B, 1.0)
    bench.queue.add(C)
    await bench.queue.take()
    bench.queue.add(A)
    for key in (A, B, C):
        bench.queue.forget(key)
    bench.queue.done(A)
    bench.clock.advance(60.0)
    assert await bench.take() is None
    assert bench.metrics.depth["Tool"] == 0


async def test_a_closed_queue_hands_out_nothing() -> None:
    bench = Bench()
    bench.queue.add(A)
    await bench.queue.take()
    bench.queue.add(B)
    bench.queue.close()
    assert await bench.take() is None
    assert bench.queue.in_flight == 1
    bench.queue.done(A)
    assert bench.queue.in_flight == 0


async def test_the_wait_and_the_depth_are_measured() -> None:
    bench = Bench()
    bench.queue.add(A)
    bench.queue.add(B)
    assert bench.metrics.depth["Tool"] == 2
    bench.clock.advance(3.0)
    await bench.queue.take()
    assert bench.metrics.waits == [3.0]
    assert bench.metrics.depth["Tool"] == 1


_steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "after", "take", "done", "advance", "forget"]),
        st.sampled_from([A, B, C]),
        st.integers(0, 5),
    ),
    max_size=40,
)


class Model:
    """What the queue owes: each wanted key once, from its due time on, never twice at a time."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.wanted: dict[ObjectKey, float] = {}
        self.flying: set[ObjectKey] = set()

    async def step(self, step: str, key: ObjectKey, number: int) -> None:
        queue, now = self.bench.queue, self.bench.clock.monotonic()
        if step == "add":
            queue.add(key)
            self.wanted[key] = now
        elif step == "after":
            queue.add_after(key, number)
            self.wanted[key] = min(self.wanted.get(key, now + number), now + number)
        elif step == "advance":
            self.bench.clock.advance(number)
        elif step == "forget":
            queue.forget(key)
            self.wanted.pop(key, None)
        elif step == "done" and key in self.flying:
            self.flying.discard(key)
            queue.done(key)
        elif step == "take":
            await self.take()

    async def take(self) -> ObjectKey | None:
        work = await self.bench.take()
        if work is None:
            return None
        assert work.key not in self.flying
        assert self.wanted.pop(work.key) <= self.bench.clock.monotonic(), "served too early"
        self.flying.add(work.key)
        return work.key

    async def finish(self) -> None:
        self.bench.clock.advance(10)
        for key in list(self.flying):
            await self.step("done", key, 0)
        while (served := await self.take()) is not None:
            await self.step("done", served, 0)
        assert not self.wanted, "each request is served"


@settings(max_examples=150, deadline=None)
@given(_steps)
def test_no_request_is_lost_and_no_key_is_served_twice_at_once(
    steps: list[tuple[str, ObjectKey, int]],
) -> None:
    async def run() -> None:
        model = Model()
        for step in steps:
            await model.step(*step)
        await model.finish()

    asyncio.run(run())
