"""Early looks end where they would do harm or find nothing: refusals, silence, what never ends."""

import asyncio
from dataclasses import fields, replace
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.settings import Polling
from agentrun_operator.reconcile.early_looks import CALLS_PER_TRANSITION, KindInAccount
from agentrun_operator.reconcile.listing import Listing
from agentrun_operator.reconcile.memory import Memory, MemoryBank
from agentrun_operator.reconcile.poller import Poller
from agentrun_simulator.faults import Fault
from engine.specs import ENDPOINT, RUNTIME, SAMPLES
from engine.test_endless_collections import long_list
from fakes.cloud import OTHER, keys_of
from fakes.lab import Lab, account_spec
from fakes.live import running

ACCOUNT = ObjectKey("Account", "team-a", "default")
RUNTIMES = KindInAccount(ACCOUNT, "AgentRuntime")
REGULAR_SECONDS = Polling().transition_seconds
STUCK_SECONDS = 500.0


async def fleet(count: int, transition_seconds: float = STUCK_SECONDS) -> Lab:
    """Return a lab with so many runtimes that are applied and not served yet."""
    lab = Lab(transition_seconds=transition_seconds)
    await lab.ready_account()
    for n in range(count):
        lab.cluster.apply("AgentRuntime", f"it-{n}", RUNTIME)
    return lab


FAULTS: dict[str, dict[str, Any]] = {
    "forbidden": {"effect": "error", "status": 403, "code": "NoPermission"},
    "throttled": {"effect": "error", "status": 429, "code": "Throttling.User"},
    "broken": {"effect": "html", "status": 502},
    "silent": {"effect": "drop-before"},
}


@pytest.mark.parametrize(
    ("fault", "seconds_before"), [("broken", 0), *((name, 2) for name in FAULTS)]
)
async def test_lists_that_fail_are_not_tried_early(fault: str, seconds_before: float) -> None:
    """The one that finds out, and then as if there were no early looks."""
    refused = Fault.model_validate({"action": "List.*", "times": None, **FAULTS[fault]})
    asked = {}
    for has_early_looks in (True, False):
        lab = await fleet(20)
        if not has_early_looks:
            lab.world.early_looks.spend(RUNTIMES, 10**6)
        async with running(lab) as live:
            await live.elapse(1 + seconds_before)
            lab.simulator.inject(refused)
            lab.calls.take()
            await live.elapse(31)
        asked[has_early_looks] = lab.calls.take().count("ListAgentRuntimes")
    assert asked[True] <= asked[False] + 1


async def test_a_kind_that_may_not_be_listed_is_not_tried_early() -> None:
    """Each LIST that fails has the account find out whether it can be read at all."""
    lab, sample = Lab(), SAMPLES["ModelProxy"]
    await lab.ready_account()
    await sample.prepare(lab)
    lab.simulator.configure({"transitionSeconds": STUCK_SECONDS})
    for n in range(20):
        lab.cluster.apply(sample.kind, f"it-{n}", sample.spec)
    refused = Fault.model_validate({"times": None, **FAULTS["forbidden"]})
    async with running(lab) as live:
        await live.elapse(3)
        lab.simulator.inject(refused.model_copy(update={"action": "ListModelProxies"}))
        before = lab.metrics.added["Account"]
        await live.elapse(20)
    assert lab.metrics.added["Account"] - before <= 20 / REGULAR_SECONDS + 1


async def test_an_account_that_said_429_is_not_looked_at_early() -> None:
    """Whatever call it was: the rate is too high for what others wait for."""
    lab = await fleet(20)
    async with running(lab) as live:
        await live.elapse(1.5)
        slow_down = {"status": 429, "code": "Throttling.User", "effect": "error"}
        lab.simulator.inject(Fault.model_validate({"action": "CreateAgentRuntime", **slow_down}))
        lab.cluster.apply("AgentRuntime", "late", RUNTIME)
        await live.elapse(1)
        lab.calls.take()
        await live.elapse(10)
        assert lab.calls.take().count("ListAgentRuntimes") <= 10 / REGULAR_SECONDS + 1


async def test_trouble_of_an_account_leaves_early_looks_to_another() -> None:
    lab = await fleet(8, transition_seconds=3)
    lab.cluster.put_secret("other-keys", keys_of(OTHER))
    lab.cluster.apply("Account", "other", account_spec("other-keys", OTHER.account_id))
    await lab.drain()
    lab.simulator.inject(
        Fault.model_validate({"account": "20002", "effect": "drop-before", "times": None})
    )
    other = {**RUNTIME, "accountRef": {"name": "other"}}
    keys = [lab.cluster.apply("AgentRuntime", f"new-{n}", RUNTIME) for n in range(8)]
    for n in range(8):
        lab.cluster.apply("AgentRuntime", f"other-{n}", other)
    async with running(lab) as live:
        await live.elapse(5)
        assert {lab.ready(key) for key in keys} == {("True", "Available")}


async def test_many_collections_of_a_kind_spend_one_allowance() -> None:
    """Each runtime has a collection of endpoints, and all of them may be due at once."""
    lab = Lab(transition_seconds=0)
    lab.edit(await lab.ready_account(), requestsPerSecond=500)
    parents = [lab.cluster.apply("AgentRuntime", f"base-{n}", RUNTIME) for n in range(12)]
    await lab.elapse(30)
    lab.simulator.configure({"transitionSeconds": STUCK_SECONDS})
    for parent in parents:
        for n in range(4):
            spec = {**ENDPOINT, "runtimeRef": {"name": parent.name}}
            lab.cluster.apply("AgentRuntimeEndpoint", f"{parent.name}-{n}", spec)
    async with running(lab) as live:
        await live.elapse(8)
    allowance = lab.world.early_looks.allowance(KindInAccount(ACCOUNT, "AgentRuntimeEndpoint"))
    assert 0 <= allowance < 2


async def test_a_list_that_a_read_contradicts_wakes_once() -> None:
    """The two may come from replicas that do not agree: regular looks are left then."""
    lab = await fleet(8)
    await lab.drain()
    await lab.elapse(REGULAR_SECONDS)
    (at,), poller = lab.world.listings.count(), lab.engine._poller
    newest = await lab.world.listings.refresh(at, lab.outsider())
    for _ in range(5):
        lab.clock.advance(1)
        ready = {ident: {**item, "status": "READY"} for ident, item in newest.by_id.items()}
        said = Listing(lab.clock.monotonic(), ready)
        poller._pace.find_moving()
        await poller.wake(at, [], said, is_early=True)
        woken = len(lab.engine.queue)
        await lab.drain()
        if lab.clock.monotonic() > said.begun_at + 1:
            break
        assert woken in (8, 0)
    assert woken == 0


async def test_what_moves_in_transition_causes_no_pass_early() -> None:
    lab = await fleet(20)
    async with running(lab) as live:
        await live.elapse(2)
        idents = [each["agentRuntimeId"] for each in lab.resources("AgentRuntime")]
        serial = iter(range(10**6))

        def move() -> None:
            for ident in idents:
                lab.simulator.edit("AgentRuntime", ident, {"description": str(next(serial))})

        before = sum(lab.metrics.results.values())
        lab.calls.take()
        await live.elapse(10, move)
        asked = lab.calls.take()
        assert asked.count("ListAgentRuntimes") > 10 / REGULAR_SECONDS + 1, "early looks"
        regular = 10 / REGULAR_SECONDS + 1
        assert sum(lab.metrics.results.values()) - before <= regular * len(idents)


async def test_a_fleet_that_came_to_rest_costs_what_it_did_before() -> None:
    lab = await fleet(8, transition_seconds=3)
    async with running(lab) as live:
        await live.elapse(REGULAR_SECONDS)
        passes = sum(lab.metrics.results.values())
        await live.elapse(REGULAR_SECONDS + 5)
        lab.calls.take()
        await live.elapse(130)
        assert lab.calls.take() == ["ListAgentRuntimes"] * 2
        assert sum(lab.metrics.results.values()) == passes


async def test_a_restart_in_transition_leaves_regular_looks() -> None:
    lab = await fleet(20, transition_seconds=12)
    async with running(lab) as live:
        await live.elapse(3)
    lab.leadership.holds = True
    lab.restart()
    lab.calls.take()
    async with running(lab) as live:
        await live.elapse(9 + REGULAR_SECONDS + 1)
        asked = lab.calls.take()
    assert len([name for name in asked if name.startswith("List")]) <= 15 / REGULAR_SECONDS + 2
    ready = {lab.ready(ObjectKey("AgentRuntime", "team-a", f"it-{n}")) for n in range(20)}
    assert ready == {("True", "Available")}


async def test_a_sandbox_that_ends_in_transition_is_told_of() -> None:
    sample = SAMPLES["Sandbox"]
    lab = Lab()
    await lab.ready_account()
    await sample.prepare(lab)
    lab.simulator.configure({"transitionSeconds": STUCK_SECONDS})
    keys = [lab.cluster.apply("Sandbox", f"it-{n}", sample.spec) for n in range(8)]
    async with running(lab) as live:
        await live.elapse(2)
        for each in lab.resources("Sandbox"):
            lab.simulator.edit("Sandbox", each["sandboxId"], {"status": "TERMINATED"})
        await live.elapse(2)
        assert {lab.ready(key)[1] for key in keys} == {"Completed"}
    for key in keys:
        memory = lab.world.memory.peek(key)
        assert memory is not None
        assert memory.transition.expected is None
    assert lab.world.memory.in_transition() == []


async def test_a_look_at_one_of_many_that_came_too_early_is_paid() -> None:
    lab, keys = await long_list()
    looks, proxies = lab.world.early_looks, KindInAccount(ACCOUNT, "ModelProxy")
    async with running(lab) as live:
        lab.simulator.configure({"transitionSeconds": 3})
        lab.edit(keys[0], description="another")
        await live.elapse(10)
        assert lab.ready(keys[0]) == ("True", "Available")
        before = looks.allowance(proxies)
        lab.simulator.configure({"transitionSeconds": STUCK_SECONDS})
        lab.edit(keys[0], description="a third")
        await live.elapse(REGULAR_SECONDS - 0.2)
        assert looks.allowance(proxies) <= before + CALLS_PER_TRANSITION - 1


class CountingBank(MemoryBank):
    """All memories of another one, and how often somebody asked for one."""

    def __init__(self, other: MemoryBank) -> None:
        for each in fields(other):
            setattr(self, each.name, getattr(other, each.name))
        self.asked = 0

    def peek(self, key: ObjectKey) -> Memory | None:
        self.asked += 1
        return super().peek(key)

    def overdue(self, now: float) -> list[ObjectKey]:
        self.asked += len(self._memories)
        return super().overdue(now)


async def test_a_short_tick_does_not_look_through_what_rests() -> None:
    lab = await fleet(100, transition_seconds=0)
    await lab.elapse(30)
    lab.simulator.configure({"transitionSeconds": STUCK_SECONDS})
    lab.edit(ObjectKey("AgentRuntime", "team-a", "it-7"), description="another")
    await lab.drain()
    bank = CountingBank(lab.world.memory)
    poller = Poller(replace(lab.world, memory=bank), lab.engine.queue)
    lab.clock.jumps = False
    polling = asyncio.ensure_future(poller.run())
    for _ in range(30):
        await asyncio.sleep(0)
    assert lab.clock.next_due() == pytest.approx(0.25), "short ticks"
    asked = []
    for _ in range(3):
        bank.asked = 0
        lab.clock.advance(0.25)
        for _ in range(30):
            await asyncio.sleep(0)
        asked.append(bank.asked)
    assert min(asked) <= 10, "though a regular LIST, at a random time, may fall into one of them"
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
