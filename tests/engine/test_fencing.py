"""A call that had to wait for its turn is not made by a process that was deposed meanwhile."""

import asyncio

import pytest

from agentrun_operator.reconcile.guard import LeadershipLost
from fakes.lab import Lab, account_spec
from fakes.rests import rest_of

RATE_PER_SECOND = 1


async def test_a_call_that_waits_for_the_budget_asks_again_who_leads() -> None:
    lab = Lab()
    account = await lab.ready_account()
    lab.edit(account, **account_spec("default-keys"), requestsPerSecond=RATE_PER_SECOND)
    await lab.drain()
    binding = await lab.world.clients.connect(lab.get(account))
    rest = rest_of("SandboxTemplate")
    lab.clock.advance(10)
    await binding.api.find(rest, name="uses-up-the-burst")
    before = len(lab.simulator.requests())
    call = asyncio.ensure_future(binding.api.create(rest, {"templateName": "late"}))
    await asyncio.sleep(0)
    lab.leadership.holds = False
    with pytest.raises(LeadershipLost):
        await call
    assert len(lab.simulator.requests()) == before
