"""What a pass still has to send: what was edited, what got lost, and what no read shows."""

from agentrun_operator.core.ignored import is_within
from agentrun_operator.core.wire import applied_paths
from agentrun_operator.core.write_only import write_only_paths
from agentrun_operator.reconcile import asked, edits, outcome, unanswered
from agentrun_operator.reconcile.context import Planned
from agentrun_operator.reconcile.memory import MemoryBank


def compare(ctx: Planned, bank: MemoryBank) -> None:
    """Find out what of the whole desired state was not sent yet."""
    _compare_write_only(ctx)
    asked.compare(ctx, bank.digest)
    unanswered.take_up(ctx)


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
