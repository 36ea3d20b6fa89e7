"""What the status of an object shows of a resource that it only observes, and when it may not."""

from agentrun_operator.core.snapshot import Existence, Observation, Ownership
from agentrun_operator.reconcile.context import Context, Planned
from agentrun_operator.reconcile.grants import Grants

_SHOWN = ("externalId", "externalName", "parentId", "account", "atProvider", "drift", "granted")


def hide(ctx: Context) -> None:
    """Show nothing of the resource any more."""
    ctx.changes |= dict.fromkeys(_SHOWN)


def check_found(grants: Grants, ctx: Planned, seen: Observation) -> None:
    """Stop where something else than what was observed before is there now.

    What was shown without a grant so far was that one resource; its successor is another
    namespace's as likely as not.

    Raises:
        NotGranted: the namespace may not observe it.
    """
    if ctx.obj.observes_only and seen.existence is Existence.PRESENT and _is_other(ctx, seen):
        check_next(grants, ctx)


def check_next(grants: Grants, ctx: Planned) -> None:
    """Stop where what was observed is gone, and the namespace may not observe what may follow.

    Raises:
        NotGranted: it may not.
    """
    refusal = grants.refuses_successor(ctx.obj, ctx.binding, ctx.plan.leave)
    if refusal is not None:
        if ctx.obj.is_in_charge:
            # Its own record outlives the absence of what it made, should it manage again.
            ctx.changes |= {"atProvider": None, "drift": None}
        else:
            hide(ctx)
        raise refusal


def _is_other(ctx: Planned, seen: Observation) -> bool:
    if seen.ownership is Ownership.OURS:
        return False
    is_anothers = ctx.obj.is_in_charge and seen.ownership is Ownership.FOREIGN
    return is_anothers or ctx.target.id_of(seen.resource) != ctx.obj.external_id
