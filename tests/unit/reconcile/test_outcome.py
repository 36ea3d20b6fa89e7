"""Result or error → conditions and requeue: the table that people and tools read us by."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core import errors
from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.errors import OperatorError
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.settings import Backoff
from agentrun_operator.reconcile import outcome
from agentrun_operator.reconcile.failures import Failures
from agentrun_operator.reconcile.outcome import Outcomes, event_of, was_tried
from agentrun_operator.reconcile.status import compose

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def obj(status: dict[str, Any] | None = None, generation: int = 1) -> KubeObject:
    metadata = {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "1"}
    raw = {"metadata": {**metadata, "generation": generation}, "status": status or {}}
    return KubeObject.of(raw, "Tool")


def ready_status(status: str = "True", reason: str = "Available") -> dict[str, Any]:
    return {
        "observedGeneration": 1,
        "conditions": [
            {"type": "Ready", "status": status, "reason": reason, "message": "m"},
            {"type": "Synced", "status": status, "reason": reason, "message": "m"},
        ],
    }


def of_error(error: OperatorError, failures: Failures | None = None, now: float = 0.0) -> Any:
    # A few failures ago, so that no grace applies.
    notes = failures or Failures(5, since=0.0)
    return Outcomes(Backoff(), jitter=lambda: 1.0).of_error(error, obj(), notes, now)


# What kstatus makes of the conditions: Reconciling → InProgress, Stalled → Failed.
TABLE: dict[type[OperatorError], tuple[str, str]] = {
    errors.Unavailable: ("ProviderUnavailable", "Reconciling"),
    errors.AnswerTooLarge: ("ProviderUnavailable", "Reconciling"),
    errors.Throttled: ("Throttled", "Reconciling"),
    errors.Busy: ("Updating", "Reconciling"),
    errors.InUse: ("DeletionBlocked", "Reconciling"),
    errors.DependencyNotReady: ("DependencyNotReady", "Reconciling"),
    errors.AccountNotUsable: ("DependencyNotReady", "Reconciling"),
    errors.ReferenceNotFound: ("ReferenceNotFound", "Reconciling"),
    errors.Unresolved: ("ReferenceNotFound", "Reconciling"),
    errors.CredentialsNotFound: ("CredentialsNotFound", "Reconciling"),
    errors.AccessDenied: ("AccessDenied", "Reconciling"),
    errors.CredentialsInvalid: ("CredentialsInvalid", "Stalled"),
    errors.InvalidParameter: ("InvalidParameter", "Stalled"),
    errors.UnfitReference: ("InvalidParameter", "Stalled"),
    errors.NotGranted: ("NotGranted", "Stalled"),
    errors.QuotaExceeded: ("QuotaExceeded", "Stalled"),
    errors.AlreadyExistsNotOwned: ("AlreadyExistsNotOwned", "Stalled"),
    errors.ExternalNameConflict: ("ExternalNameConflict", "Stalled"),
    errors.ImmutableFieldChanged: ("ImmutableFieldChanged", "Stalled"),
    errors.AccountChanged: ("AccountChanged", "Stalled"),
    errors.AccountMismatch: ("AccountMismatch", "Stalled"),
    errors.ForeignKeys: ("AccountMismatch", "Stalled"),
    errors.CannotClear: ("CannotClear", "Stalled"),
    errors.ProviderFailed: ("ProviderFailed", "Stalled"),
}


def all_below(base: type[OperatorError]) -> set[type[OperatorError]]:
    return {c for s in base.__subclasses__() for c in {s, *all_below(s)}}


def test_every_error_has_its_line() -> None:
    assert all_below(OperatorError) - {errors.Retryable, errors.Stalled} == set(TABLE)


@pytest.mark.parametrize("kind", TABLE, ids=lambda k: k.__name__)
def test_error(kind: type[OperatorError]) -> None:
    reason, condition = TABLE[kind]
    result = of_error(kind("what to do"))
    verdict = result.verdict
    assert (verdict.ready, verdict.reason.value, verdict.synced) == ("False", reason, False)
    assert (verdict.reconciling, verdict.stalled) == (
        condition == "Reconciling",
        condition == "Stalled",
    )
    assert verdict.message == "what to do"
    assert result.result == "error"
    assert result.requeue_after >= kind.retry_floor_seconds


VERDICTS: dict[str, tuple[Verdict, dict[str, str]]] = {
    "available": (outcome.available(), {"Ready": "True", "Synced": "True"}),
    "completed": (outcome.completed("ended"), {"Ready": "True", "Synced": "True"}),
    "creating": (
        outcome.in_cloud(Reason.CREATING, "CREATING"),
        {"Ready": "False", "Synced": "True", "Reconciling": "True"},
    ),
    "drift reported": (
        outcome.stalled(Reason.DRIFT_DETECTED, "differs"),
        {"Ready": "False", "Synced": "False", "Stalled": "True"},
    ),
    "timed out": (
        outcome.stalled(Reason.TIMEOUT, "too long"),
        {"Ready": "False", "Synced": "False", "Stalled": "True"},
    ),
    "deleting": (
        outcome.deleting(Reason.DELETING, "going"),
        {"Ready": "False", "Synced": "True"},
    ),
    "paused": (
        outcome.paused(obj(ready_status())),
        {"Ready": "True", "Synced": "True", "Paused": "True"},
    ),
    "paused at birth": (
        outcome.paused(obj()),
        {"Ready": "Unknown", "Synced": "False", "Paused": "True"},
    ),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_conditions_that_stand(name: str) -> None:
    verdict, expected = VERDICTS[name]
    written = compose(obj(), verdict, {}, now=NOW)["conditions"]
    assert {c["type"]: c["status"] for c in written} == expected


@given(st.sampled_from(list(TABLE)), st.integers(0, 30), st.floats(0, 1e6))
def test_never_both_reconciling_and_stalled(
    kind: type[OperatorError], failures: int, now: float
) -> None:
    result = of_error(kind("m"), Failures(failures, since=0.0), now)
    if result.verdict is not None:
        names = {c.type.value for c in result.verdict.conditions()}
        assert not {"Reconciling", "Stalled"} <= names
        assert {"Reconciling", "Stalled"} & names


def test_a_denied_permission_stalls_after_its_grace() -> None:
    failures = Failures()
    assert of_error(errors.AccessDenied("m"), failures, 100.0).verdict.reconciling
    assert of_error(errors.AccessDenied("m"), failures, 219.0).verdict.reconciling
    assert of_error(errors.AccessDenied("m"), failures, 220.0).verdict.stalled


@pytest.mark.parametrize(
    ("error", "told_at"),
    [
        (errors.Unavailable("m"), 3),
        (errors.Throttled("m"), 3),
        (errors.DependencyNotReady("m"), 1),
        (errors.AccessDenied("m"), 1),
        (errors.CredentialsInvalid("m"), 1),
        (errors.InvalidParameter("m"), 1),
    ],
    ids=lambda v: type(v).__name__,
)
def test_how_long_a_ready_object_stays_so(error: OperatorError, told_at: int) -> None:
    failures, outcomes = Failures(), Outcomes(Backoff())
    told = [
        outcomes.of_error(error, obj(ready_status()), failures, 0.0).verdict is not None
        for _ in range(3)
    ]
    assert told == [n >= told_at for n in (1, 2, 3)]


def test_an_edited_object_has_no_grace() -> None:
    edited = obj(ready_status(), generation=2)
    result = Outcomes(Backoff()).of_error(errors.Unavailable("m"), edited, Failures(), 0.0)
    assert result.verdict is not None


# ------------------------------------------------ delays


@given(st.integers(1, 100), st.floats(0, 1), st.floats(0, 400))
def test_delays_stay_in_their_bounds(failures: int, jitter: float, floor: float) -> None:
    delay = Outcomes(Backoff(1.0, 300.0), jitter=lambda: jitter).delay(failures, floor)
    assert min(floor, 300.0) <= delay <= 300.0


def test_delays_double() -> None:
    outcomes = Outcomes(Backoff(1.0, 300.0), jitter=lambda: 1.0)
    assert [outcomes.delay(n, 0.0) for n in (1, 2, 3, 9, 10, 99)] == [1, 2, 4, 256, 300, 300]


def test_a_pause_that_the_api_asks_for_is_a_floor() -> None:
    error = errors.Throttled("m", retry_after=42.0)
    assert of_error(error, Failures()).requeue_after == 42.0


# ------------------------------------------------ was it tried?


@pytest.mark.parametrize(
    ("status", "generation", "expected"),
    [
        ({}, 1, False),
        (ready_status(), 1, True),
        (ready_status(), 2, False),
        (ready_status("False", "ProviderFailed"), 1, True),
        (ready_status("False", "DriftDetected"), 1, True),
        (ready_status("False", "ProviderUnavailable"), 1, False),
        (ready_status("False", "Updating"), 1, False),
    ],
)
def test_was_tried(status: dict[str, Any], generation: int, *, expected: bool) -> None:
    assert was_tried(obj(status, generation)) is expected


# ------------------------------------------------ events


def test_an_event_tells_transitions_only() -> None:
    same = {"status": "True", "reason": "Available"}
    assert event_of(same, outcome.available("other words")) is None
    assert event_of(None, outcome.available()) == ("Normal", "Available")
    assert event_of(same, outcome.stalled(Reason.TIMEOUT, "m")) == ("Warning", "Timeout")
    waiting = outcome.progressing(Reason.DEPENDENCY_NOT_READY, "m")
    assert event_of(same, waiting) == ("Normal", "DependencyNotReady")
