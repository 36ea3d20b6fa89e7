"""Whom a change of an object concerns: the object itself, its users, or who wants its name."""

from typing import Any

from agentrun_operator.core.kind import Rest
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.versions import newest_on_record


def claim_of(obj: KubeObject, rest: Rest | None) -> tuple[Any, ...]:
    """Return what others with the same external name may wait for the end of."""
    parent = rest.parent if rest is not None else None
    place = (obj.spec.get("accountRef"), obj.spec.get(parent) if parent else None)
    return obj.uid, obj.external_name, obj.observes_only, *place


def is_left_to_its_owner(obj: KubeObject) -> bool:
    """Whether an object has seen that its name is taken: those who come after it may look."""
    return obj.ready_reason in (Reason.ALREADY_EXISTS_NOT_OWNED.value, Reason.NOT_GRANTED.value)


def lets_go(before: KubeObject, now: KubeObject) -> bool:
    """Whether an object no longer holds what it held: what it refers to, or its account."""
    if before.holds_targets() and not now.holds_targets():
        return True
    return before.is_retained_by_account() and not now.is_retained_by_account()


def is_disowned(obj: KubeObject) -> bool:
    """Whether what an object has on record is not its own, as another claim to it comes first."""
    return obj.ready_reason in (
        Reason.EXTERNAL_NAME_CONFLICT.value,
        Reason.ALREADY_EXISTS_NOT_OWNED.value,
    )


def deserves_a_pass(before: KubeObject, now: KubeObject) -> bool:
    """Whether a change concerns us: everything but our own status and foreign metadata.

    Race: the event of our own claim may come before the answer to it, and is no news either.
    """
    return (
        before.uid != now.uid
        or asks_anew(before, now)
        or (before.is_claimed and not now.is_claimed)
        or (before.status != now.status and now.status == {})
    )


def asks_anew(before: KubeObject, now: KubeObject) -> bool:
    """Whether somebody asks for something else than before."""
    return (
        before.generation != now.generation
        or before.deleting != now.deleting
        or before.own_annotations != now.own_annotations
    )


def concerns_users(before: KubeObject, now: KubeObject) -> bool:
    """Whether those that refer to an object may want to know."""
    # Not the edit itself: until the account is verified anew, nobody may use it.
    is_account_verified_anew = (
        now.key.is_account and before.observed_generation != now.observed_generation
    )
    return (
        is_account_verified_anew
        or before.uid != now.uid
        or before.deleting != now.deleting
        or before.external_id != now.external_id
        or newest_on_record(before) != newest_on_record(now)
        or before.is_claimed != now.is_claimed
        or before.ready.get("status") != now.ready.get("status")
        or is_disowned(before) != is_disowned(now)
    )
