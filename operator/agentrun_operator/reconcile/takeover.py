"""Takes the mark of another owner off a resource that `adopt=force` asks for."""

from agentrun_operator.core.identity import TAG_PREFIX, adopted_tag
from agentrun_operator.core.paths import read_path
from agentrun_operator.core.wire import field_rules
from agentrun_operator.reconcile import ownership
from agentrun_operator.reconcile.context import Context, Planned
from agentrun_operator.reconcile.ports import Clock, Json


async def take_over(ctx: Planned, clock: Clock) -> bool:
    """Replace the marks of other objects by ours, by an update that carries nothing else.

    Returns whether there were any.

    Order: before the record. A crash in between leaves our mark, which says "adopted" by itself.
    """
    resource, at = ctx.observation.resource, ctx.rest.tags_field
    if at is None or not ownership.owners(ctx.target, resource):
        return False
    body = required_of_updates(ctx, {}) | {at: marks_without_others(ctx)}
    await ctx.binding.api.update(ctx.rest, ctx.target.locator_of(resource), body)
    ctx.memory.sent.note_write(clock.monotonic())
    ctx.memory.held.taken_over = ctx.target.id_of(resource)
    return True


def marks_without_others(ctx: Planned) -> list[str]:
    """Return the tags of a resource with our mark in the place of those of other objects.

    Tags of the cloud's own tools stay: they say what a resource is, and the tools look for them.
    """
    tags = ctx.observation.resource.get(ctx.rest.tags_field or "") or ()
    kept = [str(t) for t in tags if not str(t).startswith(TAG_PREFIX)]
    return [*kept, adopted_tag(ctx.target.tag)]


def required_of_updates(ctx: Context, desired: Json) -> Json:
    """Return what every update must repeat: what is desired, or else what stands there."""
    found: Json = {}
    reads = {rule.api: rule.reads for rule in field_rules(ctx.kind)}
    for api in ctx.rest.always_send:
        value = desired.get(api, read_path(ctx.observation.resource, reads[api])[0])
        if value is not None:
            found[api] = value
    return found
