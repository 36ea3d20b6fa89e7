"""Steps that bring a resource that is there to its spec: edits, drift, states.

An update without effect is not repeated for ever, nor one that another writer changes back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agentrun_operator.core.drift import CANNOT_READ, Drift, clearing_values
from agentrun_operator.core.ignored import is_within
from agentrun_operator.core.kind import Phase
from agentrun_operator.core.paths import read_path
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.shown import HIDDEN
from agentrun_operator.core.wire import field_rules, update_extras
from agentrun_operator.reconcile import (
    asked,
    corrections,
    edits,
    observe,
    outcome,
    ownership,
    takeover,
    unanswered,
    unsent,
)
from agentrun_operator.reconcile.context import STATE_PATH, Context, Planned, drifted_fields
from agentrun_operator.reconcile.decide import FAILED, Action
from agentrun_operator.reconcile.ineffective import MAX_TRIES
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.ports import Json, Lookup
from agentrun_operator.reconcile.sent import Clearing
from agentrun_operator.reconcile.settle import Settlement
from agentrun_operator.reconcile.step import Step
from agentrun_operator.reconcile.world import World

_STALL_RETRY_SECONDS = 300.0


class UpdatingSteps:
    """The actions that change a resource of ours."""

    def __init__(self, world: World, settlement: Settlement) -> None:
        """Work on one world."""
        self._world = world
        self._settlement = settlement
        self.table: Mapping[Action, Step] = {
            Action.UPDATE: self.update,
            Action.CORRECT: self.correct,
            Action.CHANGE_STATE: self.change_state,
        }

    async def update(self, ctx: Planned) -> Outcome | None:
        """Bring the resource to an edited spec."""
        if "update" not in ctx.acted:
            self._begin_anew(ctx)
            if ctx.contested and not (_pending(ctx) or _has_failed(ctx)):
                ctx.memory.sent.note_tried(ctx.plan.desired_digest)
                return self._contested(ctx)
        return await self._put(ctx, "Updated", "updated")

    def _begin_anew(self, ctx: Planned) -> None:
        """Forget ineffective updates. An edit or a request ends the pauses, a rotation does not."""
        ctx.memory.ineffective.end()
        if edits.has_news(ctx):
            ctx.memory.corrected.end()
        if not edits.is_untried(ctx):
            self._note_contested(ctx)

    async def correct(self, ctx: Planned) -> Outcome | None:
        """Bring a drifted resource back to the spec, except what another writer changes back."""
        self._note_contested(ctx)
        pending = _pending(ctx)
        if ctx.contested and not pending:
            return self._contested(ctx)
        if "update" in ctx.acted:
            return await self._put(ctx, Reason.DRIFT_CORRECTED.value, "corrected")
        paths = [d.path for d in pending]
        if self._has_no_effect(ctx, self._attempt(ctx), paths):
            return self._ineffective(ctx)
        sending = self._put(ctx, Reason.DRIFT_CORRECTED.value, "corrected")
        there = self._standing(ctx)
        return await ctx.memory.corrected.send_counted(there, paths, sending, ctx.now)

    async def change_state(self, ctx: Planned) -> Outcome | None:
        """Call the verb that leads to `spec.desiredState`."""
        verb = ctx.rest.verbs[ctx.target.desired_state or ""]
        if verb.action in ctx.acted:
            verdict = outcome.progressing(Reason.UPDATING, f"waiting for {verb.state}")
            return self._settlement.in_transition(ctx, verdict)
        word = str(ctx.observation.resource.get(ctx.rest.state_field or ""))
        attempt = self._world.memory.digest([verb.action, word])
        is_correction = not edits.is_edited(ctx)
        if is_correction:
            self._note_contested(ctx)
            if STATE_PATH in ctx.contested:
                return self._contested(ctx)
            if self._has_no_effect(ctx, attempt, [STATE_PATH]):
                return self._ineffective(ctx)
        else:
            self._begin_anew(ctx)
        ctx.acted.add(verb.action)
        at = ctx.target.locator_of(ctx.observation.resource)
        sending = unanswered.noted_if_lost(
            ctx, self._world.clock, ctx.binding.api.act(ctx.rest, at, verb), body={}
        )
        paths = [STATE_PATH] if is_correction else []
        await ctx.memory.corrected.send_counted(self._standing(ctx), paths, sending, ctx.now)
        ctx.memory.ineffective.note(attempt)
        ctx.memory.sent.note_write(self._world.clock.monotonic())
        ctx.forget_look()
        return None

    # ------------------------------------------------------------ ineffective or contested

    def _note_contested(self, ctx: Planned) -> None:
        paths = [d.path for d in ctx.differences]
        corrected, now = ctx.memory.corrected, ctx.now
        corrected.take_back_unless_moved(self._standing(ctx))
        corrected.note_peace(now, paths)
        ctx.contested = corrected.contested(ctx.obj, paths, now)

    def _contested(self, ctx: Planned) -> Outcome:
        """Say what another writer changes back, and look again later."""
        self._settlement.note_drift(ctx)
        marks = ownership.marks_of_others(ctx.target, ctx.observation.resource)
        message = corrections.message(drifted_fields(ctx.differences), marks)
        verdict = outcome.stalled(Reason.CONTESTED, message)
        return Outcome(verdict, _STALL_RETRY_SECONDS, "requeue_after")

    def _attempt(self, ctx: Planned) -> bytes:
        """Return a digest of what is desired, and of what stands there instead."""
        there = [(path, value) for path, value in _there(ctx) if path not in ctx.contested]
        return self._world.memory.digest([ctx.target.desired, there])

    def _standing(self, ctx: Context) -> bytes:
        """Return a digest that changes with any write to the resource that can be seen."""
        return self._world.memory.digest([ctx.memory.looks.stamp, _there(ctx)])

    @staticmethod
    def _has_no_effect(ctx: Context, attempt: bytes, paths: Sequence[str]) -> bool:
        """Whether the API takes an update and does not do it.

        Race: another writer may undo it before our next look, which then finds the old value as if
        nothing had come of it. Where one is known, its pauses bound the tries.
        """
        is_repeated = ctx.memory.ineffective.is_enough(attempt)
        return is_repeated and not ctx.memory.corrected.were_contested(paths)

    def _ineffective(self, ctx: Planned) -> Outcome:
        """Stop sending what the API takes and does not do; it might replace instances each time."""
        self._settlement.note_drift(ctx)
        paths = drifted_fields(ctx.differences)
        message = (
            f"AgentRun took the update {MAX_TRIES} times and still answers other values for "
            f"{paths}; bring the spec to them, put the path into spec.ignoreFields, or annotate "
            "agentrun.dev/reconcile-requested-at to try again"
        )
        verdict = outcome.stalled(Reason.UNEXPECTED_ECHO, message)
        return Outcome(verdict, _STALL_RETRY_SECONDS, "requeue_after")

    # ------------------------------------------------------------ sending

    async def _put(self, ctx: Planned, event: str, verb: str) -> Outcome | None:
        found = _pending(ctx)
        if "update" in ctx.acted:
            return self._not_taken_up(ctx, found)
        ctx.acted.add("update")
        attempt = self._attempt(ctx)
        at = ctx.target.locator_of(ctx.observation.resource)
        body = self._update_body(ctx)
        sending = ctx.binding.api.update(ctx.rest, at, body)
        answer = await unanswered.noted_if_lost(ctx, self._world.clock, sending, body)
        self._note_put(ctx, attempt, found)
        self._world.events.emit(ctx.obj, "Normal", event, _told(verb, found))
        seen = observe.interpret(ctx.target, Lookup(answer, None), confirmed=False)
        if seen.phase is Phase.PROGRESSING:
            ctx.changes["atProvider"] = self._settlement.at_provider(ctx, answer)
            word = ctx.kind.word_of(seen.resource)
            return self._settlement.in_transition(ctx, outcome.in_cloud(Reason.UPDATING, word))
        ctx.forget_look()
        return None

    def _not_taken_up(self, ctx: Planned, found: Sequence[Drift]) -> Outcome:
        """The API took the update and shows the old value: try again after a pause."""
        delay = self._world.outcomes.delay_after(ctx.memory.failures, 5.0)
        paths = drifted_fields(found)
        message = f"AgentRun took the update and still answers other values for {paths}"
        verdict = outcome.progressing(Reason.UNEXPECTED_ECHO, message, synced=False)
        self._settlement.note_drift(ctx)
        return Outcome(verdict, delay, "error")

    def _note_put(self, ctx: Planned, attempt: bytes, found: Sequence[Drift]) -> None:
        """Put down what an update has sent, in memory and for the next status."""
        memory, sent = ctx.memory, ctx.memory.sent
        answered_at = self._world.clock.monotonic()
        sent.note_write(answered_at)
        memory.transition.begin(ctx.now, "update", answered_at)
        memory.looks.note_update()
        # Whatever was made is there, and from now on it is the update that is waited for.
        ctx.changes["creation"] = None
        memory.ineffective.note(attempt)
        # Tried from now on, whatever comes of it: a failing update is not sent again unasked.
        sent.note_tried(ctx.plan.desired_digest)
        if not ctx.unsent.has_withheld:
            sent.note_write_only(ctx.plan.write_only_digest)
            ctx.changes["sentSecrets"] = self._settlement.sent_secrets(ctx)
        unsent.note_updated(ctx)
        removed = frozenset(d.path for d in found if d.clearing)
        if removed:
            sent.note_cleared(Clearing(ctx.obj.generation, removed, ctx.obj.request_token))
        also = removed | unanswered.may_return(ctx)
        ctx.changes["applied"] = self._settlement.applied(ctx, also=also)
        left = asked.left_over(ctx, found)
        ctx.changes["drift"] = self._settlement.drift_entries(ctx, left)
        asked.note_sent(ctx)

    def _update_body(self, ctx: Planned) -> Json:
        """Send what differs and what the API requires; everything after a failure.

        What is to be left alone goes along as it stands, where its owner has to be sent.
        """
        seen, pending = ctx.observation, _pending(ctx)
        ignored = ctx.target.ignored | ctx.contested | asked.unedited_paths(ctx)
        leaving = frozenset(d.path for d in pending if d.clearing)
        desired = replace(ctx.target, ignored=ignored).respecting(seen.resource, leaving=leaving)
        mutable = {
            r.api
            for r in field_rules(ctx.kind)
            if not r.immutable and not (r.path and is_within(ignored, r.path))
        }
        changed: frozenset[str] | set[str] = {d.api for d in pending if not d.clearing}
        if _has_failed(ctx):
            edited = ctx.edits
            changed = set(desired) if edited is None else asked.tops_to_repeat(ctx, edited)
        body = {api: desired[api] for api in desired if api in changed & mutable}
        removed = [d for d in pending if d.clearing]
        body |= clearing_values(ctx.kind, removed, desired, ctx.target.created)
        body |= takeover.required_of_updates(ctx, desired)
        tags = ctx.rest.tags_field
        if tags is not None and ctx.obj.status.get("adopted"):
            marks = takeover.marks_without_others(ctx)
            if marks != list(seen.resource.get(tags) or ()):
                body[tags] = marks
        elif tags is not None and ctx.target.mark not in (seen.resource.get(tags) or ()):
            body[tags] = [*(seen.resource.get(tags) or ()), ctx.target.mark]
        if ctx.plan.spec is not None and ctx.plan.resolution is not None:
            body |= update_extras(ctx.kind, ctx.plan.spec, ctx.plan.resolution)
        return body


def _told(verb: str, found: Sequence[Drift]) -> str:
    message = f"{verb} {drifted_fields(found)}" if found else f"{verb} the resource"
    unseen = [d for d in found if d.clearing and d.observed == CANNOT_READ]
    if unseen:
        message += f"; no read can confirm that {drifted_fields(unseen)} went"
    return message


def _there(ctx: Context) -> list[tuple[str, object]]:
    """Return what stands where the resource differs, by path."""
    reads = {rule.api: rule.reads for rule in field_rules(ctx.kind)}
    seen = ctx.observation
    return [
        (d.path, read_path(seen.resource, reads[d.api]) if d.observed == HIDDEN else d.observed)
        for d in seen.fields
    ]


def _has_failed(ctx: Context) -> bool:
    return ctx.observation.phase in FAILED


def _pending(ctx: Context) -> tuple[Drift, ...]:
    """Return what an update is to change: all that differs and is not contested."""
    return tuple(d for d in edits.seen(ctx).fields if d.path not in ctx.contested)
