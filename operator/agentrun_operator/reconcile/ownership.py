"""Whose a resource is: by its mark, by the record, by what a create of ours sent."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from agentrun_operator.core.drift import Drift, find_drift
from agentrun_operator.core.identity import (
    TAG_PREFIX,
    UNKNOWN_CLUSTER,
    AccountIdentity,
    adopted_tag,
)
from agentrun_operator.core.ignored import is_within, left_alone
from agentrun_operator.core.kind import KeyedBy
from agentrun_operator.core.objects import parse_time
from agentrun_operator.core.shown import HIDDEN
from agentrun_operator.core.snapshot import Ownership
from agentrun_operator.core.wire import field_rules
from agentrun_operator.reconcile.target import Target

_POST_FOLLOWS = timedelta(seconds=60)
"""How long after its look-up a POST of ours may have been carried out."""
FOREIGN_TAGS = ("x-agentrun-super",)
"""Tags of other owners. Source: control-plane reference, §8.1."""

_MARKS = (TAG_PREFIX, "x-agentrun-")
"""How the tags begin that operators and official tools leave on what they write."""
_MARK = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,127}")
_MOST_TOLD = 3


def whose(target: Target, resource: Mapping[str, Any], drift: tuple[Drift, ...]) -> Ownership:
    """Say whose a resource is that stands where ours would."""
    if target.rest.key is KeyedBy.CHOSEN_ID:
        return Ownership.OURS
    # Order: the mark before the record, which somebody may have copied or restored, and before what
    # a create sent: of two clusters with one manifest the slower one finds an equal.
    marked = by_mark(target, resource)
    if marked is not None:
        return marked
    if is_ours_by_answer(target, resource, drift):
        return Ownership.OURS
    if _is_copied(target, target.id_of(resource)):
        return Ownership.FOREIGN
    return Ownership.OURS if _was_made_again(target, resource) else Ownership.ADOPTABLE


def by_mark(target: Target, resource: Mapping[str, Any]) -> Ownership | None:
    """Say whose a resource is by its marks; None where they do not tell."""
    own = target.marks.intersection(target.tags_of(resource))
    is_on_record = target.obj.is_in_charge and target.obj.external_id == target.id_of(resource)
    if own and target.obj.copied_from and _is_of_any_cluster(target):
        # Another cluster without an id writes the same mark.
        return None
    if own == {target.tag} or (own and is_on_record):
        return Ownership.OURS
    return Ownership.FOREIGN if owners(target, resource) else None


def says_adopted(target: Target, resource: Mapping[str, Any]) -> bool:
    """Whether all that a resource says is that the object took it over: a create says more."""
    return target.marks.intersection(target.tags_of(resource)) == {adopted_tag(target.tag)}


def is_marked_as_made(target: Target, resource: Mapping[str, Any]) -> bool:
    """Whether a resource says that it was made for the object."""
    return target.tag in target.tags_of(resource)


def _is_of_any_cluster(target: Target) -> bool:
    return target.tag.startswith(f"{TAG_PREFIX}{UNKNOWN_CLUSTER}/")


def is_ours_by_answer(
    target: Target, resource: Mapping[str, Any], drift: tuple[Drift, ...]
) -> bool:
    """Whether an answer that we had, or one that we lost, gave us this resource."""
    obj, ident = target.obj, target.id_of(resource)
    # Another id under our name: ours was deleted and somebody made a new one.
    if (obj.is_in_charge and obj.external_id == ident) or target.held_id == ident:
        return True
    # What another object was told by its own answer is not what our lost one told of.
    is_open = obj.awaits_answer and not target.is_others(ident)
    return is_open and _may_be_our_create(target, resource, drift)


def _was_made_again(target: Target, resource: Mapping[str, Any]) -> bool:
    """Recognise what we made after the status was written that somebody wrote back since.

    For kinds without a mark, in a process that has had no answer about it: the record says that
    the object makes what has this name, and what is there is not older than the object and as it
    makes it; or it lives below a parent that was made anew for an object of ours. Below a parent
    that we made, our finalizer says as much as a record where no status is left.
    """
    obj = target.obj
    is_its_maker = obj.is_in_charge and not obj.status.get("adopted") and not obj.is_heir
    # The status was another object's. Our finalizer says that this one may have made something, and
    # what is younger than it was not there when a backup was restored. Nor is anything of the
    # other one below a parent that was made for an object of ours.
    is_dated = obj.copied_from is not None and (
        target.rest.created_field is not None or target.is_parent_made
    )
    is_lost = _is_lost_below_ours(target)
    # One that it makes anew has had no answer yet, whatever it had before.
    is_answered = target.held_id is not None and target.sent is None
    is_possible = is_its_maker or is_dated or is_lost
    if not is_possible or is_answered or target.rest.tags_field is not None:
        return False
    if is_its_maker and target.is_parent_made and obj.status.get("parentId") != target.parent:
        return True
    if not _is_what_a_create_sends(target, resource):
        return False
    if target.rest.created_field is None or is_lost:
        # A restored object is younger than its resource, which is no older than its parent.
        return True
    created = _time_in(resource, target.rest.created_field)
    began = parse_time(obj.created_at)
    if created is None or began is None:
        return False
    return created >= (began - _POST_FOLLOWS if is_its_maker else began)


def _is_lost_below_ours(target: Target) -> bool:
    """Whether an object without a status may have made what is below a parent that we made.

    To leave it behind would keep the parent from ever being deleted. What its owner asked to adopt
    may be a stranger's.
    """
    is_lost = target.is_lost and target.obj.is_unrecorded and target.obj.copied_from is None
    return is_lost and target.is_parent_made


def _is_what_a_create_sends(target: Target, resource: Mapping[str, Any]) -> bool:
    """Whether a resource is as we make it, but for what the object leaves to others.

    What we made had that too at first, so it can differ only where somebody updated the resource.
    Where nothing but that was sent, an equal content would tell nothing.
    """
    kind, sent, ignored = target.kind, target.created, target.ignored
    told = (rule for rule in field_rules(kind) if not is_within(ignored, rule.path))
    if not any(rule.api in sent for rule in told):
        return False
    if not find_drift(kind, sent, resource, partial=False):
        return True
    is_left = not find_drift(
        kind, left_alone(kind, sent, resource, ignored), resource, partial=False
    )
    return is_left and _was_updated(target, resource)


def _was_updated(target: Target, resource: Mapping[str, Any]) -> bool:
    rest = target.rest
    made, changed = _time_in(resource, rest.created_field), _time_in(resource, rest.change_token)
    return made is not None and changed is not None and changed > made


def _time_in(resource: Mapping[str, Any], field: str | None) -> datetime | None:
    return parse_time(str(resource.get(field or "") or ""))


def owners(target: Target, resource: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the marks of other owners on a resource."""
    others = (t for t in target.tags_of(resource) if t not in target.marks)
    return tuple(t for t in others if t.startswith(TAG_PREFIX) or t in FOREIGN_TAGS)


def _is_copied(target: Target, ident: str) -> bool:
    """Whether a status that was copied here tells of this very resource as another object's.

    A namesake in another account is not what it tells of, nor is one below another parent, where
    that was made for an object of ours.
    """
    origin = target.obj.copied_from or {}
    if "accountId" in origin and target.account is not None:
        there = AccountIdentity(origin["accountId"], origin.get("region", ""))
        if there != target.account:
            return False
    if target.is_parent_made and origin.get("parentId") not in (None, target.parent):
        return False
    return ident == origin.get("externalId") or target.name == origin.get("externalName")


def marks_of_others(target: Target, resource: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the marks of other writers on a resource: a few, cut short."""
    tags = (t for t in target.tags_of(resource) if t not in target.marks)
    # A resource may have thousands of marks, and each costs up to a tenth of a second to compare.
    first = islice((t for t in tags if t.startswith(_MARKS)), _MOST_TOLD)
    return tuple(shown_mark(t) for t in first if not target.is_secret_mark(t))


def shown_mark(tag: str) -> str:
    """Return a mark as far as it is made like one: anybody may write what follows its beginning."""
    made_like_one = _MARK.match(tag)
    return made_like_one[0] if made_like_one else ""


def _may_be_our_create(
    target: Target, resource: Mapping[str, Any], drift: tuple[Drift, ...]
) -> bool:
    """Recognise the resource of a create whose answer was lost.

    It did not exist at the look-up before our POST, so it is not older than that, and every field
    that can be read is what we sent. Endpoints carry no creation time; their look-up said absent,
    and their runtime is ours.

    Race: what is desired need not be what we sent any more: it was edited, or the references are
    gone. This process remembers what it sent, secrets aside. After a restart what no update can
    change has to fit, and a Secret may have been rotated: nothing records what went out where a
    read shows it. Either way the resource has to be about as old as our POST.
    """
    if target.sent is not None:
        drift = find_drift(target.kind, target.sent, resource, partial=False)
    is_secret = not target.is_partial and all(d.observed == HIDDEN for d in drift)
    is_changed = target.sent is None and (is_secret or target.obj.was_edited_since_mark())
    if any(d.immutable for d in drift) or (drift and not is_changed):
        return False
    if target.rest.created_field is None:
        return True
    created = _time_in(resource, target.rest.created_field)
    looked_up = parse_time(target.obj.creation.get("lookedUpAt"))
    if created is None or looked_up is None or created < looked_up:
        return False
    is_certain = not drift and not target.is_partial
    return is_certain or created - looked_up <= _POST_FOLLOWS
