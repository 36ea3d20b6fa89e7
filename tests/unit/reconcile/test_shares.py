"""Who uses one budget together has equal shares of it; urgent goes first within a head start."""

import asyncio
from collections import Counter

from agentrun_operator.reconcile.budget import Budget, Lane, in_lane
from agentrun_operator.reconcile.shares import Shares
from agentrun_operator.reconcile.throttling import Scope
from fakes.clock import VirtualClock


def _level(_call: Scope) -> float:
    return 0.0


def served(shares: Shares, names: dict["asyncio.Future[None]", str], turns: int) -> list[str]:
    found = []
    for _ in range(turns):
        following = shares.next(_level)
        assert following is not None
        _, turn = following
        found.append(names[turn])
        turn.set_result(None)
    return found


def join(shares: Shares, tenant: str, lane: Lane, count: int) -> dict["asyncio.Future[None]", str]:
    return {shares.join(tenant, lane, now=0.0): tenant for _ in range(count)}


async def test_one_edit_does_not_wait_behind_a_thousand() -> None:
    shares = Shares()
    names = join(shares, "many", Lane.URGENT, 1000)
    names |= join(shares, "one", Lane.URGENT, 1)
    assert "one" in served(shares, names, 2)


async def test_shares_are_equal_while_both_have_work() -> None:
    shares = Shares()
    names = join(shares, "a", Lane.URGENT, 100)
    names |= join(shares, "b", Lane.URGENT, 100)
    assert Counter(served(shares, names, 60)) == {"a": 30, "b": 30}


async def test_nobody_saves_up_turns() -> None:
    shares = Shares()
    names = join(shares, "a", Lane.URGENT, 150)
    served(shares, names, 50)
    names |= join(shares, "b", Lane.URGENT, 100)
    assert Counter(served(shares, names, 40)) == {"a": 20, "b": 20}


async def test_nobody_saves_up_turns_while_it_may_have_none() -> None:
    """A 429 holds what one of them asks for; it stays in line."""
    shares = Shares()
    names = join(shares, "held", Lane.URGENT, 40) | join(shares, "b", Lane.URGENT, 100)
    for _ in range(50):
        following = shares.next(lambda call: None if call.tenant == "held" else 0.0)
        assert following is not None
        assert names[following[1]] == "b"
    assert served(shares, names, 40).count("held") <= 21, "half, and the one that b is ahead"


async def test_an_edit_goes_before_the_routine_of_all_others() -> None:
    shares = Shares()
    names: dict[asyncio.Future[None], str] = {}
    for n in range(50):
        names |= join(shares, f"other{n}", Lane.ROUTINE, 10)
    names |= join(shares, "one", Lane.URGENT, 3)
    assert served(shares, names, 3) == ["one"] * 3


async def test_edits_without_end_leave_routine_its_share() -> None:
    shares = Shares()
    names = join(shares, "many", Lane.URGENT, 1000)
    names |= join(shares, "one", Lane.ROUTINE, 100)
    counted = Counter(served(shares, names, 116))
    assert counted == {"many": 66, "one": 50}, "sixteen turns of head start, then equal shares"


async def test_lanes_are_strict_within_one_tenant() -> None:
    shares = Shares()
    names = {shares.join("a", Lane.ROUTINE, now=0.0): "routine" for _ in range(50)}
    names |= {shares.join("a", Lane.URGENT, now=0.0): "urgent" for _ in range(50)}
    assert served(shares, names, 50) == ["urgent"] * 50


async def test_who_gave_up_had_no_turn() -> None:
    shares = Shares()
    names = join(shares, "a", Lane.URGENT, 2)
    gone = shares.join("b", Lane.URGENT, now=0.0)
    gone.cancel()
    assert served(shares, names, 2) == ["a", "a"]
    assert shares.next(_level) is None


async def test_nothing_is_remembered_of_who_is_gone() -> None:
    shares = Shares()
    for n in range(100):
        names = join(shares, f"tenant{n}", Lane.URGENT, 2)
        served(shares, names, 2)
    assert not shares._had


async def test_a_thousand_calls_of_another_tenant_send_nobody_away() -> None:
    """The guess at how long it takes knows the shares, or an edit would be put off for a minute."""
    clock = VirtualClock()
    budget = Budget(clock, 20)

    async def call() -> None:
        await budget.acquire()

    with in_lane(Lane.URGENT, "many"):
        tasks = [asyncio.ensure_future(call()) for _ in range(180)]
    await asyncio.sleep(0)
    with in_lane(Lane.URGENT, "one"):
        mine = asyncio.ensure_future(call())
    for _ in range(4):
        clock.advance(0.05)
        for _ in range(4):
            await asyncio.sleep(0)
    assert mine.done(), "within two turns"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
