"""Writes what a pass found out: one status write where something changed, and one event."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from agentrun_operator.core.conditions import Verdict, with_request_id
from agentrun_operator.core.errors import OperatorError
from agentrun_operator.core.gate import Redactor
from agentrun_operator.core.objects import KubeObject, timestamp
from agentrun_operator.core.reasons import ConditionType, Reason
from agentrun_operator.core.record import bind
from agentrun_operator.reconcile import leave, outcome
from agentrun_operator.reconcile.context import Context
from agentrun_operator.reconcile.logged import keys_of
from agentrun_operator.reconcile.looks import wall_time
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.redactors import Redactors, bug_told
from agentrun_operator.reconcile.reported import Reported
from agentrun_operator.reconcile.status import changed, compose, with_ready_unknown
from agentrun_operator.reconcile.world import World

log = structlog.get_logger(__name__)


class Reporter:
    """The one place that writes status."""

    def __init__(self, world: World, redactors: Redactors) -> None:
        """Write through the world's writer, and take what it answers into its cache."""
        self._redactors = redactors
        self._cache = world.cache
        self._writer = world.writer
        self._events = world.events
        self._clock = world.clock

    async def write(self, ctx: Context, verdict: Verdict) -> None:
        """Write a verdict and the pending changes of a pass; go on with the newer object."""
        if ctx.has_references and not verdict.paused:
            told = ctx.plan.blocked or ctx.plan.conflict
            is_resolved = outcome.is_resolved(told) and not leave.lacks_reference(ctx)
            verdict = replace(verdict, references_resolved=is_resolved)
        changes, ctx.changes = ctx.changes, {}
        verdict, changes = await self._redactors.opened(ctx, verdict, changes)
        verdict = _named(ctx.obj, verdict)
        status = self._composed(ctx.obj, verdict, changes, is_observed=not ctx.is_still_unrecorded)
        status = self._retained(ctx.obj, status)
        # A status of a version that bound nothing is bound with the next change.
        is_due = status != ctx.obj.status or ctx.is_heir_confirmed
        if is_due and (not ctx.obj.is_heir or ctx.is_heir_confirmed):
            status = bind(status, self._cache.binding_of(ctx.obj))
        # Also of what somebody else wrote and is true: or our own last one, written back, would
        # count as the echo of our write.
        ctx.memory.reported.note_status(status)
        if status == ctx.obj.status:
            return
        raw = await self._write(ctx.obj, verdict, self._dated(ctx, status))
        ctx.memory.reported.note_written(ctx.now)
        self.absorb(ctx, raw)

    def _retained(self, obj: KubeObject, status: Json) -> Json:
        """Return a status with the account by whose word the resource is kept.

        Whoever deletes the object may find that account gone. That it is kept no more is written
        with the next change: until then it is kept where the account is gone, which loses nothing.
        """
        now = replace(obj, status=status)
        if now.observes_only or not now.has_record:
            return status
        by = self._cache.retainer(obj, now.pinned_account)
        told = None if by is None else {"kind": by.kind, "name": by.name}
        if told is None and status == obj.status:
            return status
        return changed(status, {"retainedBy": told})

    def _dated(self, ctx: Context, status: Json) -> Json:
        """Return a status that is about to be written, with the date of the last look.

        Not before that is certain: the date alone would write a quiet fleet at each poll.
        """
        seen_at = ctx.memory.looks.seen_at
        if not status.get("externalId"):
            return changed(status, {"lastSeenTime": None})
        if seen_at is None:
            # A process before this one saw it.
            return status
        return {**status, "lastSeenTime": timestamp(wall_time(self._clock, seen_at))}

    async def write_object(
        self, obj: KubeObject, reported: Reported, verdict: Verdict, changes: Json
    ) -> Json | None:
        """Write the status of a local object; None when it already says all that."""
        verdict = _named(obj, verdict)
        status = self._composed(obj, verdict, changes)
        reported.note_status(status)
        return None if status == obj.status else await self._write(obj, verdict, status)

    def _composed(
        self, obj: KubeObject, verdict: Verdict, changes: Json, *, is_observed: bool = True
    ) -> Json:
        now = self._clock.now()
        return compose(obj, verdict, changes, now=now, is_observed=is_observed)

    async def _write(self, obj: KubeObject, verdict: Verdict, status: Json) -> Json:
        raw = await self._writer.write_status(obj, status)
        _tell(obj, status)
        event = None if verdict.paused else outcome.event_of(obj.condition("Ready"), verdict)
        if verdict.reason is Reason.MASS_ABSENCE and not obj.key.is_account:
            # One event of the account tells it of all of them.
            event = None
        if event is not None:
            self._events.emit(obj, event[0], event[1], verdict.message)
        return raw

    async def write_record(self, ctx: Context, record: Json) -> None:
        """Write what the record says now.

        Where the resource is not as specified, a Ready that stands told of the one on record
        before: written anew it would be a lie of ours.
        """
        status = changed(ctx.obj.status, record)
        if ctx.obj.is_ready and not ctx.observation.is_in_place:
            message = "the record told of another resource"
            status = with_ready_unknown(status, Reason.PENDING, message, now=self._clock.now())
        status = bind(status, self._cache.binding_of(ctx.obj))
        ctx.memory.reported.note_status(status)
        raw = await self._writer.write_status(ctx.obj, status)
        _tell(ctx.obj, status)
        self.absorb(ctx, raw)

    def absorb(self, ctx: Context, raw: Json) -> None:
        """Take in the answer of a write, so that its echo in the watch is old news."""
        self._cache.update(raw, ctx.obj.key.kind)
        ctx.refocus(self._cache.view(raw, ctx.obj.key.kind))


def _named(obj: KubeObject, verdict: Verdict) -> Verdict:
    return with_request_id(verdict, obj.ready, is_same_generation=obj.is_observed)


def _tell(obj: KubeObject, status: Json) -> None:
    """Log that Ready became something else, once it is written; other words are no news."""
    before, conditions = obj.ready, status.get("conditions") or ()
    ready: Json = next((c for c in conditions if c.get("type") == ConditionType.READY.value), {})
    if _summary(ready) != _summary(before):
        log.info(
            "Ready changed",
            now=_summary(ready),
            was=_summary(before),
            message=str(ready.get("message") or ""),
        )


def _summary(ready: Mapping[str, Any]) -> str:
    return f"{ready.get('status') or 'Unknown'} {ready.get('reason') or ''}".strip()


def log_bug(obj: KubeObject, bug: Exception, redactor: Redactor | None = None) -> OperatorError:
    """Log the traceback of a bug of ours, and return what status may say of it."""
    log.error("pass failed", **keys_of(obj.key), exception=bug_told(bug, redactor))
    return OperatorError("internal error; see the operator's log")
