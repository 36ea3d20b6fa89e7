"""Two namespaces share an account whose API answers 429 to what one of them asks for."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import PROXY
from engine.test_tenants import LIMIT_SECONDS, SHARED, create_runtimes, tenants
from fakes.lab import Lab
from fakes.live import Live, running

PAUSES: list[dict[str, str]] = [
    {},
    {"retry-after": "5"},
    {"x-acs-retry-after": "30000"},
    {"retry-after": "300"},
]


def refuse(lab: Lab, headers: dict[str, str], **which: Any) -> None:
    fault = {"effect": "error", "status": 429, "code": "Throttling.User", "times": None}
    lab.simulator.inject(Fault.model_validate({**fault, "headers": headers, **which}))


async def seconds_to_update(live: Live, key: ObjectKey, limit: float = 60.0) -> float:
    """Edit a proxy; return how long it takes until the cloud has it."""
    lab, begun = live.lab, live.lab.clock.monotonic()
    text = f"edited at {begun}"
    lab.edit(key, description=text)
    while text not in {r.get("description") for r in lab.resources("ModelProxy")}:
        assert lab.clock.monotonic() - begun < limit, "never updated"
        await live.elapse(0.1)
    return lab.clock.monotonic() - begun


@pytest.mark.parametrize("headers", PAUSES, ids=str)
@pytest.mark.parametrize("count", [1, 20])
async def test_a_refused_operation_keeps_no_neighbour_waiting(
    headers: dict[str, str], count: int
) -> None:
    lab, wanted = await tenants(shared=True)
    refuse(lab, headers, action="CreateAgentRuntime")
    create_runtimes(lab, count)
    async with running(lab) as live:
        await live.elapse(8)
        for key in wanted[:3]:
            assert await seconds_to_update(live, key) <= LIMIT_SECONDS
        await live.elapse(120)
        for key in wanted[:3]:
            assert await seconds_to_update(live, key) <= LIMIT_SECONDS
        await live.elapse(30)
    assert {lab.ready(key) for key in [SHARED, *wanted]} == {("True", "Available")}


@pytest.mark.parametrize("headers", PAUSES, ids=str)
async def test_a_refused_namespace_keeps_no_neighbour_waiting(headers: dict[str, str]) -> None:
    """Both call the same operation, and what is refused is the neighbour's."""
    lab, wanted = await tenants(shared=True)
    apply = lab.cluster.apply
    theirs = [apply("ModelProxy", f"theirs-{n}", PROXY, namespace="neighbour") for n in range(20)]
    await lab.elapse(60)
    refuse(lab, headers, action="UpdateModelProxy", name="theirs-.*")
    async with running(lab) as live:
        for key in theirs:
            lab.edit(key, description="refused")
        await live.elapse(8)
        for key in wanted:
            assert await seconds_to_update(live, key) <= LIMIT_SECONDS


async def test_after_a_pause_of_all_the_refused_one_comes_last() -> None:
    lab, wanted = await tenants(shared=True)
    refuse(lab, {"retry-after": "30"})
    create_runtimes(lab, 20)
    async with running(lab) as live:
        lab.edit(wanted[0], description="refused as well")
        await live.elapse(5)
        edit = asyncio.ensure_future(seconds_to_update(live, wanted[1]))
        await asyncio.sleep(0)
        lab.simulator.clear_faults()
        refuse(lab, {"retry-after": "30"}, action="CreateAgentRuntime")
        assert await edit <= 25 + 2 * LIMIT_SECONDS


@pytest.mark.parametrize("headers", PAUSES, ids=str)
async def test_an_account_that_refuses_all_is_asked_little(headers: dict[str, str]) -> None:
    """Three calls show how far it goes; from then on one tries after each pause."""
    lab, wanted = await tenants(shared=True)
    begun = len(lab.simulator.requests(0))
    refuse(lab, headers)
    create_runtimes(lab, 50)
    async with running(lab) as live:
        for key in wanted:
            lab.edit(key, description="edited")
        await live.elapse(120)
    asked = len(lab.simulator.requests(0)) - begun
    pause = next((float(each.removesuffix("000")) for each in headers.values()), 2.0)
    assert asked <= 3 + 120 / pause


@pytest.mark.parametrize("headers", PAUSES, ids=str)
async def test_who_is_put_off_neither_looks_nor_writes_again(headers: dict[str, str]) -> None:
    lab, _ = await tenants(shared=True)
    refuse(lab, headers, action="CreateAgentRuntime")
    create_runtimes(lab, 200)
    async with running(lab) as live:
        await live.elapse(300)
        names = Counter(name for _, name in live.calls_at)
    assert names["ListAgentRuntimes"] <= 200 + 4 * names["CreateAgentRuntime"]
    assert names["write_status"] <= 200 + 4 * names["CreateAgentRuntime"]


async def test_what_was_put_off_goes_on_when_nothing_is_refused() -> None:
    lab, _ = await tenants(shared=True)
    refuse(lab, {"retry-after": "30"}, action="CreateAgentRuntime")
    made = create_runtimes(lab, 100)
    async with running(lab) as live:
        await live.elapse(100)
        lab.simulator.clear_faults()
        await live.elapse(62)
        assert {lab.ready(key)[0] for key in made} == {"True"}
