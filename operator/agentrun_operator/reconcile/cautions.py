"""What people should know of a resource that is in use, well or not: each once as an event."""

from agentrun_operator.core.ignored import Paths
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.wire import json_name
from agentrun_operator.reconcile.context import Context
from agentrun_operator.reconcile.world import World


def caution(
    world: World, ctx: Context, spec: ResourceSpec | None, unfit: Paths = frozenset()
) -> str:
    """Return what to append to the message of Ready, and tell it as an event if it is news.

    A reference to what cannot serve there (`unfit`) protects nothing, so it counts as none.
    """
    if ctx.kind.caution is None or spec is None or ctx.obj.observes_only:
        return ""
    model = type(spec)
    unset = {name: None for name in model.model_fields if json_name(model, name) in unfit}
    found = ctx.kind.caution(spec.model_copy(update=unset))
    if found is None:
        return ""
    if found.message not in str(ctx.obj.ready.get("message")):
        world.events.emit(ctx.obj, "Warning", found.reason, found.message)
    return f"; {found.message}"
