"""Whether the versions exist that a spec names by their numbers.

AgentRun may take the number of a version that does not exist. What is in place is not asked for
again: no version is ever taken away.
"""

from agentrun_operator.core.dependencies import NamedVersion, versions_named
from agentrun_operator.core.errors import OperatorError, ReferenceNotFound
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.versions import is_on_record, publishes
from agentrun_operator.reconcile.context import Context
from agentrun_operator.reconcile.ports import ExternalAPI
from agentrun_operator.reconcile.versions import list_versions
from agentrun_operator.reconcile.world import World


async def missing(
    world: World, ctx: Context, api: ExternalAPI, resolution: Resolution
) -> tuple[OperatorError, ...]:
    """Return an error for each version that a spec names and that does not exist.

    The object that a reference leads to knows its versions where it publishes them. Of any other
    resource they are listed, once for an edit.

    Raises:
        OperatorError: the cloud does not answer.
    """
    if ctx.obj.deleting or ctx.obj.observes_only:
        return ()
    found: list[OperatorError] = []
    listed: dict[str, frozenset[str]] = {}
    for named in versions_named(ctx.kind, ctx.obj.spec):
        ident = _ident(named, resolution)
        if not named.has_number or ident is None or _is_in_place(ctx, named, ident):
            continue
        target = world.cache.get(ObjectKey(named.kind, ctx.obj.key.namespace, named.name))
        is_there = None if target is None else is_on_record(target, named.version)
        if is_there is False and target is not None and not publishes(target):
            # Nobody keeps its list up to date.
            is_there = None
        rest = world.kinds[named.kind].rest
        if is_there is None and rest is not None and rest.versions is not None:
            if ident not in listed:
                versions = await list_versions(api, rest.versions, ident)
                listed[ident] = frozenset(version.number for version in versions)
            is_there = named.version in listed[ident]
        if is_there is False:
            found.append(_not_found(named, is_listed_anew=ident in listed))
    return tuple(found)


def _ident(named: NamedVersion, resolution: Resolution) -> str | None:
    """Return the id of the resource whose version is named; None: its reference is unresolved."""
    return named.external_name or resolution.references.get((named.kind, named.name))


def _is_in_place(ctx: Context, named: NamedVersion, ident: str) -> bool:
    """Whether this spec was carried out, below the same resource."""
    synced = ctx.obj.condition("Synced") or {}
    is_parent = ctx.rest.parent == named.reference
    return (
        ctx.obj.external_id is not None
        and ctx.obj.is_observed
        and synced.get("status") == "True"
        and (not is_parent or ctx.obj.status.get("parentId") == ident)
    )


def _not_found(named: NamedVersion, *, is_listed_anew: bool) -> ReferenceNotFound:
    remedy = "correct the number, or publish it"
    if not is_listed_anew:
        remedy += (
            f"; where somebody else has published it, annotate {named.kind} {named.name!r} with "
            "agentrun.dev/reconcile-requested-at to have its versions listed anew"
        )
    whose = f"{named.kind} {named.name or named.external_name!r}"
    return ReferenceNotFound(
        f"spec.{named.path} names version {named.version}, which {whose} does not have; {remedy}"
    )
