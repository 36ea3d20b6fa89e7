"""What no snapshot of an object may lead to."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agentrun_operator.core.errors import OperatorError
from agentrun_operator.core.kind import Phase
from agentrun_operator.core.snapshot import Existence, Observation, Ownership, Policies, Snapshot
from agentrun_operator.reconcile.decide import Action, decide
from unit.reconcile.test_decide import BLOCKED, CONFLICT, DRIFT, FIXED, LEFT, STUCK

MUTATING = {
    Action.CREATE,
    Action.UPDATE,
    Action.CORRECT,
    Action.RECREATE,
    Action.DELETE,
    Action.CHANGE_STATE,
    Action.RESTART,
    Action.PUBLISH,
}
# What ends the walk through the table early is rare, or hardly a row behind it would be reached.
_rarely = st.sampled_from([False] * 7 + [True])
_mostly = st.sampled_from([True] * 7 + [False])
_errors = st.sampled_from([None] * 7 + [BLOCKED, CONFLICT])
_observations = st.builds(
    Observation,
    existence=st.sampled_from([*Existence] + [Existence.PRESENT] * 5),
    confirmed=st.booleans(),
    phase=st.sampled_from(Phase),
    ownership=st.sampled_from([*Ownership, Ownership.OURS, Ownership.OURS]),
    drift=st.sampled_from([(), (DRIFT,), (FIXED,), (DRIFT, FIXED)]),
    removed=st.sampled_from([(), (LEFT,), (STUCK,), (LEFT, STUCK)]),
    state_differs=st.booleans(),
)
_policies = st.builds(
    Policies,
    retain=st.booleans(),
    may_adopt=st.booleans(),
    force_adopt=st.booleans(),
    observe_only=st.booleans(),
    drift=st.sampled_from(["Correct", "Report", "Ignore"]),
    delete_adopted=st.booleans(),
    restart_ended=st.booleans(),
)
snapshots = st.builds(
    Snapshot,
    deleting=st.booleans(),
    claimed=_mostly,
    paused=_rarely,
    policies=_policies,
    held_by=st.sampled_from([(), (), (), ("Sandbox a/b",)]),
    conflict=_errors,
    blocked=_errors,
    creation_unknown=st.booleans(),
    ever_created=_mostly,
    unrecorded=_rarely,
    adopted=st.booleans(),
    settled=st.booleans(),
    proven=st.booleans(),
    completed=_rarely,
    refused=_rarely,
    edited=st.booleans(),
    ungranted=_rarely,
    unpublished=st.booleans(),
    publication_open=_rarely,
    past_deadline=st.booleans(),
    cleared_before=st.booleans(),
    observation=_observations,
)
many = settings(max_examples=300)


@many
@given(snapshots)
def test_a_write_follows_only_from_a_read_of_this_pass(snapshot: Snapshot) -> None:
    looked = snapshot.observation
    if not looked.confirmed or looked.existence is Existence.NOT_LOOKED:
        assert decide(snapshot) not in MUTATING


@many
@given(snapshots)
def test_nothing_is_changed_while_something_stands_in_the_way(snapshot: Snapshot) -> None:
    in_the_way: list[OperatorError | None] = [snapshot.conflict, snapshot.blocked]
    if not snapshot.deleting and (snapshot.paused or any(in_the_way)):
        assert decide(snapshot) not in MUTATING


@many
@given(snapshots)
def test_what_is_not_ours_is_not_changed(snapshot: Snapshot) -> None:
    looked = snapshot.observation
    if looked.existence is Existence.PRESENT and looked.ownership is not Ownership.OURS:
        may_go = snapshot.deleting and snapshot.unrecorded and snapshot.policies.delete_adopted
        is_foreign = looked.ownership is Ownership.FOREIGN or not snapshot.policies.may_adopt
        assert decide(snapshot) not in MUTATING - ({Action.DELETE} if may_go else set())
        if is_foreign:
            assert decide(snapshot) not in MUTATING


@many
@given(snapshots)
def test_what_was_refused_is_not_sent_again(snapshot: Snapshot) -> None:
    if snapshot.refused:
        again = {Action.UPDATE, Action.CORRECT, Action.RECREATE, Action.CHANGE_STATE}
        again.add(Action.PUBLISH)
        assert decide(snapshot) not in again


@many
@given(snapshots)
def test_observing_changes_nothing(snapshot: Snapshot) -> None:
    if snapshot.policies.observe_only:
        assert decide(snapshot) not in MUTATING | {Action.CLAIM, Action.ADOPT}


@many
@given(snapshots)
def test_a_create_needs_a_settled_absence(snapshot: Snapshot) -> None:
    if decide(snapshot) is Action.CREATE:
        assert snapshot.observation.existence is Existence.ABSENT
        assert snapshot.settled
        assert snapshot.proven
        assert snapshot.claimed


@many
@given(snapshots)
def test_a_release_leaves_nothing_behind_unasked(snapshot: Snapshot) -> None:
    if decide(snapshot) is not Action.RELEASE:
        return
    looked, wishes = snapshot.observation, snapshot.policies
    is_gone = looked.existence is Existence.ABSENT and looked.confirmed and snapshot.settled
    is_gone = is_gone and snapshot.proven
    is_foreign = looked.existence is Existence.PRESENT and looked.ownership is not Ownership.OURS
    is_kept = wishes.retain or wishes.observe_only
    assert is_gone or is_foreign or is_kept or not snapshot.ever_created
