"""Which other objects a spec refers to, read from raw JSON so that an invalid spec counts too."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from agentrun_operator.core.fields import (
    ConfigMapKeySelector,
    ConfigMapReference,
    Ref,
    Reference,
    SecretKeySelector,
    SecretReference,
    SpecModel,
)
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.paths import below
from agentrun_operator.core.spec_fields import spec_fields
from agentrun_operator.core.wire import marker

SECRET = "Secret"
CONFIG_MAP = "ConfigMap"

SOURCES: Mapping[type[SpecModel], str] = {
    SecretKeySelector: SECRET,
    SecretReference: SECRET,
    ConfigMapKeySelector: CONFIG_MAP,
    ConfigMapReference: CONFIG_MAP,
}
"""Models whose `name` is that of a Secret or ConfigMap → which of them."""


@dataclass(frozen=True, slots=True, order=True)
class Dependency:
    """An object in the same namespace that a spec names, and the path where it does."""

    kind: str
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class _Place:
    steps: tuple[tuple[str, bool], ...]
    """(JSON name, is a list) from the spec down to the referring object."""
    kind: str
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What `Ref.where` asks of the target."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a spec asks of an object that it names."""

    need: Dependency
    field: str
    """JSON name of a field of the target's spec."""
    words: tuple[str, ...]
    """What it may be."""


@lru_cache(maxsize=64)
def _places(model: type[SpecModel]) -> tuple[_Place, ...]:
    return tuple(_named_in(model))


def _named_in(model: type[SpecModel]) -> Iterator[_Place]:
    for found in spec_fields(model):
        inner, ref = found.shape.inner, marker(found.shape.markers, Ref)
        if inner is Reference and ref is not None:
            yield _Place(found.steps, ref.kind, ref.where)
        elif inner in SOURCES:
            yield _Place(found.steps, SOURCES[inner])


def dependencies(kind: ResourceKind, spec: Mapping[str, Any]) -> tuple[Dependency, ...]:
    """Return every object that a raw spec names, each (kind, name) once, in spec order."""
    found: dict[tuple[str, str], Dependency] = {}
    for place in _places(kind.spec):
        for path, node in _nodes(spec, place.steps):
            name = node.get("name")
            if isinstance(name, str) and name:
                found.setdefault((place.kind, name), Dependency(place.kind, name, path))
    return tuple(found.values())


def refers_outside(kind: ResourceKind, spec: Mapping[str, Any]) -> bool:
    """Whether a raw spec names something by what it is called in the cloud."""
    return any(
        node.get("externalName")
        for place in _places(kind.spec)
        for _, node in _nodes(spec, place.steps)
    )


def requirements(kind: ResourceKind, spec: Mapping[str, Any]) -> tuple[Requirement, ...]:
    """Return what a raw spec asks of the objects that it names, in spec order."""
    return tuple(
        Requirement(Dependency(place.kind, name, path), field, words)
        for place in _places(kind.spec)
        if place.where
        for path, node in _nodes(spec, place.steps)
        if isinstance(name := node.get("name"), str) and name
        for field, words in place.where.items()
    )


def _nodes(
    spec: Mapping[str, Any], steps: tuple[tuple[str, bool], ...]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((path, node) for path, node in below(spec, steps) if isinstance(node, Mapping))
