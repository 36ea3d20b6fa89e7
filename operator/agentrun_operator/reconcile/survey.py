"""Counts by LISTs how much of an account is missing: objects that look one by one take too long."""

from dataclasses import replace

from agentrun_operator.core.errors import OperatorError, Unavailable
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import KeyedBy
from agentrun_operator.reconcile import absence
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.contact import OUT_OF_REACH
from agentrun_operator.reconcile.context import Planned
from agentrun_operator.reconcile.listing import Listing
from agentrun_operator.reconcile.listings import Collection, collection_in, collection_of
from agentrun_operator.reconcile.slices import in_slices
from agentrun_operator.reconcile.world import World

_MAX_LISTS = 32
"""Of the largest collections: one below each parent could make hundreds."""


async def before_acting(world: World, ctx: Planned) -> None:
    """Look around before a resource is made again, or let go of, because it vanished.

    Raises:
        OperatorError: the account does not answer; so nothing follows from the absence either.
    """
    if world.brake.wants_survey(ctx.binding.source, ctx.obj.key):
        since = ctx.memory.looks.absent_since or ctx.now
        await _take(world, ctx.binding, not_before=since, asking=ctx)


async def ask_list(world: World, ctx: Planned) -> None:
    """Ask a LIST for what reads do not find, once until the resource is seen again.

    Raises:
        Unavailable: it shows the resource: nobody knows whether that exists.
        OperatorError: the account does not answer; so nothing follows from the absence either.
    """
    at, looks = _collection(ctx), ctx.memory.looks
    is_asked = absence.is_vanished(ctx) and looks.is_listed is not False
    if not is_asked or at is None or at.account != ctx.binding.source:
        return
    # Where the reads looked: what stands below another parent contradicts none of them.
    at = replace(at, parent=ctx.target.parent or "")
    is_shown = False
    try:
        listing = await world.listings.at_least(at, ctx.binding.api, looks.absent_since or ctx.now)
        is_shown = _shows(listing, ctx)
    except OperatorError as error:
        if isinstance(error, OUT_OF_REACH) and not _is_given_up(world, ctx, error):
            raise
        # It may be read and not listed.
    looks.note_listed(world.clock.monotonic(), is_shown=is_shown)
    if is_shown:
        world.brake.seen(ctx.binding.source, ctx.obj.key)
        raise Unavailable(
            f"Get{ctx.rest.noun} answers 404, and List{ctx.rest.nouns} shows the resource: whether "
            "it exists is unknown; both are asked again, and nothing is created or let go of "
            "before they agree"
        )


def _collection(ctx: Planned) -> Collection | None:
    at = collection_of(ctx.kind, ctx.obj)
    if at is None and ctx.is_unrecorded:
        # The record is lost that would tell.
        return collection_in(ctx.binding.source, ctx.kind, ctx.obj)
    return at


def _is_given_up(world: World, ctx: Planned, error: OperatorError) -> bool:
    """Whether LISTs have failed for so long, while reads are answered, that those alone count.

    Otherwise a LIST that is broken for good would keep every object whose resource is gone.
    """
    polling = world.settings.polling
    is_broken = isinstance(error, Unavailable)
    patience = polling.steady_seconds * polling.unseen_intervals
    now = world.clock.monotonic()
    return is_broken and ctx.memory.looks.note_unlisted(now) >= patience


def _shows(listing: Listing, ctx: Planned) -> bool:
    """Whether a LIST shows what is on record for an object, or what this process knows better.

    Where no record tells the id, it is found as reads look for it: by the id that was chosen for
    it, or by its name.
    """
    target = ctx.target
    idents = [ctx.obj.path_key(ctx.rest), target.held_id or ""]
    if ctx.is_unrecorded and target.locator is not None:
        idents.append(target.locator.key)
    items = [listing.by_id[ident] for ident in idents if ident in listing.by_id]
    if ctx.is_unrecorded and ctx.rest.key is KeyedBy.ID:
        named = listing.by_id.values()
        items += [item for item in named if item.get(ctx.rest.name_field or "") == target.name]
    return any(not target.is_anothers_by_name(item) for item in items)


async def go_on(world: World, binding: Binding) -> None:
    """Look around while the brake holds: what is back ends it."""
    if world.brake.is_engaged(binding.source):
        await _take(world, binding, not_before=world.clock.monotonic())


async def _take(
    world: World, binding: Binding, *, not_before: float, asking: Planned | None = None
) -> None:
    lacking: set[ObjectKey] = set()
    members = world.listings.members()
    for at, keys in _without_record(world, binding.source).items():
        members.setdefault(at, []).extend(keys)
    own = sorted((-len(held), at) for at, held in members.items() if at.account == binding.source)
    for _, at in own[:_MAX_LISTS]:
        try:
            listing = await world.listings.at_least(at, binding.api, not_before)
        except OperatorError as error:
            is_given_up = asking is not None and _is_given_up(world, asking, error)
            if isinstance(error, OUT_OF_REACH) and not is_given_up:
                raise
            # This kind alone may not be listed; the others tell enough.
            continue
        async for key in in_slices(members[at]):
            if _lacks(world, at, key, listing):
                lacking.add(key)
    world.brake.note_survey(binding.source, lacking)


def _without_record(world: World, source: ObjectKey) -> dict[Collection, list[ObjectKey]]:
    """Return who misses what this process alone knows of: no record puts it into a collection.

    While the brake holds they do not look by themselves, being as good as new.
    """
    found: dict[Collection, list[ObjectKey]] = {}
    for key in world.brake.missed(source):
        obj = world.cache.get(key)
        if obj is not None and obj.is_unrecorded:
            at = collection_in(source, world.kinds[key.kind], obj)
            if at is not None:
                found.setdefault(at, []).append(key)
    return found


def _lacks(world: World, at: Collection, key: ObjectKey, listing: Listing) -> bool:
    obj, memory = world.cache.get(key), world.memory.peek(key)
    rest = world.kinds[at.kind].rest
    if obj is None or rest is None or memory is None or listing.begun_at <= memory.sent.at:
        return False
    if (obj.path_key(rest) or memory.held.ident) in listing.by_id:
        world.brake.seen(at.account, key)
        return False
    if not listing.is_whole:
        # What a LIST lacks that was cut is counted when it is read by itself.
        return False
    return absence.may_have_vanished(obj, memory) and not world.brake.deletions.explain(obj)
