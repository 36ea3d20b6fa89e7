"""What a pass may do in a shared account by what it has found there."""

from collections.abc import Iterator

from agentrun_operator.core.errors import NotGranted
from agentrun_operator.core.fields import GrantName
from agentrun_operator.core.grants import ADOPTION, FORCE
from agentrun_operator.core.identity import UNKNOWN_CLUSTER, Owner, adopted_tag
from agentrun_operator.core.reaches import Lack, not_in_place, overlaps
from agentrun_operator.core.snapshot import Existence, Ownership
from agentrun_operator.reconcile import edits, ownership
from agentrun_operator.reconcile.context import Context, Planned, is_planned

_ADOPTED = adopted_tag("")


def pending(ctx: Context) -> Iterator[NotGranted]:
    """Yield what this pass would send without leave: all of it to a create, or what differs.

    What is immutable is sent by a create alone, also by one that replaces what vanished.
    """
    return (lack.error for lack in _pending(ctx))


def lacks_reference(ctx: Context) -> bool:
    """Whether a reference that would have to be sent leads where the namespace may not go."""
    if not ctx.plan.lacking:
        return False
    error = ctx.plan.blocked or ctx.plan.conflict
    parts = () if error is None else error.parts or (error,)
    told = [lack for lack in ctx.plan.lacking if any(lack.error is part for part in parts)]
    return any(lack.reach.grant is None for lack in (*told, *_pending(ctx)))


def _pending(ctx: Context) -> Iterator[Lack]:
    seen = edits.seen(ctx)
    if seen.existence is Existence.NOT_LOOKED:
        return
    if seen.existence is not Existence.PRESENT:
        yield from ctx.plan.lacking
        return
    asked_for = (lack for lack in ctx.plan.lacking if not lack.reach.is_fixed)
    desired = ctx.target.desired if is_planned(ctx) else {}
    for lack in not_in_place(asked_for, desired, seen.resource):
        if any(overlaps(lack.reach, drift.path) for drift in seen.drift):
            yield lack


def missing_to_take(ctx: Planned) -> tuple[GrantName, ...]:
    """Return which grants are missing to take over what a look found."""
    seen = ctx.observation
    is_found = seen.existence is Existence.PRESENT and seen.ownership is not Ownership.OURS
    if not is_found or ctx.plan.leave.allowances is None:
        return ()
    is_owned = _is_owned(ctx)
    if is_owned and _is_of_namespace(ctx):
        return ()
    names = ctx.target.name, ctx.target.id_of(seen.resource)
    needed: dict[GrantName, tuple[str, ...]] = {FORCE if is_owned else ADOPTION: names}
    if ctx.kind.grant is not None:
        needed[ctx.kind.grant] = (ctx.target.locator_of(seen.resource).key,)
    allows = ctx.plan.leave.allows
    return tuple(grant for grant in needed if not allows(grant, ctx.kind.kind, needed[grant]))


def needed_to_take(ctx: Context) -> NotGranted | None:
    """Return why a pass may not take over what a look found; None if it may."""
    if not is_planned(ctx) or not (missing := missing_to_take(ctx)):
        return None
    name = ctx.target.name
    owner = "is another owner's" if _is_owned(ctx) else "was made by no object of this namespace"
    told = ctx.plan.leave.refusal(" and ".join(missing), ctx.kind.kind, name)
    return NotGranted(f"{ctx.kind.kind} {name!r} exists in AgentRun and {owner}, and {told}")


def _is_owned(ctx: Planned) -> bool:
    """Whether what a look found is known to be another owner's."""
    is_marked = ctx.observation.ownership is Ownership.FOREIGN
    return is_marked or ctx.target.is_others(ctx.target.id_of(ctx.observation.resource))


def _is_of_namespace(ctx: Planned) -> bool:
    """Whether all marks on a resource, or else the copied record, name makers of the namespace."""
    own = Owner.of(ctx.target.tag)
    if own is None or own.cluster_id == UNKNOWN_CLUSTER:
        return False
    marks = ownership.owners(ctx.target, ctx.observation.resource)
    owners = [Owner.of(mark) for mark in marks if not mark.endswith(_ADOPTED)]
    if marks:
        return len(owners) == len(marks) and all(_is_neighbour(owner, own) for owner in owners)
    origin = ctx.obj.copied_from or {}
    named = Owner(origin.get("clusterId", ""), origin.get("namespace", ""), "")
    return _is_neighbour(named, own)


def _is_neighbour(owner: Owner | None, own: Owner) -> bool:
    return owner is not None and (owner.cluster_id, owner.namespace) == (
        own.cluster_id,
        own.namespace,
    )
