"""Says whose a resource is that we may not touch, and what to do about it."""

from agentrun_operator.core.identity import ObjectKey, Owner
from agentrun_operator.core.snapshot import Existence, Ownership
from agentrun_operator.reconcile import ownership
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.context import Context

_FORCE = "annotate agentrun.dev/adopt=force to take it over"
_RENAME = "choose another spec.externalName"


def explain(ctx: Context, cache: ObjectCache) -> str:
    """Return the message of AlreadyExistsNotOwned: owner, whether it still exists, remedy."""
    what = f"{ctx.kind.kind} {ctx.aim.name!r} already exists in AgentRun"
    if ctx.observation.ownership is Ownership.FOREIGN:
        owner, remedy = _owner_and_remedy(ctx, cache)
        return f"{what} and {owner}; {remedy}"
    # Nobody's mark: only the policy is in the way.
    return (
        f"{what}, carries nobody's mark, and this object may not adopt it; {_RENAME}, or set "
        f"spec.adoptionPolicy: Adopt to use it (or {_FORCE})"
    )


def owner_left_alone(ctx: Context, cache: ObjectCache) -> str | None:
    """Return whose the resource is that a deleted object leaves alone; None if nobody else's."""
    if ctx.observation.ownership is Ownership.FOREIGN:
        return _owner_and_remedy(ctx, cache)[0]
    is_looked_at = ctx.observation.existence is not Existence.NOT_LOOKED
    return None if is_looked_at or ctx.obj.copied_from is None else _copied(ctx, cache)[0]


def _owner_and_remedy(ctx: Context, cache: ObjectCache) -> tuple[str, str]:
    marks = ownership.owners(ctx.aim, ctx.observation.resource)
    if not marks:
        return _copied(ctx, cache)
    owner = Owner.of(marks[0])
    if owner is None:
        return f"belongs to another tool, by its mark {marks[0]!r}", f"{_RENAME}, or {_FORCE}"
    where, remedy = _place(ctx, cache, owner)
    return f"carries the mark of {where}", remedy


def _copied(ctx: Context, cache: ObjectCache) -> tuple[str, str]:
    """Say what the record tells that was copied into the status of this object."""
    origin = ctx.obj.copied_from or {}
    if not origin.get("name"):
        told = "the status restored here is older than this object, so it may be another one's"
        return told, f"{_RENAME}, or, if nobody else uses it, {_FORCE}"
    owner = Owner(
        str(origin.get("clusterId") or ""), str(origin.get("namespace") or ""), origin["name"]
    )
    where, remedy = _place(ctx, cache, owner)
    return f"seems to belong to {where}, for which the status restored here was written", remedy


def _place(ctx: Context, cache: ObjectCache, owner: Owner) -> tuple[str, str]:
    key = ObjectKey(ctx.obj.key.kind, owner.namespace, owner.name)
    if owner.cluster_id != cache.cluster_id:
        where = f"{key.namespace}/{key.name} of cluster {owner.cluster_id!r}"
        return where, f"{_RENAME}, or give it up there and {_FORCE}"
    if cache.get(key) is None:
        return f"{key}, which does not exist in this cluster", f"{_FORCE}, or {_RENAME}"
    handover = "delete that object with spec.deletionPolicy: Retain"
    return f"{key}, which exists in this cluster", f"{_RENAME}, or {handover}, then {_FORCE}"
