"""The calm end of a pass: the resource is as specified."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.drift import Drift
from agentrun_operator.core.kind import Phase
from agentrun_operator.core.shown import HIDDEN, UNSET, as_written
from agentrun_operator.core.snapshot import Ownership
from agentrun_operator.core.wire import applied_paths
from agentrun_operator.core.write_only import write_only_part, write_only_paths
from agentrun_operator.reconcile import asked, heads, outcome, status, unanswered
from agentrun_operator.reconcile.cautions import caution
from agentrun_operator.reconcile.context import Context, Planned, drifted_fields
from agentrun_operator.reconcile.early_looks import KindInAccount
from agentrun_operator.reconcile.intervals import asked_interval
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.publishing import Publisher
from agentrun_operator.reconcile.redactors import Redactors
from agentrun_operator.reconcile.world import World

_SAME_SECONDS = 0.1
"""A regular look that is due so soon is the one that was just made."""


class Settlement:
    """What a settled object says, and when it is looked at again."""

    def __init__(self, world: World, redactors: Redactors, publisher: Publisher) -> None:
        """Work on one world."""
        self._world = world
        self._publisher = publisher
        self._redactors = redactors

    async def settle(self, ctx: Planned) -> Outcome | None:
        """Everything is as specified, or as the policies want it left."""
        seen, memory = ctx.observation, ctx.memory
        unpublished = await self._publisher.publish(ctx)
        memory.sent.note_in_place(ctx.plan.desired_digest)
        self._note_end(ctx)
        is_news = memory.sent.write_only is None or not ctx.unsent.changed
        if is_news and not ctx.unsent.has_withheld:
            memory.sent.note_write_only(ctx.plan.write_only_digest)
        ctx.changes |= {"atProvider": self.at_provider(ctx), "creation": None, "drift": None}
        ctx.changes["deleteSentAt"] = None
        self.note_served(ctx)
        ctx.changes["externalName"] = ctx.target.name if ctx.rest.name_field else None
        ctx.changes["parentId"] = ctx.target.parent
        if not ctx.obj.observes_only:
            if not seen.fields_differ:
                memory.ineffective.end()
                memory.corrected.note_in_place(ctx.now)
                if seen.confirmed:
                    memory.sent.note_gone(write_only_paths(ctx.kind))
                ctx.changes["applied"] = self.applied(ctx, also=unanswered.may_return(ctx))
            if not ctx.unsent.has_withheld:
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
        heads.note_settled(ctx)
        plan = ctx.plan
        message = _standing(ctx) + unpublished
        message += caution(self._world, ctx, plan.spec, plan.resolution)
        return Outcome(outcome.available(message), self.steady_delay(ctx), "success")

    def identity(self, ctx: Planned) -> Json:
        """Return what status records of where the resource lives."""
        return {
            "account": ctx.binding.pin(),
            "externalName": ctx.target.name if ctx.rest.name_field else None,
            "namePrefix": ctx.obj.name_prefix,
            "parentId": ctx.target.parent,
        }

    def at_provider(self, ctx: Context, resource: Json | None = None) -> Json:
        """Return what of the last look may be shown."""
        return status.at_provider(ctx.kind, dict(resource or ctx.observation.resource))

    def note_served(self, ctx: Context) -> None:
        """Put the versions that answer, by the last look, into the next status."""
        said = status.serves(ctx.kind, dict(ctx.observation.resource))
        if said is not None:
            ctx.changes["serves"] = said

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
        end, at = ctx.memory.transition.expected, KindInAccount.of(ctx.obj)
        if not (end is None or at is None):
            self._world.early_looks.note_begun(at, end)
        shared = self._world.listings.is_read_by_list(ctx.obj) and not ctx.rest.list_omits
        slow = self._world.settings.polling.slow_seconds
        pause = slow if shared else self._seconds_to_regular(ctx)
        return Outcome(verdict, pause, "requeue_after", in_transition=True)

    def _seconds_to_regular(self, ctx: Context) -> float:
        """Return when to look again at a resource that no LIST shows."""
        regular = self._world.settings.polling.transition_seconds
        end = ctx.memory.transition.expected
        if end is None:
            return regular
        # Regular looks keep their times, however many early ones lie between them.
        pause = regular - (self._world.clock.monotonic() - end.begun_at) % regular
        return pause if pause > _SAME_SECONDS else pause + regular

    def _note_end(self, ctx: Planned) -> None:
        transition, seen_at = ctx.memory.transition, ctx.memory.looks.seen_at
        end, at = transition.expected, KindInAccount.of(ctx.obj)
        if transition.is_polled and not (end is None or at is None or seen_at is None):
            self._world.early_looks.note_end(at, end, seen_at)
        transition.end()

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
