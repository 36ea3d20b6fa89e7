"""Resources that end by themselves, as they are meant to: reported, removed in time, or followed.

A kind declares it by a spec that is an `EndsByItself`. The resources that follow one another for
one object are its incarnations, each with a client-assigned id of its own.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import structlog

from agentrun_operator.core.errors import OperatorError
from agentrun_operator.core.identity import Locator, chosen_id, incarnation_of
from agentrun_operator.core.kind import KeyedBy
from agentrun_operator.core.objects import parse_time
from agentrun_operator.core.policies import EndsByItself
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.snapshot import Existence
from agentrun_operator.reconcile import outcome
from agentrun_operator.reconcile.binding import account_in_doubt
from agentrun_operator.reconcile.context import Context, Planned, is_planned
from agentrun_operator.reconcile.decide import Action
from agentrun_operator.reconcile.listings import Collection
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.report import Reporter
from agentrun_operator.reconcile.settle import Settlement
from agentrun_operator.reconcile.step import EarlyStep, Step
from agentrun_operator.reconcile.world import World

log = structlog.get_logger(__name__)

_REPORT_SECONDS = 1.0
"""From the report of an end to a removal that is due."""


def is_followed(ctx: Context) -> bool:
    """Whether another resource is to follow one that ended."""
    if not isinstance(ctx.plan.spec, EndsByItself) or ctx.kind.is_end(ctx.plan.spec.desired_state):
        return False
    return ctx.plan.spec.restart_policy == "Always"


def is_completed(ctx: Context) -> bool:
    """Whether the end was reported, and nothing is to follow.

    A completed resource is not recreated on edit, unless it is to be followed.
    """
    may_follow = ctx.plan.spec is None or is_followed(ctx)
    is_tried = ctx.obj.is_observed
    return ctx.obj.has_reported_end and (is_tried or not may_follow)


def incarnation_record(ctx: Context, ident: str) -> Json:
    """Return what the record says of the incarnation that has an id."""
    if ctx.rest.key is not KeyedBy.CHOSEN_ID:
        return {}
    return {"incarnation": incarnation_of(ctx.obj.uid, ident) or None}


def may_recall(ctx: Context) -> bool:
    """Whether a later incarnation may exist than the record tells of, and none was looked for."""
    return ctx.rest.key is KeyedBy.CHOSEN_ID and not ctx.has_recalled


async def recall(world: World, ctx: Planned) -> None:
    """Find the last incarnation by its id, which begins like that of each one before.

    Where the LIST is too long, only those are looked through that have not ended: one that
    has costs nothing, and the first incarnation is found by its id anyway.
    """
    ctx.has_recalled = True
    uid = ctx.obj.uid
    at = Collection(ctx.binding.source, ctx.kind.kind)
    listing = await world.listings.search(at, ctx.binding.api)
    newest = max((incarnation_of(uid, ident) for ident in listing.by_id), default=0)
    if newest:
        ctx.changes["incarnation"] = newest
        ctx.retarget(replace(ctx.target, chosen_id=chosen_id(uid, newest)))


class EndingSteps:
    """The actions that follow from an end."""

    def __init__(self, world: World, reporter: Reporter, settlement: Settlement) -> None:
        """Work on one world."""
        self._polling = world.settings.polling
        self._reporter = reporter
        self._settlement = settlement
        self.table: Mapping[Action, Step] = {Action.RESTART: self.restart}
        self.early: Mapping[Action, EarlyStep] = {Action.COMPLETE: self.complete}

    async def complete(self, ctx: Context) -> Outcome | None:
        """Report the end; remove the resource when its time is over."""
        wait = _seconds_to_live(ctx)
        if is_planned(ctx) and ctx.observation.existence is Existence.PRESENT:
            ctx.changes |= {"atProvider": self._settlement.at_provider(ctx), "creation": None}
            ctx.changes["applied"] = self._settlement.applied(ctx)
        ctx.memory.transition.expect_no_end()
        if wait is not None and wait <= 0:
            # Order: its end is on record first, or its absence would be made up for.
            wait = await self._remove(ctx) if is_completed(ctx) else _REPORT_SECONDS
        return Outcome(outcome.completed(f"the {ctx.kind.kind.lower()} ended"), wait, "success")

    async def _remove(self, ctx: Context) -> float | None:
        """Remove what ended; returns when to try again, None when that is done."""
        if not is_planned(ctx) or (at := ctx.target.locator) is None:
            # The account is out of reach. That is no news of a resource that ended.
            return self._polling.slow_seconds
        if account_in_doubt(ctx.obj, ctx.binding) is not None:
            # What another cloud says of its id would pass for its removal, and it would stay.
            return self._polling.slow_seconds
        if not ctx.memory.incarnations.is_removed:
            # Nor is a failure. A condition that told of it would hide the end, and what is absent
            # without having ended is created again.
            if not await _delete(ctx, at):
                return self._polling.slow_seconds
            ctx.memory.incarnations.note_removed()
        return None

    async def restart(self, ctx: Planned) -> Outcome | None:
        """Go on to the next incarnation."""
        if "restart" in ctx.acted:
            return Outcome(None, self._polling.transition_seconds, "requeue_after")
        if pause := ctx.memory.incarnations.pause(ctx.now):
            verdict = outcome.progressing(
                Reason.CREATING, "it ends soon after each start; waiting before the next"
            )
            ctx.changes["atProvider"] = self._settlement.at_provider(ctx)
            return Outcome(verdict, pause, "requeue_after")
        ctx.acted.add("restart")
        ctx.memory.incarnations.note_restart(ctx.now)
        incarnation = ctx.obj.incarnation + 1
        ctx.changes |= {"incarnation": incarnation, "externalId": None, "creation": None}
        await self._reporter.write(
            ctx, outcome.progressing(Reason.CREATING, "the last one ended; creating the next")
        )
        await _remove_predecessor(ctx, ctx.target.locator_of(ctx.observation.resource), incarnation)
        ctx.memory.held.forget()
        ctx.retarget(replace(ctx.target, obj=ctx.obj, chosen_id=ctx.obj.chosen_id, held_id=None))
        ctx.forget_look()
        return None


async def remove_forgotten(ctx: Planned) -> None:
    """Remove what ended, where the process that put its successor on record died before."""
    incarnation = ctx.obj.incarnation
    if incarnation > ctx.memory.incarnations.succeeded:
        last = chosen_id(ctx.obj.uid, incarnation - 1)
        await _remove_predecessor(ctx, Locator(last, ctx.target.parent), incarnation)


async def _remove_predecessor(ctx: Planned, at: Locator, incarnation: int) -> None:
    """Remove a resource that ended and has a successor, or each of them stays listed for ever.

    Order: the successor is on record first, so that nobody makes this one again. It costs
    nothing any more: a removal that fails is no reason to keep the successor waiting.
    """
    ctx.memory.incarnations.succeeded = incarnation
    await _delete(ctx, at)


async def _delete(ctx: Planned, at: Locator) -> bool:
    """Delete a resource that ended, and costs nothing any more; returns whether that worked."""
    try:
        await ctx.binding.api.delete(ctx.rest, at)
    except OperatorError as error:
        log.warning("what ended stays listed", error=type(error).__name__)
        return False
    return True


def _seconds_to_live(ctx: Context) -> float | None:
    spec = ctx.plan.spec
    ttl = spec.ttl_seconds_after_finished if isinstance(spec, EndsByItself) else None
    if ttl is None or ctx.obj.observes_only:
        return None
    ended = _ended_at(ctx)
    spent = 0.0 if ended is None else (ctx.started_at - ended).total_seconds()
    return float(ttl) - spent


def _ended_at(ctx: Context) -> datetime | None:
    """Return when it ended, as the cloud says, or else as far as we know."""
    seen = ctx.observation.resource or ctx.obj.status.get("atProvider") or {}
    told = parse_time(str(seen.get(ctx.rest.ended_field or "") or ""))
    if told is not None or not is_completed(ctx):
        return told
    return parse_time(ctx.obj.ready.get("lastTransitionTime"))
