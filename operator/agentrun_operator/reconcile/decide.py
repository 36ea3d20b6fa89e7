"""Snapshot → Action, as a pure and total function: what a pass does next.

The rows of the table stand in order, the first that matches wins, and every row has a test. Rows
that need to know the external resource come after those that do not, and `LOOK` stands between:
what can be decided without a call to the cloud is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from agentrun_operator.core.errors import CredentialsNotFound, ReferenceNotFound
from agentrun_operator.core.kind import Phase
from agentrun_operator.core.snapshot import Existence, Ownership, Snapshot


class Action(Enum):
    """What a pass does next."""

    NOTHING = "nothing"
    RELEASE = "release"
    BLOCK_DELETION = "block-deletion"
    AWAIT_DELETION = "await-deletion"
    DELETE = "delete"
    HOLD = "hold"
    STALL_CONFLICT = "stall-conflict"
    STALL_FOREIGN = "stall-foreign"
    AWAIT = "await"
    CLAIM = "claim"
    LOOK = "look"
    CONFIRM = "confirm"
    """Look again, by a read of the resource itself: a write is going to follow."""
    AWAIT_SETTLING = "await-settling"
    AWAIT_PROOF = "await-proof"
    """Nothing was found for the first time: look once more, after a while."""
    AWAIT_RETURN = "await-return"
    """Too many resources of the account are missing: wait for them, or for somebody's word."""
    PERSIST = "persist"
    CORRECT_RECORD = "correct-record"
    ADOPT = "adopt"
    REPORT_MISSING = "report-missing"
    CREATE = "create"
    COMPLETE = "complete"
    RESTART = "restart"
    AWAIT_TRANSITION = "await-transition"
    TIME_OUT = "time-out"
    UPDATE = "update"
    RECREATE = "recreate"
    STALL_REFUSED = "stall-refused"
    STALL_UNGRANTED = "stall-ungranted"
    STALL_FAILED = "stall-failed"
    STALL_IMMUTABLE = "stall-immutable"
    STALL_UNCLEARED = "stall-uncleared"
    CHANGE_STATE = "change-state"
    CORRECT = "correct"
    REPORT_DRIFT = "report-drift"
    FIND_VERSION = "find-version"
    """Ask the list of versions what became of an announced publication."""
    PUBLISH = "publish"
    SETTLE = "settle"


IN_TRANSITION = (Phase.PROGRESSING, Phase.DELETING, Phase.UNKNOWN)
NOWHERE = (CredentialsNotFound, ReferenceNotFound)
"""What is missing in a namespace into which only a part of a backup was restored."""
FAILED = (Phase.CREATE_FAILED, Phase.UPDATE_FAILED, Phase.DELETE_FAILED)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    matches: Callable[[Snapshot], bool]
    action: Action


def _absent(s: Snapshot) -> bool:
    return s.observation.existence is Existence.ABSENT


def _is_missed_with_others(s: Snapshot) -> bool:
    """Whether an absence is only waited out: one LIST of many is then enough to go on waiting."""
    return s.braked and s.missed and s.proven


def _phase(s: Snapshot) -> Phase:
    return s.observation.phase


def _ours(s: Snapshot) -> bool:
    return s.observation.ownership is Ownership.OURS


def _differs(s: Snapshot) -> bool:
    return s.observation.differs


def _may_delete(s: Snapshot) -> bool:
    """Whether a resource that we found may go along with its object.

    Without a record nobody knows any more whether it was made or adopted for the object. Then it
    goes only where both would have led there.
    """
    if _ours(s):
        return True
    is_adoptable = s.observation.ownership is Ownership.ADOPTABLE and s.policies.may_adopt
    return s.unrecorded and s.policies.delete_adopted and is_adoptable


def _is_kept(s: Snapshot) -> bool:
    """Whether the resource stays when its object goes."""
    return s.policies.retain or s.policies.observe_only


def _is_uncleared(s: Snapshot) -> bool:
    """Whether nothing differs but what left the spec, and an update does not take it away."""
    left = s.observation.removed
    is_kept = s.cleared_before or any(not d.clearable for d in left)
    return bool(left) and is_kept and not s.observation.drift


def _is_to_be_written(s: Snapshot) -> bool:
    """Whether a difference is sent, and not merely told."""
    is_corrected = s.policies.drift == "Correct" and not _is_failed(s)
    return not s.policies.observe_only and (s.edited or is_corrected)


def _is_failed(s: Snapshot) -> bool:
    return _phase(s) in FAILED


def _is_to_be_published(s: Snapshot) -> bool:
    """Whether a version of what is there is due: as specified, or left as the policy wants it."""
    is_left = s.policies.drift == "Ignore" and not s.edited
    is_uncleared = s.cleared_before and _is_uncleared(s)
    is_in_place = not _differs(s) or (is_left and not is_uncleared)
    return s.unpublished and is_in_place and _phase(s) is Phase.READY


def _is_to_be_replaced(s: Snapshot) -> bool:
    policies = s.policies
    return _phase(s) is Phase.ENDED and policies.restart_ended and not policies.observe_only


DELETION: tuple[Row, ...] = (
    Row("not claimed: nothing of ours", lambda s: not s.claimed, Action.NOTHING),
    Row("never created", lambda s: not s.ever_created and not s.unrecorded, Action.RELEASE),
    Row("in use", lambda s: bool(s.held_by), Action.BLOCK_DELETION),
    Row(
        "retained",
        # A lost create is looked for first, unless nobody can: this is how it is given up.
        lambda s: _is_kept(s) and not (s.creation_unknown and s.blocked is None),
        Action.RELEASE,
    ),
    Row(
        # Nobody can look, and no record of its own tells of anything to look for.
        "a copy, and no place to look in",
        lambda s: s.is_copy and not s.ever_created and isinstance(s.blocked, NOWHERE),
        Action.RELEASE,
    ),
    Row("account unusable", lambda s: s.blocked is not None, Action.BLOCK_DELETION),
    Row(
        "another object's",
        lambda s: ((s.unrecorded and not s.ever_created) or s.is_heir) and s.conflict is not None,
        Action.RELEASE,
    ),
    Row(
        "not looked yet",
        lambda s: s.observation.existence is Existence.NOT_LOOKED or not s.observation.confirmed,
        Action.CONFIRM,
    ),
    Row("answer still open", lambda s: _absent(s) and not s.settled, Action.AWAIT_SETTLING),
    Row("gone by one answer", lambda s: _absent(s) and not s.proven, Action.AWAIT_PROOF),
    Row("gone with many others", lambda s: _absent(s) and s.braked, Action.AWAIT_RETURN),
    Row("gone", _absent, Action.RELEASE),
    Row("somebody else's", lambda s: not _may_delete(s), Action.RELEASE),
    Row("found again and retained", _is_kept, Action.RELEASE),
    Row("going", lambda s: _phase(s) is Phase.DELETING, Action.AWAIT_DELETION),
    Row("there", lambda _: True, Action.DELETE),
)

LIFE: tuple[Row, ...] = (
    Row("paused", lambda s: s.paused, Action.HOLD),
    # Order: first, or a later row would overwrite the condition Completed, by which it is known.
    Row("completed and reported", lambda s: s.completed, Action.COMPLETE),
    Row("name or account conflict", lambda s: s.conflict is not None, Action.STALL_CONFLICT),
    Row("account or reference missing", lambda s: s.blocked is not None, Action.AWAIT),
    Row("refused, and nothing there", lambda s: s.refused and not s.ever_created, Action.NOTHING),
    Row("finalizer missing", lambda s: not s.claimed and not s.policies.observe_only, Action.CLAIM),
    Row("not looked yet", lambda s: s.observation.existence is Existence.NOT_LOOKED, Action.LOOK),
    Row(
        "absence unproven",
        lambda s: _absent(s) and not (s.observation.confirmed or _is_missed_with_others(s)),
        Action.CONFIRM,
    ),
    Row("answer still open", lambda s: _absent(s) and not s.settled, Action.AWAIT_SETTLING),
    Row("absent by one answer", lambda s: _absent(s) and not s.proven, Action.AWAIT_PROOF),
    Row(
        "observed, missing", lambda s: _absent(s) and s.policies.observe_only, Action.REPORT_MISSING
    ),
    Row("absent with many others", lambda s: _absent(s) and s.braked, Action.AWAIT_RETURN),
    Row("refused, and gone", lambda s: _absent(s) and s.create_refused, Action.STALL_REFUSED),
    Row("absent, and not granted", lambda s: _absent(s) and s.ungranted, Action.STALL_UNGRANTED),
    Row("absent", _absent, Action.CREATE),
    Row("answer lost, found again", lambda s: _ours(s) and s.creation_unknown, Action.PERSIST),
    Row(
        "ours by its mark, on no record",
        lambda s: _ours(s) and not s.ever_created and not s.policies.observe_only,
        Action.PERSIST,
    ),
    Row(
        "ours, on record under another id, unconfirmed",
        lambda s: s.misrecorded and not s.observation.confirmed,
        Action.CONFIRM,
    ),
    Row("ours, on record under another id", lambda s: s.misrecorded, Action.CORRECT_RECORD),
    Row(
        "somebody else's",
        lambda s: (
            not s.policies.observe_only
            and not s.policies.force_adopt
            and (
                s.observation.ownership is Ownership.FOREIGN
                or (not _ours(s) and not s.policies.may_adopt)
            )
        ),
        Action.STALL_FOREIGN,
    ),
    Row(
        # An item of a LIST may lack what would tell that it is ours.
        "nobody's, unconfirmed",
        lambda s: not _ours(s) and not s.policies.observe_only and not s.observation.confirmed,
        Action.CONFIRM,
    ),
    Row("nobody's", lambda s: not _ours(s) and not s.policies.observe_only, Action.ADOPT),
    Row(
        "ended, to be replaced, unconfirmed",
        lambda s: _is_to_be_replaced(s) and not s.observation.confirmed,
        Action.CONFIRM,
    ),
    Row("ended, to be replaced", _is_to_be_replaced, Action.RESTART),
    Row("ended", lambda s: _phase(s) is Phase.ENDED, Action.COMPLETE),
    Row(
        "in transition, too long",
        lambda s: _phase(s) in IN_TRANSITION and s.past_deadline,
        Action.TIME_OUT,
    ),
    Row("in transition", lambda s: _phase(s) in IN_TRANSITION, Action.AWAIT_TRANSITION),
    Row(
        # Order: before any update. A publication that comes late would make a version of that.
        "publication announced, answer lost",
        lambda s: s.publication_open and not s.policies.observe_only,
        Action.FIND_VERSION,
    ),
    Row(
        "refused, and not in place",
        lambda s: s.refused and (_is_failed(s) or _differs(s) or s.unpublished),
        Action.STALL_REFUSED,
    ),
    Row(
        "observed, failed", lambda s: _is_failed(s) and s.policies.observe_only, Action.STALL_FAILED
    ),
    Row(
        "failed, unconfirmed",
        lambda s: _is_failed(s) and not s.observation.confirmed,
        Action.CONFIRM,
    ),
    Row(
        "to be changed to what is not granted",
        lambda s: s.ungranted and s.observation.confirmed and _is_to_be_written(s),
        Action.STALL_UNGRANTED,
    ),
    Row(
        "create failed, not tried again",
        lambda s: _phase(s) is Phase.CREATE_FAILED and s.edited and not s.adopted,
        Action.RECREATE,
    ),
    Row("failed, not tried again", lambda s: _is_failed(s) and s.edited, Action.UPDATE),
    Row("failed", _is_failed, Action.STALL_FAILED),
    Row(
        "observed, differs, unconfirmed",
        lambda s: s.policies.observe_only and _differs(s) and not s.observation.confirmed,
        Action.CONFIRM,
    ),
    Row("observed", lambda s: s.policies.observe_only, Action.SETTLE),
    Row(
        # A LIST says nothing of the fields that it leaves out.
        "edited, unconfirmed",
        lambda s: s.edited and not s.observation.confirmed,
        Action.CONFIRM,
    ),
    Row(
        # A version cannot be taken back, and a LIST may lack what is not in place.
        "to be published, unconfirmed",
        lambda s: _is_to_be_published(s) and not s.observation.confirmed,
        Action.CONFIRM,
    ),
    Row("to be published", _is_to_be_published, Action.PUBLISH),
    Row("nothing differs", lambda s: not _differs(s), Action.SETTLE),
    Row("differs, unconfirmed", lambda s: not s.observation.confirmed, Action.CONFIRM),
    Row(
        # Order: before what is ignored. It was asked for, and is told until it is asked anew.
        "cleared before and still there",
        lambda s: s.cleared_before and _is_uncleared(s),
        Action.STALL_UNCLEARED,
    ),
    Row("drift to ignore", lambda s: s.policies.drift == "Ignore" and not s.edited, Action.SETTLE),
    Row(
        "immutable field differs",
        lambda s: any(d.immutable for d in s.observation.fields),
        Action.STALL_IMMUTABLE,
    ),
    Row("cannot be cleared", _is_uncleared, Action.STALL_UNCLEARED),
    Row(
        "drift to report",
        lambda s: s.policies.drift == "Report" and not s.edited,
        Action.REPORT_DRIFT,
    ),
    Row(
        "another state is wanted",
        lambda s: s.observation.state_differs and not s.observation.drift,
        Action.CHANGE_STATE,
    ),
    Row("edited", lambda s: s.edited, Action.UPDATE),
    Row("drifted", lambda _: True, Action.CORRECT),
)


def row_of(snapshot: Snapshot) -> Row:
    """Return the row that holds; total, because each table ends in a row that always matches."""
    table = DELETION if snapshot.deleting else LIFE
    return next(row for row in table if row.matches(snapshot))


def decide(snapshot: Snapshot) -> Action:
    """Return the next action."""
    return row_of(snapshot).action
