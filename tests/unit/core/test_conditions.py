"""Conditions: which stand, and when their transition time moves."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.conditions import (
    Condition,
    Truth,
    Verdict,
    merge_conditions,
    with_request_id,
)
from agentrun_operator.core.reasons import ConditionType, Reason

START = datetime(2026, 1, 15, 8, 0, 0, tzinfo=UTC)
LATER = START + timedelta(seconds=90)


def _types(verdict: Verdict) -> list[str]:
    return [c.type.value for c in verdict.conditions()]


def _write(
    verdict: Verdict, before: list[dict[str, Any]], *, generation: int = 1, now: datetime = START
) -> list[dict[str, Any]]:
    return merge_conditions(before, verdict.conditions(), generation=generation, now=now)


VERDICTS = [
    pytest.param(
        Verdict("True", Reason.AVAILABLE, "in use"),
        {"Ready": ("True", "Available"), "Synced": ("True", "Available")},
        id="ready",
    ),
    pytest.param(
        Verdict("False", Reason.CREATING, "m", reconciling=True),
        {
            "Ready": ("False", "Creating"),
            "Synced": ("True", "Creating"),
            "Reconciling": ("True", "Creating"),
        },
        id="creating",
    ),
    pytest.param(
        Verdict("False", Reason.INVALID_PARAMETER, "m", synced=False, stalled=True),
        {
            "Ready": ("False", "InvalidParameter"),
            "Synced": ("False", "InvalidParameter"),
            "Stalled": ("True", "InvalidParameter"),
        },
        id="stalled",
    ),
    pytest.param(
        Verdict(
            "False",
            Reason.REFERENCE_NOT_FOUND,
            "m",
            synced=False,
            reconciling=True,
            references_resolved=False,
        ),
        {
            "Ready": ("False", "ReferenceNotFound"),
            "Synced": ("False", "ReferenceNotFound"),
            "ReferencesResolved": ("False", "ReferenceNotFound"),
            "Reconciling": ("True", "ReferenceNotFound"),
        },
        id="reference missing",
    ),
    pytest.param(
        Verdict("False", Reason.CREATING, "m", reconciling=True, references_resolved=True),
        {
            "Ready": ("False", "Creating"),
            "Synced": ("True", "Creating"),
            "ReferencesResolved": ("True", "Available"),
            "Reconciling": ("True", "Creating"),
        },
        id="references resolved while creating",
    ),
    pytest.param(
        Verdict("True", Reason.AVAILABLE, "m", paused=True),
        {
            "Ready": ("True", "Available"),
            "Synced": ("True", "Available"),
            "Paused": ("True", "Paused"),
        },
        id="paused",
    ),
]


@pytest.mark.parametrize(("verdict", "expected"), VERDICTS)
def test_conditions_of_a_verdict(verdict: Verdict, expected: dict[str, tuple[str, str]]) -> None:
    assert {c.type.value: (c.status, c.reason.value) for c in verdict.conditions()} == expected


def test_reconciling_and_stalled_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="both reconciling and stalled"):
        Verdict("False", Reason.TIMEOUT, "m", reconciling=True, stalled=True)


verdicts = st.builds(
    Verdict,
    ready=st.sampled_from(get_args(Truth)),
    reason=st.sampled_from(Reason),
    message=st.text(max_size=20),
    synced=st.booleans(),
    reconciling=st.booleans(),
    paused=st.booleans(),
    references_resolved=st.none() | st.booleans(),
) | st.builds(
    Verdict,
    ready=st.just("False"),
    reason=st.sampled_from(Reason),
    message=st.text(max_size=20),
    stalled=st.booleans(),
)


@given(st.lists(verdicts, min_size=1, max_size=5), st.integers(0, 9))
def test_every_history_of_verdicts(history: list[Verdict], generation: int) -> None:
    """Transition times move exactly when a status flips; every entry speaks of its generation."""
    written: list[dict[str, Any]] = []
    for step, verdict in enumerate(history):
        now = START + timedelta(seconds=step)
        before = {c["type"]: c for c in written}
        written = _write(verdict, written, generation=generation + step, now=now)
        assert [c["type"] for c in written] == _types(verdict)
        assert {c["observedGeneration"] for c in written} == {generation + step}
        assert not {"Reconciling", "Stalled"} <= {c["type"] for c in written}
        for condition in written:
            old = before.get(condition["type"])
            kept = old is not None and old["status"] == condition["status"]
            expected = old["lastTransitionTime"] if kept and old else _stamp(now)
            assert condition["lastTransitionTime"] == expected


def _stamp(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


@given(verdicts)
def test_the_same_verdict_again_changes_nothing(verdict: Verdict) -> None:
    once = _write(verdict, [])
    assert _write(verdict, once, now=LATER) == once


def test_another_reason_does_not_move_the_time() -> None:
    creating = _write(Verdict("False", Reason.CREATING, "m", reconciling=True), [])
    updating = _write(Verdict("False", Reason.UPDATING, "n", reconciling=True), creating, now=LATER)
    assert {c["lastTransitionTime"] for c in updating} == {"2026-01-15T08:00:00Z"}
    assert {c["reason"] for c in updating} == {"Updating"}


def test_an_abnormal_condition_leaves_when_it_no_longer_holds() -> None:
    stalled = _write(Verdict("False", Reason.QUOTA_EXCEEDED, "m", stalled=True), [])
    healthy = _write(Verdict("True", Reason.AVAILABLE, "m"), stalled, now=LATER)
    assert [c["type"] for c in healthy] == ["Ready", "Synced"]


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([{}], id="empty entry"),
        pytest.param([{"type": "Ready", "status": "True"}], id="no transition time"),
        pytest.param([{"type": "Foreign", "status": "True"}], id="a type that is not ours"),
    ],
)
def test_a_broken_former_status_is_replaced(before: list[dict[str, Any]]) -> None:
    written = _write(Verdict("True", Reason.AVAILABLE, "m"), before)
    assert {c["lastTransitionTime"] for c in written} == {"2026-01-15T08:00:00Z"}


def test_the_order_is_fixed() -> None:
    wanted = [
        Condition(name, "True", Reason.AVAILABLE, "m") for name in reversed(list(ConditionType))
    ]
    written = merge_conditions([], wanted, generation=1, now=START)
    assert [c["type"] for c in written] == [t.value for t in ConditionType]


FIRST, SECOND = "0A1B2C3D-0000-4000-8000-000000000001", "0A1B2C3D-0000-4000-8000-000000000002"


def _failed(message: str, request_id: str | None, **changes: Any) -> Verdict:
    return Verdict("False", Reason.ACCESS_DENIED, message, request_id=request_id, **changes)


def _told(verdict: Verdict, before: Verdict | None = None, *, is_same_generation: bool) -> str:
    ready = {} if before is None else _write(before, [])[0]
    found = with_request_id(verdict, ready, is_same_generation=is_same_generation)
    assert found.request_id is None
    return found.message


def test_a_failure_names_its_call() -> None:
    assert _told(_failed("no", FIRST), is_same_generation=True) == f"no (request id {FIRST})"
    assert _told(_failed("no", None), is_same_generation=True) == "no"


@pytest.mark.parametrize("again", [SECOND, None])
def test_a_failure_that_goes_on_keeps_the_first_name(again: str | None) -> None:
    before = _failed(f"no (request id {FIRST})", None)
    assert _told(_failed("no", again), before, is_same_generation=True) == before.message


def test_a_cloud_that_quotes_its_request_id_says_nothing_new() -> None:
    before = _failed(f"no; AgentRun says: {FIRST} denied (request id {FIRST})", None)
    again = _failed(f"no; AgentRun says: {SECOND} denied", SECOND)
    assert _told(again, before, is_same_generation=True) == before.message


def test_another_failure_or_another_spec_has_its_own_name() -> None:
    before = _failed(f"no (request id {FIRST})", None)
    named = f" (request id {SECOND})"
    assert _told(_failed("never", SECOND), before, is_same_generation=True) == f"never{named}"
    assert _told(_failed("no", SECOND), before, is_same_generation=False) == f"no{named}"
    other = Verdict("Unknown", Reason.ACCESS_DENIED, "no", request_id=SECOND)
    assert _told(other, before, is_same_generation=True) == f"no{named}"
