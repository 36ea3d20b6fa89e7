"""The work queue: one key at most once in it, never in two workers, delays on a heap.

Semantics are those of client-go: a key added while in flight runs again right after; a key added
while it waits for a delay runs now. What changed goes before routine, so that an edit does not wait
for a resync.
"""

import asyncio
import heapq
import itertools
from dataclasses import dataclass

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Clock, Metrics

_OLDEST_EVERY = 8
"""Every so many keys the one that waits longest is served, whatever its lane."""


@dataclass(frozen=True, slots=True)
class Work:
    """One key to reconcile."""

    key: ObjectKey
    fresh: bool
    """Something changed that a shared LIST may not show yet: read the resource itself."""


class WorkQueue:
    """Keys that want a pass. Single event loop, no locks."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        """Start empty."""
        self._clock = clock
        self._metrics = metrics
        self._ready: dict[ObjectKey, bool] = {}
        self._urgent: dict[ObjectKey, None] = {}
        """The fresh ones among the ready."""
        self._taken = 0
        self._since: dict[ObjectKey, float] = {}
        self._in_flight: set[ObjectKey] = set()
        self._again: dict[ObjectKey, bool] = {}
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

    def close(self) -> None:
        """Hand out nothing more; passes in flight may end."""
        self._closed = True

    def add(self, key: ObjectKey, *, fresh: bool = True) -> None:
        """Ask for a pass as soon as a worker is free."""
        self._due.pop(key, None)
        if key in self._in_flight:
            self._again[key] = self._again.get(key, False) or fresh
            return
        if key not in self._ready:
            self._since[key] = self._clock.monotonic()
            self._metrics.queue_added(key.kind)
            self._count(key, 1)
        self._ready[key] = self._ready.get(key, False) or fresh
        if fresh:
            self._urgent[key] = None
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
        self._urgent.pop(key, None)
        if self._ready.pop(key, None) is not None:
            self._since.pop(key, None)
            self._count(key, -1)

    async def take(self) -> Work:
        """Wait for the next key and mark it in flight; `done` must follow."""
        while True:
            pause = self._promote()
            if self._ready and not self._closed:
                key = self._next()
                fresh = self._ready.pop(key)
                self._urgent.pop(key, None)
                self._in_flight.add(key)
                self._count(key, -1)
                waited = self._clock.monotonic() - self._since.pop(key)
                self._metrics.queue_waited(key.kind, waited)
                return Work(key, fresh)
            self._changed.clear()
            await self._wait(pause)

    def _next(self) -> ObjectKey:
        """Return what somebody waits for before routine, without letting routine starve."""
        self._taken += 1
        is_turn_of_oldest = self._taken % _OLDEST_EVERY == 0
        return next(iter(self._ready if is_turn_of_oldest or not self._urgent else self._urgent))

    def done(self, key: ObjectKey) -> None:
        """End the pass of a key; a request that came meanwhile is served now."""
        self._in_flight.discard(key)
        fresh = self._again.pop(key, None)
        if fresh is not None:
            self.add(key, fresh=fresh)

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
