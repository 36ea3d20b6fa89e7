"""One answer of a collection: what is kept of its items."""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentrun_operator.core.kind import KeyedBy, Rest
from agentrun_operator.reconcile.ports import Json, Page

LARGE_ITEM_BYTES = 16 * 1024
"""A collection of thousands of larger ones would fill the memory."""
_LARGE_PAGE_BYTES = 64 * 1024
_MANY_ITEMS = 1000
"""To take in a larger page, or more items, takes a thread, so that nobody waits for it."""
_MAX_IDENT = 256
"""No id and no name of ours is longer."""
_MAX_TOLD = 128
"""Of a state, a name or a token of an item that is kept in part; a longer one is left out."""


@dataclass(slots=True)
class Listing:
    """One answer. Items are found by the id or name that their object has."""

    begun_at: float
    """Monotonic time before the first page: what was written later need not be in it."""
    by_id: dict[str, Json] = field(default_factory=dict, repr=False)
    is_whole: bool = True
    """Otherwise it was cut or filtered: what it lacks may exist, and only a read can tell."""
    pages: int = 0
    """How many calls it took."""
    large: set[str] = field(default_factory=set)
    """Whose items are kept in part: who needs all of one reads the resource itself."""
    prints: dict[str, int] = field(default_factory=dict, repr=False)
    size: int = 0
    """Bytes of the items that are kept whole."""

    async def take(self, rest: Rest, page: Page, room: int) -> None:
        """Take in one page; `room` is how many bytes of items may be kept whole in all."""
        self.pages += 1
        if page.size < _LARGE_PAGE_BYTES and len(page.items) <= _MANY_ITEMS:
            self._take(rest, page, room)
        else:
            await asyncio.to_thread(self._take, rest, page, room)

    def _take(self, rest: Rest, page: Page, room: int) -> None:
        for item in page.items:
            self._add(rest, item, room)

    def _add(self, rest: Rest, item: Json, room: int) -> None:
        ident = _text(item, rest.name_field if rest.key is KeyedBy.NAME else rest.id_field)
        if len(ident) > _MAX_IDENT:
            return
        # As it is: to escape what is not ASCII takes several times as long.
        text = json.dumps(item, sort_keys=True, default=str, ensure_ascii=False)
        size = sys.getsizeof(text)
        self.prints[ident] = hash(text)
        self.large.discard(ident)
        if len(text) > LARGE_ITEM_BYTES or self.size + size > room:
            item = dict(_told(rest, item))
            self.large.add(ident)
        else:
            self.size += size
        self.by_id[ident] = item

    def include(self, other: "Listing") -> None:
        """Take in what another listing shows; it counts as the newer one."""
        self.by_id |= other.by_id
        self.large = (self.large - other.by_id.keys()) | other.large
        self.prints |= other.prints
        self.size += other.size

    def fingerprint(self, ident: str) -> int | None:
        """Return something that changes when the item does; None when it is absent."""
        return self.prints.get(ident)


def _told(rest: Rest, item: Json) -> Iterator[tuple[str, Any]]:
    """Yield what tells an item apart, and whether it changed."""
    told = (*rest.external_id_fields, rest.name_field, rest.change_token, rest.state_field)
    for name in dict.fromkeys(told):
        if name is not None and len(_text(item, name)) <= _MAX_TOLD and name in item:
            yield name, item[name]


def _text(item: Mapping[str, Any], name: str | None) -> str:
    return str(item.get(name or "") or "")
