"""The budget and a clock that cannot tell how little is missing."""

import asyncio

from agentrun_operator.reconcile.budget import Budget
from fakes.clock import VirtualClock


async def test_a_pause_shorter_than_the_clock_can_show_comes_to_an_end() -> None:
    clock = VirtualClock(jumps=True)
    clock.advance(1e9)
    budget = Budget(clock, 20)
    async with asyncio.timeout(60):
        for _ in range(200):
            await budget.acquire()
    assert clock.monotonic() - 1e9 >= 8.9
