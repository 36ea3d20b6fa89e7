"""Crashes at every call: a share of the sweep, and that it sees what goes wrong."""

import pytest

from agentrun_operator.kinds import catalogue
from soak.bugs import CRASH_BUGS
from soak.directed import DIRECTED
from soak.schedule import CrashPoint
from soak.sweep import Point, Swept, is_read, points_of, run_history, run_point, sweep

SHARE = 97
"""Of so many crash points one is tried here."""


@pytest.fixture(scope="module")
def whole() -> dict[str, Swept]:
    """Every directed history without a crash."""
    return {name: run_history(name, 0) for name in DIRECTED}


def test_without_a_crash_every_history_holds(whole: dict[str, Swept]) -> None:
    assert {name: result.violation for name, result in whole.items() if result.violation} == {}


def test_histories_lead_every_kind_through_its_life(whole: dict[str, Swept]) -> None:
    called = {call for result in whole.values() for call in result.calls}
    for kind in catalogue().values():
        if kind.rest is not None:
            verbs = ["Create", "Delete", *(["Update"] if kind.rest.updatable else [])]
            assert {f"{verb}{kind.rest.noun}" for verb in verbs} <= called


def test_each_call_may_be_the_last_and_a_write_on_both_sides(whole: dict[str, Swept]) -> None:
    points = points_of(whole["edit"])
    writes = [call for call in whole["edit"].calls if not is_read(call)]
    assert {"CreateAgentRuntime", "UpdateAgentRuntime"} <= set(writes)
    assert len(points) == len(set(points)) == len(whole["edit"].calls) + len(writes)
    assert [Point.parse(str(point)) for point in points] == points


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("list agentruntimes", True),
        ("watch secrets", True),
        ("get Account team-a/default", True),
        ("ListAgentRuntimes", True),
        ("GetCallerIdentity", True),
        ("status AgentRuntime team-a/it", False),
        ("patch Account team-a/default", False),
        ("PublishRuntimeVersion", False),
    ],
)
def test_only_what_changes_nothing_is_a_read(call: str, *, expected: bool) -> None:
    assert is_read(call) is expected


@pytest.mark.parametrize("text", ["", "edit/0", "nothing/0:1:after", "edit/0:1:beside"])
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no crash point"):
        Point.parse(text)


def test_a_crash_that_does_not_come_is_told() -> None:
    late = Point("create", 0, CrashPoint(number=100_000, is_after=True))
    assert run_point(late).violation == "the crash takes place: it did not"


NEEDS_A_CRASH = {
    "lost-is-foreign": ("create-below", "CreateAgentRuntime", True, "converges"),
    "ended-forgotten": ("restart", "DeleteSandbox", False, "released when gone"),
}
"""Bug → history, call, whether the crash comes after it, and the invariant that tells."""


@pytest.mark.parametrize("bug", [bug.name for bug in CRASH_BUGS])
def test_a_bug_that_needs_a_crash_is_found(whole: dict[str, Swept], bug: str) -> None:
    name, call, is_after, invariant = NEEDS_A_CRASH[bug]
    assert run_history(name, 0, bug).violation is None
    point = Point(name, 0, CrashPoint(whole[name].calls.index(call) + 1, is_after))
    assert run_point(point).violation is None
    assert (run_point(point, bug).violation or "").startswith(f"{invariant}: ")


@pytest.mark.slow
def test_no_crash_breaks_an_invariant() -> None:
    summary = sweep(seeds=(0,), every=SHARE)
    assert summary.histories == len(DIRECTED)
    assert summary.points > 40
    assert summary.failures == []
