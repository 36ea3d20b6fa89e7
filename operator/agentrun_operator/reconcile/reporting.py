"""Steps that wait, stall or report, without a call to the cloud."""

from collections.abc import Mapping
from dataclasses import replace

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.errors import (
    AlreadyExistsNotOwned,
    CannotClear,
    ImmutableFieldChanged,
    ProviderFailed,
)
from agentrun_operator.core.kind import Phase
from agentrun_operator.core.problems import combined
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.snapshot import Existence, Ownership
from agentrun_operator.reconcile import (
    absence,
    asked,
    edits,
    facts,
    foreign,
    leave,
    outcome,
    trouble,
    views,
)
from agentrun_operator.reconcile.context import Context, Planned, drifted_fields
from agentrun_operator.reconcile.decide import Action
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.settle import Settlement
from agentrun_operator.reconcile.status import reason_of
from agentrun_operator.reconcile.step import EarlyStep, Step
from agentrun_operator.reconcile.world import World


class ReportingSteps:
    """The actions that say how things stand."""

    def __init__(self, world: World, settlement: Settlement) -> None:
        """Work on one world."""
        self._world = world
        self._settlement = settlement
        self.table: Mapping[Action, Step] = {
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
        }
        self.early: Mapping[Action, EarlyStep] = {
            Action.AWAIT: self.wait,
            Action.HOLD: self.hold,
            Action.STALL_CONFLICT: self.stall_conflict,
        }

    # ------------------------------------------------------------ waiting

    async def wait(self, ctx: Context) -> Outcome | None:
        """Wait for an account, a reference, or a better spec."""
        raise ctx.plan.blocked or RuntimeError("nothing to wait for")

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
        if not (ctx.obj.deleting or ctx.changes) and trouble.reported_outage(ctx.obj) is not None:
            # Why it was lost is told already, and is more.
            verdict = None
        pause = self._world.settings.polling.transition_seconds
        return Outcome(verdict, pause, "requeue_after", in_transition=True)

    async def await_proof(self, ctx: Context) -> Outcome | None:
        """One answer says that the resource is gone: say nothing of it before a second one does."""
        pause = absence.seconds_to_proof(ctx)
        is_moving = ctx.memory.transition.is_polled
        if ctx.obj.creation:
            # It was made a moment ago, and a read may come too early for it.
            pause, is_moving = min(pause, self._world.settings.polling.transition_seconds), True
        verdict: Verdict | None = None
        if ctx.obj.deleting and (ctx.changes or ctx.obj.ready_reason != Reason.DELETING.value):
            message = "no look finds the resource any more; looking once more before letting go"
            verdict = outcome.deleting(Reason.DELETING, message)
        elif ctx.changes and ctx.obj.observes_only:
            # What was proven once stands: else each new process would write twice.
            if ctx.obj.ready_reason != Reason.EXTERNAL_RESOURCE_MISSING.value:
                message = "one look did not find the resource; looking once more"
                verdict = outcome.progressing(
                    Reason.EXTERNAL_RESOURCE_MISSING, message, synced=False
                )
        elif ctx.changes:
            # What a step before took back must not stand until then.
            message = "looking once more before creating the resource"
            verdict = outcome.progressing(Reason.CREATING, message, synced=False)
        return Outcome(verdict, pause, "requeue_after", in_transition=is_moving)

    async def await_transition(self, ctx: Context) -> Outcome | None:
        """The cloud is at work; the poller brings us back."""
        ctx.memory.transition.go_on(ctx.now)
        reason = Reason.UPDATING
        if ctx.observation.phase is Phase.DELETING:
            reason = Reason.EXTERNAL_RESOURCE_MISSING
        elif ctx.obj.creation:
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
            f"the cloud still reports {word} after {ctx.plan.deadline_seconds:.0f} seconds; look "
            "at the resource there, or raise spec.timeouts"
        )
        slow = self._world.settings.polling.slow_seconds
        return Outcome(outcome.stalled(Reason.TIMEOUT, message), slow, "requeue_after")

    # ------------------------------------------------------------ stalling

    async def stall_conflict(self, ctx: Context) -> Outcome | None:
        """Another object, or another account, is in the way."""
        raise ctx.plan.conflict or RuntimeError("no conflict to report")

    async def stall_foreign(self, ctx: Planned) -> Outcome | None:
        """The name belongs to somebody else; whatever create of ours met it made nothing."""
        ctx.changes["creation"] = None
        missing = leave.needed_to_take(ctx)
        is_asked = edits.is_forced(ctx) or (
            facts.asks_to_adopt(ctx) and ctx.observation.ownership is not Ownership.FOREIGN
        )
        if missing is not None and is_asked:
            raise missing
        raise AlreadyExistsNotOwned(foreign.explain(ctx, self._world.cache))

    async def stall_refused(self, ctx: Planned) -> Outcome | None:
        """The API refused this spec: send it no more, and go on looking at what is there."""
        self._settlement.note_drift(ctx)
        ctx.changes["atProvider"] = self._settlement.at_provider(ctx)
        refused = ctx.memory.sent.refused
        verdict = outcome.stalled(Reason.INVALID_PARAMETER, refused.message, refused.quote)
        verdict = replace(verdict, request_id=refused.request_id)
        return Outcome(verdict, self._settlement.steady_delay(ctx), "requeue_after")

    async def stall_ungranted(self, ctx: Planned) -> Outcome | None:
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

    async def stall_immutable(self, ctx: Planned) -> Outcome | None:
        """No update can bring the resource to the spec."""
        found = [d for d in ctx.observation.fields if d.immutable]
        self._settlement.note_drift(ctx)
        raise ImmutableFieldChanged(
            f"the resource differs in {drifted_fields(found)}, which AgentRun cannot change after "
            "creation; bring the spec to its value, or delete this object and create it anew"
        )

    async def stall_uncleared(self, ctx: Planned) -> Outcome | None:
        """A field left the spec, and the API keeps it."""
        self._settlement.note_drift(ctx)
        removed = ctx.unsent.beside(ctx.observation, ctx.kind).removed
        raise CannotClear(
            f"{drifted_fields(removed)} left the spec and AgentRun keeps the "
            "value; set the field to the value you want, or recreate the object"
        )

    async def report_missing(self, ctx: Planned) -> Outcome | None:
        """An observed resource is not there."""
        message = f"{ctx.kind.kind} {ctx.target.name!r} does not exist in AgentRun"
        ctx.changes["drift"] = None
        if not ctx.obj.is_in_charge:
            views.check_gone(self._world.grants, ctx)
            # It followed its reference to another account: nothing is known of any resource there.
            ctx.changes |= {"account": ctx.binding.pin(), "externalId": None, "atProvider": None}
        verdict = outcome.progressing(Reason.EXTERNAL_RESOURCE_MISSING, message, synced=False)
        return Outcome(verdict, self._world.settings.polling.steady_seconds, "requeue_after")

    async def report_drift(self, ctx: Planned) -> Outcome | None:
        """Say what differs and leave it."""
        self._settlement.note_drift(ctx)
        asked.note_acted(ctx)
        ctx.changes["atProvider"] = self._settlement.at_provider(ctx)
        self._settlement.note_served(ctx)
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
