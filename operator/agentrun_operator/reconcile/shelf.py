"""Where large parts of specs lie while no pass needs them.

The objects of a cluster may hold more than the memory of a process. What is large is laid away as
it is taken in, and read again by whoever asks for it; everybody else works with the rest.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

LARGE_OBJECT_BYTES = 8 * 1024
"""As JSON; smaller ones stay whole. Five thousand of a namespace have 40 MB then."""
LARGE_FIELD_BYTES = 1024


class Stored(Protocol):
    """Something that was laid away; it is there as long as somebody holds this."""

    def read(self) -> bytes:
        """Return it."""


class Shelf(Protocol):
    """Lays things away."""

    def put(self, data: bytes) -> Stored:
        """Lay something away."""


class Kept:
    """Stored in memory after all."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self) -> bytes:
        """Return it."""
        return self._data


class MemoryShelf:
    """Lays nothing away; where no process has to last, or there is no disk."""

    def put(self, data: bytes) -> Stored:
        """Keep it."""
        return Kept(data)


class PartlyStored(Mapping[str, Any]):
    """A spec whose large fields are read when somebody asks for them."""

    def __init__(self, here: Mapping[str, Any], stored: Mapping[str, Stored]) -> None:
        """Put the two parts together; no field is in both."""
        self._here = dict(here)
        self._stored = stored

    def load(self) -> None:
        """Read everything, so that nothing waits for a disk later; in a thread as a rule."""
        for name in self._stored:
            self[name]

    def __getitem__(self, name: str) -> Any:
        if name not in self._here and name in self._stored:
            # Kept: who asks once in a pass asks again. It goes with the object of that pass.
            self._here[name] = json.loads(self._stored[name].read())
        return self._here[name]

    def __contains__(self, name: object) -> bool:
        return name in self._here or name in self._stored

    def __iter__(self) -> Iterator[str]:
        return iter(self._here.keys() | self._stored.keys())

    def __len__(self) -> int:
        return len(self._here.keys() | self._stored.keys())


async def loaded(spec: Mapping[str, Any]) -> None:
    """Have all of a spec at hand. A disk may take seconds, in which the loop serves others."""
    if isinstance(spec, PartlyStored):
        await asyncio.to_thread(spec.load)


def laid_away(spec: Mapping[str, Any], shelf: Shelf) -> tuple[dict[str, Any], dict[str, Stored]]:
    """Split a spec into what stays, and its large fields."""
    here: dict[str, Any] = {}
    stored: dict[str, Stored] = {}
    for name, value in spec.items():
        data = json.dumps(value, separators=(",", ":")).encode()
        if len(data) < LARGE_FIELD_BYTES:
            here[name] = value
        else:
            stored[name] = shelf.put(data)
    return here, stored
