"""What a tenant waits for while a neighbour does its worst: counted on virtual time."""

import itertools
from typing import Any

import pytest

from agentrun_operator.core.grants import GRANTS
from agentrun_operator.core.identity import ObjectKey
from engine.specs import PROXY, RUNTIME
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab, account_spec
from fakes.live import Live, running

LIMIT_SECONDS = 2.0
SHARED = ObjectKey("ClusterAccount", "", "default")
TARPIT = "http://tarpit.example"


async def tenants(*, shared: bool) -> tuple[Lab, list[ObjectKey]]:
    """Bring a victim with Ready proxies, and a neighbour with an account: its own, or shared."""
    lab = Lab()
    if shared:
        lab.cluster.put_secret("keys", keys_of(MAIN), namespace="agentrun-system")
        names = ["victim", "neighbour"]
        allow = [{"namespaces": names, "grants": list(GRANTS)}]
        spec = account_spec("keys", allowedNamespaces={"names": names}, allow=allow)
        lab.cluster.apply("ClusterAccount", "default", spec, namespace="")
    else:
        await lab.ready_account(namespace="victim")
        lab.cluster.put_secret("keys", keys_of(OTHER), namespace="neighbour")
        spec = account_spec("keys", OTHER.account_id)
        lab.cluster.apply("Account", "default", spec, namespace="neighbour")
    await lab.drain()
    return lab, await proxies(lab, "victim")


async def proxies(lab: Lab, namespace: str) -> list[ObjectKey]:
    apply = lab.cluster.apply
    keys = [apply("ModelProxy", f"{namespace}-{n}", PROXY, namespace=namespace) for n in range(6)]
    await lab.elapse(30)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    return keys


def create_runtimes(lab: Lab, count: int) -> list[ObjectKey]:
    apply = lab.cluster.apply
    return [apply("AgentRuntime", f"r-{n}", RUNTIME, namespace="neighbour") for n in range(count)]


async def slowest_edit(live: Live, wanted: list[ObjectKey]) -> float:
    """Edit proxies one after the other; return how long the slowest update took to be sent."""
    found = []
    for key in wanted[1:]:
        live.lab.edit(key, description=f"edit {live.lab.clock.monotonic()}")
        found.append(await live.seconds_until("UpdateModelProxy"))
        await live.elapse(0.3)
    return max(found)


async def deletion(live: Live, wanted: list[ObjectKey]) -> float:
    live.lab.cluster.delete(wanted[0])
    return await live.seconds_until("DeleteModelProxy")


@pytest.mark.parametrize("shared", [False, True], ids=["own accounts", "one ClusterAccount"])
async def test_an_edit_does_not_wait_for_a_thousand_creates(*, shared: bool) -> None:
    lab, wanted = await tenants(shared=shared)
    create_runtimes(lab, 1000)
    async with running(lab) as live:
        await live.elapse(1)
        assert len(lab.engine.queue) > 900, "the neighbour's creates wait for its budget"
        assert await slowest_edit(live, wanted) <= LIMIT_SECONDS
        assert await deletion(live, wanted) <= LIMIT_SECONDS
        assert len(lab.engine.queue) > 700


@pytest.mark.parametrize("shared", [False, True], ids=["own accounts", "one ClusterAccount"])
async def test_an_edit_does_not_wait_for_eighty_others_a_second(*, shared: bool) -> None:
    lab, wanted = await tenants(shared=shared)
    theirs = itertools.cycle(create_runtimes(lab, 60))
    await lab.elapse(60)
    lab.calls.take()
    serial = itertools.count()

    def edit_four() -> None:
        for _ in range(4):
            lab.edit(next(theirs), description=f"edit {next(serial)}")

    async with running(lab) as live:
        await live.elapse(3, edit_four)
        found = []
        for key in wanted:
            lab.edit(key, description="edited")
            begun = len(live.calls_at)
            now = lab.clock.monotonic()
            await live.elapse(LIMIT_SECONDS, edit_four)
            sent = [at for at, name in live.calls_at[begun:] if name == "UpdateModelProxy"]
            found.append(sent[0] - now if sent else float("inf"))
        assert max(found) <= LIMIT_SECONDS


def build_tarpits(lab: Lab, count: int, **more: Any) -> None:
    """Make accounts of the neighbour at an endpoint that takes everything and never answers."""
    lab.cloud.silent.add(TARPIT)
    lab.cluster.put_secret("keys", keys_of(OTHER), namespace="neighbour")
    spec = account_spec("keys", OTHER.account_id, endpoint=TARPIT, **more)
    for n in range(count):
        lab.cluster.apply("Account", f"tarpit-{n}", spec, namespace="neighbour")


@pytest.mark.parametrize("mode", ["Verify", "Off"], ids=["identity asked", "identity not asked"])
async def test_nobody_waits_for_accounts_that_never_answer(mode: str) -> None:
    lab, wanted = await tenants(shared=False)
    build_tarpits(lab, 300, identityCheck={"mode": mode})
    async with running(lab) as live:
        await live.elapse(5)
        silent = sum(name == "(no answer)" for _, name in live.calls_at)
        assert silent == 40, "so many passes of one namespace wait for its accounts, and no more"
        assert await slowest_edit(live, wanted) <= LIMIT_SECONDS
        new = lab.cluster.apply("ModelProxy", "new", PROXY, namespace="victim")
        assert await live.seconds_until("CreateModelProxy") <= LIMIT_SECONDS
        assert await deletion(live, [new]) <= LIMIT_SECONDS


async def test_an_account_that_works_does_not_wait_for_those_beside_it() -> None:
    """All of them in one namespace, which hurts nobody but itself; its edits go on."""
    lab = Lab()
    await lab.ready_account(namespace="neighbour")
    wanted = await proxies(lab, "neighbour")
    build_tarpits(lab, 300)
    async with running(lab) as live:
        await live.elapse(5)
        assert await slowest_edit(live, wanted) <= LIMIT_SECONDS


def account_at_tarpit(lab: Lab, namespace: str) -> None:
    """Give a namespace an account at an endpoint that answers until it is told to be silent."""
    lab.cloud.elsewhere[TARPIT] = lab.simulator
    lab.cluster.put_secret("keys", keys_of(OTHER), namespace=namespace)
    spec = account_spec("keys", OTHER.account_id, endpoint=TARPIT)
    lab.cluster.apply("Account", "default", spec, namespace=namespace)


async def test_time_outs_close_an_account_for_all_but_one_pass() -> None:
    """A hundred objects of an account that falls silent: its breaker counts the time-outs."""
    lab, wanted = await tenants(shared=False)
    account_at_tarpit(lab, "slow")
    apply = lab.cluster.apply
    theirs = [apply("AgentRuntime", f"r-{n}", RUNTIME, namespace="slow") for n in range(100)]
    await lab.elapse(60)
    assert {lab.ready(key) for key in theirs} == {("True", "Available")}
    lab.cloud.silent.add(TARPIT)
    async with running(lab) as live:
        for key in theirs:
            lab.edit(key, description="edited")
        await live.elapse(3)
        assert await slowest_edit(live, wanted) <= LIMIT_SECONDS
        await live.elapse(40)
        asked = sum(name == "(no answer)" for _, name in live.calls_at)
        await live.elapse(60)
        again = sum(name == "(no answer)" for _, name in live.calls_at)
        assert again - asked <= 6, "one at a time tries, with pauses"
        assert await slowest_edit(live, wanted) <= LIMIT_SECONDS


async def test_a_large_object_waits_for_no_silent_account() -> None:
    """Few passes over large objects run at a time, and theirs last until the calls time out."""
    lab, _ = await tenants(shared=False)
    account_at_tarpit(lab, "neighbour")
    await lab.drain()
    large = {**RUNTIME, "env": [{"name": f"KEY_{n}", "value": "v" * 8000} for n in range(120)]}
    own = lab.cluster.apply("AgentRuntime", "large", large, namespace="victim")
    apply = lab.cluster.apply
    theirs = [apply("AgentRuntime", f"r-{n}", large, namespace="neighbour") for n in range(8)]
    await lab.elapse(20)
    assert {lab.ready(key) for key in [own, *theirs]} == {("True", "Available")}
    lab.cloud.silent.add(TARPIT)
    async with running(lab) as live:
        for key in theirs:
            lab.edit(key, description="edited")
        await live.elapse(3)
        assert "(no answer)" in {name for _, name in live.calls_at}
        lab.edit(own, description="edited")
        assert await live.seconds_until("UpdateAgentRuntime") <= LIMIT_SECONDS
