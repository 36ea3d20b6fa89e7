"""What a pass knows of an absence: whether something should be there, and whether it is proven."""

from agentrun_operator.core.objects import parse_time
from agentrun_operator.core.reasons import Reason
from agentrun_operator.reconcile.context import Context

_VANISHED_FACTOR = 4.0
"""How much longer an absence has to last that no DELETE of ours explains."""


def is_settled(ctx: Context) -> bool:
    """Whether no create is announced that may still be on its way."""
    return window_passed(ctx) or not ctx.obj.awaits_answer


def is_on_record(ctx: Context) -> bool:
    """Whether the status says, or may have said before it was lost, that a resource exists."""
    obj = ctx.obj
    if obj.external_id and not obj.is_in_charge and ctx.binding is not None:
        # What is only observed may be moving to another account than its record tells of.
        return bool(obj.status.get("account") == ctx.binding.pin())
    return bool(obj.external_id or obj.status.get("creation")) or ctx.is_unrecorded


def seconds_to_proof(ctx: Context) -> float:
    """Return until when an absence is no more than one answer; 0 where it counts.

    A cloud that loses its store answers 404 for what exists. One answer, or several within
    moments, would make a twin of the resource, or leave it behind for ever.
    """
    if not is_on_record(ctx):
        return 0.0
    since = ctx.memory.absent_since
    is_expected = ctx.memory.deleted or not ctx.is_recorded or has_reported_end(ctx)
    needed = ctx.absence_confirm_seconds * (1.0 if is_expected else _VANISHED_FACTOR)
    return needed if since is None else max(0.0, since + needed - ctx.memory.now_hint)


def window_passed(ctx: Context) -> bool:
    """Whether the settle window of the announced create is over, by both clocks.

    Race: the machine's time may jump. As long as this process lives it knows better when it last
    sent something; and whatever a process before it sent, it sent before this one's first pass. So
    a clock that was set back does not prolong the window, which deletions wait for.
    """
    started = parse_time((ctx.obj.status.get("creation") or {}).get("startedAt"))
    if started is None:
        return True
    memory, window = ctx.memory, ctx.settle.total_seconds()
    if memory.known_since is not None:
        since_any_write = memory.now_hint - max(memory.wrote_at, memory.known_since)
        if since_any_write >= window:
            return True
    return ctx.started_at - started >= ctx.settle and memory.now_hint - memory.wrote_at >= window


def has_reported_end(ctx: Context) -> bool:
    """Whether the object was reported as completed."""
    ready = ctx.obj.condition("Ready") or {}
    return bool(ready.get("reason") == Reason.COMPLETED.value)
