"""Shared LISTs: one read of a collection serves every object in it."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import structlog

from agentrun_operator.core.errors import InvalidParameter, Unavailable
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import ResourceKind, Rest
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.settings import Polling
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.budget import for_all
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.listing import Listing
from agentrun_operator.reconcile.ports import Clock, ExternalAPI
from agentrun_operator.reconcile.slices import in_slices
from agentrun_operator.reconcile.waiting import waiting

log = structlog.get_logger(__name__)

SHORT_PAGES = 10
"""A LIST of so many pages is always made."""
_SEARCH_PAGES = 100
"""So long may a LIST be that looks for what no record names."""
_MAX_PAGES = 1000
"""No LIST is longer, however many objects of ours it would serve."""
_PAGE_ITEMS = 100
"""As many as the API puts into a page; one that holds more counts as several."""
MAX_KEPT_BYTES = 48 * 1024 * 1024
"""Of the items of all listings; what finds no room is kept in part."""


@dataclass(frozen=True, slots=True, order=True)
class Collection:
    """One LIST that the API offers: a kind of an account, below a parent, in a partition."""

    account: ObjectKey
    kind: str
    parent: str = ""
    partition: tuple[tuple[str, str], ...] = ()


def collection_of(kind: ResourceKind, obj: KubeObject) -> Collection | None:
    """Return the collection that an object's resource stands in; None before it has one."""
    source = obj.pinned_account
    if source is None or not obj.external_id:
        return None
    return collection_in(source, kind, obj)


def collection_in(source: ObjectKey, kind: ResourceKind, obj: KubeObject) -> Collection | None:
    """Return the collection of an account that an object's resource stands in, or would."""
    rest = kind.rest
    if rest is None:
        return None
    partition = tuple(
        (query, str(obj.spec.get(path) or "")) for query, path in sorted(rest.partitions.items())
    )
    return Collection(source, kind.kind, str(obj.status.get("parentId") or ""), partition)


class _Shared:
    """The newest answer per collection, and the call under way that all wait for."""

    def __init__(self) -> None:
        self.newest: dict[Collection, Listing] = {}
        self._running: dict[Collection, asyncio.Task[Listing]] = {}

    async def at_least(
        self, at: Collection, oldest: float, read: Callable[[], Coroutine[Any, Any, Listing]]
    ) -> Listing:
        """Return an answer begun at or after a monotonic time."""
        listing = self.newest.get(at)
        while listing is None or listing.begun_at < oldest:
            running = self._running.get(at)
            if running is None or running.done():
                running = asyncio.ensure_future(read())
                self._running[at] = running
            try:
                # Again where it was begun too early: all who need a newer one share the next.
                with waiting():
                    listing = await asyncio.shield(running)
            finally:
                if running.done() and self._running.get(at) is running:
                    del self._running[at]
        return listing


class _Way(Enum):
    """How a collection is read."""

    WHOLE = "whole"
    LIVE = "live"
    """What has ended would take too many pages: only what has not is listed."""
    SINGLE = "single"
    """That takes too many as well: each object is read by itself."""


class Listings:
    """The newest answer of each collection; asking for a newer one makes one LIST for all."""

    def __init__(
        self,
        kinds: Mapping[str, ResourceKind],
        cache: ObjectCache,
        clock: Clock,
        polling: Polling,
        *,
        kept_bytes: int = MAX_KEPT_BYTES,
    ) -> None:
        """Start without any answer, and room for so many bytes of items."""
        self._kinds = kinds
        self._cache = cache
        self._clock = clock
        self._polling = polling
        self._kept_bytes = kept_bytes
        self._lists = _Shared()
        self._searches = _Shared()
        self._shared: frozenset[Collection] = frozenset()
        self._begun: list[Listing] = []
        """Those that are being read."""
        self._held: dict[Collection, int] = {}
        """How many objects of ours a LIST would serve."""
        self._ways: dict[Collection, tuple[_Way, float]] = {}
        """Of the collections that are too long: how they are read, and until when (monotonic)."""
        self._endless: dict[Collection, float] = {}
        """Collections that a search found no end of, and until when (monotonic) none is tried."""
        self._places: dict[ObjectKey, tuple[int | None, Collection | None]] = {}
        """Version of each object, and where it stands: reading all of them anew takes long."""

    async def locate(self) -> None:
        """Find out where new objects stand: to count thousands of them at once takes long."""
        new = [key for key in self._cache.keys() if key not in self._places]  # noqa: SIM118 - no dict
        async for key in in_slices(new):
            self.collection(key)

    def members(self) -> dict[Collection, list[ObjectKey]]:
        """Return every collection that our objects stand in, with the keys of those objects.

        What was reported as completed is left out: nothing can happen to it any more.
        """
        found: dict[Collection, list[ObjectKey]] = {}
        places: dict[ObjectKey, tuple[int | None, Collection | None]] = {}
        for key in self._cache.keys():  # noqa: SIM118 - not a dictionary
            at = self.collection(key)
            places[key] = self._places[key]
            if at is not None:
                found.setdefault(at, []).append(key)
        self._places = places
        return found

    def collection(self, key: ObjectKey) -> Collection | None:
        """Return the collection that an object's resource stands in; None where it is in none."""
        version = self._cache.version(key)
        place = self._places.get(key)
        if place is None or place[0] != version:
            place = self._places[key] = (version, self._place_of(key))
        return place[1]

    def _place_of(self, key: ObjectKey) -> Collection | None:
        kind = self._kinds[key.kind]
        obj = None if kind.is_local else self._cache.get(key)
        return None if obj is None or obj.has_reported_end else collection_of(kind, obj)

    def is_read_by_list(self, obj: KubeObject) -> bool:
        """Whether the object's collection holds enough of ours to be read by LIST."""
        at = collection_of(self._kinds[obj.key.kind], obj)
        return at is not None and self.is_shared(at)

    def is_shared(self, at: Collection) -> bool:
        """Whether a collection is read by LIST, as of the last count."""
        return at in self._shared

    def count(self) -> dict[Collection, list[ObjectKey]]:
        """Count our objects per collection anew; return the ones that are worth a LIST."""
        members = self.members()
        self._held = {at: len(held) for at, held in members.items()}
        shared = {at: held for at, held in members.items() if self._is_worth(at, len(held))}
        self._shared = frozenset(shared)
        for at in set(self._lists.newest) - self._shared:
            del self._lists.newest[at]
        self._searches.newest.clear()
        for at in set(self._ways) - set(members):
            del self._ways[at]
        now = self._clock.monotonic()
        self._endless = {at: until for at, until in self._endless.items() if now < until}
        return shared

    def _is_worth(self, at: Collection, held: int) -> bool:
        return held > self._polling.few and self._way(at) is not _Way.SINGLE

    def _way(self, at: Collection) -> _Way:
        way, until = self._ways.get(at, (_Way.WHOLE, float("inf")))
        # After a while it may have become shorter.
        return way if self._clock.monotonic() < until else _Way.WHOLE

    async def of(self, obj: KubeObject, binding: Binding, not_before: float) -> Listing:
        """Return a listing of the object's collection, begun after `not_before`."""
        at = collection_of(self._kinds[obj.key.kind], obj)
        if at is None:
            return Listing(self._clock.monotonic(), is_whole=False)
        return await self.at_least(at, binding.api, not_before)

    async def at_least(self, at: Collection, api: ExternalAPI, not_before: float) -> Listing:
        """Return a listing begun at or after a monotonic time, at most one poll interval old.

        Where a LIST would be too long it is cut or filtered, or nothing is asked: see `is_whole`.
        """
        oldest = max(not_before, self._clock.monotonic() - self._polling.steady_seconds)
        return await self._lists.at_least(at, oldest, lambda: self.refresh(at, api))

    async def search(self, at: Collection, api: ExternalAPI) -> Listing:
        """Return a listing begun now of all that stands in a collection, or has not ended there.

        Raises:
            Unavailable: The collection has no end, so that what is not found may exist.
        """
        now = self._clock.monotonic()
        if now < self._endless.get(at, now):
            raise self._no_end(at)
        return await self._searches.at_least(at, now, lambda: self._search(at, api))

    def pages(self, at: Collection) -> int:
        """Return how many calls the newest answer of a collection took."""
        newest = self._lists.newest.get(at)
        return newest.pages if newest is not None else 0

    def begun_at(self, at: Collection) -> float:
        """Return when the newest answer of a collection was begun, monotonic."""
        newest = self._lists.newest.get(at)
        return newest.begun_at if newest is not None else float("-inf")

    async def refresh(self, at: Collection, api: ExternalAPI) -> Listing:
        """LIST a collection now."""
        rest = self._rest_of(at)
        bound = min(max(SHORT_PAGES, self._held.get(at, 0)), _MAX_PAGES)
        listing = Listing(self._clock.monotonic(), is_whole=False)
        if self._way(at) is _Way.WHOLE:
            listing = await self._walk(at, api, ({},), bound)
            if not listing.is_whole:
                self._shorten(at, _Way.LIVE if rest.live_filters else _Way.SINGLE)
        if self._way(at) is _Way.LIVE:
            listing = await self._live(at, api, bound)
            if not listing.is_whole:
                self._shorten(at, _Way.SINGLE)
            listing.is_whole = False
        self._lists.newest[at] = listing
        return listing

    async def _search(self, at: Collection, api: ExternalAPI) -> Listing:
        # Only what exists is asked for: of items themselves nothing is kept.
        found = await self._walk(at, api, ({},), _SEARCH_PAGES, keeps_items=False)
        if not found.is_whole:
            live = await self._live(at, api, _MAX_PAGES, keeps_items=False)
            if not live.is_whole:
                self._endless[at] = self._clock.monotonic() + self._polling.detail_seconds
                raise self._no_end(at)
            found.include(live)
        self._searches.newest[at] = found
        return found

    def _no_end(self, at: Collection) -> Unavailable:
        return Unavailable(f"List{self._rest_of(at).nouns}: no end after {_MAX_PAGES} pages")

    async def _live(
        self, at: Collection, api: ExternalAPI, bound: int, *, keeps_items: bool = True
    ) -> Listing:
        """LIST what has not ended; `is_whole` says whether that is all of that."""
        filters = self._rest_of(at).live_filters
        begun = self._clock.monotonic()
        try:
            return await self._walk(at, api, filters, bound, keeps_items=keeps_items)
        except InvalidParameter:
            # A server that does not know the filter.
            return Listing(begun, is_whole=False)

    async def _walk(
        self,
        at: Collection,
        api: ExternalAPI,
        filters: Sequence[Mapping[str, str]],
        bound: int,
        *,
        keeps_items: bool = True,
    ) -> Listing:
        """LIST once for each filter, to the end or to the bound."""
        listing = Listing(self._clock.monotonic(), is_whole=bool(filters))
        self._begun.append(listing)
        try:
            await self._fill(listing, at, api, filters, bound, keeps_items=keeps_items)
        finally:
            self._begun = [each for each in self._begun if each is not listing]
        return listing

    async def _fill(
        self,
        listing: Listing,
        at: Collection,
        api: ExternalAPI,
        filters: Sequence[Mapping[str, str]],
        bound: int,
        *,
        keeps_items: bool,
    ) -> None:
        rest = self._rest_of(at)
        for asked in filters:
            cursor, is_first = None, True
            while is_first or cursor is not None:
                if max(listing.pages, len(listing.by_id) / _PAGE_ITEMS) >= bound:
                    listing.is_whole = False
                    return
                with for_all():
                    page = await api.read_page(
                        rest,
                        parent=at.parent or None,
                        partition={**dict(at.partition), **asked},
                        cursor=cursor,
                    )
                await listing.take(rest, page, self._room(at, listing) if keeps_items else 0)
                cursor, is_first = page.cursor, False

    def _room(self, at: Collection, listing: Listing) -> int:
        """Return how many bytes of items a listing may keep: half of what the others leave."""
        others = [each for place, each in self._lists.newest.items() if place != at]
        others += [each for each in self._begun if each is not listing]
        return max(0, self._kept_bytes - sum(each.size for each in others)) // 2

    def _rest_of(self, at: Collection) -> Rest:
        rest = self._kinds[at.kind].rest
        if rest is None:
            raise ValueError(f"{at.kind} has no collection")
        return rest

    def _shorten(self, at: Collection, way: _Way) -> None:
        self._ways[at] = (way, self._clock.monotonic() + self._polling.detail_seconds)
        log.info("a LIST is too long", collection=at.kind, account=str(at.account), now=way.value)
