"""What a 429 is about: as little as it can be, and as much as further refusals show."""

import pytest

from agentrun_operator.reconcile.throttling import Scope, Throttling
from fakes.clock import VirtualClock

CREATE, UPDATE = "CreateAgentRuntime", "UpdateModelProxy"
BAD, GOOD, THIRD = "bad", "good", "third"


class Refusals:
    """An API's refusals, and whose calls they hold."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.throttling = Throttling(self.clock)

    def refuse(self, operation: str, tenant: str, seconds: float = 10.0) -> Scope:
        return self.throttling.refused(Scope(operation, tenant), seconds)

    def held(self, operation: str, tenant: str) -> float:
        """Return for how long a call is held."""
        return max(0.0, self.throttling.until(Scope(operation, tenant)) - self.clock.monotonic())


async def test_a_refusal_holds_its_operation_and_namespace_alone() -> None:
    api = Refusals()
    assert api.refuse(CREATE, BAD) == Scope(CREATE, BAD)
    assert api.held(CREATE, BAD) == 10
    assert (api.held(UPDATE, BAD), api.held(CREATE, GOOD), api.held(UPDATE, GOOD)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("second", "scope"),
    [
        ((UPDATE, BAD), Scope("", BAD)),
        ((CREATE, GOOD), Scope(CREATE, "")),
        ((UPDATE, GOOD), Scope()),
        (("", ""), Scope()),
    ],
    ids=["another operation", "another namespace", "both", "unknown"],
)
async def test_a_second_refusal_shows_how_far_it_goes(
    second: tuple[str, str], scope: Scope
) -> None:
    api = Refusals()
    api.refuse(CREATE, BAD)
    assert api.refuse(*second) == scope
    for call in (Scope(UPDATE, THIRD), Scope(CREATE, THIRD), Scope("Other", BAD)):
        assert (api.held(*call) > 0) is scope.covers(call)


async def test_a_pause_lasts_for_what_it_was_said_about_alone() -> None:
    api = Refusals()
    api.refuse(CREATE, BAD, 300.0)
    api.refuse(UPDATE, GOOD, 1.0)
    assert api.held(UPDATE, THIRD) == 1
    api.clock.advance(1.5)
    assert (api.held(UPDATE, THIRD), api.held(UPDATE, GOOD)) == (0, 0)
    assert api.held(CREATE, BAD) == 298.5


async def test_an_account_that_refuses_all_is_not_tried_call_by_call() -> None:
    api = Refusals()
    api.refuse(CREATE, BAD)
    api.refuse(UPDATE, GOOD)
    api.clock.advance(11)
    assert api.refuse(CREATE, BAD) == Scope(), "nothing went well in between"
    assert api.held(UPDATE, THIRD) == 10


async def test_a_call_that_went_well_narrows_the_next_pause() -> None:
    api = Refusals()
    api.refuse(CREATE, BAD)
    api.refuse(UPDATE, GOOD)
    api.clock.advance(11)
    api.throttling.succeeded(Scope(UPDATE, GOOD))
    assert api.refuse(CREATE, BAD) == Scope(CREATE, BAD)
    assert api.held(UPDATE, GOOD) == 0


async def test_a_call_that_went_well_ends_no_pause() -> None:
    api = Refusals()
    api.refuse(CREATE, BAD)
    api.throttling.succeeded(Scope(CREATE, BAD))
    assert api.held(CREATE, BAD) == 10


async def test_who_was_refused_last_comes_last() -> None:
    api = Refusals()
    api.refuse(UPDATE, GOOD)
    api.refuse(CREATE, BAD)
    api.clock.advance(11)

    def order() -> list[str]:
        tenants = (BAD, GOOD, THIRD)
        return sorted(tenants, key=lambda each: api.throttling.place_of(Scope(UPDATE, each)))

    assert order() == [THIRD, GOOD, BAD]
    api.refuse(UPDATE, THIRD)
    api.clock.advance(11)
    assert order() == [GOOD, BAD, THIRD], "each has a try of its own"


async def test_who_was_sent_away_goes_first_if_it_comes_back() -> None:
    api = Refusals()
    api.refuse(UPDATE, BAD, 30.0)
    api.refuse(CREATE, "", 30.0)
    api.throttling.sent_away(Scope(UPDATE, GOOD), 30.0)
    api.clock.advance(30)
    assert api.held(UPDATE, BAD) == 5
    assert api.held(UPDATE, GOOD) == 0
    api.throttling.served(Scope(UPDATE, GOOD))
    assert api.held(UPDATE, BAD) == 0


async def test_nobody_gives_way_for_long_nor_to_who_is_worse() -> None:
    api = Refusals()
    api.refuse(UPDATE, GOOD, 30.0)
    api.refuse(CREATE, BAD, 30.0)
    for tenant in (GOOD, BAD):
        api.throttling.sent_away(Scope(UPDATE, tenant), 30.0)
    api.clock.advance(30)
    assert (api.held(UPDATE, GOOD), api.held(UPDATE, BAD)) == (0, 5)
    api.clock.advance(5)
    assert api.held(UPDATE, BAD) == 0


async def test_what_was_refused_long_ago_is_forgotten() -> None:
    api = Refusals()
    for n in range(100):
        api.refuse(CREATE, f"tenant-{n}")
        api.throttling.sent_away(Scope(UPDATE, f"tenant-{n}"), 10.0)
    api.clock.advance(80)
    assert api.refuse(CREATE, BAD) == Scope(CREATE, BAD)
    assert (len(api.throttling._refusals), list(api.throttling._refused)) == (1, [BAD])
    assert not api.throttling._sent_away
