"""Says whose a resource is that we may not touch, and what to do about it."""

from agentrun_operator.core.identity import UNKNOWN_CLUSTER, ObjectKey, Owner
from agentrun_operator.core.snapshot import Existence, Ownership
from agentrun_operator.reconcile import leave, ownership
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.context import Context, Planned, is_planned


def explain(ctx: Planned, cache: ObjectCache) -> str:
    """Return the message of AlreadyExistsNotOwned: owner, whether it still exists, remedy."""
    what = f"{ctx.kind.kind} {ctx.target.name!r} already exists in AgentRun"
    instead, force = _instead(ctx), _force(ctx)
    if ctx.observation.ownership is not Ownership.FOREIGN:
        # Nobody's mark: only the policy is in the way.
        return (
            f"{what}, carries nobody's mark, and this object may not adopt it; {instead}, or set "
            f"spec.adoptionPolicy: Adopt to use it{_condition(ctx)}"
        )
    owner = _owner(ctx)
    told = _whose(ctx, cache, owner)
    if owner is None:
        return f"{what} and {told}; {instead}, or {force}"
    if not _is_here(owner, cache):
        return f"{what} and {told}; {instead}, or give it up there and {force}"
    if cache.get(_key_of(ctx, owner)) is None:
        return f"{what} and {told}; {force}, or {instead}"
    handover = "delete that object with spec.deletionPolicy: Retain"
    return f"{what} and {told}; {instead}, or {handover}, then {force}"


def owner_left_alone(ctx: Context, cache: ObjectCache) -> str | None:
    """Return whose the resource is that a deleted object leaves alone; None if nobody else's."""
    is_looked_at = ctx.observation.existence is not Existence.NOT_LOOKED
    is_foreign = ctx.observation.ownership is Ownership.FOREIGN
    if not is_foreign and (is_looked_at or ctx.obj.copied_from is None):
        return None
    return _whose(ctx, cache, _owner(ctx))


def _marks(ctx: Context) -> tuple[str, ...]:
    return ownership.owners(ctx.target, ctx.observation.resource) if is_planned(ctx) else ()


def _is_hidden(ctx: Context, mark: str) -> bool:
    return is_planned(ctx) and ctx.target.is_secret_mark(mark)


def _owner(ctx: Context) -> Owner | None:
    """Return the object that the mark names, or else the copied record; None for neither."""
    if marks := _marks(ctx):
        return None if _is_hidden(ctx, marks[0]) else Owner.of(marks[0])
    origin = ctx.obj.copied_from or {}
    if not origin.get("name"):
        return None
    return Owner(origin.get("clusterId", ""), origin.get("namespace", ""), origin["name"])


def _whose(ctx: Context, cache: ObjectCache, owner: Owner | None) -> str:
    marks = _marks(ctx)
    if owner is None:
        if marks and _is_hidden(ctx, marks[0]):
            return "carries the mark of another owner"
        if marks:
            return f"belongs to another tool, by its mark {ownership.shown_mark(marks[0])!r}"
        return "may be another object's: the status restored here is older than this object"
    where = f"{owner.namespace}/{owner.name} of cluster {owner.cluster_id!r}"
    if _is_here(owner, cache):
        key = _key_of(ctx, owner)
        exists = "exists" if cache.get(key) is not None else "does not exist"
        where = f"{key}, which {exists} in this cluster"
    if marks:
        return f"carries the mark of {where}"
    return f"seems to belong to {where}, which had it on record"


def _is_here(owner: Owner, cache: ObjectCache) -> bool:
    return owner.cluster_id == cache.cluster_id != UNKNOWN_CLUSTER


def _key_of(ctx: Context, owner: Owner) -> ObjectKey:
    return ObjectKey(ctx.obj.key.kind, owner.namespace, owner.name)


def _instead(ctx: Context) -> str:
    """Return what helps without taking anything from anybody."""
    if ctx.obj.is_in_charge:
        # The name is immutable by now.
        return "delete this object, which leaves the resource alone"
    return "choose another spec.externalName"


def _force(ctx: Planned) -> str:
    """Return how to take it; an annotation that stands has been acted on."""
    if ctx.memory.held.taken_over is not None:
        how = "annotate agentrun.dev/reconcile-requested-at to take it over once more"
    else:
        how = "annotate agentrun.dev/adopt=force to take it over"
    return how + _condition(ctx)


def _condition(ctx: Planned) -> str:
    """Return what has to be granted before something may be taken; empty where nothing has."""
    missing, asked = leave.missing_to_take(ctx), ctx.plan.leave
    if not missing:
        return ""
    grants = " and ".join(missing)
    return f", once {asked.account} grants {grants} to {asked.namespace!r} ({asked.remedy})"
