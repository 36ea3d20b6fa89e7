"""Which parts of a spec lead beyond what the operator makes for the object itself."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from agentrun_operator.core.errors import NotGranted
from agentrun_operator.core.fields import GrantName, Ref, Reference, Reserved, SpecModel
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.paths import below
from agentrun_operator.core.shapes import marker
from agentrun_operator.core.spec_fields import SpecField, spec_fields

_PLACE = re.compile(r"\[([0-9]+)\]")
"""The place of an item in a path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Something that a spec names."""

    path: str = ""
    """Where, with places in lists: `endpoints[0].modelServiceRef`."""
    ref: Ref | None = None
    """How a reference is declared; None for a plain value."""
    grant: GrantName | None = None
    """What using a plain value needs; None for a reference."""
    name: str = ""
    """The value, or the name of an object of ours; empty where a resource is named."""
    external_name: str = ""
    """Name or id of a resource that a reference names itself."""
    wire: tuple[str, ...]
    """Where a read shows it, without places in lists; empty where none does."""
    told_by: tuple[str, ...] = ()
    """Wire fields beside it without which it does not say what is meant: of which type that is, or
    below which parent."""
    is_fixed: bool
    """It cannot be edited once the resource exists."""

    @property
    def kind(self) -> str:
        """Kind of what a reference leads to; empty for a plain value."""
        return "" if self.ref is None else self.ref.kind

    @property
    def by_name(self) -> bool:
        """What stands on the wire for a reference is a name, whatever keys the resource."""
        return self.ref is not None and self.ref.by_name

    @property
    def beside(self) -> str:
        """Path of the reference to the parent of what this one leads to; empty for none."""
        if self.ref is None or not self.ref.below:
            return ""
        above, dot, _ = self.path.rpartition(".")
        return f"{above}{dot}{self.ref.below}"


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that a spec reaches for without leave."""

    reach: Reach
    value: str
    """What stands on the wire for it."""
    error: NotGranted


def reaches(kind: ResourceKind, spec: Mapping[str, Any]) -> Iterator[Reach]:
    """Yield everything that a raw spec names, in spec order; an invalid spec counts too."""
    for steps, declared in _declared(kind.spec):
        for path, found in below(spec, steps):
            if declared.grant:
                if isinstance(found, str) and found:
                    yield replace(declared, path=path, name=found)
                continue
            if not isinstance(found, Mapping):
                continue
            name, external = found.get("name"), found.get("externalName")
            if isinstance(name, str) and name:
                yield replace(declared, path=path, name=name)
            elif isinstance(external, str) and external:
                yield replace(declared, path=path, external_name=external)


def not_in_place(
    lacks: Iterable[Lack], desired: Mapping[str, Any], resource: Mapping[str, Any]
) -> Iterator[Lack]:
    """Yield what a resource does not have already.

    What it has counts as often as it is there, in any order, and with what tells its meaning: the
    same text may name something else, of another type or below another parent.

    Args:
        lacks: What a spec reaches for.
        desired: Body as `wire.encode` makes it of that spec.
        resource: What a read showed.
    """
    left: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for lack in lacks:
        reach = lack.reach
        if reach.wire not in left:
            owners = _owners(resource, reach.wire[:-1])
            left[reach.wire] = [_meaning(reach, owner) for owner in owners]
        places = tuple(int(place) for place in _PLACE.findall(reach.path))
        _, *told = _meaning(reach, _owner_at(desired, reach.wire[:-1], places))
        meant = (lack.value, *told)
        if meant in left[reach.wire]:
            left[reach.wire].remove(meant)
        else:
            yield lack


def overlaps(reach: Reach, path: str) -> bool:
    """Whether a difference at a spec path is one of what a reach names."""
    one, other = _names(reach.path), _names(path)
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _names(path: str) -> list[str]:
    """Return a path's names, without the places and keys of list items between them."""
    bare = [part.partition("[")[0] for part in path.split(".")]
    return [part for part in bare if not part.isdecimal()]


def _meaning(reach: Reach, owner: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the value of a reach in a wire object, and what tells its meaning there."""
    return tuple(owner.get(name) for name in (*reach.wire[-1:], *reach.told_by))


def _owners(node: Any, wire: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    """Yield the objects at a wire path, one for each item of the lists on the way."""
    if isinstance(node, list):
        for item in node:
            yield from _owners(item, wire)
    elif isinstance(node, Mapping) and not wire:
        yield node
    elif isinstance(node, Mapping):
        yield from _owners(node.get(wire[0]), wire[1:])


def _owner_at(node: Any, wire: tuple[str, ...], places: tuple[int, ...]) -> Mapping[str, Any]:
    """Return the object at a wire path, by the places in the lists on the way; empty for none."""
    if isinstance(node, list):
        is_there = bool(places) and places[0] < len(node)
        return _owner_at(node[places[0]], wire, places[1:]) if is_there else {}
    if not isinstance(node, Mapping):
        return {}
    return _owner_at(node.get(wire[0]), wire[1:], places) if wire else node


@lru_cache(maxsize=64)
def _declared(model: type[SpecModel]) -> tuple[tuple[tuple[tuple[str, bool], ...], Reach], ...]:
    """Return where a spec may name something, as `below` takes it, and what is known of it."""
    known: dict[tuple[tuple[str, bool], ...], Reach] = {}
    for found in spec_fields(model):
        reserved, ref = marker(found.shape.markers, Reserved), marker(found.shape.markers, Ref)
        fixed, wire = found.is_fixed, found.wire
        if reserved is not None:
            told_by, grant = reserved.told_by, reserved.grant
            known[found.steps] = Reach(grant=grant, wire=wire, told_by=told_by, is_fixed=fixed)
        elif found.shape.inner is Reference and ref is not None:
            told_by = (*ref.told_by, *_told_by_parent(found, ref, known))
            known[found.steps] = Reach(ref=ref, wire=wire, told_by=told_by, is_fixed=fixed)
    return tuple(known.items())


def _told_by_parent(
    child: SpecField, ref: Ref, known: Mapping[tuple[tuple[str, bool], ...], Reach]
) -> tuple[str, ...]:
    """Return which wire fields beside a name say below what it is; an id says so by itself."""
    if not (ref.by_name and ref.below):
        return ()
    parent = known[(*child.steps[:-1], (ref.below, False))]
    return (*parent.wire[-1:], *parent.told_by)
