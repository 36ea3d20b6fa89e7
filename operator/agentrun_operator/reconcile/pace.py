"""When each collection is read: at regular times, and early where an end is likely.

To find that out takes work in proportion to what is in transition, not to what there is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.early_looks import STEP_SECONDS, KindInAccount
from agentrun_operator.reconcile.listings import SHORT_PAGES, Collection
from agentrun_operator.reconcile.transition import ExpectedEnd
from agentrun_operator.reconcile.world import World


@dataclass(slots=True)
class _Poll:
    """What was done for one collection; all times are monotonic."""

    due: float | None = None
    """When the next regular LIST follows the last one."""
    regular_at: float = float("-inf")
    """When the last regular LIST was tried."""
    tried_at: float = float("-inf")
    """When the last LIST was tried, regular or early."""
    early_from: float = float("-inf")
    """When the last early LIST was begun that was answered."""
    read_at: float = float("-inf")
    """When what is in transition there was last read by itself."""
    has_failed: bool = False
    """Whether the last LIST failed. Then a regular one is to try first."""


class Pace:
    """What is in transition, and when it and the rest are looked at."""

    def __init__(self, world: World) -> None:
        """Start with no collection."""
        self._world = world
        self._memory = world.memory
        self._listings = world.listings
        self._polls: dict[Collection, _Poll] = {}
        self._moving: dict[Collection, list[ObjectKey]] = {}

    # ------------------------------------------------------------ what is in transition

    def find_moving(self) -> Mapping[Collection, Sequence[ObjectKey]]:
        """Find out anew what is in transition, and in which collections."""
        self._moving = {}
        for key in self._memory.in_transition():
            at = self._listings.collection(key)
            if at is not None:
                self._moving.setdefault(at, []).append(key)
        return self._moving

    @property
    def is_quick(self) -> bool:
        """Whether there is something to look at early."""
        return bool(self._moving)

    def moving(self, at: Collection) -> Sequence[ObjectKey]:
        """Return what is in transition in a collection."""
        return self._moving.get(at, ())

    def end_of(self, key: ObjectKey) -> ExpectedEnd | None:
        """Return which end is expected of an object that is in transition."""
        memory = self._memory.peek(key)
        if memory is None or not memory.transition.is_polled:
            return None
        return memory.transition.expected

    # ------------------------------------------------------------ LISTs

    def keep(self, shared: Mapping[Collection, object]) -> list[Collection]:
        """Forget collections that are no longer worth a LIST; return them."""
        for at in shared.keys() - self._polls.keys():
            self._polls[at] = _Poll()
        gone = [at for at in self._polls if at not in shared]
        for at in gone:
            del self._polls[at]
        return gone

    def is_due(self, at: Collection) -> bool:
        """Whether to LIST a collection now."""
        return self.is_regular_due(at) or self.is_early_due(at)

    def is_regular_due(self, at: Collection) -> bool:
        """Whether to LIST without hope for anything in particular."""
        now, poll = self._world.clock.monotonic(), self._poll_of(at)
        if poll.due is None:
            poll.due = now + self._interval(at)
        last, begun_at = poll.regular_at, self._listings.begun_at(at)
        if begun_at != poll.early_from:
            # Early looks move no regular one; the LIST that a pass has made will do.
            last = max(last, begun_at)
        # A transition that began meanwhile brings the next LIST forward.
        return now >= min(poll.due, last + self._interval(at))

    def is_early_due(self, at: Collection) -> bool:
        """Whether to LIST because something may be at its end, and that can be paid."""
        moving, poll = self.moving(at), self._poll_of(at)
        if not moving or poll.has_failed or not self._is_short(at):
            return False
        if not self._world.clients.is_calm(at.account):
            return False
        # An attempt that failed counts as well: an outage is no reason to ask more often.
        now, last = self._world.clock.monotonic(), max(self._listings.begun_at(at), poll.tried_at)
        if now < last + STEP_SECONDS:
            return False
        ends = (end for key in moving if (end := self.end_of(key)) is not None)
        looks = self._world.early_looks
        return now >= looks.next_look(_kind_at(at), ends, last, self._calls(at))

    def begin(self, at: Collection, *, is_early: bool) -> None:
        """Note that a LIST is about to be made. An early one is paid now, whatever comes of it."""
        poll = self._poll_of(at)
        poll.tried_at = self._world.clock.monotonic()
        if is_early:
            self._world.early_looks.spend(_kind_at(at), self._calls(at))
        else:
            poll.regular_at = poll.tried_at

    def end(self, at: Collection, *, is_early: bool, is_answered: bool) -> None:
        """Note what became of a LIST."""
        poll = self._poll_of(at)
        poll.has_failed = not is_answered
        if not is_early:
            poll.due = self._world.clock.monotonic() + self._interval(at)
        elif is_answered:
            poll.early_from = self._listings.begun_at(at)

    # ------------------------------------------------------------ reads of single resources

    def take_regular_reads(self, at: Collection) -> Sequence[ObjectKey]:
        """Return what is to be read by itself now, because a LIST takes many calls."""
        if not self._is_read_alone(at):
            return ()
        now, poll = self._world.clock.monotonic(), self._poll_of(at)
        last = max(self._listings.begun_at(at), poll.tried_at, poll.read_at)
        if now - last < self._world.settings.polling.transition_seconds:
            return ()
        poll.read_at = now
        return self.moving(at)

    def take_early_reads(self) -> Iterator[ObjectKey]:
        """Pay for reads of what no LIST of a few calls shows, and whose end is likely; yield it."""
        now, looks = self._world.clock.monotonic(), self._world.early_looks
        for at, moving in self._moving.items():
            is_listed = self._listings.is_shared(at) and not self._is_read_alone(at)
            if is_listed or not self._world.clients.is_calm(at.account):
                continue
            for key in moving:
                end = self.end_of(key)
                if end is not None and looks.begin_own_look(_kind_at(at), end, now):
                    yield key

    # ------------------------------------------------------------

    def _poll_of(self, at: Collection) -> _Poll:
        return self._polls.setdefault(at, _Poll())

    def _is_read_alone(self, at: Collection) -> bool:
        return bool(self.moving(at)) and not self._is_short(at)

    def _is_short(self, at: Collection) -> bool:
        """Whether a LIST takes fewer calls than to read what is in transition."""
        return self._listings.pages(at) <= max(SHORT_PAGES, len(self.moving(at)))

    def _calls(self, at: Collection) -> int:
        """Return how many calls a LIST takes, as far as that is known."""
        return max(1, self._listings.pages(at))

    def _interval(self, at: Collection) -> float:
        polling = self._world.settings.polling
        if self.moving(at) and self._is_short(at):
            return polling.transition_seconds
        return polling.steady_seconds


def _kind_at(at: Collection) -> KindInAccount:
    return KindInAccount(at.account, at.kind)
