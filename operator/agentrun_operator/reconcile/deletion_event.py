"""What is told of the cloud resource when its object goes: what became of it, as far as known.

Whether DELETE went out is on record in `status.deleteSentAt`, so that neither a restart nor a
change of mind afterwards makes the event say what is not true. The process that sent it remembers
that as well: an older status may be written back, or the status be lost.
"""

from agentrun_operator.core.kind import Phase
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.snapshot import Existence, Observation, Ownership
from agentrun_operator.reconcile.memory import Memory
from agentrun_operator.reconcile.ports import EventType

AT_WORK = "the cloud is deleting the resource"
"""How each message begins that says so."""


_MET_ON_THE_WAY = frozenset(
    {
        Reason.DELETING,
        Reason.DELETION_BLOCKED,
        Reason.ACCESS_DENIED,
        Reason.THROTTLED,
        Reason.PROVIDER_UNAVAILABLE,
        Reason.CREDENTIALS_INVALID,
    }
)
"""Reasons of an object whose deletion we had begun."""
_BEING_REPLACED = frozenset({Reason.EXTERNAL_RESOURCE_MISSING, Reason.TIMEOUT, Reason.CREATING})
"""Reasons of an object whose resource was deleted because its creation had failed."""


DeletionEvent = tuple[EventType, str, str]
"""Type, reason and message of an event."""

_LEFT: DeletionEvent = ("Normal", "Retained", "left the cloud resource alone")
_LEFT_UNSEEN: DeletionEvent = (
    "Warning",
    "Retained",
    "left the cloud resource alone; nobody can see whether a DELETE reached it before",
)


def _sent_at(obj: KubeObject, memory: Memory) -> str | None:
    return obj.status.get("deleteSentAt") or memory.sent.deletes.sent_at


def went_out(obj: KubeObject, memory: Memory) -> bool:
    """Whether DELETE was sent, or the cloud was seen deleting the resource."""
    # An object that the version before was deleting has no record of when it began.
    is_going = str(obj.ready.get("message")).startswith(AT_WORK) and obj.external_id is not None
    return bool(obj.deleting and (_sent_at(obj, memory) or is_going))


def may_have_gone_out(obj: KubeObject, memory: Memory) -> bool:
    """Whether a look is worth it before a resource is called left alone.

    A try that follows a refused one is not announced in the status. The process may have ended
    between its success and the record of it. And what is on record may have been deleted to be
    made anew.
    """
    may_have_begun = obj.ready_reason in _MET_ON_THE_WAY | _BEING_REPLACED
    may_have_begun |= memory.sent.deletes.is_answered
    return went_out(obj, memory) or (obj.deleting and may_have_begun)


def deletion_event(
    obj: KubeObject,
    memory: Memory,
    seen: Observation,
    *,
    is_kept: bool,
    is_unrecorded: bool,
    owner: str | None = None,
) -> DeletionEvent | None:
    """Return what to tell; None where there never was anything.

    `is_kept` tells that the policies want the resource left, `is_unrecorded` that no record says
    whose it is, `owner` that it is somebody else's ("carries the mark of ...").
    """
    # This process never saw it.
    is_unseen = memory.looks.seen_at is None
    is_going = seen.existence is Existence.PRESENT and seen.phase is Phase.DELETING
    if not went_out(obj, memory) and not (is_kept and is_going):
        told = _untouched(obj, seen, is_unrecorded=is_unrecorded, owner=owner)
        is_in_doubt = is_unseen and may_have_gone_out(obj, memory)
        return _LEFT_UNSEEN if told == _LEFT and is_in_doubt else told
    return _too_late(_sent_at(obj, memory), seen) if is_kept else _deleted(seen)


def _too_late(at: str | None, seen: Observation) -> DeletionEvent:
    """Say what became of a resource that was to be kept after DELETE had been sent."""
    sent = f"DELETE had been sent at {at}" if at else "the cloud was deleting the resource already"
    reason, end = "DeleteSent", "it is still there, and may go yet. Look at it"
    if seen.existence is Existence.ABSENT:
        reason, end = "Deleted", "it is gone"
    elif seen.existence is Existence.NOT_LOOKED:
        end = "nobody can see what became of it"
    elif seen.phase is Phase.DELETE_FAILED:
        reason, end = "Retained", "the cloud could not delete it, and it was left there"
    elif seen.phase is Phase.DELETING:
        end = "the cloud is deleting it"
    return "Warning", reason, f"{sent}, before the resource was to be kept; {end}"


def _deleted(seen: Observation) -> DeletionEvent:
    if seen.existence is Existence.ABSENT:
        return "Normal", "Deleted", "the cloud resource is gone"
    message = "the cloud resource is gone; what has its name now is somebody else's and was left"
    return "Normal", "Deleted", message


def _untouched(
    obj: KubeObject, seen: Observation, *, is_unrecorded: bool, owner: str | None
) -> DeletionEvent | None:
    if seen.existence is Existence.ABSENT:
        return "Normal", "AlreadyGone", "the cloud resource was already gone"
    if owner is not None:
        return "Warning", "Retained", f"left the cloud resource alone: it {owner}"
    is_ours = seen.existence is Existence.PRESENT and seen.ownership is Ownership.OURS
    if is_unrecorded and seen.existence is Existence.PRESENT and not is_ours:
        message = "left the cloud resource alone: no record says that it was made for this one"
        return "Warning", "Retained", message
    if obj.awaits_answer and seen.existence is Existence.NOT_LOOKED:
        message = (
            "a create was announced, and nobody can see what became of it; "
            f"look for {obj.external_name!r} in AgentRun, and delete it there if it is not wanted"
        )
        return "Warning", "Retained", message
    if obj.external_id or is_ours:
        return _LEFT
    return None
