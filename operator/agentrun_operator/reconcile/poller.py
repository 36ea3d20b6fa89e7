"""Reads each shared collection by one LIST, and wakes the objects whose item changed."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import structlog

from agentrun_operator.core.errors import (
    AccessDenied,
    CredentialsInvalid,
    ForeignKeys,
    OperatorError,
    Throttled,
)
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import Rest
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.absence import may_have_vanished
from agentrun_operator.reconcile.budget import Lane, in_lane
from agentrun_operator.reconcile.contact import OUT_OF_REACH
from agentrun_operator.reconcile.decide import IN_TRANSITION
from agentrun_operator.reconcile.guard import LeadershipLost
from agentrun_operator.reconcile.listing import Listing
from agentrun_operator.reconcile.listings import Collection
from agentrun_operator.reconcile.logged import for_account
from agentrun_operator.reconcile.observe import stamp_of
from agentrun_operator.reconcile.pace import Pace
from agentrun_operator.reconcile.ports import ClusterUnavailable, Json
from agentrun_operator.reconcile.queue import WorkQueue
from agentrun_operator.reconcile.redactors import bug_told
from agentrun_operator.reconcile.slices import in_slices
from agentrun_operator.reconcile.world import World

log = structlog.get_logger(__name__)

_TICK_SECONDS = 1.0
_SHORT_TICK_SECONDS = 0.25
"""While something is in transition. What is counted is counted once in a long one."""
_REFUSALS = (CredentialsInvalid, ForeignKeys, AccessDenied)
"""What an account has to look into."""


@dataclass(slots=True)
class _Shown:
    """What the last regular LIST of a collection showed, and early ones of what has ended since."""

    prints: dict[str, int | None] = field(default_factory=dict)
    """Fingerprint of the item of each object; None: it was absent."""
    begun_at: float = float("-inf")
    """When that regular LIST was begun, monotonic."""


class Poller:
    """The only thing that looks at the cloud on its own."""

    def __init__(self, world: World, queue: WorkQueue) -> None:
        """Wake objects through `queue`."""
        self._world = world
        self._queue = queue
        self._cache = world.cache
        self._memory = world.memory
        self._listings = world.listings
        self._pace = Pace(world)
        self._shared: dict[Collection, list[ObjectKey]] = {}
        """Our objects in each collection that is worth a LIST, as of the last long tick."""
        self._shown: dict[Collection, _Shown] = {}
        self._busy: set[ObjectKey] = set()
        """Accounts whose collections are being read."""

    async def run(self) -> None:
        """Poll until cancelled. An account that is slow, or has to wait, keeps no other waiting.

        Raises:
            LeadershipLost: nothing may be asked any more.
        """
        try:
            async with asyncio.TaskGroup() as polls:
                await self._tick(polls)
        except ExceptionGroup as group:
            # Whoever ends the process asks for the kind of error, not for a group of them.
            raise group.exceptions[0] from None

    async def _tick(self, polls: asyncio.TaskGroup) -> None:
        clock = self._world.clock
        tick = min(_TICK_SECONDS, self._world.settings.polling.transition_seconds)
        short = min(_SHORT_TICK_SECONDS, tick)
        counted_at = float("-inf")
        while True:
            if clock.monotonic() - counted_at >= tick:
                counted_at = clock.monotonic()
                await self._listings.locate()
                self.start_due(polls)
            else:
                self.start_due_in_transition(polls)
            await clock.sleep(short if self._pace.is_quick else tick)

    def start_due(self, polls: asyncio.TaskGroup) -> None:
        """Begin to LIST every collection that is due, each account's in a task of its own."""
        for key in self._memory.overdue(self._world.clock.monotonic()):
            obj = self._cache.get(key)
            if obj is not None and not obj.has_reported_end:
                # A shared LIST will do: it is news enough that one comes about at all.
                self._queue.add(key, fresh=False)
        self._shared = self._listings.count()
        for gone in self._pace.keep(self._shared):
            self._shown.pop(gone, None)
            self._wake_rest(gone)
        self._read(self._pace.find_moving())
        self._start(polls, self._shared)

    def start_due_in_transition(self, polls: asyncio.TaskGroup) -> None:
        """Begin to LIST what is due where something is in transition; count nothing anew."""
        moving = self._pace.find_moving()
        self._read(moving)
        self._start(polls, [at for at in moving if at in self._shared])

    def _read(self, moving: Iterable[Collection]) -> None:
        """Have those in transition read by themselves that no LIST of a few calls shows."""
        for at in moving:
            if at in self._shared:
                for key in self._pace.take_regular_reads(at):
                    self._queue.add(key, fresh=True)
        for key in self._pace.take_early_reads():
            self._queue.add(key, is_nearly_done=True)

    def _start(self, polls: asyncio.TaskGroup, among: Iterable[Collection]) -> None:
        due: dict[ObjectKey, dict[Collection, list[ObjectKey]]] = {}
        for at in among:
            if at.account not in self._busy and self._pace.is_due(at):
                due.setdefault(at.account, {})[at] = self._shared[at]
        self._busy.update(due)
        for of_account in due.values():
            polls.create_task(self._poll_all(of_account))

    async def _poll_all(self, due: dict[Collection, list[ObjectKey]]) -> None:
        """LIST the due collections of one account, one after the other."""
        try:
            for at, held in due.items():
                is_early = not self._pace.is_regular_due(at)
                if is_early and not self._pace.is_early_due(at):
                    # Those before it have used up what could be paid.
                    continue
                self._pace.begin(at, is_early=is_early)
                listing = await self._poll(at, held)
                # Order: a pass that is served meanwhile may LIST anew, which is no early LIST.
                self._pace.end(at, is_early=is_early, is_answered=listing is not None)
                if listing is not None:
                    await self.wake(at, held, listing, is_early=is_early)
        finally:
            self._busy.difference_update({at.account for at in due})

    async def _poll(self, at: Collection, held: list[ObjectKey]) -> Listing | None:
        """LIST a collection; return None where it was not answered."""
        account = self._cache.get(at.account)
        try:
            if account is not None:
                binding = await self._world.clients.connect(account)
            else:
                user = self._cache.get(held[0])
                if user is None:
                    return None
                binding = await self._world.accounts.bind_for_deletion(user, is_known=True)
            lane = Lane.TRANSITION if self._pace.moving(at) else Lane.ROUTINE
            with in_lane(lane), for_account(at.account):
                return await self._listings.refresh(at, binding.api)
        except (OperatorError, ClusterUnavailable) as error:
            # The class only: a LIST's own words may quote any object of the account.
            failure = type(error).__name__
            log.info("poll failed", collection=at.kind, account=str(at.account), error=failure)
            if account is not None:
                self._tell(at.account, error)
            return None
        except LeadershipLost:
            raise
        except Exception as bug:  # noqa: BLE001 - which must not end the engine
            # Its words may quote the answer. The next tick that is due tries again.
            where = bug_told(bug)
            account_name = str(at.account)
            log.error("poll broke", collection=at.kind, account=account_name, exception=where)  # noqa: TRY400 - redacted
            return None

    def _tell(self, account: ObjectKey, error: Exception) -> None:
        """Have the account find out whether it is all of it that cannot be read."""
        if isinstance(error, _REFUSALS):
            self._world.clients.distrust(account, error)
            self._queue.add(account)
            return
        is_ours = isinstance(error, Throttled) and error.is_ours
        is_sign = isinstance(error, OUT_OF_REACH) and not is_ours
        if is_sign and not self._world.clients.contacts.of(account).is_out:
            self._queue.add(account)

    async def wake(
        self, at: Collection, held: list[ObjectKey], listing: Listing, *, is_early: bool = False
    ) -> None:
        """Wake the objects whose item of a LIST changed, went or came back.

        An early one wakes what has come to its end alone: what else it shows is for the regular
        one to tell, as without it. Nor does it tell of an absence, which takes looks some time
        apart.
        """
        rest = self._world.kinds[at.kind].rest
        if rest is None:
            return
        shown = self._shown.setdefault(at, _Shown())
        if is_early:
            await self._wake_ended(at, rest, listing, shown)
            return
        # Order: all that is missing counts before the first pass that may make it anew. So nobody
        # is woken before all are looked at.
        woken: list[Callable[[], None]] = []
        now: dict[str, int | None] = {}
        async for key in in_slices(held):
            obj = self._cache.get(key)
            if obj is None:
                continue
            ident = obj.path_key(rest)
            now[ident] = listing.fingerprint(ident)
            is_changed = ident in shown.prints and shown.prints[ident] != now[ident]
            if ident not in shown.prints or self._was_looked_at_since(key, shown.begun_at):
                # Race: it may have changed since and be what the LIST before showed once more.
                item = listing.by_id.get(ident)
                is_changed = is_changed or self._differs_from_last_look(rest, obj, item)
            if ident in listing.by_id and self._note_seen(at.account, key, listing):
                # Routine, though a whole fleet is back: an edit is not to wait behind all of it.
                woken.append(partial(self._queue.add, key, fresh=False))
            has_ended = self._shows_end(key, listing, ident)
            if is_changed or self._is_moving(key) or self._went_between(key, ident, listing):
                self._note_missing(at, obj, ident, listing)
                is_fresh = bool(rest.list_omits)
                add = partial(self._queue.add, key, fresh=is_fresh, is_nearly_done=has_ended)
                woken.append(add)
        shown.prints, shown.begun_at = now, listing.begun_at
        async for wake in in_slices(woken):
            wake()

    async def _wake_ended(
        self, at: Collection, rest: Rest, listing: Listing, shown: _Shown
    ) -> None:
        """Wake what a LIST shows to be at its end, each once."""
        async for key in in_slices(self._pace.moving(at)):
            end = self._pace.end_of(key)
            if end is None or end.is_seen:
                continue
            if not end.ident and (obj := self._cache.get(key)) is not None:
                # To read an object costs more than all else here, and its resource stays.
                end.ident = obj.path_key(rest)
            if end.ident and self._shows_end(key, listing, end.ident):
                # The next LIST is to find nothing new in that.
                shown.prints[end.ident] = listing.fingerprint(end.ident)
                self._queue.add(key, fresh=bool(rest.list_omits), is_nearly_done=True)

    def _was_looked_at_since(self, key: ObjectKey, since: float) -> bool:
        """Whether a pass wrote or looked since the LIST that this one is compared with."""
        memory = self._memory.peek(key)
        if memory is None:
            return False
        seen_at = memory.looks.seen_at
        return memory.sent.at >= since or (seen_at is not None and seen_at > since)

    def _note_seen(self, account: ObjectKey, key: ObjectKey, listing: Listing) -> bool:
        """Note that a LIST shows an object's resource; returns whether it was missed for long."""
        memory = self._memory.peek(key)
        if memory is None or memory.looks.is_listed:
            # A LIST is no news of what reads do not find.
            return False
        was_overdue = memory.looks.is_overdue
        memory.looks.note_seen(listing.begun_at)
        self._world.brake.seen(account, key)
        return was_overdue

    def _note_missing(self, at: Collection, obj: KubeObject, ident: str, listing: Listing) -> None:
        """Count what a LIST lacks all of a sudden, before the passes that it wakes look for it."""
        memory = self._memory.peek(obj.key)
        if ident in listing.by_id or memory is None or listing.begun_at <= memory.sent.at:
            return
        if not listing.is_whole:
            return
        if may_have_vanished(obj, memory):
            self._world.brake.note_missing(at.account, obj)

    def _wake_rest(self, gone: Collection) -> None:
        """Let the few that are left where no LIST is worth it look for themselves from now on."""
        for key in self._cache.keys(gone.kind):
            # To read the objects themselves takes long: there may be thousands elsewhere.
            if self._listings.collection(key) == gone:
                self._queue.add(key, fresh=False)

    def _differs_from_last_look(self, rest: Rest, obj: KubeObject, item: Json | None) -> bool:
        """Whether an object's first LIST shows more than its last pass knew."""
        memory = self._memory.peek(obj.key)
        return (
            memory is None
            or item is None
            or rest.change_token is None
            or memory.looks.stamp != stamp_of(rest, item)
        )

    def _went_between(self, key: ObjectKey, ident: str, listing: Listing) -> bool:
        """Whether a resource came and went between two LISTs, which both lack it then."""
        memory = self._memory.peek(key)
        return (
            ident not in listing.by_id
            and memory is not None
            and any(memory.looks.stamp or ())
            and listing.begun_at > memory.sent.at
        )

    def _shows_end(self, key: ObjectKey, listing: Listing, ident: str) -> bool:
        """Whether a LIST shows the end of what a write of ours began."""
        item, memory, end = listing.by_id.get(ident), self._memory.peek(key), self._pace.end_of(key)
        if item is None or memory is None or end is None:
            return False
        if listing.begun_at < max(end.begun_at, memory.sent.at):
            return False
        if self._world.kinds[key.kind].phase_of(item) in IN_TRANSITION:
            end.note_busy(listing.begun_at)
            return False
        end.is_seen = True
        return True

    def _is_moving(self, key: ObjectKey) -> bool:
        memory = self._memory.peek(key)
        return memory is not None and memory.transition.is_polled
