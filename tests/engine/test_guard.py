"""What stands before every call: leadership, and the memory of refusals."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from agentrun_operator.core.errors import (
    AccessDenied,
    CredentialsInvalid,
    InvalidParameter,
    OperatorError,
    QuotaExceeded,
    Throttled,
    Unavailable,
)
from agentrun_operator.core.identity import Locator
from agentrun_operator.reconcile.breaker import Breaker
from agentrun_operator.reconcile.budget import Budget, Lane, in_lane
from agentrun_operator.reconcile.contact import Contact
from agentrun_operator.reconcile.guard import GuardedAPI, LeadershipLost
from fakes.clock import VirtualClock
from fakes.lab import FakeLeadership
from fakes.rests import rest_of

PROXIES, CREDENTIALS = rest_of("ModelProxy"), rest_of("Credential")
AT = Locator("it")
VERSIONS = replace(PROXIES, creates_by="PublishVersion")
"""A collection below a resource, of which AgentRun names the operation in a way of its own."""


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

    def keys(self) -> frozenset[str]:
        return frozenset({"signed-with"})

    async def aclose(self) -> None:
        self.closed += 1


class Bench:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.answers = Answers()
        self.leadership = FakeLeadership()
        self.budget = Budget(self.clock, 20)
        self.heard = 0
        self.contact = Contact(self.clock, self._hear)
        self.api = GuardedAPI(
            self.answers,
            budget=self.budget,
            breaker=Breaker(self.clock),
            contact=self.contact,
            leadership=self.leadership,
        )

    def _hear(self) -> None:
        self.heard += 1

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


async def test_a_refused_publication_keeps_no_create_back() -> None:
    bench = Bench()
    bench.answers.error = AccessDenied("not allowed")
    assert await bench.refused(bench.api.create(VERSIONS, {})) is AccessDenied
    bench.answers.error = None
    assert await bench.refused(bench.api.create(VERSIONS, {})) is AccessDenied
    assert await bench.refused(bench.api.create(PROXIES, {})) is None


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


@pytest.mark.parametrize("error", [AccessDenied("no"), QuotaExceeded("full")], ids=str)
async def test_what_one_namespace_is_refused_another_may_have(error: OperatorError) -> None:
    """A role that one spec names may be what is not allowed."""
    bench = Bench()
    bench.answers.error = error
    with in_lane(Lane.URGENT, "one"):
        await bench.refused(bench.api.create(PROXIES, {}))
    bench.answers.error = None
    with in_lane(Lane.URGENT, "other"):
        assert await bench.refused(bench.api.create(PROXIES, {})) is None
    with in_lane(Lane.URGENT, "one"):
        assert await bench.refused(bench.api.create(PROXIES, {})) is type(error)


async def test_refused_keys_close_the_account_for_every_namespace() -> None:
    bench = Bench()
    bench.answers.error = CredentialsInvalid("the keys are refused")
    for namespace in ("one", "other"):
        with in_lane(Lane.URGENT, namespace):
            assert await bench.refused(bench.api.read(PROXIES, AT)) is CredentialsInvalid
    assert bench.answers.calls == 1


async def test_a_delete_makes_room_under_a_quota() -> None:
    bench = Bench()
    bench.answers.error = QuotaExceeded("full")
    for namespace in ("", "other"):
        with in_lane(Lane.URGENT, namespace):
            await bench.refused(bench.api.create(PROXIES, {}))
    bench.answers.error = None
    await bench.api.delete(PROXIES, AT)
    for namespace in ("", "other"):
        with in_lane(Lane.URGENT, namespace):
            assert await bench.refused(bench.api.create(PROXIES, {})) is None


@pytest.mark.parametrize("error", [Unavailable("down"), Throttled("slow")], ids=str)
async def test_what_a_retry_may_heal_closes_nothing_at_first(error: OperatorError) -> None:
    bench = Bench()
    bench.answers.error = error
    for _ in range(3):
        await bench.refused(bench.api.read(PROXIES, AT))
    assert bench.answers.calls == 3


# ------------------------------------------------ silence


async def silent_bench() -> Bench:
    """Return a bench whose account gave no answer three times in a row."""
    bench = Bench()
    bench.answers.error = Unavailable("GetModelProxy: no answer about canary", maybe_applied=True)
    for _ in range(3):
        await bench.refused(bench.api.read(PROXIES, AT))
    return bench


async def test_not_each_object_waits_for_a_silent_account() -> None:
    bench = await silent_bench()
    for _ in range(50):
        with pytest.raises(Unavailable) as caught:
            await bench.api.create(CREDENTIALS, {})
        assert not caught.value.maybe_applied, "nothing was sent"
        assert "canary" not in caught.value.message
    assert bench.answers.calls == 3


async def test_one_trial_at_a_time_finds_out_whether_it_is_over() -> None:
    bench = await silent_bench()
    bench.clock.advance(5)
    bench.answers.is_slow = True
    calls = [bench.refused(bench.api.read(CREDENTIALS, AT)) for _ in range(10)]
    assert set(await asyncio.gather(*calls)) == {Unavailable}
    assert bench.answers.calls == 4
    bench.clock.advance(10)
    bench.answers.error = None
    assert await bench.refused(bench.api.read(PROXIES, AT)) is None
    assert await bench.refused(bench.api.read(CREDENTIALS, AT)) is None


async def test_trials_of_a_silent_account_are_30_seconds_apart() -> None:
    bench = await silent_bench()
    times = []
    for second in range(200):
        before = bench.answers.calls
        await bench.refused(bench.api.read(PROXIES, AT))
        if bench.answers.calls > before:
            times.append(second)
        bench.clock.advance(1)
    assert times == [5, 15, 35, 65, 95, 125, 155, 185]


async def test_a_trial_that_our_own_budget_held_back_is_made_up_for() -> None:
    bench = await silent_bench()
    bench.clock.advance(5)
    bench.answers.error = Throttled("the budget is spent", is_ours=True)
    await bench.refused(bench.api.read(PROXIES, AT))
    bench.answers.error = None
    assert await bench.refused(bench.api.read(PROXIES, AT)) is None


@pytest.mark.parametrize("error", [AccessDenied("no"), InvalidParameter("bad"), Throttled("slow")])
async def test_any_answer_ends_the_silence(error: OperatorError) -> None:
    bench = await silent_bench()
    bench.clock.advance(5)
    bench.answers.error = error
    assert await bench.refused(bench.api.read(CREDENTIALS, AT)) is type(error)
    bench.answers.error = None
    assert await bench.refused(bench.api.read(PROXIES, AT)) is None


async def test_an_answer_between_failures_keeps_the_account_open() -> None:
    bench = Bench()
    for _ in range(20):
        bench.answers.error = Unavailable("down")
        await bench.refused(bench.api.read(PROXIES, AT))
        await bench.refused(bench.api.read(PROXIES, AT))
        bench.answers.error = None
        assert await bench.refused(bench.api.read(CREDENTIALS, AT)) is None
    assert bench.heard == 0


@pytest.mark.parametrize(
    ("error", "calls"),
    [(Unavailable("down"), 3), (Throttled("slow"), 3), (CredentialsInvalid("refused"), 1)],
    ids=str,
)
async def test_the_account_hears_once_of_an_outage_and_of_its_end(
    error: OperatorError, calls: int
) -> None:
    bench = Bench()
    bench.clock.advance(100)
    await bench.api.read(PROXIES, AT)
    answered = bench.clock.now()
    bench.clock.advance(10)
    failed = bench.clock.now()
    bench.answers.error = error
    for n in range(6):
        assert bench.contact.is_out == (n >= calls)
        await bench.refused(bench.api.verify())
        bench.clock.advance(7)
    assert (bench.contact.last_answer, bench.contact.failing_since) == (answered, failed)
    assert bench.heard == 1
    bench.answers.error = None
    await bench.api.verify()
    assert not bench.contact.is_out
    assert bench.heard == 2


async def test_a_throttled_call_pauses_its_operation_alone() -> None:
    bench = Bench()
    bench.answers.error = Throttled("slow", retry_after=50)
    await bench.refused(bench.api.read(PROXIES, AT))
    assert bench.budget.is_throttled
    with pytest.raises(Throttled) as caught:
        bench.api.check_turn("GetModelProxy")
    assert (caught.value.is_ours, caught.value.operation) == (True, "GetModelProxy")
    bench.api.check_turn("ListModelProxies")
    assert bench.budget.per_second == 20
    await bench.refused(bench.api.find(PROXIES, name="it"))
    assert bench.budget.per_second == 10, "two operations: the account"
    with pytest.raises(Throttled):
        bench.api.check_turn("UpdateModelProxy")


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
