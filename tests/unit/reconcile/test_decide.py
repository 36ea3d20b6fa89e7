"""Every row of both tables wins for one snapshot of its own."""

from dataclasses import replace
from typing import Any

import pytest

from agentrun_operator.core.drift import Drift
from agentrun_operator.core.errors import (
    DependencyNotReady,
    ExternalNameConflict,
    ReferenceNotFound,
)
from agentrun_operator.core.kind import Phase
from agentrun_operator.core.snapshot import (
    Existence,
    Observation,
    Ownership,
    Policies,
    Snapshot,
)
from agentrun_operator.reconcile.decide import DELETION, LIFE, Action, Row, decide

BLOCKED = DependencyNotReady("the template is not Ready")
CONFLICT = ExternalNameConflict("somebody older claims the name")
DRIFT = Drift("description", "description", "a", "b")
FIXED = replace(DRIFT, immutable=True)
LEFT = replace(DRIFT, clearing=True)
STUCK = replace(LEFT, clearable=False)


THERE = Observation(Existence.PRESENT, confirmed=True, phase=Phase.READY)


def seen(phase: Phase = Phase.READY, **more: Any) -> Observation:
    return replace(THERE, phase=phase, **more)


ABSENT = Observation(Existence.ABSENT, confirmed=True)
OBSERVE = Policies(observe_only=True)
QUIET = Snapshot(edited=False, ever_created=True)
"""Claimed, created, unedited, not looked at yet."""
GOING = Snapshot(deleting=True, ever_created=True)
UNKNOWN = replace(QUIET, creation_unknown=True)
LOST = Snapshot(deleting=True, unrecorded=True)
"""Claimed once, and deleted before anybody looked again."""


def life(observation: Observation, **more: Any) -> Snapshot:
    return replace(QUIET, observation=observation, **more)


def end(observation: Observation, **more: Any) -> Snapshot:
    return replace(GOING, observation=observation, **more)


DELETION_CASES: dict[str, tuple[Snapshot, Action]] = {
    "not claimed: nothing of ours": (replace(GOING, claimed=False), Action.NOTHING),
    "never created": (Snapshot(deleting=True, held_by=("Sandbox a/b",)), Action.RELEASE),
    "in use": (replace(GOING, held_by=("Sandbox a/b",)), Action.BLOCK_DELETION),
    "retained": (replace(GOING, policies=Policies(retain=True), blocked=BLOCKED), Action.RELEASE),
    "a copy, and no place to look in": (
        replace(LOST, is_copy=True, blocked=ReferenceNotFound("no such runtime")),
        Action.RELEASE,
    ),
    "account unusable": (replace(GOING, blocked=BLOCKED), Action.BLOCK_DELETION),
    "another object's": (replace(LOST, conflict=CONFLICT), Action.RELEASE),
    "not looked yet": (GOING, Action.CONFIRM),
    "answer still open": (end(ABSENT, creation_unknown=True, settled=False), Action.AWAIT_SETTLING),
    "gone by one answer": (end(ABSENT, proven=False), Action.AWAIT_PROOF),
    "gone with many others": (end(ABSENT, braked=True), Action.AWAIT_RETURN),
    "gone": (end(ABSENT), Action.RELEASE),
    "somebody else's": (end(seen(ownership=Ownership.ADOPTABLE)), Action.RELEASE),
    "found again and retained": (
        end(seen(), creation_unknown=True, policies=Policies(retain=True)),
        Action.RELEASE,
    ),
    "going": (end(seen(Phase.DELETING)), Action.AWAIT_DELETION),
    "there": (end(seen()), Action.DELETE),
}

LIFE_CASES: dict[str, tuple[Snapshot, Action]] = {
    "paused": (replace(QUIET, paused=True, conflict=CONFLICT, blocked=BLOCKED), Action.HOLD),
    "completed and reported": (replace(QUIET, completed=True), Action.COMPLETE),
    "name or account conflict": (
        replace(QUIET, conflict=CONFLICT, blocked=BLOCKED),
        Action.STALL_CONFLICT,
    ),
    "account or reference missing": (
        replace(QUIET, blocked=BLOCKED, claimed=False),
        Action.AWAIT,
    ),
    "refused, and nothing there": (
        replace(QUIET, refused=True, ever_created=False, claimed=False),
        Action.NOTHING,
    ),
    "finalizer missing": (replace(QUIET, claimed=False), Action.CLAIM),
    "not looked yet": (QUIET, Action.LOOK),
    "absence unproven": (life(Observation(Existence.ABSENT)), Action.CONFIRM),
    "answer still open": (
        replace(UNKNOWN, observation=ABSENT, settled=False, proven=False),
        Action.AWAIT_SETTLING,
    ),
    "absent by one answer": (life(ABSENT, policies=OBSERVE, proven=False), Action.AWAIT_PROOF),
    "observed, missing": (life(ABSENT, policies=OBSERVE), Action.REPORT_MISSING),
    "absent with many others": (life(ABSENT, braked=True), Action.AWAIT_RETURN),
    "refused, and gone": (life(ABSENT, create_refused=True), Action.STALL_REFUSED),
    "absent, and not granted": (life(ABSENT, ungranted=True), Action.STALL_UNGRANTED),
    "absent": (life(ABSENT), Action.CREATE),
    "answer lost, found again": (replace(UNKNOWN, observation=seen()), Action.PERSIST),
    "ours by its mark, on no record": (life(seen(), ever_created=False), Action.PERSIST),
    "ours, on record under another id, unconfirmed": (
        life(seen(confirmed=False), misrecorded=True),
        Action.CONFIRM,
    ),
    "ours, on record under another id": (life(seen(), misrecorded=True), Action.CORRECT_RECORD),
    "somebody else's": (life(seen(ownership=Ownership.FOREIGN)), Action.STALL_FOREIGN),
    "nobody's, unconfirmed": (
        life(seen(ownership=Ownership.ADOPTABLE, confirmed=False)),
        Action.CONFIRM,
    ),
    "nobody's": (life(seen(ownership=Ownership.ADOPTABLE)), Action.ADOPT),
    "ended, to be replaced, unconfirmed": (
        life(seen(Phase.ENDED, confirmed=False), policies=Policies(restart_ended=True)),
        Action.CONFIRM,
    ),
    "ended, to be replaced": (
        life(seen(Phase.ENDED), policies=Policies(restart_ended=True)),
        Action.RESTART,
    ),
    "ended": (life(seen(Phase.ENDED)), Action.COMPLETE),
    "in transition, too long": (
        life(seen(Phase.PROGRESSING), past_deadline=True),
        Action.TIME_OUT,
    ),
    "in transition": (life(seen(Phase.UNKNOWN)), Action.AWAIT_TRANSITION),
    "publication announced, answer lost": (
        life(seen(drift=(DRIFT,), confirmed=False), publication_open=True, edited=True),
        Action.FIND_VERSION,
    ),
    "refused, and not in place": (
        life(seen(drift=(DRIFT,), confirmed=False), refused=True, edited=True),
        Action.STALL_REFUSED,
    ),
    "observed, failed": (
        life(seen(Phase.UPDATE_FAILED, confirmed=False), policies=OBSERVE),
        Action.STALL_FAILED,
    ),
    "failed, unconfirmed": (life(seen(Phase.CREATE_FAILED, confirmed=False)), Action.CONFIRM),
    "to be changed to what is not granted": (
        life(seen(drift=(DRIFT,)), ungranted=True),
        Action.STALL_UNGRANTED,
    ),
    "create failed, not tried again": (
        life(seen(Phase.CREATE_FAILED), edited=True),
        Action.RECREATE,
    ),
    "failed, not tried again": (life(seen(Phase.UPDATE_FAILED), edited=True), Action.UPDATE),
    "failed": (life(seen(Phase.DELETE_FAILED)), Action.STALL_FAILED),
    "observed, differs, unconfirmed": (
        life(seen(drift=(DRIFT,), confirmed=False), policies=OBSERVE),
        Action.CONFIRM,
    ),
    "observed": (life(seen(drift=(DRIFT,)), policies=OBSERVE), Action.SETTLE),
    "edited, unconfirmed": (life(seen(confirmed=False), edited=True), Action.CONFIRM),
    "to be published, unconfirmed": (
        life(seen(confirmed=False), unpublished=True),
        Action.CONFIRM,
    ),
    "to be published": (life(seen(), unpublished=True, edited=True), Action.PUBLISH),
    "nothing differs": (life(seen(confirmed=False)), Action.SETTLE),
    "differs, unconfirmed": (
        life(seen(drift=(FIXED,), confirmed=False), policies=Policies(drift="Ignore")),
        Action.CONFIRM,
    ),
    "cleared before and still there": (
        life(seen(removed=(LEFT,)), cleared_before=True),
        Action.STALL_UNCLEARED,
    ),
    "drift to ignore": (
        life(seen(drift=(DRIFT,)), policies=Policies(drift="Ignore")),
        Action.SETTLE,
    ),
    "immutable field differs": (life(seen(drift=(FIXED,)), edited=True), Action.STALL_IMMUTABLE),
    "cannot be cleared": (life(seen(removed=(STUCK,))), Action.STALL_UNCLEARED),
    "drift to report": (
        life(seen(drift=(DRIFT,)), policies=Policies(drift="Report")),
        Action.REPORT_DRIFT,
    ),
    "another state is wanted": (life(seen(state_differs=True), edited=True), Action.CHANGE_STATE),
    "edited": (life(seen(removed=(LEFT,)), edited=True), Action.UPDATE),
    "drifted": (life(seen(drift=(DRIFT,))), Action.CORRECT),
}


UNGRANTED: dict[str, tuple[Snapshot, Action]] = {
    "told, not sent": (
        life(seen(drift=(DRIFT,)), policies=Policies(drift="Report"), ungranted=True),
        Action.REPORT_DRIFT,
    ),
    "observed": (life(seen(drift=(DRIFT,)), policies=OBSERVE, ungranted=True), Action.SETTLE),
    "failed before": (
        life(seen(Phase.UPDATE_FAILED, drift=(DRIFT,)), ungranted=True),
        Action.STALL_FAILED,
    ),
    "not read yet": (
        life(seen(drift=(DRIFT,), confirmed=False), ungranted=True),
        Action.CONFIRM,
    ),
    "an edit under Report": (
        life(seen(drift=(DRIFT,)), policies=Policies(drift="Report"), ungranted=True, edited=True),
        Action.STALL_UNGRANTED,
    ),
    "a create on its way": (
        replace(UNKNOWN, observation=ABSENT, settled=False, ungranted=True),
        Action.AWAIT_SETTLING,
    ),
}


UNPUBLISHED: dict[str, tuple[Snapshot, Action]] = {
    "differs": (life(seen(drift=(DRIFT,)), unpublished=True), Action.CORRECT),
    "differs, which is reported": (
        life(seen(drift=(DRIFT,)), unpublished=True, policies=Policies(drift="Report")),
        Action.REPORT_DRIFT,
    ),
    "differs, which is ignored": (
        life(seen(drift=(DRIFT,)), unpublished=True, policies=Policies(drift="Ignore")),
        Action.PUBLISH,
    ),
    "has what was to be cleared": (
        life(
            seen(removed=(LEFT,)),
            unpublished=True,
            cleared_before=True,
            policies=Policies(drift="Ignore"),
        ),
        Action.STALL_UNCLEARED,
    ),
    "is observed": (
        life(seen(), unpublished=True, publication_open=True, policies=OBSERVE),
        Action.SETTLE,
    ),
    "was refused": (life(seen(), unpublished=True, refused=True), Action.STALL_REFUSED),
    "is in transition": (
        life(seen(Phase.PROGRESSING), unpublished=True, publication_open=True),
        Action.AWAIT_TRANSITION,
    ),
    "sleeps": (life(seen(Phase.IDLE), unpublished=True), Action.SETTLE),
}


@pytest.mark.parametrize("name", UNPUBLISHED)
def test_what_is_to_be_published_and(name: str) -> None:
    snapshot, action = UNPUBLISHED[name]
    assert decide(snapshot) is action


@pytest.mark.parametrize("name", UNGRANTED)
def test_what_is_not_granted_and(name: str) -> None:
    snapshot, action = UNGRANTED[name]
    assert decide(snapshot) is action


def winner(table: tuple[Row, ...], snapshot: Snapshot) -> str:
    return next(row.name for row in table if row.matches(snapshot))


@pytest.mark.parametrize("name", DELETION_CASES)
def test_row_of_deletion(name: str) -> None:
    snapshot, action = DELETION_CASES[name]
    assert winner(DELETION, snapshot) == name
    assert decide(snapshot) is action


@pytest.mark.parametrize("name", LIFE_CASES)
def test_row_of_life(name: str) -> None:
    snapshot, action = LIFE_CASES[name]
    assert winner(LIFE, snapshot) == name
    assert decide(snapshot) is action


def test_every_row_has_its_case() -> None:
    assert [row.name for row in DELETION] == list(DELETION_CASES)
    assert [row.name for row in LIFE] == list(LIFE_CASES)


@pytest.mark.parametrize(
    ("snapshot", "action"),
    [
        pytest.param(
            life(seen(ownership=Ownership.ADOPTABLE), policies=Policies(may_adopt=False)),
            Action.STALL_FOREIGN,
            id="nobody's mark, but adoption is not allowed",
        ),
        pytest.param(
            life(seen(ownership=Ownership.FOREIGN), policies=Policies(force_adopt=True)),
            Action.ADOPT,
            id="taken by force",
        ),
        pytest.param(
            life(seen(ownership=Ownership.FOREIGN), policies=OBSERVE),
            Action.SETTLE,
            id="observing needs no ownership",
        ),
        pytest.param(
            replace(QUIET, claimed=False, policies=OBSERVE), Action.LOOK, id="observing claims not"
        ),
        pytest.param(
            life(seen(Phase.CREATE_FAILED), edited=True, adopted=True),
            Action.UPDATE,
            id="an adopted failure is never recreated",
        ),
        pytest.param(
            life(
                seen(removed=(LEFT,)),
                cleared_before=True,
                policies=Policies(drift="Ignore"),
            ),
            Action.STALL_UNCLEARED,
            id="what was asked for is no drift to ignore",
        ),
        pytest.param(
            life(seen(drift=(DRIFT,), removed=(STUCK,))),
            Action.CORRECT,
            id="drift is corrected beside what cannot be cleared",
        ),
        pytest.param(
            life(seen(drift=(DRIFT,)), edited=True, policies=Policies(drift="Ignore")),
            Action.UPDATE,
            id="an edit is no drift to ignore",
        ),
        pytest.param(
            life(seen(drift=(DRIFT,)), edited=True, policies=Policies(drift="Report")),
            Action.UPDATE,
            id="an edit is no drift to report",
        ),
        pytest.param(
            end(seen(), policies=OBSERVE, creation_unknown=True),
            Action.RELEASE,
            id="observing deletes not even what it created before",
        ),
        pytest.param(
            replace(GOING, paused=True), Action.CONFIRM, id="a pause does not block deletion"
        ),
        pytest.param(
            replace(GOING, policies=Policies(retain=True), creation_unknown=True),
            Action.CONFIRM,
            id="retaining looks for a lost create first",
        ),
        pytest.param(
            replace(GOING, policies=Policies(retain=True), creation_unknown=True, blocked=BLOCKED),
            Action.RELEASE,
            id="retaining gives a lost create up that nobody can look for",
        ),
        pytest.param(
            end(seen(Phase.DELETE_FAILED)), Action.DELETE, id="a failed delete is tried again"
        ),
    ],
)
def test_combination(snapshot: Snapshot, action: Action) -> None:
    assert decide(snapshot) is action
