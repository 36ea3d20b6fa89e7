"""Who is next at a budget: its tenants get equal shares, and within a share urgent goes first.

What is urgent goes before another tenant's routine as well, up to a head start. So an edit does not
wait for anybody's reads, and who edits without end leaves the others their share.
"""

import asyncio
import heapq
import itertools
from collections import defaultdict

_HEAD_START = 8
"""So many turns more than its share a tenant may have had, for each lane that it goes before."""

_Waiter = tuple[int, int, float, "asyncio.Future[None]"]
"""Lane, order of arrival, when it came, and what is set when the turn has come."""


class Shares:
    """Callers that wait for their turn. Single event loop, no locks."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._waiting: dict[str, list[_Waiter]] = {}
        """By tenant, each a heap."""
        self._had: defaultdict[str, float] = defaultdict(float)
        """Turns that a tenant has had. Nobody saves them up: who comes anew begins level with the
        one that has had least of those who wait."""
        self._least = 0.0
        self._serial = itertools.count()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def join(self, tenant: str, lane: int, *, now: float) -> "asyncio.Future[None]":
        """Return what is set when it is this caller's turn."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if tenant not in self._waiting:
            self._had[tenant] = max(self._had[tenant], self._least)
        heap = self._waiting.setdefault(tenant, [])
        heapq.heappush(heap, (lane, next(self._serial), now, turn))
        return turn

    def ahead_of(self, tenant: str, lane: int) -> int:
        """Return how many turns, at a guess, come before that of a caller who would join now."""
        own = sum(1 for at, *_ in self._waiting.get(tenant, ()) if at <= lane)
        others = (heap for at, heap in self._waiting.items() if at != tenant)
        return own + sum(
            min(len(heap), own + 1 + max(0, lane - heap[0][0]) * _HEAD_START) for heap in others
        )

    def next(self) -> "asyncio.Future[None] | None":
        """Remove and return the turn that is next; None where everybody who waited gave up."""
        while self._waiting:
            tenant = min(self._waiting, key=self._place_of)
            self._least = max(self._least, min(self._had[at] for at in self._waiting))
            *_, turn = heapq.heappop(self._waiting[tenant])
            if not self._waiting[tenant]:
                del self._waiting[tenant]
            if not turn.done():
                self._had[tenant] += 1
                self._forget()
                return turn
        self._forget()
        return None

    def leave(self, joined_before: float) -> "list[asyncio.Future[None]]":
        """Remove and return the turns of those who came before that and still wait."""
        left: list[asyncio.Future[None]] = []
        for tenant, heap in list(self._waiting.items()):
            stays = [waiter for waiter in heap if waiter[2] >= joined_before]
            left += [waiter[-1] for waiter in heap if waiter[2] < joined_before]
            if stays:
                heapq.heapify(stays)
                self._waiting[tenant] = stays
            else:
                del self._waiting[tenant]
        self._forget()
        return [turn for turn in left if not turn.done()]

    def _place_of(self, tenant: str) -> tuple[float, int]:
        lane, serial, *_ = self._waiting[tenant][0]
        return self._had[tenant] + lane * _HEAD_START, serial

    def _forget(self) -> None:
        """Drop what says nothing any more, or each namespace ever seen would stay."""
        if not self._waiting:
            self._had.clear()
            self._least = 0.0
