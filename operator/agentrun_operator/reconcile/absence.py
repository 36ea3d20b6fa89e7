"""What a pass knows of an absence: whether something should be there, and whether it is proven."""

from dataclasses import replace
from datetime import datetime

from agentrun_operator.core.kind import KeyedBy
from agentrun_operator.core.objects import KubeObject, parse_time
from agentrun_operator.reconcile.context import Context, Planned
from agentrun_operator.reconcile.deletion_event import went_out
from agentrun_operator.reconcile.memory import Memory

_VANISHED_FACTOR = 4.0
"""How much longer an absence has to last that no DELETE of ours explains."""


def is_settled(ctx: Context) -> bool:
    """Whether no create is announced that may still be on its way."""
    is_on_its_way = ctx.obj.awaits_answer and not window_passed(ctx)
    return not (is_on_its_way or ctx.awaits_own_create)


def is_on_record(ctx: Context) -> bool:
    """Whether the status says, or may have said before it was lost, that a resource exists."""
    obj = ctx.obj
    if obj.external_id and not obj.is_in_charge and ctx.plan.binding is not None:
        # What is only observed may be moving to another account than its record tells of.
        return bool(obj.status.get("account") == ctx.plan.binding.pin())
    return obj.has_record or ctx.is_unrecorded


def seconds_to_proof(ctx: Context) -> float:
    """Return until when an absence is no more than one answer; 0 where it counts.

    A cloud that loses its store answers 404 for what exists. One answer, or several within
    moments, would create the resource a second time, or leave it behind for ever.
    """
    if not is_on_record(ctx):
        return 0.0
    since = ctx.memory.looks.absent_since
    needed = ctx.absence_confirm_seconds * (_VANISHED_FACTOR if is_vanished(ctx) else 1.0)
    return needed if since is None else max(0.0, since + needed - ctx.now)


def is_vanished(ctx: Context) -> bool:
    """Whether what is missing was on record, and no DELETE of ours nor its end explains it.

    Where the record is lost it may have been: a wrong answer would leave the resource behind, or
    make a second one, just the same.
    """
    is_expected = ctx.memory.sent.deletes.is_answered or ctx.obj.has_reported_end
    return (ctx.is_recorded or ctx.is_unrecorded) and not is_expected


def window_passed(ctx: Context) -> bool:
    """Whether the settle window of the announced create is over."""
    started = parse_time(ctx.obj.creation.get("startedAt"))
    return started is None or is_over(ctx, started)


def is_over(ctx: Context, started: datetime) -> bool:
    """Whether the settle window of a write that was announced at a time is over, by both clocks.

    Race: the machine's time may jump. As long as this process lives it knows better when it last
    sent something; and whatever a process before it sent, it sent before this one's first pass. So
    a clock that was set back does not prolong the window, which deletions wait for.
    """
    sent_at, known_since = ctx.memory.sent.at, ctx.memory.looks.known_since
    now, window = ctx.now, ctx.settle.total_seconds()
    if known_since is not None and now - max(sent_at, known_since) >= window:
        return True
    return ctx.started_at - started >= ctx.settle and now - sent_at >= window


def is_unexplained(ctx: Planned) -> bool:
    """Whether nothing on our side explains that a look of this pass finds nothing."""
    if ctx.is_unrecorded:
        return _was_held(ctx)
    if ctx.rest.parent is not None and ctx.target.parent != ctx.obj.status.get("parentId"):
        # It went with its parent, which has a successor by now.
        return False
    return may_have_vanished(ctx.obj, ctx.memory)


def _was_held(ctx: Planned) -> bool:
    """Whether this process knows a resource that the status tells nothing of any more.

    Another process knows of none: in an empty account objects may be restored that never had one
    there. What may have ended by itself is left out, as nothing tells any more whether it had.
    """
    if ctx.rest.parent is not None or ctx.rest.key is KeyedBy.CHOSEN_ID:
        return False
    obj, sent = ctx.obj, ctx.memory.sent
    is_expected = sent.deletes.is_answered or sent.create is not None or went_out(obj, ctx.memory)
    return ctx.memory.held.is_known and not is_expected and not obj.observes_only


def as_recorded(ctx: Planned) -> KubeObject:
    """Return an object with what it has on record, or had by the memory of this process."""
    if not ctx.is_unrecorded:
        return ctx.obj
    known = {"externalId": ctx.memory.held.ident, "account": ctx.binding.pin()}
    return replace(ctx.obj, status={**ctx.obj.status, **known})


def may_have_vanished(obj: KubeObject, memory: Memory) -> bool:
    """Whether an object's resource is known to exist, and nobody of us has ended it.

    What an older status names, or one that was restored with its object, may have been replaced
    long ago: its absence says nothing of the account.
    """
    is_known = obj.is_in_charge and not obj.awaits_answer and not obj.is_heir
    is_expected = memory.sent.deletes.is_answered or went_out(obj, memory) or obj.has_reported_end
    is_older = memory.held.is_known and not memory.held.has(obj.external_id)
    return is_known and not (is_expected or is_older or obj.observes_only)
