"""Publishes the addresses of a resource in the ConfigMap that its object asks for."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog

from agentrun_operator.core.errors import AlreadyExistsNotOwned, OperatorError
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.snapshot import Existence, Ownership
from agentrun_operator.reconcile.context import Context
from agentrun_operator.reconcile.ports import ClusterUnavailable, Json
from agentrun_operator.reconcile.publications import map_key, published_name
from agentrun_operator.reconcile.redactors import Redactors
from agentrun_operator.reconcile.world import World

log = structlog.get_logger(__name__)

_ORPHANING = "orphan"
"""The finalizer of a deletion that is to keep what the object owns."""


class Publisher:
    """Writes the map of an object, restores it, and takes it away from where it was."""

    def __init__(self, world: World, redactors: Redactors) -> None:
        """Write through the world's connections what the redactors let a workload see."""
        self._world = world
        self._redactors = redactors

    async def publish(self, ctx: Context) -> str:
        """Write the address where it is wanted, and take it away from where it was.

        Returns what to say where it is not published.
        """
        wanted, recorded = published_name(ctx.kind, ctx.obj.spec), _recorded_map(ctx.obj)
        if wanted is not None and not await self._may_publish(ctx, ctx.observation.resource):
            return (
                f"; what AgentRun reports as its address is not written to ConfigMap {wanted!r}, "
                "as it is no plain URL, or shares text with a value of a Secret"
            )
        if wanted is not None:
            try:
                await self._write(ctx, wanted, ctx.observation.resource)
            except AlreadyExistsNotOwned:
                if recorded is not None and recorded != wanted and self._is_awaited(ctx, recorded):
                    # Two that exchange their maps would wait for each other for ever.
                    await self._world.connections.withdraw(ctx.obj, recorded)
                    ctx.changes |= _connection_record(ctx.kind, None)
                raise
        # Order: workloads find the new one before the old one goes.
        if recorded is not None and recorded != wanted:
            await self._world.connections.withdraw(ctx.obj, recorded)
        ctx.changes |= _connection_record(ctx.kind, wanted)
        return ""

    async def republish(self, ctx: Context) -> None:
        """Restore a published map that somebody touched, whatever else this pass came to.

        Workloads read it also while the object drifts, waits, or cannot be looked at. What is
        wrong with the map then is told by the next pass that ends well.
        """
        obj, seen, conflict = ctx.obj, ctx.observation, ctx.plan.conflict
        name = published_name(ctx.kind, obj.spec)
        if name is None or name != _recorded_map(obj) or obj.deleting or conflict is not None:
            return
        if self._world.connections.is_in_place(map_key(obj.key.namespace, name)):
            return
        is_strange = seen.existence is Existence.PRESENT and seen.ownership is Ownership.FOREIGN
        if is_strange or seen.existence is Existence.ABSENT or obj.paused_until(ctx.started_at):
            return
        known = seen.resource or obj.status.get("atProvider") or {}
        if not all(_addresses(ctx.kind, known).values()):
            return
        # Nor what a status shows with something masked in it: that is no plain URL.
        if not await self._may_publish(ctx, known):
            return
        with suppress(OperatorError, ClusterUnavailable):
            await self._write(ctx, name, known)

    async def withdraw_left(self, ctx: Context) -> None:
        """Take away what the end of an object would leave behind: a map that lost its owner.

        A backup that is restored has no owner references, and a paused object does not mend them.
        """
        obj, connections = ctx.obj, self._world.connections
        if _ORPHANING in obj.finalizers:
            # Who deletes with `--cascade=orphan` keeps it, for the next object of that name.
            return
        for name in {published_name(ctx.kind, obj.spec), _recorded_map(obj)}:
            # One that nobody touched has its owner, and costs no call.
            if name is None or connections.is_in_place(map_key(obj.key.namespace, name)):
                continue
            try:
                await connections.withdraw(obj, name, is_left=True)
            except OperatorError as error:
                # An object that cannot go for the sake of its map would be worse.
                log.warning("an address stays published", configMap=name, error=str(error))

    async def _may_publish(self, ctx: Context, known: Mapping[str, Any]) -> bool:
        for address in _addresses(ctx.kind, known).values():
            if not await self._redactors.may_publish(ctx, address):
                return False
        return True

    async def _write(self, ctx: Context, name: str, known: Mapping[str, Any]) -> None:
        """Write a map with the addresses that are known of a resource."""
        self._check_first(ctx.obj, name)
        await self._world.connections.publish(ctx.obj, name, _addresses(ctx.kind, known))

    def _check_first(self, obj: KubeObject, name: str) -> None:
        """Leave a map to the object that published it first, also while it is gone for a moment.

        Raises:
            AlreadyExistsNotOwned: that is another object.
        """
        wanting = (obj, *self._others_wanting(obj, name))
        publishing = [r for r in wanting if _recorded_map(r) == name and not r.deleting]
        first = min(publishing, key=lambda r: (r.created_at, r.uid), default=obj)
        if first.uid != obj.uid:
            raise AlreadyExistsNotOwned(
                f"ConfigMap {name!r} is published by {first.key} already; choose another name in "
                "spec.writeConnectionTo"
            )

    def _is_awaited(self, ctx: Context, name: str) -> bool:
        """Whether another object publishes a map as soon as it may."""
        return any(
            not other.deleting and other.paused_until(ctx.started_at) is None
            for other in self._others_wanting(ctx.obj, name)
        )

    def _others_wanting(self, obj: KubeObject, name: str) -> list[KubeObject]:
        """Return the other objects that want to publish a map."""
        cache, at = self._world.cache, map_key(obj.key.namespace, name)
        found = (cache.get(key) for key in cache.publishers_of(at) if key != obj.key)
        return [other for other in found if other is not None]


def _addresses(kind: ResourceKind, resource: Mapping[str, object]) -> dict[str, str]:
    """Return what a map holds of a resource."""
    return {key: str(resource.get(name) or "") for key, name in kind.connection.items()}


def _recorded_map(obj: KubeObject) -> str | None:
    """Return the name of the map that an object has published."""
    record = obj.status.get("connection")
    name = record.get("configMap") if isinstance(record, Mapping) else None
    return str(name) if name else None


def _connection_record(kind: ResourceKind, name: str | None) -> Json:
    """Return the change of a status that records the map which is published now."""
    if not kind.connection:
        return {}
    return {"connection": {"configMap": name} if name else None}
