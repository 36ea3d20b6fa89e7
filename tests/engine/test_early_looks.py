"""What is READY in the cloud is seen at once, and that costs hardly a call."""

import pytest

from agentrun_operator.core.settings import Polling
from agentrun_simulator.faults import Fault
from bench.ready import Scenario, measure
from engine.specs import RUNTIME
from fakes.lab import Lab, quick
from fakes.live import running

REGULAR_SECONDS = Polling().transition_seconds


def regular_lists(seconds: float) -> float:
    """Return how many LISTs a fleet needs that nobody looks at early."""
    return seconds / REGULAR_SECONDS + 3


@pytest.mark.parametrize(
    "scenario", [Scenario(20, 3.0, 3.0), Scenario(30, 4.0, 7.0)], ids=["short", "spread"]
)
async def test_a_fleet_is_ready_within_a_second_of_the_cloud(scenario: Scenario) -> None:
    for figures in await measure(scenario):
        assert figures["lag_p99"] <= 1.0
        # One look-up and one create each; a LIST shows the end of all.
        lists = (figures["calls_per_object"] - 2) * scenario.objects
        assert lists <= regular_lists(figures["ready_last"]) + 0.3 * scenario.objects
        assert figures["writes_per_object"] <= 4


async def test_a_fleet_that_waits_for_its_budget_is_seen_as_soon() -> None:
    """Creates that wait for their turn leave room in the queue and in the budget."""
    (figures,) = await measure(Scenario(80, 3.0, 3.0), waves=1, per_second=20)
    assert figures["lag_p99"] <= 1.0
    assert figures["calls_per_object"] <= 2 + 0.3 + regular_lists(figures["ready_last"]) / 80


async def test_what_no_list_shows_is_ready_at_once_the_next_time() -> None:
    _, *later = await measure(Scenario(1, 3.0, 3.0), waves=4)
    for figures in later:
        assert figures["lag_p99"] <= 1.0
    # A look-up, a create and the one read that finds it READY; it may come too early once.
    assert sum(figures["calls_per_object"] for figures in later) <= 3 * 3 + 1


async def test_a_cloud_that_is_stuck_is_not_asked_more_than_before() -> None:
    lab = Lab(transition_seconds=500)
    await lab.ready_account()
    for n in range(10):
        lab.cluster.apply("AgentRuntime", f"it-{n}", RUNTIME)
    async with running(lab) as live:
        await live.elapse(30)
        lab.calls.take()
        await live.elapse(60)
        asked = [name for name in lab.calls.take() if name.startswith(("List", "Get"))]
        assert len(asked) <= 60 / REGULAR_SECONDS + 1


async def test_an_early_look_wakes_what_is_at_its_end_alone() -> None:
    lab = Lab(transition_seconds=500)
    await lab.ready_account()
    keys = [lab.cluster.apply("AgentRuntime", f"it-{n}", RUNTIME) for n in range(20)]
    async with running(lab) as live:
        await live.elapse(2)
        passes = sum(lab.metrics.results.values())
        lab.calls.take()
        await live.elapse(2.5)
        assert lab.calls.take().count("ListAgentRuntimes") >= 2, "early looks"
        assert sum(lab.metrics.results.values()) <= passes + len(keys)


async def test_an_early_look_tells_of_no_absence() -> None:
    lab = Lab(transition_seconds=500)
    await lab.ready_account()
    for n in range(20):
        lab.cluster.apply("AgentRuntime", f"it-{n}", RUNTIME)
    async with running(lab) as live:
        await live.elapse(1.5)
        lab.simulator.inject(Fault(action="ListAgentRuntimes", effect="absent", times=None))
        lab.calls.take()
        await live.elapse(4)
        asked = lab.calls.take()
        assert asked.count("ListAgentRuntimes") >= 3
        assert "GetAgentRuntime" not in asked


async def test_half_of_a_fleet_is_ready_before_the_last_is_created() -> None:
    """The account's budget is what they wait for: what is nearly done spends it first."""
    fleet, settings = Scenario(120, 1.0, 1.0), quick(workers=8)
    (figures,) = await measure(fleet, waves=1, per_second=10, settings=settings)
    assert figures["ready_p50"] <= 0.6 * figures["ready_last"]
