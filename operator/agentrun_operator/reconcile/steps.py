"""Steps that look, wait or report.

A step returns the outcome to end the pass with, or None to decide again.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.errors import (
    AlreadyExistsNotOwned,
    CannotClear,
    ImmutableFieldChanged,
    ProviderFailed,
)
from agentrun_operator.core.identity import chosen_id, incarnation_of
from agentrun_operator.core.kind import KeyedBy, Phase
from agentrun_operator.core.problems import combined
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.snapshot import Existence, Observation, Ownership
from agentrun_operator.reconcile import (
    absence,
    asked,
    edits,
    facts,
    foreign,
    leave,
    observe,
    outcome,
    trouble,
    unanswered,
)
from agentrun_operator.reconcile.clients import OWN_ACCOUNT
from agentrun_operator.reconcile.context import Context, drifted_fields
from agentrun_operator.reconcile.decide import Action
from agentrun_operator.reconcile.intervals import patience_of
from agentrun_operator.reconcile.listings import Collection, collection_of, ident_of
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.settle import Settlement
from agentrun_operator.reconcile.status import reason_of
from agentrun_operator.reconcile.survey import Survey
from agentrun_operator.reconcile.target import Target, tag_for
from agentrun_operator.reconcile.world import World

Step = Callable[[Context], Awaitable[Outcome | None]]


class ReadingSteps:
    """The actions that change nothing in the cloud."""

    def __init__(self, world: World, settlement: Settlement) -> None:
        """Work on one world."""
        self._world = world
        self._settlement = settlement
        self._survey = Survey(world)
        self.table: Mapping[Action, Step] = {
            Action.LOOK: self.look,
            Action.CONFIRM: self.confirm,
            Action.AWAIT: self.wait,
            Action.HOLD: self.hold,
            Action.STALL_CONFLICT: self.stall_conflict,
            Action.STALL_FOREIGN: self.stall_foreign,
            Action.STALL_REFUSED: self.stall_refused,
            Action.STALL_UNGRANTED: self.stall_ungranted,
            Action.STALL_FAILED: self.stall_failed,
            Action.STALL_IMMUTABLE: self.stall_immutable,
            Action.STALL_UNCLEARED: self.stall_uncleared,
            Action.AWAIT_SETTLING: self.await_settling,
            Action.AWAIT_PROOF: self.await_proof,
            Action.REPORT_MISSING: self.report_missing,
            Action.AWAIT_TRANSITION: self.await_transition,
            Action.TIME_OUT: self.time_out,
            Action.REPORT_DRIFT: self.report_drift,
            Action.SETTLE: settlement.settle,
            Action.COMPLETE: settlement.complete,
        }

    # ------------------------------------------------------------ looking

    async def look(self, ctx: Context) -> Outcome | None:
        """Look, by a shared LIST where that is enough."""
        if self._may_share(ctx):
            # A LIST from before a look that found nothing cannot contradict it.
            oldest = max(ctx.memory.sent.at, ctx.memory.looks.absent_since or float("-inf"))
            listing = await self._world.listings.of(ctx.obj, ctx.bound, oldest)
            ident = ident_of(ctx.rest, ctx.obj)
            item = listing.by_id.get(ident)
            if ident not in listing.large and (item is not None or listing.is_whole):
                self._note_look(ctx, observe.from_list(ctx.aim, item), listing.begun_at)
                ctx.is_braked = self._world.brake.holds(ctx.bound.source, ctx.obj.key)
                return None
        return await self.confirm(ctx)

    async def confirm(self, ctx: Context) -> Outcome | None:
        """Read the resource itself."""
        if ctx.is_unrecorded and ctx.rest.key is KeyedBy.CHOSEN_ID and not ctx.has_recalled:
            await self._recall_incarnation(ctx)
        begun = self._world.clock.monotonic()
        seen = await observe.look(ctx.bound.api, ctx.aim)
        if seen.existence is Existence.ABSENT and self._is_doubtful(ctx):
            seen = await self._look_elsewhere(ctx) or seen
        self._note_look(ctx, seen, begun)
        ctx.memory.looks.differs = bool(ctx.observation.drift or ctx.observation.leftovers)
        unanswered.make_up(ctx)
        if ctx.observation.existence is Existence.ABSENT:
            if absence.window_passed(ctx):
                ctx.memory.looks.note_absent(ctx.now)
            await self._note_absence(ctx)
        return None

    async def _note_absence(self, ctx: Context) -> None:
        """Count an absence before anything follows from it."""
        brake, source = self._world.brake, ctx.bound.source
        if absence.is_unexplained(ctx):
            brake.note_missing(source, ctx.obj)
            if absence.seconds_to_proof(ctx) <= 0:
                await self._survey.before_acting(ctx)
                if brake.engage_beyond_limit(source, ctx.obj.key) and source == OWN_ACCOUNT:
                    # No object stands for it that would tell of it.
                    self._tell(ctx)
        ctx.is_braked = brake.holds(source, ctx.obj.key)

    def _tell(self, ctx: Context) -> None:
        report = self._world.brake.report(ctx.bound.source)
        if report is not None:
            self._world.events.emit(ctx.obj, "Warning", Reason.MASS_ABSENCE.value, report.message)

    @staticmethod
    def _is_doubtful(ctx: Context) -> bool:
        """Whether nothing but the status says where the resource was: an older one may."""
        return ctx.obj.is_in_charge and not ctx.memory.held.has(ctx.obj.external_id)

    async def _look_elsewhere(self, ctx: Context) -> Observation | None:
        """Look where a resource would be that was made since an older status was written."""
        if ctx.rest.key is KeyedBy.CHOSEN_ID and not ctx.has_recalled:
            before = ctx.aim.chosen_id
            await self._recall_incarnation(ctx)
            if ctx.aim.chosen_id == before:
                return None
        elif ctx.rest.parent is not None and ctx.obj.deleting:
            parent = await self._present_parent(ctx)
            if parent is None or parent == ctx.aim.parent:
                return None
            ctx.target = replace(ctx.aim, parent=parent)
        else:
            return None
        return await observe.look(ctx.bound.api, ctx.aim)

    async def _present_parent(self, ctx: Context) -> str | None:
        """Return the id that a look finds of the parent, whose status may be an older one as well.

        A parent that is being deleted waits for this object, and does not look before.
        """
        parent = self._world.references.parent_of(ctx.obj)
        kind = None if parent is None else self._world.kinds[parent.key.kind]
        if parent is None or kind is None or kind.rest is None:
            return None
        notes = self._world.memory.peek(parent.key)
        target = Target(
            kind=kind,
            rest=kind.rest,
            obj=parent,
            name=str(parent.status.get("externalName") or parent.external_name),
            parent=None,
            chosen_id=parent.chosen_id,
            tag=tag_for(self._world.cluster_id, parent),
            desired={},
            held_id=None if notes is None else notes.held.ident,
        )
        seen = await observe.look(ctx.bound.api, target)
        is_ours = seen.existence is Existence.PRESENT and seen.ownership is Ownership.OURS
        return target.id_of(seen.resource) if is_ours else None

    async def _recall_incarnation(self, ctx: Context) -> None:
        """Find the last incarnation by its id, which begins like that of each one before.

        Where the LIST is too long, only those are looked through that have not ended: one that
        has costs nothing, and the first incarnation is found by its id anyway.
        """
        ctx.has_recalled = True
        uid = ctx.obj.uid
        at = Collection(ctx.bound.source, ctx.kind.kind)
        listing = await self._world.listings.search(at, ctx.bound.api)
        newest = max((incarnation_of(uid, ident) for ident in listing.by_id), default=0)
        if newest:
            ctx.changes["incarnation"] = newest
            ctx.target = replace(ctx.aim, chosen_id=chosen_id(uid, newest))

    def _note_look(self, ctx: Context, seen: Observation, begun_at: float) -> None:
        ctx.observation = seen
        if seen.existence is Existence.PRESENT:
            shared = self._world.listings.covers(ctx.obj)
            polling = self._world.settings.polling
            patience = patience_of(ctx.obj, polling, is_shared=shared)
            ctx.memory.looks.note_present(begun_at, patience)
            self._world.brake.seen(ctx.bound.source, ctx.obj.key)
        is_ours = seen.existence is Existence.PRESENT and seen.ownership is Ownership.OURS
        if seen.confirmed and is_ours:
            ctx.is_heir_confirmed = ctx.obj.is_heir
        ident = ctx.obj.external_id
        is_recorded = ctx.obj.is_in_charge and is_ours and ctx.aim.id_of(seen.resource) == ident
        if ident is not None and is_recorded and not ctx.memory.held.has(ident):
            ctx.memory.held.note(ident, is_adopted=bool(ctx.obj.status["adopted"]))
        ctx.memory.looks.stamp = observe.stamp_of(ctx.rest, seen.resource)

    def _may_share(self, ctx: Context) -> bool:
        if ctx.fresh or ctx.rest.list_omits or ctx.obj.external_id is None or ctx.obj.is_heir:
            return False
        if ctx.memory.looks.differs or ctx.obj.status.get("drift"):
            # What a LIST leaves out says nothing: only a read can end what a read has shown.
            return False
        at = collection_of(ctx.kind, ctx.obj)
        # An observed object may be moving to another account than its status tells of.
        is_here = at is not None and at.account == ctx.bound.source
        return is_here and self._world.listings.covers(ctx.obj)

    # ------------------------------------------------------------ waiting

    async def wait(self, ctx: Context) -> Outcome | None:
        """Wait for an account, a reference, or a better spec."""
        raise ctx.blocked or RuntimeError("nothing to wait for")

    async def hold(self, ctx: Context) -> Outcome | None:
        """Leave a paused object alone."""
        end = ctx.obj.paused_until(ctx.started_at)
        left = None
        if end is not None and end.year < 9999:  # noqa: PLR2004 - datetime.max: for good
            left = (end - ctx.started_at).total_seconds() + 1
        return Outcome(outcome.paused(ctx.obj), left, "requeue_after" if left else "success")

    async def await_settling(self, ctx: Context) -> Outcome | None:
        """A create may still be on its way: neither repeat it nor let go of it."""
        message = "the answer of a create was lost; looking for the resource"
        verdict: Verdict | None = (
            outcome.deleting(Reason.DELETING, message)
            if ctx.obj.deleting
            else outcome.progressing(Reason.CREATING, message)
        )
        if not (ctx.obj.deleting or ctx.changes) and trouble.told(ctx.obj) is not None:
            # Why it was lost is told already, and is more.
            verdict = None
        pause = self._world.settings.polling.transition_seconds
        return Outcome(verdict, pause, "requeue_after", in_transition=True)

    async def await_proof(self, ctx: Context) -> Outcome | None:
        """One answer says that the resource is gone: say nothing of it before a second one does."""
        pause = absence.seconds_to_proof(ctx)
        is_moving = ctx.memory.transition.is_polled
        if ctx.obj.status.get("creation"):
            # It was made a moment ago, and a read may come too early for it.
            pause, is_moving = min(pause, self._world.settings.polling.transition_seconds), True
        is_told = ctx.obj.ready
        if ctx.obj.deleting and is_told.get("reason") != Reason.DELETING.value:
            message = "no look finds the resource any more; looking once more before letting go"
            verdict = outcome.deleting(Reason.DELETING, message)
            return Outcome(verdict, pause, "requeue_after", in_transition=is_moving)
        if ctx.changes:
            # What a step before took back must not stand until then.
            verdict = outcome.progressing(
                Reason.CREATING, "looking once more before creating the resource", synced=False
            )
            return Outcome(verdict, pause, "requeue_after", in_transition=is_moving)
        return Outcome(None, pause, "requeue_after", in_transition=is_moving)

    async def await_transition(self, ctx: Context) -> Outcome | None:
        """The cloud is at work; the poller brings us back."""
        ctx.memory.transition.go_on(ctx.now)
        reason = Reason.UPDATING
        if ctx.observation.phase is Phase.DELETING:
            reason = Reason.EXTERNAL_RESOURCE_MISSING
        elif ctx.obj.status.get("creation"):
            reason = Reason.CREATING
        word = ctx.kind.word_of(ctx.observation.resource)
        ctx.changes["atProvider"] = self._settlement.at_provider(ctx)
        verdict = outcome.in_cloud(reason, word)
        if edits.is_edited(ctx) and not ctx.acted:
            # Not sent yet: this must not pass for tried, should the process end before it is.
            verdict = replace(verdict, synced=False)
        return self._settlement.in_transition(ctx, verdict)

    async def time_out(self, ctx: Context) -> Outcome | None:
        """Past the deadline: say so, and go on looking slowly."""
        word = ctx.kind.word_of(ctx.observation.resource)
        ctx.changes["atProvider"] = self._settlement.at_provider(ctx)
        message = (
            f"the cloud still reports {word} after {ctx.deadline_seconds:.0f} seconds; look at the "
            "resource there, or raise spec.timeouts"
        )
        slow = self._world.settings.polling.slow_seconds
        return Outcome(outcome.stalled(Reason.TIMEOUT, message), slow, "requeue_after")

    # ------------------------------------------------------------ stalling

    async def stall_conflict(self, ctx: Context) -> Outcome | None:
        """Another object, or another account, is in the way."""
        raise ctx.conflict or RuntimeError("no conflict to report")

    async def stall_foreign(self, ctx: Context) -> Outcome | None:
        """The name belongs to somebody else; whatever create of ours met it made nothing."""
        ctx.changes["creation"] = None
        missing = leave.needed_to_take(ctx)
        is_asked = edits.is_forced(ctx) or (
            facts.asks_to_adopt(ctx) and ctx.observation.ownership is not Ownership.FOREIGN
        )
        if missing is not None and is_asked:
            raise missing
        raise AlreadyExistsNotOwned(foreign.explain(ctx, self._world.cache))

    async def stall_refused(self, ctx: Context) -> Outcome | None:
        """The API refused this spec: send it no more, and go on looking at what is there."""
        self._settlement.note_drift(ctx)
        ctx.changes["atProvider"] = self._settlement.at_provider(ctx)
        refused = ctx.memory.sent.refused
        verdict = outcome.stalled(Reason.INVALID_PARAMETER, refused.message, refused.quote)
        return Outcome(verdict, self._settlement.steady_delay(ctx), "requeue_after")

    async def stall_ungranted(self, ctx: Context) -> Outcome | None:
        """The owner of the account does not let the namespace have what the spec asks for."""
        if ctx.observation.existence is Existence.PRESENT:
            self._settlement.note_drift(ctx)
            ctx.changes["atProvider"] = self._settlement.at_provider(ctx)
        raise combined(tuple(leave.pending(ctx)))

    async def stall_failed(self, ctx: Context) -> Outcome | None:
        """The cloud gave up, and we tried what there is to try."""
        ctx.changes["atProvider"] = self._settlement.at_provider(ctx)
        raise failure(
            ctx, "correct the spec, or annotate agentrun.dev/reconcile-requested-at to try again"
        )

    async def stall_immutable(self, ctx: Context) -> Outcome | None:
        """No update can bring the resource to the spec."""
        found = [d for d in (*ctx.observation.drift, *ctx.observation.leftovers) if d.immutable]
        self._settlement.note_drift(ctx)
        raise ImmutableFieldChanged(
            f"the resource differs in {drifted_fields(found)}, which AgentRun cannot change after "
            "creation; bring the spec to its value, or delete this object and create it anew"
        )

    async def stall_uncleared(self, ctx: Context) -> Outcome | None:
        """A field left the spec, and the API keeps it."""
        self._settlement.note_drift(ctx)
        raise CannotClear(
            f"{drifted_fields(ctx.seen.leftovers)} left the spec and AgentRun keeps the "
            "value; set the field to the value you want, or recreate the object"
        )

    async def report_missing(self, ctx: Context) -> Outcome | None:
        """An observed resource is not there."""
        message = f"{ctx.kind.kind} {ctx.aim.name!r} does not exist in AgentRun"
        ctx.changes["drift"] = None
        if not ctx.obj.is_in_charge:
            # It followed its reference to another account: nothing is known of any resource there.
            ctx.changes |= {"account": ctx.bound.pin(), "externalId": None, "atProvider": None}
        verdict = outcome.progressing(Reason.EXTERNAL_RESOURCE_MISSING, message, synced=False)
        return Outcome(verdict, self._world.settings.polling.steady_seconds, "requeue_after")

    async def report_drift(self, ctx: Context) -> Outcome | None:
        """Say what differs and leave it."""
        self._settlement.note_drift(ctx)
        asked.note_acted(ctx)
        ctx.changes["atProvider"] = self._settlement.at_provider(ctx)
        paths = drifted_fields(ctx.differences)
        message = f"the resource differs in {paths}; driftPolicy is Report"
        return Outcome(
            outcome.stalled(Reason.DRIFT_DETECTED, message),
            self._settlement.steady_delay(ctx),
            "requeue_after",
        )


def failure(ctx: Context, remedy: str) -> ProviderFailed:
    """Return the error that says which failed state the cloud reports, and why."""
    seen = ctx.observation.resource
    error = ProviderFailed(f"the cloud reports {ctx.kind.word_of(seen)}; {remedy}")
    return error.quoting(reason_of(dict(seen), ctx.rest.state_reason_field))
