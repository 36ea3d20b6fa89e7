"""What stands before every call: leadership, and the memory of refusals."""

import asyncio
from typing import Any

import pytest

from agentrun_operator.core.errors import (
    AccessDenied,
    CredentialsInvalid,
    OperatorError,
    QuotaExceeded,
    Throttled,
    Unavailable,
)
from agentrun_operator.core.identity import Locator
from agentrun_operator.core.kind import Rest
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.breaker import Breaker
from agentrun_operator.reconcile.budget import Budget
from agentrun_operator.reconcile.guard import GuardedAPI, LeadershipLost
from fakes.clock import VirtualClock
from fakes.lab import FakeLeadership


def rest_of(kind: str) -> Rest:
    rest = catalogue()[kind].rest
    assert rest is not None
    return rest


PROXIES, CREDENTIALS = rest_of("ModelProxy"), rest_of("Credential")
AT = Locator("it")


class Answers:
    """An API whose every call has the same end, which a test may change."""

    def __init__(self) -> None:
        self.calls = 0
        self.closed = 0
        self.error: OperatorError | None = None
        self.is_slow = False

    async def _answer(self, *_: Any, **__: Any) -> Any:
        self.calls += 1
        if self.is_slow:
            await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return {}

    find = read = read_page = create = update = delete = act = verify = _answer
    identify = _answer

    async def aclose(self) -> None:
        self.closed += 1


class Bench:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.answers = Answers()
        self.leadership = FakeLeadership()
        self.budget = Budget(self.clock, 20)
        self.api = GuardedAPI(
            self.answers,
            budget=self.budget,
            breaker=Breaker(self.clock),
            leadership=self.leadership,
        )

    async def refused(self, call: Any) -> type[OperatorError] | None:
        try:
            await call
        except OperatorError as error:
            return type(error)
        return None


async def test_only_a_leader_changes_anything() -> None:
    bench = Bench()
    bench.leadership.holds = False
    for call in (
        bench.api.create(PROXIES, {}),
        bench.api.update(PROXIES, AT, {}),
        bench.api.delete(PROXIES, AT),
    ):
        with pytest.raises(LeadershipLost):
            await call
    assert bench.answers.calls == 0
    await bench.api.read(PROXIES, AT)
    assert bench.answers.calls == 1


async def test_refused_keys_close_the_account_for_all_but_one() -> None:
    bench = Bench()
    bench.answers.error = CredentialsInvalid("the keys are refused")
    assert await bench.refused(bench.api.read(PROXIES, AT)) is CredentialsInvalid
    for _ in range(50):
        assert await bench.refused(bench.api.read(CREDENTIALS, AT)) is CredentialsInvalid
    assert bench.answers.calls == 1
    bench.clock.advance(30)
    bench.answers.error = None
    assert await bench.refused(bench.api.read(PROXIES, AT)) is None
    assert await bench.refused(bench.api.read(CREDENTIALS, AT)) is None


async def test_each_refusal_in_a_row_lasts_longer() -> None:
    bench = Bench()
    bench.answers.error = CredentialsInvalid("the keys are refused")
    times = []
    for second in range(1000):
        before = bench.answers.calls
        await bench.refused(bench.api.read(PROXIES, AT))
        if bench.answers.calls > before:
            times.append(second)
        bench.clock.advance(1)
    assert times == [0, 30, 90, 210, 450, 750]


async def test_verifying_asks_in_any_case() -> None:
    bench = Bench()
    bench.answers.error = CredentialsInvalid("the keys are refused")
    await bench.refused(bench.api.read(PROXIES, AT))
    bench.answers.error = None
    assert await bench.refused(bench.api.verify()) is None
    assert await bench.refused(bench.api.read(PROXIES, AT)) is None


@pytest.mark.parametrize("error", [AccessDenied("no"), QuotaExceeded("full")], ids=str)
async def test_a_refused_operation_closes_itself_only(error: OperatorError) -> None:
    bench = Bench()
    bench.answers.error = error
    await bench.refused(bench.api.create(PROXIES, {}))
    bench.answers.error = None
    assert await bench.refused(bench.api.create(PROXIES, {})) is type(error)
    assert await bench.refused(bench.api.create(CREDENTIALS, {})) is None
    assert await bench.refused(bench.api.read(PROXIES, AT)) is None
    bench.clock.advance(30)
    assert await bench.refused(bench.api.create(PROXIES, {})) is None


async def test_a_delete_makes_room_under_a_quota() -> None:
    bench = Bench()
    bench.answers.error = QuotaExceeded("full")
    await bench.refused(bench.api.create(PROXIES, {}))
    bench.answers.error = None
    await bench.api.delete(PROXIES, AT)
    assert await bench.refused(bench.api.create(PROXIES, {})) is None


@pytest.mark.parametrize("error", [Unavailable("down"), Throttled("slow")], ids=str)
async def test_what_a_retry_may_heal_closes_nothing(error: OperatorError) -> None:
    bench = Bench()
    bench.answers.error = error
    for _ in range(3):
        await bench.refused(bench.api.read(PROXIES, AT))
    assert bench.answers.calls == 3


async def test_a_throttled_call_slows_the_account_down() -> None:
    bench = Bench()
    bench.answers.error = Throttled("slow", retry_after=5)
    await bench.refused(bench.api.read(PROXIES, AT))
    assert bench.budget.per_second == 10


async def test_a_remembered_refusal_is_a_new_exception() -> None:
    bench = Bench()
    bench.answers.error = AccessDenied("no", request_id="R1")
    await bench.refused(bench.api.read(PROXIES, AT))
    caught = []
    for _ in range(2):
        with pytest.raises(AccessDenied) as error:
            await bench.api.read(PROXIES, AT)
        caught.append(error.value)
    assert caught[0] is not caught[1]
    assert caught[0].request_id == "R1"


async def test_a_retired_client_closes_when_nobody_uses_it() -> None:
    bench = Bench()
    await bench.api.retire()
    assert bench.answers.closed == 1


async def test_refusals_of_one_moment_count_once() -> None:
    """Calls that were under way together say no more than one of them."""
    bench = Bench()
    bench.answers.error = AccessDenied("no permission")
    bench.answers.is_slow = True
    calls = [bench.refused(bench.api.create(PROXIES, {})) for _ in range(10)]
    assert set(await asyncio.gather(*calls)) == {AccessDenied}
    assert bench.answers.calls == 10
    bench.clock.advance(30)
    bench.answers.error = None
    assert await bench.refused(bench.api.create(PROXIES, {})) is None
