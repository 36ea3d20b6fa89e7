"""One pass: observe → decide → act → report, for any kind."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import structlog

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.errors import (
    AccountNotUsable,
    Busy,
    CredentialsInvalid,
    ForeignKeys,
    ImmutableFieldChanged,
    InvalidParameter,
    OperatorError,
    Throttled,
)
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.snapshot import Existence
from agentrun_operator.reconcile import asked, facts, outcome, unanswered, unsent
from agentrun_operator.reconcile.claims import Claims
from agentrun_operator.reconcile.clients import OWN_ACCOUNT
from agentrun_operator.reconcile.context import Context, is_planned
from agentrun_operator.reconcile.decide import row_of
from agentrun_operator.reconcile.deletion import DeletionSteps
from agentrun_operator.reconcile.endings import EndingSteps
from agentrun_operator.reconcile.freshness import Freshness
from agentrun_operator.reconcile.guard import LeadershipLost
from agentrun_operator.reconcile.logged import decided_by
from agentrun_operator.reconcile.looking import LookingSteps
from agentrun_operator.reconcile.missing import MissingSteps
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.plan import Prepared
from agentrun_operator.reconcile.ports import ClusterUnavailable, ObjectConflict, ObjectGone
from agentrun_operator.reconcile.preparation import Preparation
from agentrun_operator.reconcile.publishing import Publisher
from agentrun_operator.reconcile.redactors import Redactors
from agentrun_operator.reconcile.report import Reporter, log_bug
from agentrun_operator.reconcile.reporting import ReportingSteps
from agentrun_operator.reconcile.sent import Refused
from agentrun_operator.reconcile.settle import Settlement
from agentrun_operator.reconcile.shelf import loaded
from agentrun_operator.reconcile.step import merged
from agentrun_operator.reconcile.updates import UpdatingSteps
from agentrun_operator.reconcile.versions import VersionSteps
from agentrun_operator.reconcile.world import World
from agentrun_operator.reconcile.writes import WritingSteps

log = structlog.get_logger(__name__)

_HOLD_SECONDS = 2.0
_LONG_WAIT_SECONDS = 20.0
_WAITING = frozenset(error.reason.value for error in outcome.UNRESOLVED)
_REASONS_OF_DELETION: Mapping[type[OperatorError], Reason] = {
    Busy: Reason.DELETING,
    AccountNotUsable: Reason.DELETION_BLOCKED,
    ForeignKeys: Reason.DELETION_BLOCKED,
    ImmutableFieldChanged: Reason.DELETION_BLOCKED,
}
"""What stands in the way of a deletion, where the error's own reason does not say so."""
_MAX_STEPS = 16
"""A pass that has not ended by then is a bug; it must not spin."""


class Reconciler:
    """Carries one object of a kind with a cloud resource one step nearer to its spec."""

    def __init__(self, world: World) -> None:
        """Work on one world."""
        self._world = world
        self._redactors = redactors = Redactors(world)
        self._reporter = Reporter(world, redactors)
        self._publisher = Publisher(world, redactors)
        settlement = Settlement(world, redactors, self._publisher)
        claims = Claims(world)
        self._preparation = Preparation(world, claims, redactors)
        self._freshness = Freshness(world)
        may_be_early = (
            ReportingSteps(world, settlement),
            EndingSteps(world, self._reporter, settlement),
            DeletionSteps(world, self._reporter, self._publisher),
        )
        groups = (
            *may_be_early,
            LookingSteps(world),
            WritingSteps(world, self._reporter, settlement, claims, redactors),
            UpdatingSteps(world, settlement),
            MissingSteps(world, settlement),
            VersionSteps(world, self._reporter),
        )
        self._steps = merged((g.table for g in groups), (g.early for g in may_be_early))

    async def reconcile(self, obj: KubeObject, *, fresh: bool) -> Outcome:
        """Run one pass and report it.

        Raises:
            ObjectGone, ObjectConflict, ClusterUnavailable: the cluster refused a write; the engine
                decides when to come back.
        """
        # Large fields lie on disk between passes.
        await loaded(obj.spec)
        ctx = self._begin(obj, fresh=fresh)
        try:
            result = await self._run(ctx)
        except OperatorError as error:
            blames = isinstance(error, ForeignKeys)
            result = outcome.naming(self._failed(ctx, error), error)
            result = replace(result, blames_account=blames)
        except (ObjectGone, ObjectConflict, ClusterUnavailable, LeadershipLost):
            raise
        except Exception as bug:  # noqa: BLE001 - which must not end the engine
            result = self._failed(ctx, log_bug(obj, bug, await self._redactors.of(ctx)))
        else:
            if result.result != "error":
                ctx.memory.failures.end()
        await self._publisher.republish(ctx)
        self._world.memory.note_polled(obj.key, ctx.memory, is_polled=result.in_transition)
        window = ctx.settle.total_seconds()
        result = unanswered.wake(ctx.memory.sent, ctx.now, window, result)
        if result.verdict is None:
            return result
        if hold := _seconds_too_early(ctx, result.verdict):
            return Outcome(None, hold, "requeue_after")
        await self._reporter.write(ctx, result.verdict)
        return result

    def _begin(self, obj: KubeObject, *, fresh: bool) -> Context:
        kind = self._world.kinds[obj.key.kind]
        if kind.rest is None:
            raise RuntimeError(f"{kind.kind} is a local kind")
        memory = self._world.memory.of(obj.key, obj.uid)
        now = self._world.clock.monotonic()
        memory.looks.begin(now)
        return Context(
            obj=self._world.records.own(obj),
            kind=kind,
            rest=kind.rest,
            memory=memory,
            started_at=self._world.clock.now(),
            now=now,
            fresh=fresh,
            plan=Prepared(),
            settle=timedelta(seconds=self._world.settings.create_settle_seconds),
            absence_confirm_seconds=self._world.settings.absence_confirm_seconds,
        )

    async def _run(self, ctx: Context) -> Outcome:
        ctx.plan = await self._preparation.prepare(ctx)
        if is_planned(ctx) and ctx.plan.desired_digest is not None:
            ctx.edits = asked.compare(ctx, self._world.memory.digest)
            ctx.unsent = unsent.compare(ctx)
            if not facts.snapshot(ctx).refused:
                # Another spec, or asked to try again: what was refused before says nothing any
                # more.
                ctx.memory.sent.forget_refusal()
        for _ in range(_MAX_STEPS):
            snapshot = facts.snapshot(ctx)
            row = row_of(snapshot)
            self._world.tracer.current().decided(row)
            with decided_by(row.name):
                log.debug("decided", action=row.action.value)
                result = await self._steps[row.action](ctx)
            if result is not None:
                return result
        raise RuntimeError(f"{ctx.obj.key}: the pass does not end")

    def _failed(self, ctx: Context, error: OperatorError) -> Outcome:
        if isinstance(error, CredentialsInvalid | ForeignKeys) and ctx.plan.binding is not None:
            self._world.clients.distrust(ctx.plan.binding.source, error)
            if isinstance(error, ForeignKeys) and ctx.plan.binding.source != OWN_ACCOUNT:
                error = AccountNotUsable(f"{ctx.plan.binding.source}: {error.message}")
                ctx.plan = replace(ctx.plan, blocked=error)
        if isinstance(error, Busy) and not ctx.obj.deleting:
            error = self._world.references.blame_parent(ctx.obj, error)
            ctx.plan = replace(ctx.plan, blocked=error)
        has_looked = ctx.observation.existence is not Existence.NOT_LOOKED
        if isinstance(error, Throttled) and error.is_ours and has_looked:
            ctx.memory.put_off.note(error.operation, ctx.obj, ctx.now)
        if isinstance(error, Throttled) and error.is_ours and not ctx.changes:
            own = Outcome(None, error.retry_after, "requeue_after")
            return self._freshness.failed(ctx, error, own)
        if isinstance(error, InvalidParameter) and ctx.acted:
            # A client error: the same request would get the same answer.
            is_create = "create" in ctx.acted
            refused = Refused(
                ctx.plan.desired_digest, is_create, error.message, error.quote, error.request_id
            )
            ctx.memory.sent.note_refused(refused)
        result = self._world.outcomes.of_error(error, ctx.obj, ctx.memory.failures, ctx.now)
        if ctx.obj.deleting and result.verdict is not None:
            reason = _REASONS_OF_DELETION.get(type(error), error.reason)
            verdict = outcome.deleting(reason, error.message, error.quote)
            # Not in transition: the poller would bring it back before its backoff is over.
            result = Outcome(verdict, result.requeue_after, "error")
        result = self._freshness.failed(ctx, error, result)
        if result.verdict is None and ctx.changes:
            # Within the grace nothing is said, but a mark that no longer holds must go.
            return Outcome(
                outcome.progressing(error.reason, error.message, synced=False, quote=error.quote),
                result.requeue_after,
                "error",
            )
        return result


def _seconds_too_early(ctx: Context, verdict: Verdict) -> float:
    """Return how long to keep a report of waiting to ourselves, 0 to say it now.

    Objects applied together wait for each other for moments, and for one after the other: each
    such moment would be a write. The default status says as much, and so does the last report of
    waiting, which is brought up to date when the wait turns out to be long.
    """
    if not isinstance(ctx.plan.blocked, outcome.UNRESOLVED) or ctx.obj.deleting or ctx.changes:
        return 0.0
    reported, now = ctx.memory.reported, ctx.now
    held_since = reported.hold(now)
    if ctx.obj.observed_generation < 0:
        until = held_since + _HOLD_SECONDS
    elif not ctx.obj.is_observed:
        return 0.0
    elif ctx.obj.ready_reason in _WAITING and not verdict.stalled:
        until = reported.at + _LONG_WAIT_SECONDS
    else:
        return 0.0
    return max(0.0, until - now)
