"""Steps that look for the resource, and note what that showed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from agentrun_operator.core.defaults import Defaults
from agentrun_operator.core.errors import ImmutableFieldChanged
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.snapshot import Existence, Observation, Ownership
from agentrun_operator.reconcile import (
    absence,
    endings,
    named,
    observe,
    ownership,
    survey,
    unanswered,
    views,
)
from agentrun_operator.reconcile.binding import account_in_doubt
from agentrun_operator.reconcile.clients import OWN_ACCOUNT
from agentrun_operator.reconcile.context import Planned
from agentrun_operator.reconcile.decide import IN_TRANSITION, Action
from agentrun_operator.reconcile.deletion import to_give_up
from agentrun_operator.reconcile.early_looks import KindInAccount
from agentrun_operator.reconcile.intervals import patience_of
from agentrun_operator.reconcile.listings import collection_of
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.parents import look_for_parent
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.step import Step
from agentrun_operator.reconcile.world import World


class LookingSteps:
    """The actions that only read in the cloud."""

    def __init__(self, world: World) -> None:
        """Work on one world."""
        self._world = world
        self.table: Mapping[Action, Step] = {Action.LOOK: self.look, Action.CONFIRM: self.confirm}

    async def look(self, ctx: Planned) -> Outcome | None:
        """Look, by a shared LIST where that is enough."""
        put_off, most = ctx.memory.put_off, self._world.settings.polling.steady_seconds
        if put_off.replaces_look(ctx.obj, ctx.now, most) and not ctx.acted:
            ctx.binding.api.check_turn(put_off.operation)
        put_off.end()
        if self._may_share(ctx):
            # A LIST from before a look that found nothing cannot contradict it.
            oldest = max(ctx.memory.sent.at, ctx.memory.looks.absent_since or float("-inf"))
            listing = await self._world.listings.of(ctx.obj, ctx.binding, oldest)
            ident = ctx.obj.path_key(ctx.rest)
            item = listing.by_id.get(ident)
            # What is back may be another one's, and what an item leaves out may differ.
            is_doubtful = item is not None and (
                ctx.memory.looks.absent_since is not None
                or ctx.target.id_of(item) != ctx.obj.external_id
                or ctx.target.is_anothers_by_name(item)
            )
            is_told = item is not None or listing.is_whole
            if is_told and not is_doubtful and ident not in listing.large:
                self._note_look(ctx, observe.from_list(ctx.target, item), listing.begun_at)
                ctx.is_braked = self._world.brake.holds(ctx.binding.source, ctx.obj.key)
                return None
        return await self.confirm(ctx)

    async def confirm(self, ctx: Planned) -> Outcome | None:
        """Read the resource itself."""
        if ctx.is_unrecorded and endings.may_recall(ctx):
            await endings.recall(self._world, ctx)
        begun = self._world.clock.monotonic()
        seen = await observe.look(ctx.binding.api, ctx.target)
        if seen.existence is Existence.ABSENT and self._may_be_elsewhere(ctx):
            seen = await self._look_elsewhere(ctx) or seen
        is_predecessors = ctx.obj.is_heir and absence.seconds_to_proof(ctx) <= 0
        if seen.existence is Existence.ABSENT and (is_predecessors or ctx.is_unrecorded):
            # Order: before a LIST is asked, which shows what this process knows to be its own.
            by_proof = is_predecessors or ctx.obj.deleting
            beside = await self._beside(ctx) if ctx.is_unrecorded else []
            seen = await _look_under_other_names(ctx, beside, by_proof=by_proof) or seen
        self._take_in(ctx, seen, begun)
        ctx.is_absence_open = False
        if ctx.observation.existence is Existence.ABSENT:
            if absence.window_passed(ctx):
                ctx.memory.looks.note_absent(ctx.now)
            await self._note_absence(ctx)
            ctx.is_absence_open = ctx.is_braked or absence.seconds_to_proof(ctx) > 0
        is_gone = ctx.observation.existence is Existence.ABSENT and not ctx.is_braked
        if is_predecessors and is_gone and not ctx.obj.deleting:
            own = await _look_under_other_names(ctx, (), by_proof=False)
            if own is not None:
                self._take_in(ctx, own, begun)
        return None

    async def _beside(self, ctx: Planned) -> list[Defaults]:
        """Return the defaults of other accounts by way of which the resource may have been made.

        Its `accountRef` may have been edited while no record told where it lives.
        """
        others = await self._world.accounts.beside(ctx.obj, ctx.binding)
        return [self._world.cache.in_account(ctx.obj, other).defaults for other in others]

    def _take_in(self, ctx: Planned, seen: Observation, begun_at: float) -> None:
        _check_place(ctx, seen)
        self._note_look(ctx, seen, begun_at)
        ctx.memory.looks.differs = ctx.observation.fields_differ
        unanswered.make_up(ctx)

    async def _note_absence(self, ctx: Planned) -> None:
        """Count an absence before anything follows from it."""
        brake, source = self._world.brake, ctx.binding.source
        is_counted = absence.is_unexplained(ctx)
        if is_counted:
            brake.note_missing(source, absence.as_recorded(ctx))
        if ctx.memory.looks.is_listed or absence.seconds_to_proof(ctx) <= 0:
            # Until they have answered it is as if nobody had looked.
            seen, ctx.observation = ctx.observation, Observation()
            if is_counted:
                await survey.before_acting(self._world, ctx)
            await survey.ask_list(self._world, ctx)
            ctx.observation = seen
            is_engaged = is_counted and brake.engage_beyond_limit(source, ctx.obj.key)
            if is_engaged and source == OWN_ACCOUNT:
                # No object stands for it that would tell of it.
                self._tell(ctx)
        ctx.is_braked = brake.holds(source, ctx.obj.key)

    def _tell(self, ctx: Planned) -> None:
        report = self._world.brake.report(ctx.binding.source)
        if report is not None:
            self._world.events.emit(ctx.obj, "Warning", Reason.MASS_ABSENCE.value, report.message)

    def _may_be_elsewhere(self, ctx: Planned) -> bool:
        """Whether nothing but the status says where the resource was: an older one may."""
        if not ctx.obj.is_in_charge:
            return False
        parent = self._world.references.parent_of(ctx.obj) if ctx.rest.parent else None
        where = "" if parent is None else self._world.references.path_key(parent)
        is_moved = where not in ("", ctx.target.parent)
        return is_moved or not ctx.memory.held.has(ctx.obj.external_id)

    async def _look_elsewhere(self, ctx: Planned) -> Observation | None:
        """Look where a resource would be that was made since an older status was written."""
        if endings.may_recall(ctx):
            before = ctx.target.chosen_id
            await endings.recall(self._world, ctx)
            if ctx.target.chosen_id == before:
                return None
        elif ctx.rest.parent is not None and ctx.obj.deleting:
            parent = await look_for_parent(self._world, ctx.obj, ctx.binding.api)
            if parent is None or parent.key == ctx.target.parent:
                return None
            ctx.retarget(replace(ctx.target, parent=parent.key))
        else:
            return None
        return await observe.look(ctx.binding.api, ctx.target)

    def _check_named(self, ctx: Planned, seen: Observation) -> None:
        """Stop where neither a mark nor the account tells that what is there is to be deleted.

        Raises:
            ImmutableFieldChanged: only the status tells of what has that name.
        """
        error = named.doubt(self._world.cache, ctx.obj, ctx.binding.source)
        if error is None or seen.existence is not Existence.PRESENT:
            return
        if ownership.by_mark(ctx.target, seen.resource) is not Ownership.OURS:
            raise ImmutableFieldChanged(f"{error.message}; {to_give_up(ctx.obj.key)}")

    def _note_look(self, ctx: Planned, seen: Observation, begun_at: float) -> None:
        self._check_named(ctx, seen)
        views.check_found(self._world.grants, ctx, seen)
        ctx.observation = seen
        self._note_progress(ctx, seen, begun_at)
        if seen.existence is Existence.PRESENT:
            shared = self._world.listings.is_read_by_list(ctx.obj)
            polling = self._world.settings.polling
            patience = patience_of(ctx.obj, polling, is_shared=shared)
            ctx.memory.looks.note_present(begun_at, patience)
            self._world.brake.seen(ctx.binding.source, ctx.obj.key)
        is_ours = seen.existence is Existence.PRESENT and seen.ownership is Ownership.OURS
        if is_ours and _is_on_record(ctx, seen):
            ctx.changes |= _moved_pin(ctx)
        if seen.confirmed and is_ours:
            ctx.is_heir_confirmed = ctx.obj.is_heir
        ident = ctx.obj.external_id
        is_recorded = ctx.obj.is_in_charge and is_ours and ctx.target.id_of(seen.resource) == ident
        if ident is not None and is_recorded:
            # The answer to a takeover may have been lost, or the status may be older than it.
            is_taken = ownership.says_adopted(ctx.target, seen.resource)
            if is_taken or not ctx.memory.held.has(ident):
                is_adopted = is_taken or bool(ctx.obj.status["adopted"])
                ctx.memory.held.note(ident, is_adopted=is_adopted)
        ctx.memory.looks.stamp = observe.stamp_of(ctx.rest, seen.resource)

    def _note_progress(self, ctx: Planned, seen: Observation, begun_at: float) -> None:
        """Tell what a look shows of an end that is expected."""
        end, at = ctx.memory.transition.expected, KindInAccount.of(ctx.obj)
        is_present = seen.existence is Existence.PRESENT
        if end is None or at is None or (is_present and seen.phase not in IN_TRANSITION):
            return
        if is_present:
            end.note_busy(begun_at)
        if seen.confirmed:
            self._world.early_looks.note_too_early(at, end)

    def _may_share(self, ctx: Planned) -> bool:
        if ctx.fresh or ctx.rest.list_omits or ctx.obj.external_id is None or ctx.obj.is_heir:
            return False
        if ctx.unsent.overtaken:
            # Only a read of the resource shows what a late update undid.
            return False
        if ctx.memory.looks.differs or ctx.obj.status.get("drift"):
            # What a LIST leaves out says nothing: only a read can end what a read has shown.
            return False
        at = collection_of(ctx.kind, ctx.obj)
        # An observed object may be moving to another account than its status tells of.
        is_here = at is not None and at.account == ctx.binding.source
        return is_here and self._world.listings.is_read_by_list(ctx.obj)


async def _look_under_other_names(
    ctx: Planned, beside: Iterable[Defaults], *, by_proof: bool
) -> Observation | None:
    """Look for what was made while the account said another prefix, and no record tells of.

    Otherwise a second one would be made. So is what another account may have named (`beside`). What
    another object has on record is passed over; `by_proof`: so is what neither a mark nor this
    process knows to be the object's.

    Raises:
        AlreadyExistsNotOwned: nothing tells whether it is the object's.
    """
    doubtful = None
    for obj in named.otherwise(ctx.obj, beside):
        target = replace(ctx.target, obj=obj, name=obj.external_name)
        seen = await observe.look(ctx.binding.api, target)
        if seen.existence is not Existence.PRESENT or seen.ownership is Ownership.FOREIGN:
            continue
        ident, mark = target.id_of(seen.resource), ownership.by_mark(target, seen.resource)
        is_known = mark is Ownership.OURS or target.held_id == ident
        if not is_known and (by_proof or target.is_others(ident)):
            continue
        if not is_known and not ctx.obj.defaults.vouches_for(obj.defaults.name_prefix):
            # By another name there may be a proof.
            doubtful = doubtful or obj
            continue
        ctx.obj, ctx.has_another_name = obj, True
        ctx.retarget(target)
        return seen
    if doubtful is not None:
        raise named.unvouched(ctx.obj, doubtful)
    return None


def _is_on_record(ctx: Planned, seen: Observation) -> bool:
    """Whether a look shows the very resource that is on record for an object in charge of it."""
    ident = ctx.rest.external_id_of(seen.resource)
    return ctx.obj.is_in_charge and bool(ident) and ident == ctx.obj.external_id


def _moved_pin(ctx: Planned) -> Json:
    """Return the pin of a resource that was seen where its account reference leads to now.

    Another Account of the same cloud account is another way to the same resource, as another
    endpoint is. The one before is no longer needed for it, not even for its deletion. The next one
    to be made anew under the account's name is believed where its resources were seen last.
    """
    pinned, pin = ctx.obj.pin, ctx.binding.pin()
    is_same = all(pinned.get(name) == pin[name] for name in ("accountId", "region"))
    return {"account": pin} if is_same and pin != pinned else {}


def _check_place(ctx: Planned, seen: Observation) -> None:
    """Stop where another Account of the same number leads to another cloud.

    What is missing there did not vanish, and what has its name there is another one.

    Raises:
        AccountChanged: the resource on record is not there.
    """
    is_there = seen.existence is Existence.PRESENT and _is_on_record(ctx, seen)
    if not is_there and (error := account_in_doubt(ctx.obj, ctx.binding)) is not None:
        raise error
