"""Whether the head of a resource was published: what it is now, and what versions were made of it.

The head is the desired state, and a change of it is an edit of the spec, or of what that refers to.
What others change in the cloud, and what takes that back, publishes nothing. Secrets count by their
version, as the status that has the digest may be read by more people than they.
"""

from agentrun_operator.core.leaves import digest_of
from agentrun_operator.core.objects import timestamp
from agentrun_operator.core.policies import HasVersions
from agentrun_operator.core.versions import (
    MAX_LISTED,
    STATUS_FIELDS,
    Mark,
    Version,
    is_of,
    newest_first,
)
from agentrun_operator.core.wire import encode
from agentrun_operator.reconcile import asked
from agentrun_operator.reconcile.context import Context, Planned, is_planned
from agentrun_operator.reconcile.ports import Json


def is_unpublished(ctx: Context) -> bool:
    """Whether a version is to be published, or the list of versions has to say if it was."""
    spec = ctx.plan.spec
    if not is_planned(ctx) or not isinstance(spec, HasVersions) or ctx.plan.resolution is None:
        return False
    if spec.publish == "Never" or ctx.obj.observes_only or ctx.rest.versions is None:
        return False
    if ctx.memory.sent.unanswered:
        # An update that comes late may stand there for a moment, and be what is published.
        return False
    known = on_record(ctx)
    if known is None:
        return True
    if ctx.versions is None and (ctx.obj.is_requested or _told(ctx) != known):
        # Somebody wants to know anew; or put an older status in the place of ours.
        return True
    return not is_head_of(ctx, known)


def is_head_of(ctx: Planned, known: Json) -> bool:
    """Whether what is on record as published is the head."""
    memory, resolution = ctx.memory.published, ctx.plan.resolution
    is_known_by_value = memory.record == known and memory.desired is not None
    if is_known_by_value and memory.desired == ctx.plan.desired_digest:
        # A Secret that was written anew with the same values is no change.
        return True
    is_same_spec = known.get("generation") == ctx.obj.generation and not ctx.obj.is_heir
    inputs = None if resolution is None else asked.inputs_of(resolution)
    if is_same_spec and known.get("inputs") == inputs:
        # Another version of ours may write the same spec in another way.
        return True
    return _digest(ctx) == known.get("head")


def mark_of(ctx: Planned) -> Mark:
    """Return the mark of a publication that is about to be announced."""
    head, newest = _digest(ctx), newest_first(ctx.versions or ())[:1]
    after = [version.number for version in newest]
    return Mark(head, digest_of([ctx.obj.uid, head, after, timestamp(ctx.started_at)]))


def on_record(ctx: Context) -> Json | None:
    """Return what was published last of the resource on record; None where nothing is known."""
    known = ctx.memory.published.record or _told(ctx)
    return known if is_of(known, ctx.obj.external_id) else None


def announced(ctx: Context) -> Json | None:
    """Return the announced publication of the resource on record whose answer is not known."""
    told = ctx.changes.get("publishing", ctx.obj.status.get("publishing"))
    found = ctx.memory.published.announced or told
    return found if is_of(found, ctx.obj.external_id) else None


def _told(ctx: Context) -> Json | None:
    return ctx.changes.get("published", ctx.obj.status.get("published")) or None


# ------------------------------------------------ what becomes known


def note_listed(ctx: Context, versions: tuple[Version, ...]) -> None:
    """Put the versions that a LIST showed into the next status."""
    ctx.versions = versions = newest_first(versions)
    ctx.changes["versions"] = [version.shown for version in versions[:MAX_LISTED]]
    ctx.changes["latestVersion"] = versions[0].number if versions else None


def note_published(ctx: Context, head: str, version: str | None) -> None:
    """Record that a head was published; without a version: that it is not to be."""
    record = {"externalId": ctx.obj.external_id, "head": head, "version": version}
    _put(ctx, {name: value for name, value in record.items() if value})
    close(ctx)


def note_head(ctx: Planned, version: str | None) -> None:
    """Record that the head as it is was published."""
    note_published(ctx, _digest(ctx), version)


def close(ctx: Context) -> None:
    """Record that no publication is announced any more."""
    ctx.memory.published.close()
    ctx.changes["publishing"] = None


def note_settled(ctx: Planned) -> None:
    """Keep the record by which the head is known again; what is another resource's goes."""
    if ctx.rest.versions is None or ctx.obj.observes_only:
        return
    known = on_record(ctx)
    if known is None:
        ctx.memory.published.record = None
        ctx.changes |= dict.fromkeys(STATUS_FIELDS)
        return
    spec, resolution = ctx.plan.spec, ctx.plan.resolution
    is_kept = not isinstance(spec, HasVersions) or spec.publish == "Never"
    if resolution is None or is_kept or not is_head_of(ctx, known):
        _put(ctx, known)
        return
    inputs = asked.inputs_of(resolution)
    if (known.get("generation"), known.get("inputs")) != (ctx.obj.generation, inputs):
        more = {"head": _digest(ctx), "generation": ctx.obj.generation, "inputs": inputs}
        known = {**known, **more}
    _put(ctx, known)
    ctx.memory.published.desired = ctx.plan.desired_digest


def _put(ctx: Context, record: Json) -> None:
    ctx.changes["published"] = record
    ctx.memory.published.record = record
    ctx.memory.published.desired = None


def _digest(ctx: Planned) -> str:
    spec, resolution = ctx.plan.spec, ctx.plan.resolution
    if spec is None or resolution is None:
        raise RuntimeError("a pass without a spec has no head")
    return digest_of(encode(ctx.kind, spec, resolution.by_version()))
