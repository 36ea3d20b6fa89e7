"""The calm end of a pass: the resource is as specified."""

import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.drift import Drift
from agentrun_operator.core.errors import AlreadyExistsNotOwned, OperatorError
from agentrun_operator.core.kind import Phase
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.shown import HIDDEN, UNSET, as_written
from agentrun_operator.core.snapshot import Existence, Ownership
from agentrun_operator.core.wire import applied_paths
from agentrun_operator.core.write_only import write_only_part, write_only_paths
from agentrun_operator.reconcile import asked, outcome, status
from agentrun_operator.reconcile.cautions import caution
from agentrun_operator.reconcile.context import Context, Planned, drifted_fields
from agentrun_operator.reconcile.intervals import asked_interval
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.ports import ClusterUnavailable, Json
from agentrun_operator.reconcile.publications import (
    addresses,
    check_rivals,
    connection_record,
    map_key,
    published_name,
    recorded_map,
)
from agentrun_operator.reconcile.redactors import Redactors
from agentrun_operator.reconcile.world import World

log = structlog.get_logger(__name__)


class Settlement:
    """What a settled object says, and when it is looked at again."""

    def __init__(self, world: World, redactors: Redactors) -> None:
        """Work on one world."""
        self._world = world
        self._redactors = redactors

    async def settle(self, ctx: Planned) -> Outcome | None:
        """Everything is as specified, or as the policies want it left."""
        seen, memory = ctx.observation, ctx.memory
        unpublished = await self._publish(ctx)
        memory.sent.note_in_place(ctx.plan.desired_digest)
        memory.transition.end()
        is_news = memory.sent.write_only is None or not ctx.write_only_changed
        if is_news and not ctx.is_unsent:
            memory.sent.note_write_only(ctx.plan.write_only_digest)
        ctx.changes |= {"atProvider": self.at_provider(ctx), "creation": None, "drift": None}
        ctx.changes["deleteSentAt"] = None
        ctx.changes["externalName"] = ctx.target.name if ctx.rest.name_field else None
        ctx.changes["parentId"] = ctx.target.parent
        if not ctx.obj.observes_only:
            if not seen.fields_differ:
                memory.ineffective.end()
                memory.contests.note_in_place(ctx.now)
                ctx.changes["applied"] = self.applied(ctx)
            if not ctx.is_unsent:
                ctx.changes["sentSecrets"] = self.sent_secrets(ctx)
        else:
            # Others may refer to it. Whose it is stays open: it is neither created nor adopted.
            ident = ctx.target.id_of(seen.resource)
            await self._redactors.check_id(ctx, ident)
            ctx.changes |= {**self.identity(ctx), "externalId": ident}
            if ident != ctx.obj.external_id and seen.ownership is not Ownership.OURS:
                # What it was in charge of is gone. This one is somebody else's, and once the object
                # manages again it would be changed and deleted as its own.
                ctx.changes |= {"adopted": None, "applied": None}
            self.note_drift(ctx)
        asked.note_acted(ctx)
        plan = ctx.plan
        message = _standing(ctx) + unpublished
        message += caution(self._world, ctx, plan.spec, plan.resolution)
        return Outcome(outcome.available(message), self.steady_delay(ctx), "success")

    def identity(self, ctx: Planned) -> Json:
        """Return what status records of where the resource lives."""
        return {
            "account": ctx.binding.pin(),
            "externalName": ctx.target.name if ctx.rest.name_field else None,
            "parentId": ctx.target.parent,
        }

    def at_provider(self, ctx: Context, resource: Json | None = None) -> Json:
        """Return what of the last look may be shown."""
        return status.at_provider(ctx.kind, dict(resource or ctx.observation.resource))

    def applied(self, ctx: Planned, also: Iterable[str] = ()) -> list[str]:
        """Return the spec paths that are in place, and those whose clearing is not confirmed."""
        paths = asked.in_place(ctx, applied_paths(ctx.kind, ctx.target.desired))
        return sorted({*paths, *also})

    def steady_delay(self, ctx: Context) -> float | None:
        """Return when to look again; None where the poller of the collection sees to it."""
        polling = self._world.settings.polling
        asked = asked_interval(ctx.obj)
        if asked is not None:
            return spread(asked)
        if self._world.settings.secret_access == "get" and ctx.has_references:
            # Nobody tells us of a rotation: the references are read again at the poll interval.
            return spread(polling.steady_seconds)
        if self._world.listings.is_read_by_list(ctx.obj):
            return spread(polling.detail_seconds) if ctx.rest.list_omits else None
        return spread(polling.steady_seconds)

    def in_transition(self, ctx: Context, verdict: Verdict) -> Outcome:
        """Return the outcome of a pass that the cloud is still busy after."""
        polling = self._world.settings.polling
        shared = self._world.listings.is_read_by_list(ctx.obj) and not ctx.rest.list_omits
        pause = polling.slow_seconds if shared else polling.transition_seconds
        return Outcome(verdict, pause, "requeue_after", in_transition=True)

    def note_drift(self, ctx: Planned) -> None:
        """Put what differs into the next status."""
        ctx.changes["drift"] = self.drift_entries(ctx, ctx.differences)

    def drift_entries(self, ctx: Context, found: Sequence[Drift]) -> list[Json]:
        """Return what `status.drift` is to say of differences."""
        before = ctx.obj.status.get("drift") or ()
        written = [_as_written(ctx, drift) for drift in found]
        return status.drift_entries(written, before, now=ctx.started_at)

    def sent_secrets(self, ctx: Planned) -> list[Json]:
        """Return which version of a Secret went out where no read can show it."""
        if ctx.plan.resolution is None or not write_only_part(ctx.kind, ctx.target.desired):
            return []
        return [{"name": n, "version": v} for n, v in sorted(ctx.plan.resolution.versions.items())]

    async def _publish(self, ctx: Context) -> str:
        """Write the address where it is wanted, and take it away from where it was.

        Returns what to say where it is not published.
        """
        wanted, recorded = published_name(ctx.kind, ctx.obj.spec), recorded_map(ctx.obj)
        if wanted is not None and not await self._may_publish(ctx, ctx.observation.resource):
            return (
                f"; what AgentRun reports as its address is not written to ConfigMap {wanted!r}, "
                "as it is no plain URL, or shares text with a value of a Secret"
            )
        if wanted is not None:
            try:
                await self._write_map(ctx, wanted, ctx.observation.resource)
            except AlreadyExistsNotOwned:
                if recorded is not None and recorded != wanted and self._is_awaited(ctx, recorded):
                    # Two that exchange their maps would wait for each other for ever.
                    await self._world.connections.withdraw(ctx.obj, recorded)
                    ctx.changes |= connection_record(ctx.kind, None)
                raise
        # Order: workloads find the new one before the old one goes.
        if recorded is not None and recorded != wanted:
            await self._world.connections.withdraw(ctx.obj, recorded)
        ctx.changes |= connection_record(ctx.kind, wanted)
        return ""

    def _is_awaited(self, ctx: Context, name: str) -> bool:
        """Whether another object publishes a map as soon as it may."""
        return any(
            not rival.deleting and rival.paused_until(ctx.started_at) is None
            for rival in self._rivals(ctx.obj, name)
        )

    def _rivals(self, obj: KubeObject, name: str) -> list[KubeObject]:
        """Return the other objects that want to publish a map."""
        cache, at = self._world.cache, map_key(obj.key.namespace, name)
        found = (cache.get(key) for key in cache.publishers_of(at) if key != obj.key)
        return [rival for rival in found if rival is not None]

    async def _may_publish(self, ctx: Context, known: Mapping[str, Any]) -> bool:
        for address in addresses(ctx.kind, known).values():
            if not await self._redactors.may_publish(ctx, address):
                return False
        return True

    async def _write_map(self, ctx: Context, name: str, known: Mapping[str, Any]) -> None:
        """Write a map with the addresses that are known of a resource."""
        world, obj = self._world, ctx.obj
        check_rivals(obj, name, self._rivals(obj, name))
        await world.connections.publish(obj, name, addresses(ctx.kind, known))

    async def republish(self, ctx: Context) -> None:
        """Restore a published map that somebody touched, whatever else this pass came to.

        Workloads read it also while the object drifts, waits, or cannot be looked at. What is
        wrong with the map then is told by the next pass that ends well.
        """
        obj, seen, conflict = ctx.obj, ctx.observation, ctx.plan.conflict
        name = published_name(ctx.kind, obj.spec)
        if name is None or name != recorded_map(obj) or obj.deleting or conflict is not None:
            return
        if self._world.connections.is_in_place(map_key(obj.key.namespace, name)):
            return
        is_strange = seen.existence is Existence.PRESENT and seen.ownership is Ownership.FOREIGN
        if is_strange or seen.existence is Existence.ABSENT or obj.paused_until(ctx.started_at):
            return
        known = seen.resource or obj.status.get("atProvider") or {}
        if not all(addresses(ctx.kind, known).values()):
            return
        # Nor what a status shows with something masked in it: that is no plain URL.
        if not await self._may_publish(ctx, known):
            return
        with suppress(OperatorError, ClusterUnavailable):
            await self._write_map(ctx, name, known)


def _standing(ctx: Planned) -> str:
    """Say how a resource stands that is left as it is."""
    seen = ctx.observation
    if ctx.obj.observes_only:
        return _prospect(ctx)
    if seen.fields_differ:
        return f"{drifted_fields(seen.fields)} may differ: driftPolicy"
    is_idle = seen.phase is Phase.IDLE
    return "the resource is paused, as specified" if is_idle else "the resource is as specified"


def _prospect(ctx: Planned) -> str:
    """Say what would become of an observed resource that is managed: the dry run of an adoption."""
    found = ctx.differences
    policy = ctx.plan.spec.drift_policy if ctx.plan.spec is not None else ""
    is_corrected = policy == "Correct"
    said = "the resource is as specified"
    if found:
        fate = "be changed to the spec" if is_corrected else f"stay so under driftPolicy {policy}"
        said = (
            f"the resource differs in {drifted_fields(found)}; "
            f"with managementPolicy Manage it would {fate}"
        )
    unseen = write_only_paths(ctx.kind).intersection(applied_paths(ctx.kind, ctx.target.desired))
    if unseen and is_corrected:
        said += f"; Manage would send {', '.join(sorted(unseen))} too, which no read returns"
    return said


def _as_written(ctx: Context, drift: Drift) -> Drift:
    """Return a difference with the desired value as the user wrote it: `4096Mi`, not `4Gi`."""
    if drift.desired in (HIDDEN, UNSET):
        return drift
    text = as_written(ctx.obj.spec, drift.path)
    return drift if text is None else replace(drift, desired=text)


def spread(seconds: float) -> float:
    """Return a random point in the second half of an interval, so that a fleet spreads out."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - spreading load, not a secret
