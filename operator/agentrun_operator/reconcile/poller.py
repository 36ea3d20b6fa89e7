"""Reads each shared collection by one LIST, and wakes the objects whose item changed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

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
from agentrun_operator.reconcile.guard import LeadershipLost
from agentrun_operator.reconcile.listing import Listing
from agentrun_operator.reconcile.listings import SHORT_PAGES, Collection, collection_of
from agentrun_operator.reconcile.logged import for_account
from agentrun_operator.reconcile.observe import stamp_of
from agentrun_operator.reconcile.ports import ClusterUnavailable, Json
from agentrun_operator.reconcile.queue import WorkQueue
from agentrun_operator.reconcile.redactors import bug_told
from agentrun_operator.reconcile.world import World

log = structlog.get_logger(__name__)

_TICK_SECONDS = 1.0
_REFUSALS = (CredentialsInvalid, ForeignKeys, AccessDenied)
"""What an account has to look into."""


@dataclass(slots=True)
class _Poll:
    """What was done for one collection; all times are monotonic."""

    due: float | None = None
    tried_at: float = float("-inf")
    read_at: float = float("-inf")
    """When what is in transition there was last read by itself."""
    seen: Mapping[str, int | None] = field(default_factory=dict)
    """What the last LIST that was compared showed of each object."""
    seen_from: float = float("-inf")
    """When that LIST was begun."""


class Poller:
    """The only thing that looks at the cloud on its own."""

    def __init__(self, world: World, queue: WorkQueue) -> None:
        """Wake objects through `queue`."""
        self._world = world
        self._queue = queue
        self._cache = world.cache
        self._memory = world.memory
        self._listings = world.listings
        self._polls: dict[Collection, _Poll] = {}
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
        tick = min(_TICK_SECONDS, self._world.settings.polling.transition_seconds)
        while True:
            self.start_due(polls)
            await self._world.clock.sleep(tick)

    def start_due(self, polls: asyncio.TaskGroup) -> None:
        """Begin to LIST every collection that is due, each account's in a task of its own."""
        for key in self._memory.overdue(self._world.clock.monotonic()):
            obj = self._cache.get(key)
            if obj is not None and not obj.has_reported_end:
                # A shared LIST will do: it is news enough that one comes about at all.
                self._queue.add(key, fresh=False)
        for due in self._due_by_account():
            polls.create_task(self._poll_all(due))

    def _due_by_account(self) -> list[dict[Collection, list[ObjectKey]]]:
        """Return what is due, for each account that is not being polled already."""
        shared = self._listings.count()
        for gone in self._polls.keys() - shared.keys():
            del self._polls[gone]
            self._wake_rest(gone)
        due: dict[ObjectKey, dict[Collection, list[ObjectKey]]] = {}
        for at, held in shared.items():
            self._read_moving(at, held)
            if at.account not in self._busy and self._is_due(at, held):
                due.setdefault(at.account, {})[at] = held
        self._busy.update(due)
        return list(due.values())

    def _is_due(self, at: Collection, held: list[ObjectKey]) -> bool:
        now, interval = self._world.clock.monotonic(), self._interval(at, held)
        poll = self._poll_of(at)
        if poll.due is None:
            poll.due = now + interval
        # A transition that began meanwhile brings the next LIST forward.
        return now >= min(poll.due, self._last(at) + interval)

    def _poll_of(self, at: Collection) -> _Poll:
        return self._polls.setdefault(at, _Poll())

    def _read_moving(self, at: Collection, held: list[ObjectKey]) -> None:
        """Have the few read by themselves that are in transition where a LIST takes many calls."""
        if self._listings.pages(at) <= SHORT_PAGES:
            return
        moving = self._moving(held)
        if not moving or self._is_short(at, moving):
            return
        now, poll = self._world.clock.monotonic(), self._poll_of(at)
        last = max(self._last(at), poll.read_at)
        if now - last >= self._world.settings.polling.transition_seconds:
            poll.read_at = now
            for key in moving:
                self._queue.add(key, fresh=True)

    async def _poll_all(self, due: dict[Collection, list[ObjectKey]]) -> None:
        """LIST the due collections of one account, one after the other."""
        try:
            for at, held in due.items():
                self._poll_of(at).tried_at = self._world.clock.monotonic()
                await self._poll(at, held)
                self._poll_of(at).due = self._world.clock.monotonic() + self._interval(at, held)
        finally:
            self._busy.difference_update({at.account for at in due})

    async def _poll(self, at: Collection, held: list[ObjectKey]) -> None:
        account = self._cache.get(at.account)
        try:
            if account is not None:
                binding = await self._world.clients.connect(account)
            else:
                user = self._cache.get(held[0])
                if user is None:
                    return
                binding = await self._world.accounts.bind_for_deletion(user, is_known=True)
            moving = self._moving(held)
            with in_lane(Lane.TRANSITION if moving else Lane.ROUTINE), for_account(at.account):
                listing = await self._listings.refresh(at, binding.api)
        except (OperatorError, ClusterUnavailable) as error:
            # The class only: a LIST's own words may quote any object of the account.
            failure = type(error).__name__
            log.info("poll failed", collection=at.kind, account=str(at.account), error=failure)
            if account is not None:
                self._tell(at.account, error)
            return
        except LeadershipLost:
            raise
        except Exception as bug:  # noqa: BLE001 - which must not end the engine
            # Its words may quote the answer. The next tick that is due tries again.
            where = bug_told(bug)
            account_name = str(at.account)
            log.error("poll broke", collection=at.kind, account=account_name, exception=where)  # noqa: TRY400 - redacted
            return
        self.wake(at, held, listing)

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

    def wake(self, at: Collection, held: list[ObjectKey], listing: Listing) -> None:
        """Wake the objects whose item of a LIST changed, went or came back."""
        rest = self._world.kinds[at.kind].rest
        if rest is None:
            return
        poll = self._poll_of(at)
        before = poll.seen
        now: dict[str, int | None] = {}
        for key in held:
            obj = self._cache.get(key)
            if obj is None:
                continue
            ident = obj.path_key(rest)
            now[ident] = listing.fingerprint(ident)
            is_changed = ident in before and before[ident] != now[ident]
            if ident not in before or self._was_looked_at_since(key, at):
                # Race: it may have changed since and be what the LIST before showed once more.
                item = listing.by_id.get(ident)
                is_changed = is_changed or self._differs_from_last_look(rest, obj, item)
            if ident in listing.by_id and self._note_seen(at.account, key, listing):
                # Routine, though a whole fleet is back: an edit is not to wait behind all of it.
                self._queue.add(key, fresh=False)
            if is_changed or self._is_moving(key) or self._went_between(key, ident, listing):
                self._note_missing(at, obj, ident, listing)
                self._queue.add(key, fresh=bool(rest.list_omits))
        poll.seen, poll.seen_from = now, listing.begun_at

    def _was_looked_at_since(self, key: ObjectKey, at: Collection) -> bool:
        """Whether a pass wrote or looked since the LIST that this one is compared with."""
        memory = self._memory.peek(key)
        if memory is None:
            return False
        since = self._poll_of(at).seen_from
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
            obj = self._cache.get(key)
            if obj is None or obj.has_reported_end:
                continue
            if collection_of(self._world.kinds[key.kind], obj) == gone:
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

    def _is_moving(self, key: ObjectKey) -> bool:
        memory = self._memory.peek(key)
        return memory is not None and memory.transition.is_polled

    def _moving(self, held: list[ObjectKey]) -> list[ObjectKey]:
        return [key for key in held if self._is_moving(key)]

    def _is_short(self, at: Collection, moving: list[ObjectKey]) -> bool:
        """Whether a LIST takes fewer calls than to read what is in transition."""
        return self._listings.pages(at) <= max(SHORT_PAGES, len(moving))

    def _interval(self, at: Collection, held: list[ObjectKey]) -> float:
        polling, moving = self._world.settings.polling, self._moving(held)
        if moving and self._is_short(at, moving):
            return polling.transition_seconds
        return polling.steady_seconds

    def _last(self, at: Collection) -> float:
        # An attempt that failed counts as well: an outage is no reason to ask more often.
        return max(self._listings.begun_at(at), self._poll_of(at).tried_at)
