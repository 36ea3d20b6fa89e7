"""Looks for a parent in the cloud, where its object's status may not say where it is."""

from dataclasses import dataclass

from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.snapshot import Existence, Ownership
from agentrun_operator.reconcile import observe, ownership
from agentrun_operator.reconcile.ports import ExternalAPI
from agentrun_operator.reconcile.target import Target, tag_for
from agentrun_operator.reconcile.world import World


@dataclass(frozen=True, slots=True)
class Parent:
    """What a look has found of a parent."""

    key: str
    """What stands for it in the paths below it."""
    is_made: bool
    """By its mark: it was made for its object, and not adopted."""


async def look_for_parent(world: World, obj: KubeObject, api: ExternalAPI) -> Parent | None:
    """Return the parent that the spec of an object names, as a look finds it; None: not ours.

    A parent that is being deleted waits for its users, and corrects no record before. Nor is one
    believed whose name only a status tells: anybody's could stand there.

    Raises:
        OperatorError: the cloud does not answer.
    """
    parent = world.references.parent_of(obj)
    kind = None if parent is None else world.kinds[parent.key.kind]
    if parent is None or kind is None or kind.rest is None:
        return None
    if not parent.is_claimed or parent.is_name_in_doubt:
        return None
    memory = world.memory.peek(parent.key)
    target = Target(
        kind=kind,
        rest=kind.rest,
        obj=parent,
        name=parent.recorded_name,
        parent=None,
        chosen_id=parent.chosen_id,
        tag=tag_for(world.cluster_id, parent),
        desired={},
        held_id=None if memory is None else memory.held.ident,
    )
    seen = await observe.look(api, target)
    if seen.existence is not Existence.PRESENT or seen.ownership is not Ownership.OURS:
        return None
    is_made = ownership.is_marked_as_made(target, seen.resource)
    return Parent(target.locator_of(seen.resource).key, is_made)
