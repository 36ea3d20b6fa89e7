"""Who is next at a budget: its tenants get equal shares, and within a share urgent goes first.

What is urgent goes before another tenant's routine as well, up to a head start. So an edit does not
wait for anybody's reads, and who edits without end leaves the others their share.
"""

import asyncio
import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet

from agentrun_operator.reconcile.throttling import Scope

_HEAD_START = 8
"""So many turns more than its share a tenant may have had, for each lane that it goes before."""

_Turn = asyncio.Future[None]
_Waiter = tuple[int, int, float, _Turn]
"""Lane, order of arrival, when it came, and what is set when the turn has come."""


class Shares:
    """Callers that wait for their turn. Single event loop, no locks."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._waiting: dict[str, dict[str, list[_Waiter]]] = {}
        """By tenant and operation, each a heap."""
        self._had: defaultdict[str, float] = defaultdict(float)
        """Turns that a tenant has had. Nobody saves them up: who comes anew begins level with the
        one that has had least of those who wait."""
        self._least = 0.0
        self._serial = itertools.count()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __len__(self) -> int:
        return sum(len(heap) for heaps in self._waiting.values() for heap in heaps.values())

    def calls(self) -> Iterator[Scope]:
        """Yield which operations are waited for, and by whom."""
        for tenant, heaps in self._waiting.items():
            for operation in heaps:
                yield Scope(operation, tenant)

    def join(self, tenant: str, lane: int, *, now: float, operation: str = "") -> _Turn:
        """Return what is set when it is this caller's turn."""
        turn: _Turn = asyncio.get_running_loop().create_future()
        if tenant not in self._waiting:
            self._had[tenant] = max(self._had[tenant], self._least)
        heap = self._waiting.setdefault(tenant, {}).setdefault(operation, [])
        heapq.heappush(heap, (lane, next(self._serial), now, turn))
        return turn

    def ahead_of(self, tenant: str, lane: int, counts: Callable[[Scope], bool]) -> int:
        """Return how many turns, at a guess, come before that of a caller who would join now.

        Args:
            tenant: On whose behalf the caller would join.
            lane: In which lane.
            counts: Whether a call that waits is to be counted.
        """
        own, others = 0, 0
        waiting = {
            at: [heap for operation, heap in heaps.items() if counts(Scope(operation, at))]
            for at, heaps in self._waiting.items()
        }
        for heap in waiting.pop(tenant, ()):
            own += sum(1 for at, *_ in heap if at <= lane)
        for heaps in waiting.values():
            if heaps:
                best = min(heap[0][0] for heap in heaps)
                most = own + 1 + max(0, lane - best) * _HEAD_START
                others += min(sum(map(len, heaps)), most)
        return own + others

    def next(self, place_of: Callable[[Scope], float | None]) -> tuple[Scope, _Turn] | None:
        """Remove and return who is next, and the turn; None where nobody who waits may go.

        Args:
            place_of: Where a call stands before all else, lower first; None: it may not go now.
        """
        while True:
            may_go = {call: place for call in self.calls() if (place := place_of(call)) is not None}
            if not may_go:
                self._forget()
                return None
            self._level({call.tenant for call in may_go})
            call = min(may_go, key=lambda each: (may_go[each], *self._place_of(each)))
            *_, turn = heapq.heappop(self._waiting[call.tenant][call.operation])
            self._drop_empty(call)
            if not turn.done():
                self._had[call.tenant] += 1
                self._forget()
                return call, turn

    def leave(self, joined_before: Callable[[Scope], float]) -> list[tuple[Scope, _Turn]]:
        """Remove and return the turns of those who came before that and still wait."""
        left: list[tuple[Scope, _Turn]] = []
        for call in list(self.calls()):
            edge, heap = joined_before(call), self._waiting[call.tenant][call.operation]
            stays = [waiter for waiter in heap if waiter[2] >= edge]
            left += [(call, waiter[-1]) for waiter in heap if waiter[2] < edge]
            heapq.heapify(stays)
            self._waiting[call.tenant][call.operation] = stays
            self._drop_empty(call)
        self._forget()
        return [(call, turn) for call, turn in left if not turn.done()]

    def _level(self, tenants: AbstractSet[str]) -> None:
        """Let nobody save up turns while it may not have any."""
        for tenant in tenants:
            self._had[tenant] = max(self._had[tenant], self._least)
        self._least = min(self._had[tenant] for tenant in tenants)

    def _drop_empty(self, call: Scope) -> None:
        heaps = self._waiting[call.tenant]
        if not heaps[call.operation]:
            del heaps[call.operation]
        if not heaps:
            del self._waiting[call.tenant]

    def _place_of(self, call: Scope) -> tuple[float, int]:
        lane, serial, *_ = self._waiting[call.tenant][call.operation][0]
        return self._had[call.tenant] + lane * _HEAD_START, serial

    def _forget(self) -> None:
        """Drop what says nothing any more, or each namespace ever seen would stay."""
        if not self._waiting:
            self._had.clear()
            self._least = 0.0
