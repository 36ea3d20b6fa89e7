"""Who keeps a target from being deleted: its users, as far as they may use it."""

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.world import World


async def held_by(world: World, target: ObjectKey) -> tuple[str, ...]:
    """Return the objects that hold a target.

    Anybody can write our finalizer, and a status, onto an object. Where its namespace may not use
    the account there is nothing of it in the cloud, unless this process has seen it there: the
    leave may have ended since.
    """
    admitted: dict[tuple[str, ObjectKey | None], bool] = {}
    found = []
    for obj in holders(target, world.cache):
        memory = world.memory.peek(obj.key)
        if memory is not None and memory.uid == obj.uid and memory.held.is_known:
            found.append(str(obj.key))
            continue
        lender = target if target.is_account else world.accounts.place_of(obj)
        at = (obj.key.namespace, lender)
        if at not in admitted:
            admitted[at] = await world.accounts.lets_in(obj, lender)
        if admitted[at]:
            found.append(str(obj.key))
    return tuple(found)


def holders(target: ObjectKey, cache: ObjectCache) -> tuple[KubeObject, ...]:
    """Return the users that hold a target, as far as their accounts admit them."""
    users = (cache.get(key) for key in cache.users_of(target))
    return tuple(user for user in users if user is not None and _holds(user, target))


def _holds(user: KubeObject, target: ObjectKey) -> bool:
    # Who lost the record counts: whichever account it may be looked up in is held.
    if not target.is_account:
        return user.holds_targets()
    is_its = user.pinned_account in (None, target)
    return is_its and (user.holds_targets() or user.is_retained_by_account())
