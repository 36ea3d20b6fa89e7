"""What a pass still has to send: what was edited, what got lost, and what no read shows."""

from collections.abc import Iterable

from agentrun_operator.core.ignored import is_within
from agentrun_operator.core.leaves import is_touched
from agentrun_operator.core.wire import applied_paths
from agentrun_operator.core.write_only import write_only_paths, write_only_tops
from agentrun_operator.reconcile import edits, outcome, unanswered
from agentrun_operator.reconcile.context import Planned
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.to_send import Edits


def compare(ctx: Planned) -> None:
    """Find out what has to be sent that no look shows to differ."""
    _compare_write_only(ctx)
    if ctx.edits is not None:
        part = ctx.target.write_only if ctx.is_recorded else {}
        _limit(ctx, ctx.edits, part, news=ctx.write_only_changed)
        gone = ctx.write_only_gone
        ctx.write_only_gone = frozenset(p for p in gone if is_touched(ctx.edits.paths, p))
    unanswered.take_up(ctx)


def note_recorded(ctx: Planned) -> None:
    """Nobody knows what went out to a resource that is on record now: send all, or all edits."""
    part = ctx.target.write_only
    ctx.write_only_changed = tuple(sorted(part))
    if ctx.edits is not None:
        _limit(ctx, ctx.edits, part, news=part)


def _limit(ctx: Planned, edits: Edits, part: Json, *, news: Iterable[str]) -> None:
    tops = write_only_tops(ctx.kind, edits.paths)
    ctx.is_unsent = bool({*news} - tops)
    ctx.write_only_changed = tuple(sorted(api for api in part if api in tops))


def _compare_write_only(ctx: Planned) -> None:
    """Tell whether what cannot be read back is still what was last sent.

    In one process that is a comparison of digests. After a restart the versions of the Secrets
    that went out stand in for them, and the generation for everything else.
    """
    if ctx.rest.updatable and ctx.is_recorded:
        ctx.write_only_gone = _gone(ctx)
    part, known = ctx.target.write_only, ctx.memory.sent.write_only
    if not part:
        return
    if known is None:
        sent = {e["name"]: e["version"] for e in ctx.obj.status.get("sentSecrets") or ()}
        versions = dict(ctx.plan.resolution.versions) if ctx.plan.resolution else {}
        # A request to look again is none to send again: it would restart a runtime.
        changed = not (outcome.was_tried(ctx.obj) and sent == versions)
    else:
        changed = known != ctx.plan.write_only_digest
    if changed and ctx.is_recorded:
        ctx.write_only_changed = tuple(sorted(part))


def _gone(ctx: Planned) -> frozenset[str]:
    """Return the write-only paths that are applied, left the spec, and were not cleared yet."""
    applied = write_only_paths(ctx.kind).intersection(ctx.obj.status.get("applied") or ())
    cleared = ctx.memory.sent.cleared
    if not applied:
        return frozenset()
    done: frozenset[str] = frozenset()
    if cleared is not None and cleared.generation == ctx.obj.generation and not edits.has_news(ctx):
        done = cleared.paths
    gone = applied - done - set(applied_paths(ctx.kind, ctx.target.desired))
    return frozenset(path for path in gone if not is_within(ctx.target.ignored, path))
