"""What the status of an object shows of a resource that it only observes, and when it may not."""

from agentrun_operator.core.grants import OBSERVE
from agentrun_operator.core.snapshot import Existence, Observation, Ownership
from agentrun_operator.reconcile.context import Context, Planned
from agentrun_operator.reconcile.grants import Grants

_SHOWN = ("externalId", "externalName", "parentId", "account", "atProvider", "drift", "granted")


def hide(ctx: Context) -> None:
    """Show nothing of the resource any more."""
    ctx.changes |= dict.fromkeys(_SHOWN)


def check_found(grants: Grants, ctx: Planned, seen: Observation) -> None:
    """Stop where a look found something else than what is on record, which may be another's.

    A deletion shows nothing of it.

    Raises:
        NotGranted: the namespace may not observe it.
    """
    if not ctx.obj.observes_only or ctx.obj.deleting or seen.existence is not Existence.PRESENT:
        return
    if _is_replaced(ctx, seen):
        ident = ctx.target.id_of(seen.resource)
        _check_replacement(grants, ctx, ident)
        if grants.lends_view(ctx.obj, ctx.binding, ctx.plan.leave, ident):
            # Or what is now shown by the grant alone would stay when that is withdrawn.
            ctx.changes["granted"] = [OBSERVE]


def check_gone(grants: Grants, ctx: Planned) -> None:
    """Stop where what was observed is gone, and the namespace may not observe what may follow.

    Raises:
        NotGranted: it may not.
    """
    _check_replacement(grants, ctx, "")


def _check_replacement(grants: Grants, ctx: Planned, ident: str) -> None:
    refusal = grants.refuses_view(ctx.obj, ctx.binding, ctx.plan.leave, ident)
    if refusal is None:
        return
    if ctx.obj.is_in_charge:
        # Its own record outlives the absence of what it made, should it manage again.
        ctx.changes |= {"atProvider": None, "drift": None}
    else:
        hide(ctx)
    raise refusal


def _is_replaced(ctx: Planned, seen: Observation) -> bool:
    """Whether a look found another resource than the one on record, or there is none on record."""
    if seen.ownership is Ownership.OURS:
        return False
    is_anothers = ctx.obj.is_in_charge and seen.ownership is Ownership.FOREIGN
    return is_anothers or ctx.target.id_of(seen.resource) != ctx.obj.external_id
