"""Updates whose answer got lost: one may be carried out late, after a newer one, and undo that.

Nothing is done about it before the settle window is over, because until then it may still come.
After that the resource itself is read, which corrects what can be read; what no read returns is
sent once more. Both only where the late one carries something else than what is desired now.
"""

from collections.abc import Awaitable
from dataclasses import replace
from typing import TypeVar

from agentrun_operator.core.errors import Unavailable
from agentrun_operator.core.wire import applied_paths
from agentrun_operator.core.write_only import write_only_paths
from agentrun_operator.reconcile.context import Context, Planned
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.ports import Clock, Json
from agentrun_operator.reconcile.sent import Sent, Unanswered

T = TypeVar("T")

_MOMENT_SECONDS = 0.1
"""Past the end of the window, lest a pass comes just before it."""


async def noted_if_lost(ctx: Planned, clock: Clock, sending: Awaitable[T], body: Json) -> T:
    """Send an update, and remember it if its answer gets lost; a verb has an empty body."""
    try:
        return await sending
    except Unavailable as error:
        if error.maybe_applied:
            ctx.memory.sent.note_unanswered(_carried(ctx, body), clock.monotonic())
        raise


def _carried(ctx: Planned, body: Json) -> Unanswered:
    desired = ctx.target.desired
    applied = applied_paths(ctx.kind, desired)
    sent = {api: value for api, value in desired.items() if api in body}
    return Unanswered(
        desired=_wanted(ctx),
        write_only=ctx.plan.write_only_digest,
        paths=write_only_paths(ctx.kind).intersection(applied),
        carries=frozenset(applied_paths(ctx.kind, sent)),
    )


def _wanted(ctx: Planned) -> tuple[bytes | None, str | None]:
    return ctx.plan.desired_digest, ctx.target.desired_state


def take_up(ctx: Planned) -> tuple[Unanswered, ...]:
    """Return what may have undone a newer update, of the answers whose window is over."""
    unanswered, window = ctx.memory.sent.unanswered, ctx.settle.total_seconds()
    over = [u for u, at in unanswered.items() if ctx.now - at >= window]
    overtaken = tuple(lost for lost in over if lost.desired != _wanted(ctx))
    for lost in {*over} - {*overtaken}:
        del unanswered[lost]
    return overtaken


def may_return(ctx: Planned) -> frozenset[str]:
    """Return the paths that a lost update may still bring back, whatever a look shows now.

    They stay on record: a value that comes back without one belongs to nobody, and is left there.
    """
    return frozenset[str]().union(*(each.carries for each in ctx.memory.sent.unanswered))


def make_up(ctx: Context) -> None:
    """Forget what was made up for, by an update or by a read that shows everything."""
    if not ctx.unsent.is_pending:
        for lost in ctx.unsent.overtaken:
            ctx.memory.sent.unanswered.pop(lost, None)


def wake(sent: Sent, now: float, window: float, result: Outcome) -> Outcome:
    """Come back when the window of a lost answer is over, if nothing else is due before."""
    ends = [at + window + _MOMENT_SECONDS - now for at in sent.unanswered.values()]
    due = [end for end in ends if end > _MOMENT_SECONDS]
    if not due:
        return result
    asked = result.requeue_after
    return replace(result, requeue_after=min(due) if asked is None else min(asked, *due))
