"""The work queue: one key at most once in it, never in two workers, delays on a heap.

Semantics are those of client-go: a key added while in flight runs again right after; a key added
while it waits for a delay runs now. What changed goes before routine, so that an edit does not wait
for a resync; so does what is nearly done. Within both, namespaces and their accounts take turns,
and none of them has more than its share of the passes in flight: no tenant waits behind all of
another one's work. Within a turn what is nearly done goes first, as far as `turns.py` lets it.
"""

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import itemgetter

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Clock, Metrics
from agentrun_operator.reconcile.turns import Flow, Turns

_ROUTINE_EVERY = 8
"""Every so many keys routine has the first choice, so that it does not starve."""


@dataclass(frozen=True, slots=True)
class Work:
    """One key to reconcile."""

    key: ObjectKey
    fresh: bool
    """Something changed that a shared LIST may not show yet: read the resource itself."""
    is_nearly_done: bool = False
    """The resource is said to be READY, or likely to be: what is left is to see and report that."""

    @property
    def is_urgent(self) -> bool:
        """Whether it goes before routine."""
        return self.fresh or self.is_nearly_done

    def __or__(self, other: "Work") -> "Work":
        """Return the pass that does for both of two that were asked for of one key."""
        return Work(
            self.key, self.fresh or other.fresh, self.is_nearly_done or other.is_nearly_done
        )


def by_namespace(key: ObjectKey) -> Flow:
    """Tell keys apart by their namespace alone."""
    return Flow(key.namespace)


class WorkQueue:
    """Keys that want a pass. Single event loop, no locks.

    `workers` passes are at work at a time; a pass that waits for the cloud is not (`leave`). How
    many may wait is limited for each account of a namespace to as many, and for the namespace to
    twice as many, so that an account without an answer leaves room for another one. What changed
    may have a quarter more, so that an edit finds room behind routine that waits. What is nearly
    done has a quarter of its own beside that: creates that wait for the budget leave no room else.
    """

    def __init__(
        self,
        clock: Clock,
        metrics: Metrics,
        *,
        workers: int = 32,
        flow_of: Callable[[ObjectKey], Flow] = by_namespace,
    ) -> None:
        """Start empty."""
        self._clock = clock
        self._metrics = metrics
        self._workers = workers
        self._flow_of = flow_of
        self._ready: dict[ObjectKey, tuple[Flow, Work]] = {}
        """Keys that wait for a worker: their flow, and what was asked for."""
        self._urgent, self._routine = Turns(), Turns()
        """Those of the ready that are fresh or nearly done, and the others."""
        self._taken = 0
        self._since: dict[ObjectKey, float] = {}
        self._in_flight: dict[ObjectKey, Flow] = {}
        self._flying: Counter[Flow | tuple[str, bool]] = Counter()
        """How many are in flight, by flow and by namespace, those that are nearly done apart."""
        self._away: set[ObjectKey] = set()
        """Those of the keys in flight whose pass waits for the cloud."""
        self._again: dict[ObjectKey, Work] = {}
        self._delayed: list[tuple[float, int, ObjectKey]] = []
        self._due: dict[ObjectKey, float] = {}
        self._serial = itertools.count()
        self._changed = asyncio.Event()
        self._depth: dict[str, int] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def in_flight(self) -> int:
        """How many keys are in a pass right now."""
        return len(self._in_flight)

    @property
    def at_work(self) -> int:
        """How many of them do not wait for the cloud."""
        return len(self._in_flight) - len(self._away)

    @property
    def delayed(self) -> int:
        """How many keys wait for their time."""
        return len(self._due)

    def oldest(self, most: int) -> list[tuple[ObjectKey, float]]:
        """Return up to `most` keys that wait longest for a worker, and for how many seconds."""
        now = self._clock.monotonic()
        found = heapq.nsmallest(most, self._since.items(), key=itemgetter(1))
        return [(key, now - since) for key, since in found]

    def close(self) -> None:
        """Hand out nothing more; passes in flight may end."""
        self._closed = True

    def add(self, key: ObjectKey, *, fresh: bool = True, is_nearly_done: bool = False) -> None:
        """Ask for a pass as soon as it is the key's turn."""
        self.ask(Work(key, fresh, is_nearly_done))

    def ask(self, work: Work) -> None:
        """Ask for a pass; one that is asked for already is to do for both."""
        key = work.key
        self._due.pop(key, None)
        if key in self._in_flight:
            self._again[key] = self._again.get(key, work) | work
            return
        if key not in self._ready:
            self._since[key] = self._clock.monotonic()
            self._metrics.queue_added(key.kind)
            self._count(key, 1)
            self._put(self._flow_of(key), work)
        elif (more := self._ready[key][1] | work) != self._ready[key][1]:
            self._put(self._pull(key), more)
        self._changed.set()

    def add_after(self, key: ObjectKey, seconds: float) -> None:
        """Ask for a pass after a delay; an earlier request for the same key wins."""
        due = self._clock.monotonic() + max(0.0, seconds)
        if key in self._ready or key in self._again or self._due.get(key, due + 1) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._delayed, (due, next(self._serial), key))
        self._changed.set()

    def forget(self, key: ObjectKey) -> None:
        """Drop a key that no longer exists; a pass in flight finds that out by itself."""
        self._due.pop(key, None)
        self._again.pop(key, None)
        if key in self._ready:
            self._pull(key)
            self._since.pop(key, None)
            self._count(key, -1)

    async def take(self) -> Work:
        """Wait for the next key and mark it in flight; `done` must follow."""
        while True:
            pause = self._promote()
            work = self._next()
            if work is not None:
                return work
            self._changed.clear()
            await self._wait(pause)

    def leave(self, key: ObjectKey) -> None:
        """Let the pass of a key wait for the cloud: another one may begin in its place."""
        if key in self._in_flight:
            self._away.add(key)
            self._changed.set()

    def come_back(self, key: ObjectKey) -> None:
        """Let the pass of a key go on, at once, however many others are at work."""
        self._away.discard(key)

    def done(self, key: ObjectKey) -> None:
        """End the pass of a key; a request that came meanwhile is served at its next turn."""
        flow = self._in_flight.pop(key, None)
        self._away.discard(key)
        if flow is not None:
            self.note_flight(flow, -1)
        work = self._again.pop(key, None)
        if work is not None:
            self.ask(work)
        self._changed.set()

    # ------------------------------------------------------------ turns

    def _next(self) -> Work | None:
        """Take what somebody waits for before routine, without letting routine starve."""
        if self._closed or self.at_work >= self._workers:
            return None
        lanes = [(self._urgent, self._has_room_for_urgent), (self._routine, self._has_room)]
        if (self._taken + 1) % _ROUTINE_EVERY == 0:
            lanes.reverse()
        found = next((f for turns, room in lanes if (f := turns.take(room)) is not None), None)
        if found is None:
            return None
        self._taken += 1
        flow, key = found
        _, work = self._ready.pop(key)
        flow = replace(flow, is_nearly_done=work.is_nearly_done)
        self._in_flight[key] = flow
        self.note_flight(flow, 1)
        self._count(key, -1)
        self._metrics.queue_waited(key.kind, self._clock.monotonic() - self._since.pop(key))
        return work

    def _has_room(self, flow: Flow) -> bool:
        return self._is_below(flow, self._workers)

    def _has_room_for_urgent(self, flow: Flow) -> bool:
        quarter = max(1, self._workers // 4)
        return self._is_below(flow, quarter if flow.is_nearly_done else self._workers + quarter)

    def _is_below(self, flow: Flow, most: int) -> bool:
        of_namespace = self._flying[flow.namespace, flow.is_nearly_done]
        return self._flying[flow] < most and of_namespace < 2 * most

    def note_flight(self, flow: Flow, change: int) -> None:
        """Count passes in flight, by flow and by namespace."""
        for at in (flow, (flow.namespace, flow.is_nearly_done)):
            self._flying[at] += change
            if not self._flying[at]:
                del self._flying[at]

    def _put(self, flow: Flow, work: Work) -> None:
        self._ready[work.key] = flow, work
        self._lane_of(work).add(flow, work.key, is_nearly_done=work.is_nearly_done)

    def _pull(self, key: ObjectKey) -> Flow:
        flow, work = self._ready.pop(key)
        self._lane_of(work).remove(flow, key)
        return flow

    def _lane_of(self, work: Work) -> Turns:
        return self._urgent if work.is_urgent else self._routine

    # ------------------------------------------------------------ time

    def _promote(self) -> float | None:
        """Move what is due to the ready set; return the seconds until the next delay ends."""
        now = self._clock.monotonic()
        while self._delayed:
            due, _, key = self._delayed[0]
            if self._due.get(key) != due:
                heapq.heappop(self._delayed)
            elif due <= now:
                heapq.heappop(self._delayed)
                self.add(key, fresh=False)
            else:
                return due - now
        return None

    async def _wait(self, pause: float | None) -> None:
        if pause is None:
            await self._changed.wait()
            return
        sleeper = asyncio.ensure_future(self._clock.sleep(pause))
        waiter = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({sleeper, waiter}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            waiter.cancel()

    def _count(self, key: ObjectKey, change: int) -> None:
        depth = self._depth.get(key.kind, 0) + change
        self._depth[key.kind] = depth
        self._metrics.queue_depth(key.kind, depth)
