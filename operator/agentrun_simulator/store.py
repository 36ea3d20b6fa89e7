"""What exists in one account and region, and what is about to change by itself.

Nothing runs in the background: every request first lets the due transitions happen.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any

from agentrun_simulator.family import Family, Reference

READY = "READY"
CREATING = "CREATING"
UPDATING = "UPDATING"
DELETING = "DELETING"


@dataclass(eq=False)
class Record:
    """One resource, with everything that was ever sent for it."""

    family: Family
    key: str
    parent: str | None
    data: dict[str, Any]
    """Wire fields by name, write-only ones included."""
    created: datetime
    updated: datetime
    status: str = ""
    reason: str = ""
    pending: "dict[str, Pending]" = field(default_factory=dict)
    """What is about to happen, by what it concerns."""
    versions: list[dict[str, Any]] = field(default_factory=list)
    """Published snapshots, oldest first."""

    @property
    def name(self) -> str:
        """The unique name."""
        return str(self.data.get(self.family.name_field, self.key))


@dataclass(eq=False)
class Pending:
    """A change that happens at a given moment unless another one replaces it."""

    due: datetime
    apply: Callable[[Record, datetime], None]
    """Receives the record and the moment it was due."""


Identity = tuple[str, str]
"""Family name and key."""
Handle = tuple[str | None, str]
"""Key of the parent, and key."""


class Tenant:
    """The resources of one account in one region."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self._records: defaultdict[str, dict[Handle, Record]] = defaultdict(dict)
        self._named: defaultdict[tuple[str, str | None, str], list[Record]] = defaultdict(list)
        self._users: defaultdict[Identity, dict[Record, bool]] = defaultdict(dict)
        self._targets: dict[Record, list[tuple[Identity, bool]]] = {}
        self._snapshots: dict[str, tuple[datetime, list[Record] | None]] = {}
        self._events: list[tuple[datetime, int, Record, Pending, str]] = []
        self._sequence = count()

    def add(self, record: Record) -> None:
        """Take in a new record."""
        self._records[record.family.name][record.parent, record.key] = record
        self._named[record.family.name, record.parent, record.name].append(record)
        self.index(record)

    def remove(self, record: Record) -> None:
        """Forget a record; its key answers 404 from now on."""
        record.pending.clear()
        self._records[record.family.name].pop((record.parent, record.key), None)
        self._forget_name(record, record.name)
        self._unlink(record)

    def rename(self, record: Record, old_name: str) -> None:
        """Follow a changed name."""
        self._forget_name(record, old_name)
        self._named[record.family.name, record.parent, record.name].append(record)

    def _forget_name(self, record: Record, name: str) -> None:
        place = (record.family.name, record.parent, name)
        kept = [each for each in self._named.pop(place, ()) if each is not record]
        if kept:
            self._named[place] = kept

    def index(self, record: Record) -> None:
        """Note whom a record refers to, after its data changed."""
        self._unlink(record)
        targets = list(_targets(record))
        self._targets[record] = targets
        for target, is_child in targets:
            self._users[target][record] = is_child

    def _unlink(self, record: Record) -> None:
        for target, _ in self._targets.pop(record, ()):
            self._users[target].pop(record, None)

    def get(self, family: str, key: str, parent: str | None = None) -> Record | None:
        """Return a record by its path key, below its parent's if it has one."""
        return self._records[family].get((parent, key))

    def named(self, family: str, name: str, parent: str | None = None) -> Record | None:
        """Return a record by its name, the oldest where several workspaces use it."""
        found = self.all_named(family, name, parent)
        return found[0] if found else None

    def all_named(self, family: str, name: str, parent: str | None = None) -> list[Record]:
        """Return all records of a name, oldest first."""
        return self._named.get((family, parent, name), [])

    def records(self, family: str) -> Iterator[Record]:
        """Yield the records of a family, oldest first."""
        yield from self._records[family].values()

    def listed(self, family: str, now: datetime, max_age_seconds: float) -> Iterator[Record]:
        """Yield the records of a family as a cache of that age may show them."""
        if not max_age_seconds:
            yield from self._records[family].values()
            return
        taken, shown = self._snapshots.get(family, (now, None))
        if shown is None or (now - taken).total_seconds() >= max_age_seconds:
            shown = [replace(record, data=dict(record.data)) for record in self.records(family)]
            self._snapshots[family] = now, shown
        yield from shown

    def count(self, family: str) -> int:
        """Return how many records a family has."""
        return len(self._records[family])

    def families(self) -> Iterator[str]:
        """Yield the names of the families that have records."""
        return (name for name, records in self._records.items() if records)

    def users(self, record: Record) -> Iterator[tuple[Record, bool]]:
        """Yield who refers to a record, and whether it belongs to it."""
        seen: set[Record] = set()
        for handle in {record.name, record.key}:
            for user, is_child in self._users.get((record.family.name, handle), {}).items():
                if user not in seen:
                    seen.add(user)
                    yield user, is_child

    def dangling(self, record: Record) -> Iterator[Identity]:
        """Yield the targets that a record refers to and that do not exist."""
        for (family, handle), _ in _targets(record):
            if self.get(family, handle) is None and self.named(family, handle) is None:
                yield family, handle

    def plan(
        self,
        record: Record,
        due: datetime,
        apply: Callable[[Record, datetime], None],
        concern: str = "status",
    ) -> None:
        """Let something happen later, instead of what was planned for the same concern."""
        pending = record.pending[concern] = Pending(due, apply)
        heapq.heappush(self._events, (due, next(self._sequence), record, pending, concern))

    def settle(self, now: datetime) -> None:
        """Let everything happen that is due by now."""
        while self._events and self._events[0][0] <= now:
            due, _, record, pending, concern = heapq.heappop(self._events)
            if record.pending.get(concern) is pending:
                del record.pending[concern]
                pending.apply(record, due)


def values_at(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    """Yield the non-empty strings that a reference path leads to."""
    if not path:
        if isinstance(value, str) and value:
            yield value
    elif path[0] == "[]":
        for item in value if isinstance(value, list) else ():
            yield from values_at(item, path[1:])
    elif isinstance(value, dict):
        yield from values_at(value.get(path[0]), path[1:])


def _targets(record: Record) -> Iterator[tuple[Identity, bool]]:
    references: tuple[Reference, ...] = record.family.references
    for reference in references:
        for handle in values_at(record.data, reference.path):
            yield (reference.family, handle), reference.is_child
    if record.parent is not None and record.family.parent is not None:
        yield (record.family.parent, record.parent), True
