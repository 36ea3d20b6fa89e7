"""What a pass does with an object that is on its way out."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from agentrun_operator.core.errors import InUse, OperatorError, Unavailable
from agentrun_operator.core.identity import Locator, ObjectKey
from agentrun_operator.core.kind import Phase, ResourceKind
from agentrun_operator.core.objects import timestamp
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.snapshot import Existence
from agentrun_operator.reconcile import facts, foreign, observe, outcome
from agentrun_operator.reconcile.context import Context, Planned, is_planned
from agentrun_operator.reconcile.decide import Action
from agentrun_operator.reconcile.deletion_event import (
    AT_WORK,
    DeletionEvent,
    deletion_event,
    may_have_gone_out,
)
from agentrun_operator.reconcile.intervals import doubled
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.publishing import Publisher
from agentrun_operator.reconcile.report import Reporter
from agentrun_operator.reconcile.status import reason_of
from agentrun_operator.reconcile.step import EarlyStep, Step
from agentrun_operator.reconcile.world import World

_MAX_NAMED = 5


class DeletionSteps:
    """The actions of the deletion table."""

    def __init__(self, world: World, reporter: Reporter, publisher: Publisher) -> None:
        """Work on one world."""
        self._world = world
        self._reporter = reporter
        self._publisher = publisher
        self.table: Mapping[Action, Step] = {
            Action.DELETE: self.delete,
            Action.AWAIT_DELETION: self.await_deletion,
        }
        self.early: Mapping[Action, EarlyStep] = {
            Action.NOTHING: self.nothing,
            Action.RELEASE: self.release,
            Action.BLOCK_DELETION: self.block,
        }

    async def nothing(self, ctx: Context) -> Outcome | None:
        """Nothing is to be done before something changes."""
        settings = self._world.settings
        if ctx.obj.deleting or settings.secret_access == "watch" or not ctx.has_references:
            return Outcome(None)
        # It may be a Secret that changes, and nobody tells us.
        return Outcome(None, settings.polling.steady_seconds, "requeue_after")

    async def release(self, ctx: Context) -> Outcome | None:
        """Remove our finalizer; nothing of ours is left, or it is to be left."""
        if not ctx.memory.held.is_released:
            # Race: a late watch shows a version from before that, and all was told already.
            await self._publisher.withdraw_left(ctx)
            await self._tell_the_end(ctx)
        await self._world.writer.remove_finalizer(ctx.obj)
        ctx.memory.held.is_released = True
        return Outcome(None)

    async def _tell_the_end(self, ctx: Context) -> None:
        policies = facts.snapshot(ctx).policies
        is_kept = policies.retain or policies.observe_only
        if is_planned(ctx) and ctx.observation.existence is Existence.ABSENT:
            self._world.brake.note_made_up(ctx.binding.source, ctx.obj.key)
        if is_kept and may_have_gone_out(ctx.obj, ctx.memory):
            await self._see_what_became_of_it(ctx)
        told = deletion_event(
            ctx.obj,
            ctx.memory,
            ctx.observation,
            is_kept=is_kept,
            is_unrecorded=ctx.is_unrecorded or ctx.has_lost_create,
            owner=foreign.owner_left_alone(ctx, self._world.cache),
        )
        if told is not None:
            self._world.events.emit(ctx.obj, *_with_what_it_holds(ctx, told))

    @staticmethod
    async def _see_what_became_of_it(ctx: Context) -> None:
        """Look once, if that is possible: to let go of a resource needs no cloud."""
        if is_planned(ctx) and ctx.observation.existence is Existence.NOT_LOOKED:
            with suppress(OperatorError):
                ctx.observation = await observe.look(ctx.binding.api, ctx.target)

    async def block(self, ctx: Context) -> Outcome | None:
        """Users hold it, or nobody can reach the account."""
        if ctx.plan.held_by:
            return in_use(ctx.plan.held_by)
        error: OperatorError | None = ctx.plan.blocked
        why = error.message if error is not None else "the account is not reachable"
        message = f"{why}. Until then the resource cannot be deleted; {to_give_up(ctx.obj.key)}"
        delay = self._world.outcomes.delay_after(ctx.memory.failures, 10.0)
        return Outcome(outcome.deleting(Reason.DELETION_BLOCKED, message), delay, "error")

    async def delete(self, ctx: Planned) -> Outcome | None:
        """Ask the cloud to delete, then look: gone is what a read says, not what DELETE says."""
        if "delete" in ctx.acted or self._seconds_to_retry(ctx) > 0:
            return await self.await_deletion(ctx)
        ctx.acted.add("delete")
        seen = ctx.observation
        if seen.phase is Phase.DELETE_FAILED:
            ctx.memory.sent.deletes.failures += 1
        is_taken = await self._send(ctx, ctx.target.locator_of(seen.resource))
        ctx.memory.sent.note_delete(self._world.clock.monotonic(), is_taken=is_taken)
        if is_taken:
            self._world.brake.deletions.note(ctx.obj, ctx.target.id_of(seen.resource))
        ctx.memory.transition.go_on(ctx.now)
        ctx.memory.transition.expect_no_end()
        ctx.forget_look()
        return None

    async def _send(self, ctx: Planned, at: Locator) -> bool:
        """Send DELETE, with that on record before: what is told later must not depend on us.

        Once it was refused, tries that go on being refused write nothing; then a look has to tell.
        Returns whether the cloud took it.
        """
        sent_at, deletes = timestamp(ctx.started_at), ctx.memory.sent.deletes
        record = {"deleteSentAt": sent_at}
        is_recorded = "deleteSentAt" in ctx.obj.status
        if not is_recorded and not deletes.is_refused:
            ctx.changes |= record
            await self._reporter.write(ctx, outcome.deleting(Reason.DELETING, AT_WORK))
        try:
            is_taken = await ctx.binding.api.delete(ctx.rest, at)
        except OperatorError as error:
            deletes.is_refused = not (isinstance(error, Unavailable) and error.maybe_applied)
            if not deletes.is_refused:
                deletes.sent_at = deletes.sent_at or sent_at
            if not is_recorded:
                ctx.changes |= {"deleteSentAt": None} if deletes.is_refused else record
            if isinstance(error, InUse):
                # By what nobody here knows, perhaps for good.
                below = [k.kind for k in self._world.kinds.values() if _is_below(k, ctx.kind)]
                raise _with_a_way_out(error, ctx.obj.key, below) from error
            raise
        if is_taken:
            deletes.sent_at = deletes.sent_at or sent_at
        if not is_taken and not is_recorded:
            # It explains no absence: on record it would let the object go by reads alone.
            ctx.changes |= {"deleteSentAt": None}
        elif "deleteSentAt" not in ctx.obj.status:
            ctx.changes |= record
        return is_taken

    async def await_deletion(self, ctx: Context) -> Outcome | None:
        """The cloud is at it; say so, and say why if it failed before or takes too long."""
        polling = self._world.settings.polling
        seen = ctx.observation
        if "delete" in ctx.acted and not ctx.memory.sent.deletes.is_answered:
            raise Unavailable(
                f"Delete{ctx.rest.noun} answers 404, and Get{ctx.rest.noun} shows the resource: "
                "whether it exists is unknown; both are asked again"
            )
        message = AT_WORK
        pause = polling.transition_seconds
        if seen.phase is Phase.DELETE_FAILED:
            why = reason_of(dict(seen.resource), ctx.rest.state_reason_field)
            message = "the cloud could not delete the resource; trying again"
            pause = max(pause, self._seconds_to_retry(ctx))
            # Not in transition: the poller would bring it back before its time.
            verdict = outcome.deleting(Reason.DELETING, message, why)
            return Outcome(verdict, pause, "requeue_after")
        if ctx.memory.transition.exceeds(ctx.plan.deadline_seconds, ctx.now):
            message += f", for more than {ctx.plan.deadline_seconds:.0f} seconds; still waiting"
            pause = polling.slow_seconds
        verdict = outcome.deleting(Reason.DELETING, message)
        return Outcome(verdict, pause, "requeue_after", in_transition=True)

    def _seconds_to_retry(self, ctx: Context) -> float:
        """Return how long to wait after a deletion that failed; the second try comes at once."""
        sent, failures = ctx.memory.sent, ctx.memory.sent.deletes.failures
        if ctx.observation.phase is not Phase.DELETE_FAILED or not failures:
            return 0.0
        settings = self._world.settings
        first, most = settings.polling.transition_seconds, settings.backoff.cap_seconds
        pause = doubled(first, failures, most)
        return max(0.0, sent.at + pause - ctx.now)


def to_give_up(key: ObjectKey) -> str:
    """Say how to let an object go without its resource."""
    return (
        f"to give it up instead: kubectl patch {key.kind.lower()} {key.name} -n {key.namespace} "
        '--type merge -p \'{"spec":{"deletionPolicy":"Retain"}}\''
    )


def _is_below(kind: ResourceKind, parent: ResourceKind) -> bool:
    return kind.parent is not None and kind.parent.kind == parent.kind


def _with_what_it_holds(ctx: Context, told: DeletionEvent) -> DeletionEvent:
    """Return what is told of a resource that stays below its parent, which cannot go before it."""
    severity, reason, message = told
    if reason != "Retained" or ctx.kind.parent is None or ctx.obj.observes_only:
        return told
    above, name = ctx.kind.parent.kind, ctx.obj.recorded_name
    more = f"its {above} cannot be deleted before it; if that is to go, delete {name!r} in AgentRun"
    return severity, reason, f"{message}; {more}"


def _with_a_way_out(error: InUse, key: ObjectKey, below: Sequence[str]) -> InUse:
    """Return an error that tells also how to let the object go, with its resource or without.

    `below` are the kinds whose resources live below it.
    """
    left = ""
    if below:
        kinds = " or ".join(below)
        left = f"what is left of {kinds} whose objects are gone has to be deleted in AgentRun; "
    told = InUse(f"{error.message}; {left}{to_give_up(key)}", request_id=error.request_id)
    return told.quoting(error.quote)


def in_use(held_by: Sequence[str]) -> Outcome:
    """Return the outcome of a deletion that has to wait for users; their end wakes it."""
    shown = ", ".join(held_by[:_MAX_NAMED])
    # No count: it would change, and with it the status, each time one of many users goes.
    rest = " and others" if len(held_by) > _MAX_NAMED else ""
    remedy = "delete or repoint them first, or set their spec.deletionPolicy to Retain"
    message = f"in use by {shown}{rest}; {remedy}"
    return Outcome(outcome.deleting(Reason.DELETION_BLOCKED, message), 30.0, "requeue_after")
