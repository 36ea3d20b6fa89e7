"""Cautions: what people should know of a resource in use, whether it is as specified or not."""

from agentrun_operator.core.ignored import Paths
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.shapes import json_name
from agentrun_operator.reconcile.context import Context
from agentrun_operator.reconcile.world import World


def caution(
    world: World,
    ctx: Context,
    spec: ResourceSpec | None,
    resolution: Resolution | None,
    unfit: Paths = frozenset(),
) -> str:
    """Return what to append to the message of Ready, and emit an event for each new caution.

    `unfit` are paths of references to objects that cannot serve there. They protect nothing, so the
    spec is judged without them.
    """
    if spec is None or ctx.obj.observes_only:
        return ""
    model = type(spec)
    unset = {name: None for name in model.model_fields if json_name(model, name) in unfit}
    judged, values = spec.model_copy(update=unset), resolution or Resolution()
    found = [each for look in ctx.kind.cautions if (each := look(judged, values)) is not None]
    for each in found:
        if each.message not in str(ctx.obj.ready.get("message")):
            world.events.emit(ctx.obj, "Warning", each.reason, each.message)
    return "".join(f"; {each.message}" for each in found)
