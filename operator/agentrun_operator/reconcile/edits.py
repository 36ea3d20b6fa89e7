"""What a pass knows of edits: what was changed on our side, and whether it was tried."""

from agentrun_operator.core.identity import ADOPT_ANNOTATION
from agentrun_operator.core.snapshot import Observation, Ownership
from agentrun_operator.reconcile import asked
from agentrun_operator.reconcile.context import Context, is_planned
from agentrun_operator.reconcile.outcome import was_tried


def is_edited(ctx: Context) -> bool:
    """Whether the spec, what it refers to, or a request token waits to be acted on."""
    if not is_planned(ctx) or ctx.edits is None:
        return _waits(ctx)
    return asked.is_due(ctx, ctx.edits, waits=_waits(ctx), is_asked=ctx.obj.is_requested)


def seen(ctx: Context) -> Observation:
    """Return the look by which the next action is decided, and what no read returns.

    Where edits are to be sent and nothing else, it shows nothing else.
    """
    if is_planned(ctx) and ctx.edits is not None and is_edited(ctx):
        return asked.due(ctx, ctx.edits)
    return ctx.unsent.beside(ctx.observation, ctx.kind)


def _waits(ctx: Context) -> bool:
    # What no read returns cannot drift: if it differs, it was changed on our side.
    if ctx.unsent.is_pending or is_untried(ctx):
        return True
    known, wanted = ctx.memory.sent.desired, ctx.plan.desired_digest
    return None not in (known, wanted) and known != wanted


def has_news(ctx: Context) -> bool:
    """Whether the spec was edited, or a new request token came, since the last report."""
    return ctx.obj.is_requested or not ctx.obj.is_observed


def has_to_tell(ctx: Context) -> bool:
    """Whether a pass has something to write whatever its look shows."""
    return bool(ctx.changes) or has_news(ctx)


def is_untried(ctx: Context) -> bool:
    """Whether the spec as it stands, or a request token, was not acted on to an end."""
    return ctx.obj.is_requested or not was_tried(ctx.obj)


def is_refused(ctx: Context) -> bool:
    """Whether the API refused the spec as it stands, and nobody asked for another try."""
    return (
        ctx.plan.desired_digest is not None
        and ctx.memory.sent.refused.desired == ctx.plan.desired_digest
        and not is_untried(ctx)
    )


def is_forced(ctx: Context) -> bool:
    """Whether the resource may be taken from its owner: once, or two would take it in turns."""
    if ctx.obj.annotations.get(ADOPT_ANNOTATION) != "force":
        return False
    taken, seen = ctx.memory.held.taken_over, ctx.observation
    if taken is None or not is_planned(ctx) or has_news(ctx):
        return True
    is_taken_back = seen.ownership is Ownership.FOREIGN
    return not (is_taken_back and ctx.target.id_of(seen.resource) == taken)
