"""Steps that write: to the cloud, and what must be on record before and after.

Order: within a step, the write that must not be lost comes before the one that may be repeated.
"""

from collections.abc import Mapping
from dataclasses import replace

import structlog

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.create import account_values
from agentrun_operator.core.defaults import Defaults
from agentrun_operator.core.errors import (
    AlreadyExistsNotOwned,
    InUse,
    OperatorError,
    ReferenceNotFound,
    Unavailable,
)
from agentrun_operator.core.kind import KeyedBy, Phase
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.snapshot import Ownership
from agentrun_operator.core.write_only import plain_part
from agentrun_operator.reconcile import asked, endings, observe, outcome, takeover, trouble, unsent
from agentrun_operator.reconcile.claims import Claims
from agentrun_operator.reconcile.context import Context, Planned
from agentrun_operator.reconcile.decide import Action
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.ports import Json, Lookup
from agentrun_operator.reconcile.redactors import Redactors
from agentrun_operator.reconcile.report import Reporter
from agentrun_operator.reconcile.reporting import failure
from agentrun_operator.reconcile.sent import Announced
from agentrun_operator.reconcile.settle import Settlement
from agentrun_operator.reconcile.status import creation_mark
from agentrun_operator.reconcile.step import Step
from agentrun_operator.reconcile.world import World

log = structlog.get_logger(__name__)

_EDITED_PAUSE_SECONDS = 0.2
"""Until the edit has come through the watch."""


class WritingSteps:
    """The actions that create, replace or take charge of a resource."""

    def __init__(
        self,
        world: World,
        reporter: Reporter,
        settlement: Settlement,
        claims: Claims,
        redactors: Redactors,
    ) -> None:
        """Work on one world."""
        self._claims = claims
        self._redactors = redactors
        self._world = world
        self._reporter = reporter
        self._settlement = settlement
        self.table: Mapping[Action, Step] = {
            Action.CLAIM: self.claim,
            Action.PERSIST: self.persist,
            Action.CORRECT_RECORD: self.correct_record,
            Action.ADOPT: self.adopt,
            Action.CREATE: self.create,
            Action.RECREATE: self.recreate,
        }

    # ------------------------------------------------------------ claiming

    async def claim(self, ctx: Context) -> Outcome | None:
        """Put our finalizer on before anything exists in the cloud."""
        raw = await self._world.writer.add_finalizer(ctx.obj)
        ctx.memory.held.note_claimed()
        self._reporter.absorb(ctx, raw)
        return None

    async def persist(self, ctx: Planned) -> Outcome | None:
        """Record the resource of a create whose answer was lost."""
        ident = ctx.target.id_of(ctx.observation.resource)
        await self._redactors.check_id(ctx, ident)
        as_sent = self._is_as_sent(ctx)
        adopted = ctx.memory.held.was_adopted(ctx.obj, ident)
        await self._record(ctx, ctx.observation.resource, adopted=adopted, as_sent=as_sent)
        return None

    async def correct_record(self, ctx: Planned) -> Outcome | None:
        """Put the id that a look found on record, in the place of an older one."""
        ident = ctx.target.id_of(ctx.observation.resource)
        await self._redactors.check_id(ctx, ident)
        adopted = ctx.memory.held.was_adopted(ctx.obj, ident)
        log.warning("the record was not what a look found")
        self._hold(ctx, ident, adopted=adopted)
        record = {**self._settlement.identity(ctx), "externalId": ident, "adopted": adopted}
        record |= endings.incarnation_record(ctx, ident)
        await self._reporter.write_record(ctx, record)
        return None

    def _is_as_sent(self, ctx: Planned) -> bool:
        """Whether what a create sent is what is desired now, also where no read can tell."""
        sent = ctx.memory.sent.create
        if sent is not None:
            return sent.digest == ctx.plan.desired_digest
        # Announced by a process before us: the mark has the generation and the Secrets' versions.
        return (
            bool(ctx.obj.creation)
            and not ctx.obj.was_edited_since_mark()
            and (ctx.obj.status.get("sentSecrets") or []) == self._settlement.sent_secrets(ctx)
        )

    async def adopt(self, ctx: Planned) -> Outcome | None:
        """Take charge of a resource that was there before."""
        await self._redactors.check_id(ctx, ctx.target.id_of(ctx.observation.resource))
        if await self._has_conflict(ctx):
            return None
        with self._claims.taking(ctx.obj, ctx.target.parent):
            is_taken = await takeover.take_over(ctx, self._world.clock)
            # Nothing of the spec was edited since: what differs is drift, as `driftPolicy` wants.
            asked.note_acted(ctx)
            # What a create of ours was to carry is none of what somebody else's resource shows.
            ctx.changes["applied"] = None
            ctx.observation = replace(ctx.observation, removed=())
            await self._record(ctx, ctx.observation.resource, adopted=True, as_sent=False)
        if is_taken:
            ctx.forget_look()
        self._world.events.emit(
            ctx.obj,
            "Normal",
            "Adopted",
            f"adopted the existing {ctx.kind.kind} {ctx.target.name!r}",
        )
        return None

    async def _record(
        self, ctx: Planned, resource: Mapping[str, object], *, adopted: bool, as_sent: bool
    ) -> None:
        ctx.memory.sent.note_recorded(as_sent=as_sent)
        ctx.memory.held.note_touched()
        ctx.changes |= self._settlement.identity(ctx)
        ident = ctx.target.id_of(dict(resource))
        ctx.changes |= {"externalId": ident, "adopted": adopted, "creation": _answered(ctx.obj)}
        self._hold(ctx, ident, adopted=adopted)
        verdict = outcome.progressing(
            Reason.UPDATING if adopted else Reason.CREATING, "the resource is known"
        )
        # The generation is not acted on yet: an adopted resource may still differ.
        await self._reporter.write(ctx, replace(verdict, synced=False))
        ctx.observation = replace(ctx.observation, ownership=Ownership.OURS)
        if not as_sent:
            unsent.note_recorded(ctx)

    @staticmethod
    def _hold(ctx: Context, ident: str, *, adopted: bool) -> None:
        """Remember what no status can prove: this very process has had the answer."""
        ctx.memory.held.note(ident, is_adopted=adopted)
        ctx.is_heir_confirmed = ctx.obj.is_heir

    # ------------------------------------------------------------ creating

    async def create(self, ctx: Planned) -> Outcome | None:
        """Announce, create, persist: a crash after any of the three is recognised later."""
        if ctx.taken is not None:
            return self._taken(ctx, ctx.taken)
        if "create" in ctx.acted:
            return Outcome(None, self._world.settings.polling.transition_seconds, "requeue_after")
        self._world.references.check_ready(ctx.obj)
        # Before the mark, which would have to be taken back: two writes for each try.
        ctx.binding.api.check_turn(ctx.rest.create_operation)
        ctx.acted.add("create")
        await endings.remove_forgotten(ctx)
        if await self._has_conflict(ctx):
            _withdraw(ctx)
            return None
        with self._claims.taking(ctx.obj, ctx.target.parent):
            verdict = await self._announce(ctx)
        # What came from elsewhere meanwhile, such as a record that was written back.
        if await self._has_conflict(ctx):
            _withdraw(ctx)
            return None
        if self._is_edited_meanwhile(ctx):
            _withdraw(ctx)
            await self._reporter.write(ctx, verdict)
            return Outcome(None, _EDITED_PAUSE_SECONDS, "requeue_after")
        answer = await self._sent_create(ctx, verdict)
        if answer is not None:
            await self._created(ctx, answer)
        return None

    async def _announce(self, ctx: Planned) -> Verdict:
        """Write down that a create is about to be sent, and what it carries; return the news."""
        ctx.changes |= self._settlement.identity(ctx)
        ctx.changes["creation"] = creation_mark(
            ctx.obj, looked_up=ctx.observation.date, now=ctx.started_at
        )
        # Race: a field may leave the spec before a lost answer is found, and is to be cleared then.
        ctx.changes["applied"] = self._settlement.applied(ctx)
        ctx.changes["sentSecrets"] = self._settlement.sent_secrets(ctx)
        asked.note_acted(ctx)
        ctx.is_heir_confirmed = ctx.obj.is_heir
        self._world.brake.note_made_up(ctx.binding.source, ctx.obj.key)
        ctx.memory.looks.await_create()
        ctx.memory.incarnations.note_create()
        ctx.memory.held.note_touched()
        plain = plain_part(ctx.kind, ctx.target.created)
        ctx.memory.sent.announce(Announced(digest=ctx.plan.desired_digest or b"", plain=plain))
        # What an earlier create sent is no measure of this one's answer.
        ctx.retarget(replace(ctx.target, sent=None, held_id=None))
        verdict = trouble.reported_failure(ctx.obj) or outcome.progressing(
            Reason.CREATING, "creating the resource", synced=False
        )
        await self._reporter.write(ctx, verdict)
        return verdict

    async def _sent_create(self, ctx: Planned, verdict: Verdict) -> Json | None:
        """Send the create; None where somebody was faster."""
        try:
            return await ctx.binding.api.create(
                ctx.rest, self._create_body(ctx), parent=ctx.target.parent
            )
        except AlreadyExistsNotOwned as error:
            # Somebody was faster. What is there is not what we sent, however equal: without the
            # mark it can only be adopted.
            ctx.memory.sent.note_write(self._world.clock.monotonic())
            _withdraw(ctx)
            ctx.taken = error
            await self._reporter.write(ctx, replace(verdict, synced=False))
            ctx.forget_look()
            return None
        except Unavailable as error:
            ctx.memory.sent.note_write(self._world.clock.monotonic())
            if not error.maybe_applied:
                _withdraw(ctx)
            raise
        except OperatorError as error:
            # A refusal: nothing was made, so there is nothing to look for.
            _withdraw(ctx)
            given = _told_as_given(ctx, self._given(ctx))
            if given and isinstance(error, ReferenceNotFound):
                told = ReferenceNotFound(f"{error.message}; {given}", request_id=error.request_id)
                raise told.quoting(error.quote) from error
            raise

    def _is_edited_meanwhile(self, ctx: Context) -> bool:
        """Whether the spec changed before the mark was there, which from now on keeps it from that.

        Race: what is immutable once the resource exists may be another since this pass began. An
        endpoint, for instance, would be made below the parent of before, and be looked for below
        the new one.
        """
        current = self._world.cache.get(ctx.obj.key)
        return current is not None and current.generation != ctx.obj.generation

    def _taken(self, ctx: Context, refusal: OperatorError) -> Outcome:
        """Say that a name is taken by what no look shows: on its way out, or out of our sight."""
        delay = self._world.outcomes.delay_after(ctx.memory.failures, 5.0)
        message = (
            f"{refusal.message}; no look shows it, so it may be on its way out; if it lasts, "
            "choose another spec.externalName"
        )
        reason = Reason.ALREADY_EXISTS_NOT_OWNED
        verdict = outcome.progressing(reason, message, synced=False, quote=refusal.quote)
        verdict = replace(verdict, request_id=refusal.request_id)
        return Outcome(verdict, delay, "error")

    async def _has_conflict(self, ctx: Planned) -> bool:
        """Ask once more whether the name is ours to take; a conflict stalls the pass."""
        conflict = await self._claims.conflict(ctx.obj, ctx.rest, ctx.binding, ctx.target.parent)
        ctx.plan = replace(ctx.plan, conflict=conflict)
        return conflict is not None

    async def _created(self, ctx: Planned, answer: Json) -> None:
        answered_at = self._world.clock.monotonic()
        ctx.memory.sent.note_write(answered_at)
        ctx.memory.transition.begin(ctx.now, "create", answered_at)
        ctx.memory.sent.note_made(ctx.plan.desired_digest, ctx.plan.write_only_digest)
        unsent.note_created(ctx)
        ident = ctx.target.id_of(answer)
        await self._redactors.check_id(ctx, ident)
        ctx.changes |= {"externalId": ident, "adopted": False, "creation": _answered(ctx.obj)}
        self._hold(ctx, ident, adopted=False)
        ctx.changes["applied"] = self._settlement.applied(ctx)
        ctx.changes["sentSecrets"] = self._settlement.sent_secrets(ctx)
        seen = observe.interpret(ctx.target, Lookup(answer, None), confirmed=False)
        ctx.changes["atProvider"] = self._settlement.at_provider(ctx, answer)
        word = ctx.kind.word_of(seen.resource)
        await self._reporter.write(ctx, outcome.in_cloud(Reason.CREATING, word))
        self._world.events.emit(
            ctx.obj, "Normal", "Created", f"created {ctx.kind.kind} {ctx.target.name!r}"
        )
        if seen.phase is Phase.PROGRESSING:
            ctx.observation = seen
        else:
            ctx.forget_look()

    def _create_body(self, ctx: Planned) -> Json:
        # Not what the create is recognised by after a crash: the account may be edited meanwhile.
        body = {**account_values(ctx.kind, self._given(ctx)), **ctx.target.created}
        if ctx.rest.name_field is not None:
            body[ctx.rest.name_field] = ctx.target.name
        if ctx.rest.key is KeyedBy.CHOSEN_ID:
            body[ctx.rest.id_field] = ctx.target.chosen_id
        if ctx.rest.tags_field is not None:
            body[ctx.rest.tags_field] = [ctx.target.tag]
        return body

    def _given(self, ctx: Planned) -> Defaults:
        """Return the defaults of the account that the create goes to, which may be a new one."""
        return self._world.cache.in_account(ctx.obj, ctx.binding.source).defaults

    async def recreate(self, ctx: Planned) -> Outcome | None:
        """Remove a resource of ours whose creation failed; the next look finds it gone."""
        if "delete" in ctx.acted:
            verdict = outcome.progressing(Reason.CREATING, "replacing a failed resource")
            return self._settlement.in_transition(ctx, verdict)
        ctx.acted.add("delete")
        at = ctx.target.locator_of(ctx.observation.resource)
        try:
            is_taken = await ctx.binding.api.delete(ctx.rest, at)
        except InUse as error:
            # It stays to be tried, or nobody would notice the end of what uses it.
            ctx.memory.sent.note_untried()
            ctx.changes["atProvider"] = self._settlement.at_provider(ctx)
            found = failure(ctx, f"cannot replace it: {error.message}")
            # By whom it is used is what helps.
            raise found.quoting(error.quote) from error
        ctx.memory.sent.note_delete(self._world.clock.monotonic(), is_taken=is_taken)
        ctx.memory.transition.expect_no_end()
        ctx.changes["creation"] = None
        if is_taken:
            self._world.events.emit(
                ctx.obj, "Normal", "Recreating", "deleted a resource whose creation failed"
            )
        ctx.forget_look()
        return None


def _answered(obj: KubeObject) -> Json | None:
    """Return the mark of a create whose answer is on record from now on."""
    creation = obj.creation
    return {name: value for name, value in creation.items() if name != "replaces"} or None


def _told_as_given(ctx: Planned, defaults: Defaults) -> str:
    """Say what of a create the account gave: nobody would look for it in the object."""
    paths = [d.account_default for d in ctx.kind.derived if d.api not in ctx.target.created]
    given = {path: defaults.at(path) for path in paths if path is not None and defaults.at(path)}
    source = ctx.binding.source
    return ", ".join(f"spec.defaults.{at} of {source} is {it!r}" for at, it in given.items())


def _withdraw(ctx: Context) -> None:
    """Take an announced create back: whatever is found later is no answer to it."""
    ctx.memory.sent.withdraw()
    ctx.changes |= {"creation": None, "applied": None}
