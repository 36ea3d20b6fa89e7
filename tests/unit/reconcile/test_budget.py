"""The budget of one account: rate, burst, lanes, and how it follows the API's complaints."""

import asyncio

import pytest

from agentrun_operator.core.errors import Throttled
from agentrun_operator.reconcile.budget import Budget, Lane, in_lane
from fakes.clock import VirtualClock


class Callers:
    """People who call through one budget, and when they got their turn."""

    def __init__(self, per_second: float) -> None:
        self.clock = VirtualClock()
        self.budget = Budget(self.clock, per_second)
        self.served: list[tuple[str, float]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def call(self, name: str, lane: Lane = Lane.URGENT) -> asyncio.Task[None]:
        async def acquire() -> None:
            await self.budget.acquire()
            self.served.append((name, round(self.clock.monotonic(), 3)))

        with in_lane(lane):
            task = asyncio.ensure_future(acquire())
        self.tasks.append(task)
        await spin()
        return task

    async def pass_time(self, seconds: float, step: float = 0.05) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            await spin()

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def spin() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def test_a_burst_goes_through_at_once_and_then_the_rate_holds() -> None:
    callers = Callers(4)
    for n in range(10):
        await callers.call(str(n))
    assert len(callers.served) == 4
    await callers.pass_time(1.0)
    assert 7 <= len(callers.served) <= 8
    await callers.pass_time(1.0)
    assert [name for name, _ in callers.served] == [str(n) for n in range(10)]


async def test_calm_saves_no_more_than_one_burst() -> None:
    callers = Callers(2)
    callers.clock.advance(1000)
    for n in range(10):
        await callers.call(str(n))
    assert len(callers.served) == 2
    await callers.end()


@pytest.mark.parametrize("rate", [0.5, 1, 7.3, 20])
async def test_no_rate_is_exceeded(rate: float) -> None:
    callers = Callers(rate)
    for n in range(100):
        await callers.call(str(n))
    await callers.pass_time(4.0)
    assert len(callers.served) <= max(1.0, rate) + rate * 4.0
    assert len(callers.served) >= rate * 3.5
    await callers.end()


async def test_who_waits_for_a_person_goes_first() -> None:
    callers = Callers(1)
    await callers.call("first")
    for n in range(3):
        await callers.call(f"routine {n}", Lane.ROUTINE)
    await callers.call("becoming ready", Lane.TRANSITION)
    await callers.call("edit", Lane.URGENT)
    await callers.pass_time(6)
    assert [name for name, _ in callers.served] == [
        "first",
        "edit",
        "becoming ready",
        "routine 0",
        "routine 1",
        "routine 2",
    ]


async def test_a_complaint_halves_the_rate_and_pauses() -> None:
    callers = Callers(4)
    callers.budget.throttled(10.0)
    await callers.call("a")
    await callers.pass_time(9.9)
    assert callers.served == []
    await callers.pass_time(0.6)
    assert len(callers.served) == 1
    assert callers.budget.per_second == 2.0
    for _ in range(10):
        callers.budget.throttled(None)
    assert callers.budget.per_second == 0.5, "never slower than that"


async def test_calm_raises_the_rate_again_to_its_bound() -> None:
    callers = Callers(4)
    callers.budget.throttled(None)
    for _ in range(10):
        callers.budget.succeeded()
    assert 2.0 < callers.budget.per_second < 4.0
    for _ in range(100):
        callers.budget.succeeded()
    assert callers.budget.per_second == 4.0


async def test_an_edited_rate_is_taken_over() -> None:
    callers = Callers(4)
    callers.budget.configure(10)
    assert callers.budget.per_second == 10
    callers.budget.throttled(None)
    callers.budget.configure(10)
    assert callers.budget.per_second == 5, "the same rate again is no amnesty"


async def test_who_gives_up_takes_no_turn() -> None:
    callers = Callers(1)
    await callers.call("first")
    gone = await callers.call("gone")
    await callers.call("last")
    gone.cancel()
    await callers.pass_time(1.1)
    assert [name for name, _ in callers.served] == ["first", "last"]


async def test_a_lane_ends_with_its_block() -> None:
    callers = Callers(1)
    await callers.call("first")
    with in_lane(Lane.ROUTINE):
        pass
    await callers.call("routine", Lane.ROUTINE)
    await callers.call("urgent")
    await callers.pass_time(2.1)
    assert [name for name, _ in callers.served] == ["first", "urgent", "routine"]


async def test_a_long_pause_sends_callers_away_instead_of_keeping_them() -> None:
    callers = Callers(4)
    callers.budget.throttled(60.0)
    with pytest.raises(Throttled) as caught:
        await callers.budget.acquire()
    assert caught.value.is_ours
    assert caught.value.retry_after is not None
    assert 59 <= caught.value.retry_after <= 62
    assert (callers.budget.throttles, callers.budget.turned_away) == (1, 1)
    await callers.pass_time(60.5, step=0.5)
    await callers.call("after the pause")
    await callers.pass_time(1.0)
    assert [name for name, _ in callers.served] == ["after the pause"]
    await callers.end()


async def test_pause_after_pause_sends_back_who_waits() -> None:
    callers = Callers(1)
    await callers.call("first")
    waiting = await callers.call("waiting")
    callers.budget.throttled(7.0)
    await callers.pass_time(6.0)
    assert not waiting.done()
    assert callers.budget.waiting == 1
    callers.budget.throttled(7.0)
    await callers.pass_time(2.0)
    error = waiting.exception()
    assert isinstance(error, Throttled)
    assert error.is_ours
    assert error.retry_after is not None
    assert error.retry_after <= 7.0
    budget = callers.budget
    assert (budget.throttles, budget.turned_away, budget.waiting) == (2, 1, 0)
    assert budget.waited_seconds == pytest.approx(7.0, abs=1.1)
