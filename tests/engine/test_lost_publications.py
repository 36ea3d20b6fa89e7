"""Lost answers, crashes and restored statuses around a publication: no twin, none missing."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import ClusterUnavailable, Json
from agentrun_simulator.faults import Fault
from engine.specs import RUNTIME
from engine.versions import (
    LIST,
    PUBLISH,
    numbers,
    published,
    published_by_hand,
    publishing,
    texts,
    unpublished,
)
from fakes.calls import Crash
from fakes.lab import Lab

MAX_CALLS = 40
LASTING = 240.0
"""Until an answer can come no more, a second look has confirmed that, and it is published again."""

restarts = pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
effects = pytest.mark.parametrize("effect", ["drop-after", "drop-before", "drop-late"])


def lose(lab: Lab, effect: str, seconds: float = 20.0, **more: Any) -> None:
    """Let the answer of the next publication get lost, and the call be carried out or not."""
    fault = {"action": PUBLISH, "effect": effect, "times": 1, **more}
    if effect == "drop-late":
        fault["seconds"] = seconds
    lab.simulator.inject(Fault.model_validate(fault))


def status_of(lab: Lab, key: ObjectKey) -> Json:
    raw = lab.cluster.raw(key)
    assert raw is not None
    return dict(raw["status"])


def assert_told(lab: Lab, key: ObjectKey, expected: list[str]) -> None:
    """Assert that these heads were published, once each, and that the object says so."""
    assert texts(lab) == expected
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    status = lab.get(key).status
    assert numbers(lab, key) == [str(n) for n in range(len(expected), 0, -1)]
    assert status["latestVersion"] == str(len(expected))
    assert "publishing" not in status


async def sent(lab: Lab) -> None:
    """Let time pass until the next publication has just been sent."""
    while PUBLISH not in lab.calls.names:
        await lab.elapse(0.1)


async def crash_after(lab: Lab, calls: int) -> bool:
    lab.calls.crash_after = calls
    try:
        await lab.elapse(30)
    except Crash:
        return True
    finally:
        lab.calls.crash_after = None
    return False


async def test_a_first_version_survives_a_crash_after_any_call() -> None:
    for calls in range(1, MAX_CALLS):
        lab, key = await unpublished()
        crashed = await crash_after(lab, calls)
        lab.restart()
        await lab.elapse(LASTING)
        assert_told(lab, key, ["first"])
        if not crashed:
            assert calls > 8, "nothing was done at all"
            return
    raise AssertionError(f"it takes more than {MAX_CALLS} calls")


async def test_a_next_version_survives_a_crash_after_any_call() -> None:
    for calls in range(1, MAX_CALLS):
        lab, key = await publishing()
        lab.edit(key, description="second")
        crashed = await crash_after(lab, calls)
        lab.restart()
        await lab.elapse(LASTING)
        assert_told(lab, key, ["first", "second"])
        if not crashed:
            return
    raise AssertionError(f"it takes more than {MAX_CALLS} calls")


@effects
@restarts
async def test_a_lost_answer_is_found_in_the_list(effect: str, *, restarted: bool) -> None:
    lab, key = await publishing()
    lose(lab, effect)
    lab.edit(key, description="second")
    await sent(lab)
    assert lab.get(key).status["publishing"]
    assert lab.ready(key)[0] == "False"
    if restarted:
        lab.restart()
    await lab.elapse(LASTING)
    assert_told(lab, key, ["first", "second"])


@effects
@restarts
async def test_an_edit_waits_for_what_became_of_a_publication(
    effect: str, *, restarted: bool
) -> None:
    """A late one would make a version of the edited head, and say that it is the one before."""
    lab, key = await publishing()
    lose(lab, effect, seconds=40.0)
    lab.edit(key, description="second")
    await sent(lab)
    lab.edit(key, description="third")
    if restarted:
        lab.restart()
    await lab.elapse(LASTING)
    carried_out = {"drop-before": ["first", "third"]}
    assert_told(lab, key, carried_out.get(effect, ["first", "second", "third"]))


@pytest.mark.parametrize("effect", ["drop-after", "drop-late"])
async def test_a_lost_update_is_published_once_it_can_come_no_more(effect: str) -> None:
    lab, key = await publishing()
    lose(lab, effect, action="UpdateAgentRuntime")
    lab.edit(key, description="second")
    await lab.elapse(10)
    lab.edit(key, description="third")
    await lab.elapse(40)
    assert PUBLISH not in lab.calls.names
    await lab.elapse(LASTING)
    assert_told(lab, key, ["first", "third"])


async def test_an_edit_after_the_announcement_is_published_next() -> None:
    lab, key = await publishing()
    writes: list[str] = []

    def edit(name: str) -> None:
        if name == PUBLISH and not writes:
            writes.append(name)
            lab.edit(key, description="third")

    lab.calls.before = edit
    lab.edit(key, description="second")
    await lab.elapse(60)
    assert_told(lab, key, ["first", "second", "third"])


async def test_the_same_head_again_is_told_from_the_one_before() -> None:
    lab, key = await publishing()
    lab.edit(key, description="second")
    await lab.elapse(30)
    lose(lab, "drop-before")
    lab.edit(key, description="first")
    await lab.elapse(LASTING)
    assert_told(lab, key, ["first", "second", "first"])


async def test_a_description_that_the_api_loses_makes_no_twin() -> None:
    lab, key = await publishing()
    lose(lab, "drop-after")
    lab.edit(key, description="second")
    await sent(lab)
    published(lab)[1]["description"] = ""
    await lab.elapse(LASTING)
    assert_told(lab, key, ["first", "second"])


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [(403, "NoPermission", "AccessDenied"), (429, "Throttling", None), (400, "ERR_BAD", None)],
)
async def test_a_refused_publication_is_no_announced_one(
    status: int, code: str, reason: str | None
) -> None:
    lab, key = await publishing()
    refusal = {"action": PUBLISH, "effect": "error", "status": status, "code": code}
    lab.simulator.inject(Fault.model_validate({**refusal, "times": None}))
    lab.edit(key, description="second")
    await lab.elapse(30)
    assert "publishing" not in lab.get(key).status
    assert lab.ready(key)[0] == "False"
    assert reason in (None, lab.ready(key)[1])
    lab.simulator.clear_faults()
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(400)
    assert_told(lab, key, ["first", "second"])


async def test_what_the_api_does_not_take_is_not_sent_again() -> None:
    lab, key = await publishing()
    refusal = {"action": PUBLISH, "effect": "error", "status": 400, "code": "ERR_BAD_REQUEST"}
    lab.simulator.inject(Fault.model_validate({**refusal, "times": None}))
    lab.edit(key, description="second")
    await lab.elapse(1800)
    assert lab.ready(key) == ("False", "InvalidParameter")
    refused = [r for r in lab.cloud_writes() if r["action"] == PUBLISH and r["status"] == 400]
    assert len(refused) == 1
    lab.edit(key, publish="Never")
    await lab.elapse(30)
    assert lab.ready(key) == ("True", "Available")


@restarts
async def test_a_restored_older_status_publishes_nothing(*, restarted: bool) -> None:
    lab, key = await publishing()
    old = status_of(lab, key)
    lab.edit(key, description="second")
    await lab.elapse(30)
    lab.cluster.put_status(key, old)
    if restarted:
        lab.restart()
    await lab.elapse(LASTING)
    assert_told(lab, key, ["first", "second"])


@restarts
async def test_a_restored_announcement_publishes_nothing(*, restarted: bool) -> None:
    lab, key = await publishing()
    statuses: list[Json] = []

    def keep(name: str) -> None:
        if name == PUBLISH:
            statuses.append(status_of(lab, key))

    lab.calls.before = keep
    lab.edit(key, description="second")
    await lab.elapse(30)
    lab.edit(key, description="third")
    await lab.elapse(30)
    assert statuses[0]["publishing"]
    lab.cluster.put_status(key, statuses[0])
    if restarted:
        lab.restart()
    await lab.elapse(LASTING)
    assert_told(lab, key, ["first", "second", "third"])


@restarts
async def test_a_lost_status_publishes_nothing(*, restarted: bool) -> None:
    lab, key = await publishing()
    lab.cluster.reset_status(key)
    if restarted:
        lab.restart()
    await lab.elapse(LASTING)
    assert_told(lab, key, ["first"])


async def test_a_copied_status_publishes_what_its_own_runtime_is() -> None:
    lab, key = await publishing()
    other = lab.cluster.apply("AgentRuntime", "other", {**RUNTIME, "publish": "OnChange"})
    lab.cluster.put_status(other, status_of(lab, key))
    await lab.elapse(LASTING)
    assert lab.ready(other) == ("True", "Available"), lab.message(other)
    assert lab.calls.names.count(PUBLISH) == 1
    assert numbers(lab, other) == ["1"]


@restarts
async def test_a_lost_status_write_after_it_publishes_nothing(*, restarted: bool) -> None:
    """The announcement stays, and the list tells that a version was made."""
    lab, key = await publishing()
    seen = []

    def refuse(name: str) -> None:
        if name == "write_status" and lab.calls.names[-1:] == [PUBLISH]:
            seen.append(name)
            raise ClusterUnavailable("no answer")

    lab.calls.before = refuse
    lab.edit(key, description="second")
    await sent(lab)
    assert seen
    assert lab.get(key).status["publishing"]
    if restarted:
        lab.restart()
    await lab.elapse(LASTING)
    assert_told(lab, key, ["first", "second"])


async def test_somebody_elses_version_does_not_hide_a_lost_one() -> None:
    lab, key = await publishing()
    lose(lab, "drop-before")
    lab.edit(key, description="second")
    await sent(lab)
    await published_by_hand(lab, key)
    await lab.elapse(LASTING)
    assert texts(lab) == ["first", "second", "second"]
    assert lab.calls.names.count(PUBLISH) == 1
    assert lab.get(key).status["latestVersion"] == "3"


async def test_a_lost_answer_costs_a_few_lists() -> None:
    lab, key = await publishing()
    lose(lab, "drop-before")
    lab.edit(key, description="second")
    await lab.elapse(LASTING)
    assert lab.calls.names.count(PUBLISH) == 2
    assert lab.calls.names.count(LIST) <= 20
    assert_told(lab, key, ["first", "second"])
