"""Which parts of a spec lead beyond what the operator makes for the object itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from agentrun_operator.core.errors import NotGranted
from agentrun_operator.core.fields import GrantName, Ref, Reference, Reserved, SpecModel
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.paths import below
from agentrun_operator.core.shapes import marker
from agentrun_operator.core.spec_fields import spec_fields


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


def is_in_place(reach: Reach, value: str, resource: Mapping[str, Any]) -> bool:
    """Whether a read shows that a resource has the value of a reach already."""
    return bool(reach.wire) and value in _values(resource, reach.wire)


def overlaps(reach: Reach, path: str) -> bool:
    """Whether a difference at a spec path is one of what a reach names."""
    one, other = _names(reach.path), _names(path)
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _names(path: str) -> list[str]:
    """Return a path's names, without the places and keys of list items between them."""
    bare = [part.partition("[")[0] for part in path.split(".")]
    return [part for part in bare if not part.isdecimal()]


def _values(node: Any, wire: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(node, list):
        for item in node:
            yield from _values(item, wire)
    elif not wire:
        yield node
    elif isinstance(node, Mapping) and wire[0] in node:
        yield from _values(node[wire[0]], wire[1:])


@lru_cache(maxsize=64)
def _declared(model: type[SpecModel]) -> tuple[tuple[tuple[tuple[str, bool], ...], Reach], ...]:
    """Return where a spec may name something, as `below` takes it, and what is known of it."""
    known = []
    for found in spec_fields(model):
        reserved, ref = marker(found.shape.markers, Reserved), marker(found.shape.markers, Ref)
        if reserved is not None:
            reach = Reach(grant=reserved.grant, wire=found.wire, is_fixed=found.is_fixed)
            known.append((found.steps, reach))
        elif found.shape.inner is Reference and ref is not None:
            is_fixed = found.is_fixed
            reach = Reach(ref=ref, wire=found.wire, is_fixed=is_fixed)
            known.append((found.steps, reach))
    return tuple(known)
