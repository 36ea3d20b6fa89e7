"""What a pass has to send of what no read returns: what changed, went, or got lost on its way."""

from collections.abc import Collection
from dataclasses import replace

from agentrun_operator.core.ignored import is_within
from agentrun_operator.core.leaves import is_touched
from agentrun_operator.core.wire import applied_paths
from agentrun_operator.core.write_only import write_only_paths, write_only_tops
from agentrun_operator.reconcile import edits, outcome, unanswered
from agentrun_operator.reconcile.context import Planned
from agentrun_operator.reconcile.to_send import Unsent


def compare(ctx: Planned) -> Unsent:
    """Return what of the desired state has to be sent although no read returns it."""
    part = ctx.target.write_only if ctx.is_recorded else {}
    found = replace(
        _limited(ctx, part, part if part and _is_changed(ctx) else ()),
        gone=_gone(ctx),
        overtaken=unanswered.take_up(ctx),
    )
    late = [u for u in found.overtaken if u.write_only != ctx.plan.write_only_digest]
    if not late or not ctx.is_recorded or not ctx.rest.updatable:
        return found
    # Any of them may have undone what was sent since, whoever edited it.
    undone = frozenset[str]().union(*(u.paths for u in found.overtaken))
    gone = undone - set(applied_paths(ctx.kind, ctx.target.desired))
    return replace(found, changed=frozenset(part), gone=found.gone | gone)


def note_recorded(ctx: Planned) -> None:
    """Send all, or all edits: nobody knows what went out to the resource on record."""
    part = ctx.target.write_only
    now, before = _limited(ctx, part, part), ctx.unsent
    ctx.unsent = replace(now, gone=before.gone, overtaken=before.overtaken)


def note_created(ctx: Planned) -> None:
    """The create carried all, also what an update would have left out or sent again."""
    ctx.unsent = replace(ctx.unsent, changed=frozenset(), has_withheld=False)


def note_updated(ctx: Planned) -> None:
    """The update carried all that was to be sent."""
    ctx.unsent = replace(ctx.unsent, changed=frozenset(), gone=frozenset())
    unanswered.make_up(ctx)


def _limited(ctx: Planned, part: Collection[str], changed: Collection[str]) -> Unsent:
    """Return which write-only fields are sent: what changed, or, if limited, what was edited."""
    if ctx.edits is None:
        return Unsent(changed=frozenset(changed))
    tops = write_only_tops(ctx.kind, ctx.edits.paths)
    return Unsent(changed=tops.intersection(part), has_withheld=not tops.issuperset(changed))


def _is_changed(ctx: Planned) -> bool:
    """Whether the write-only values are not what was last sent.

    In one process that is a comparison of digests. After a restart the versions of the Secrets
    that went out stand in for them, and the generation for everything else.
    """
    known = ctx.memory.sent.write_only
    if known is not None:
        return known != ctx.plan.write_only_digest
    sent = {e["name"]: e["version"] for e in ctx.obj.status.get("sentSecrets") or ()}
    versions = dict(ctx.plan.resolution.versions) if ctx.plan.resolution else {}
    # A request to look again is none to send again: it would restart a runtime.
    return not (outcome.was_tried(ctx.obj) and sent == versions)


def _gone(ctx: Planned) -> frozenset[str]:
    """Return the write-only paths that are applied, left the spec, and were not cleared yet."""
    applied = write_only_paths(ctx.kind).intersection(ctx.obj.status.get("applied") or ())
    if not applied or not ctx.is_recorded or not ctx.rest.updatable:
        return frozenset()
    cleared = ctx.memory.sent.cleared
    done: frozenset[str] = frozenset()
    if cleared is not None and cleared.generation == ctx.obj.generation and not edits.has_news(ctx):
        done = cleared.paths
    gone = applied - done - set(applied_paths(ctx.kind, ctx.target.desired))
    return frozenset(
        path
        for path in gone
        if not is_within(ctx.target.ignored, path)
        and (ctx.edits is None or is_touched(ctx.edits.paths, path))
    )
