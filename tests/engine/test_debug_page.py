"""/debug: what it shows of an engine in trouble, and what it does not."""

import json
from typing import Any

import aiohttp

from agentrun_operator.core.settings import Settings
from agentrun_operator.telemetry.debug import DebugPage, DebugServer
from agentrun_simulator.faults import Fault
from engine.specs import PROXY
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab

WORDS = "the cloud's own words"


def page_of(lab: Lab) -> DebugPage:
    page = DebugPage(lab.clock)
    page.attach(lab.world, lab.engine.queue)
    return page


async def test_the_page_is_off_and_on_loopback_by_default() -> None:
    assert (Settings().debug_port, Settings().debug_host) == (0, "127.0.0.1")
    assert DebugPage(Lab().clock).state() == {"leads": False, "failedCalls": []}


async def test_the_queue_shows_who_waits_longest() -> None:
    lab = Lab()
    await lab.ready_account()
    first = lab.cluster.apply("ModelProxy", "first", PROXY)
    lab.deliver()
    lab.clock.advance(3)
    second = lab.cluster.apply("ModelProxy", "second", PROXY)
    lab.deliver()
    queue = page_of(lab).state()["queue"]
    assert queue["waiting"] == 2
    assert queue["oldest"] == [
        {"object": str(first), "seconds": 3.0},
        {"object": str(second), "seconds": 0.0},
    ]


async def test_an_outage_shows_in_breaker_and_budget() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.apply("ModelProxy", "chat", PROXY)
    await lab.elapse(60)
    page = page_of(lab)
    (before,) = page.state()["accounts"]
    assert before["account"] == "Account team-a/default"
    assert before["breaker"] == []
    assert before["failuresInARow"] == 0
    assert before["budget"]["perSecond"] == 20.0
    lab.simulator.inject(
        Fault(effect="error", status=503, code="Unavailable", message=WORDS, times=None)
    )
    await lab.elapse(120)
    (now,) = page.state()["accounts"]
    assert now["error"] == "Unavailable"
    assert now["failuresInARow"] >= 3
    assert now["failingSince"] > now["lastAnswer"]
    assert [each["error"] for each in now["breaker"]] == ["Unavailable"]
    assert_nothing_else(page.state())


async def test_a_refusal_of_a_namespace_names_the_operation() -> None:
    lab = Lab()
    await lab.ready_account()
    fault = {"effect": "error", "status": 403, "code": "NoPermission", "times": None}
    lab.simulator.inject(Fault.model_validate({**fault, "action": "CreateModelProxy"}))
    lab.cluster.apply("ModelProxy", "chat", PROXY)
    await lab.elapse(10)
    (account,) = page_of(lab).state()["accounts"]
    (refused,) = account["breaker"]
    assert refused["operation"] == "CreateModelProxy"
    assert (refused["namespace"], refused["error"]) == ("team-a", "AccessDenied")


async def test_failed_calls_are_few_and_newest_first() -> None:
    page = DebugPage(Lab().clock)
    for code in ("200", "404", "429", *["503"] * 60, "ConnectTimeout"):
        page.api_called("GetModelProxy", code)
    failed = page.state()["failedCalls"]
    assert len(failed) == 50
    assert failed[0] == {
        "at": "2026-01-05T09:00:00Z", "operation": "GetModelProxy", "code": "ConnectTimeout",
    }  # fmt: skip
    assert {each["code"] for each in failed[1:]} == {"503"}


async def test_the_page_is_served_as_json() -> None:
    page = DebugPage(Lab().clock)
    async with DebugServer(host="127.0.0.1", port=0, state=page.state) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with aiohttp.ClientSession(url) as session, session.get("/debug") as answer:
            assert answer.status == 200
            assert await answer.json() == page.state()


def assert_nothing_else(state: dict[str, Any]) -> None:
    text = json.dumps(state)
    assert WORDS not in text
    for secret in keys_of(MAIN).values():
        assert secret not in text


async def test_a_429_names_what_is_paused_and_for_how_long() -> None:
    lab = Lab()
    await lab.ready_account()
    fault = {"effect": "error", "status": 429, "code": "Throttling.Api", "times": None}
    fault |= {"action": "CreateModelProxy", "headers": {"retry-after": "200"}}
    lab.simulator.inject(Fault.model_validate(fault))
    lab.cluster.apply("ModelProxy", "chat", PROXY)
    await lab.elapse(10)
    budget = page_of(lab).state()["accounts"][0]["budget"]
    (refused,) = budget["throttled"]
    assert (refused["operation"], refused["namespace"]) == ("CreateModelProxy", "team-a")
    assert 180 < refused["seconds"] < 200
    assert (budget["perSecond"], budget["pauseSeconds"]) == (20, 0)
