"""One answer of a collection: what is kept of its items."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentrun_operator.core.kind import KeyedBy, Rest
from agentrun_operator.reconcile.ports import Json

LARGE_ITEM_BYTES = 16 * 1024
"""A collection of thousands of larger ones would fill the memory."""


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

    def add(self, rest: Rest, item: Json) -> None:
        """Take in one item."""
        ident = _text(item, rest.name_field if rest.key is KeyedBy.NAME else rest.id_field)
        text = json.dumps(item, sort_keys=True, default=str)
        self.prints[ident] = hash(text)
        self.large.discard(ident)
        if len(text) > LARGE_ITEM_BYTES:
            told = (rest.id_field, rest.name_field, rest.change_token, rest.state_field)
            item = {name: value for name, value in item.items() if name in told}
            self.large.add(ident)
        self.by_id[ident] = item

    def include(self, other: "Listing") -> None:
        """Take in what another listing shows; it counts as the newer one."""
        self.by_id |= other.by_id
        self.large = (self.large - other.by_id.keys()) | other.large
        self.prints |= other.prints

    def fingerprint(self, ident: str) -> int | None:
        """Return something that changes when the item does; None when it is absent."""
        return self.prints.get(ident)


def _text(item: Mapping[str, Any], name: str | None) -> str:
    return str(item.get(name or "") or "")
