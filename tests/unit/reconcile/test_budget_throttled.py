"""Whose turn it is while, and after, the API refuses calls of a shared account."""

import asyncio
import itertools

import pytest

from agentrun_operator.core.errors import Throttled
from agentrun_operator.reconcile.budget import Budget, Lane, calling, in_lane
from fakes.clock import VirtualClock

CREATE, UPDATE = "CreateAgentRuntime", "UpdateModelProxy"
BAD, GOOD = "bad", "good"


class Account:
    """An account that two namespaces use, and an API that refuses some of their calls."""

    def __init__(self, per_second: float = 20.0) -> None:
        self.clock = VirtualClock()
        self.budget = Budget(self.clock, per_second)
        self.served: list[tuple[str, str]] = []
        self.tasks: list[asyncio.Task[None]] = []

    def refuse(self, operation: str, tenant: str, seconds: float | None) -> None:
        with in_lane(Lane.URGENT, tenant), calling(operation):
            self.budget.throttled(seconds)

    async def call(self, operation: str, tenant: str) -> asyncio.Task[None]:
        async def acquire() -> None:
            await self.budget.acquire()
            self.served.append((operation, tenant))

        for before in self.tasks:
            if before.done() and not before.cancelled():
                before.exception()
        with in_lane(Lane.URGENT, tenant), calling(operation):
            task = asyncio.ensure_future(acquire())
        self.tasks.append(task)
        await self.pass_time(0)
        return task

    async def pass_time(self, seconds: float, step: float = 0.05) -> None:
        for _ in range(max(1, round(seconds / step))):
            for _ in range(8):
                await asyncio.sleep(0)
            if seconds:
                self.clock.advance(step)
        for _ in range(8):
            await asyncio.sleep(0)

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.mark.parametrize("pause", [None, 5.0, 30.0, 300.0])
async def test_a_pause_of_one_operation_costs_others_nothing(pause: float | None) -> None:
    account = Account()
    account.refuse(CREATE, BAD, pause)
    held = await account.call(CREATE, BAD)
    for operation, tenant in ((UPDATE, BAD), (CREATE, GOOD), (UPDATE, GOOD)):
        assert (await account.call(operation, tenant)).done()
    assert account.budget.per_second == 20
    assert account.budget.is_throttled
    assert not held.done() or isinstance(held.exception(), Throttled)
    await account.end()


async def test_who_is_held_stands_in_nobodys_way() -> None:
    account = Account(per_second=1.0)
    account.refuse(CREATE, BAD, 8.0)
    for _ in range(9):
        await account.call(CREATE, BAD)
    for n in range(3):
        await account.call(UPDATE, BAD if n else GOOD)
    await account.pass_time(2.1)
    assert sorted(account.served) == [(UPDATE, BAD)] * 2 + [(UPDATE, GOOD)]
    await account.end()


async def test_a_refused_operation_gets_slower_and_recovers() -> None:
    account = Account()
    for _ in range(10):
        account.refuse(CREATE, BAD, 1.0)
    await account.pass_time(1.0)
    for _ in range(5):
        await account.call(CREATE, BAD)
    await account.pass_time(6.0)
    assert len(account.served) <= 4, "half a call a second"
    with in_lane(Lane.URGENT, BAD), calling(CREATE):
        for _ in range(50):
            account.budget.succeeded()
    assert not account.budget.is_throttled
    await account.end()


async def test_a_refused_operation_that_nobody_calls_is_forgotten() -> None:
    account = Account()
    account.refuse(CREATE, BAD, 300.0)
    account.clock.advance(350)
    assert account.budget.is_throttled
    account.clock.advance(11)
    assert not account.budget.is_throttled


@pytest.mark.parametrize("pause", [None, 5.0])
async def test_in_line_the_one_refused_last_comes_last(pause: float | None) -> None:
    account = Account(per_second=1.0)
    account.refuse(UPDATE, "third", pause)
    account.refuse(CREATE, BAD, pause)
    for _ in range(3):
        await account.call(UPDATE, BAD)
    await account.call(UPDATE, GOOD)
    await account.pass_time(8.0)
    assert account.served[0] == (UPDATE, GOOD)
    await account.end()


async def test_a_long_pause_keeps_the_order_of_who_comes_back() -> None:
    account = Account(per_second=1.0)
    account.refuse(UPDATE, "third", 30.0)
    account.refuse(CREATE, BAD, 30.0)
    account.clock.advance(5)
    for tenant in (BAD, GOOD):
        sent_away = await account.call(UPDATE, tenant)
        assert isinstance(sent_away.exception(), Throttled)
    account.clock.advance(25)
    for _ in range(3):
        await account.call(UPDATE, BAD)
    await account.pass_time(1.0)
    assert account.served == [], "the one that came first is the one that was refused"
    await account.call(UPDATE, GOOD)
    await account.pass_time(2.5)
    assert account.served[:2] == [(UPDATE, GOOD), (UPDATE, BAD)]
    await account.end()


async def test_a_caller_that_may_go_earlier_is_not_overslept() -> None:
    account = Account(per_second=1.0)
    account.refuse(CREATE, BAD, 9.0)
    await account.call(CREATE, BAD)
    assert (await account.call(UPDATE, GOOD)).done()
    await account.call(UPDATE, GOOD)
    await account.pass_time(1.1)
    assert account.served == [(UPDATE, GOOD)] * 2
    await account.end()


async def test_who_was_held_has_saved_up_no_turns() -> None:
    account = Account(per_second=4.0)
    account.refuse(CREATE, BAD, 8.0)
    for _ in range(16):
        await account.call(CREATE, BAD)
    for _ in range(39):
        await account.call(UPDATE, GOOD)
    await account.pass_time(7.5)
    for _ in range(20):
        await account.call(UPDATE, GOOD)
    account.served.clear()
    await account.pass_time(4.0)
    assert account.served.count((UPDATE, GOOD)) >= 7
    await account.end()


@pytest.mark.parametrize(("pause", "most"), [(None, 36), (5.0, 16), (30.0, 5), (300.0, 4)], ids=str)
async def test_an_account_that_refuses_all_is_asked_as_rarely(
    pause: float | None, most: int
) -> None:
    """Two calls beside the first show how far it goes, and then one tries after each pause."""
    account = Account()
    operations = (CREATE, UPDATE, "ListAgentRuntimes", "GetModelProxy")
    calls = itertools.cycle(itertools.product(operations, (BAD, GOOD)))
    asked = 0
    while account.clock.monotonic() < 60:
        operation, tenant = next(calls)
        before = len(account.served)
        await account.call(operation, tenant)
        await account.pass_time(0.05)
        for refused in account.served[before:]:
            asked += 1
            account.refuse(*refused, pause)
    assert asked <= most
    await account.end()
