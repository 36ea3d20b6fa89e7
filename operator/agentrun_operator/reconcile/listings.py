"""Shared LISTs: one read of a collection serves every object in it."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentrun_operator.core.errors import Unavailable
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import KeyedBy, ResourceKind, Rest
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.settings import Polling
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.ports import Clock, ExternalAPI, Json

MAX_PAGES = 1000
"""A collection with more is one whose pages do not end."""


@dataclass(frozen=True, slots=True, order=True)
class Collection:
    """One LIST that the API offers: a kind of an account, below a parent, in a partition."""

    account: ObjectKey
    kind: str
    parent: str = ""
    partition: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Listing:
    """One answer. Items are found by the id or name that their object has."""

    begun_at: float
    """Monotonic time before the first page: what was written later need not be in it."""
    by_id: Mapping[str, Json] = field(repr=False)

    def fingerprint(self, ident: str) -> int | None:
        """Return something that changes when the item does; None when it is absent."""
        item = self.by_id.get(ident)
        return None if item is None else hash(json.dumps(item, sort_keys=True, default=str))


def collection_of(kind: ResourceKind, obj: KubeObject) -> Collection | None:
    """Return the collection that an object's resource stands in; None before it has one."""
    rest = kind.rest
    pinned = obj.status.get("account")
    if rest is None or not pinned or not obj.external_id:
        return None
    account = str(pinned.get("kind") or "")
    source = ObjectKey(
        account,
        obj.key.namespace if account == "Account" else "",
        str(pinned.get("name") or ""),
    )
    partition = tuple(
        (query, str(obj.spec.get(path) or "")) for query, path in sorted(rest.partitions.items())
    )
    return Collection(source, kind.kind, str(obj.status.get("parentId") or ""), partition)


def ident_of(rest: Rest, obj: KubeObject) -> str:
    """Return what finds an object's item in a listing: its name where that is the key."""
    if rest.key is KeyedBy.NAME:
        return str(obj.status.get("externalName") or obj.external_name)
    return obj.external_id or ""


class Listings:
    """The newest answer of each collection; asking for a newer one makes one LIST for all."""

    def __init__(
        self, kinds: Mapping[str, ResourceKind], cache: ObjectCache, clock: Clock, polling: Polling
    ) -> None:
        """Start without any answer."""
        self._kinds = kinds
        self._cache = cache
        self._clock = clock
        self._polling = polling
        self._newest: dict[Collection, Listing] = {}
        self._running: dict[Collection, asyncio.Task[Listing]] = {}
        self._shared: frozenset[Collection] = frozenset()
        self._places: dict[ObjectKey, tuple[int | None, Collection | None]] = {}
        """Version of each object, and where it stands: reading all of them anew takes long."""

    def members(self) -> dict[Collection, list[ObjectKey]]:
        """Return every collection that our objects stand in, with the keys of those objects."""
        found: dict[Collection, list[ObjectKey]] = {}
        places: dict[ObjectKey, tuple[int | None, Collection | None]] = {}
        for key in self._cache.keys():  # noqa: SIM118 - not a dictionary
            version = self._cache.version(key)
            place = self._places.get(key)
            if place is None or place[0] != version:
                place = (version, self._place_of(key))
            places[key] = place
            if place[1] is not None:
                found.setdefault(place[1], []).append(key)
        self._places = places
        return found

    def _place_of(self, key: ObjectKey) -> Collection | None:
        kind = self._kinds[key.kind]
        obj = None if kind.is_local else self._cache.get(key)
        return None if obj is None else collection_of(kind, obj)

    def covers(self, obj: KubeObject) -> bool:
        """Whether the object's collection holds enough of ours to be read by LIST."""
        at = collection_of(self._kinds[obj.key.kind], obj)
        return at is not None and at in self._shared

    def survey(self) -> dict[Collection, list[ObjectKey]]:
        """Count our objects per collection anew; return the ones that are worth a LIST."""
        members = self.members()
        shared = {at: held for at, held in members.items() if len(held) > self._polling.few}
        self._shared = frozenset(shared)
        for at in set(self._newest) - self._shared:
            del self._newest[at]
        return shared

    async def item(self, obj: KubeObject, binding: Binding, not_before: float) -> Json | None:
        """Return the object's item in a listing begun after `not_before`; None when absent."""
        kind = self._kinds[obj.key.kind]
        at = collection_of(kind, obj)
        if at is None or kind.rest is None:
            return None
        listing = await self.at_least(at, binding.api, not_before)
        found = listing.by_id.get(ident_of(kind.rest, obj))
        return dict(found) if found is not None else None

    async def at_least(self, at: Collection, api: ExternalAPI, not_before: float) -> Listing:
        """Return a listing begun at or after a monotonic time, at most one poll interval old."""
        oldest = max(not_before, self._clock.monotonic() - self._polling.steady_seconds)
        listing = self._newest.get(at)
        while listing is None or listing.begun_at < oldest:
            running = self._running.get(at)
            if running is None or running.done():
                running = asyncio.ensure_future(self._read(at, api))
                self._running[at] = running
            try:
                # Again where it was begun too early: all who need a newer one share the next.
                listing = await asyncio.shield(running)
            finally:
                if running.done() and self._running.get(at) is running:
                    del self._running[at]
        return listing

    async def refresh(self, at: Collection, api: ExternalAPI) -> Listing:
        """LIST a collection now."""
        return await self._read(at, api)

    def begun_at(self, at: Collection) -> float:
        """Return when the newest answer of a collection was begun, monotonic."""
        newest = self._newest.get(at)
        return newest.begun_at if newest is not None else float("-inf")

    async def _read(self, at: Collection, api: ExternalAPI) -> Listing:
        kind = self._kinds[at.kind]
        rest = kind.rest
        if rest is None:
            raise ValueError(f"{at.kind} has no collection")
        begun = self._clock.monotonic()
        by_id: dict[str, Json] = {}
        cursor: str | None = None
        field_name = rest.name_field if rest.key is KeyedBy.NAME else rest.id_field
        for _ in range(MAX_PAGES):
            page = await api.read_page(
                rest, parent=at.parent or None, partition=dict(at.partition), cursor=cursor
            )
            for item in page.items:
                by_id[_text(item, field_name)] = item
            cursor = page.cursor
            if cursor is None:
                break
        else:
            raise Unavailable(f"List{rest.nouns}: no end after {MAX_PAGES} pages")
        listing = Listing(begun, by_id)
        self._newest[at] = listing
        return listing


def _text(item: Mapping[str, Any], name: str | None) -> str:
    return str(item.get(name or "") or "")
