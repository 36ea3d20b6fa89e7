"""Which other objects a spec refers to, read from raw JSON so that an invalid spec counts too."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agentrun_operator.core.fields import (
    NEWEST_VERSION,
    ConfigMapKeySelector,
    ConfigMapReference,
    Ref,
    Reference,
    SecretKeySelector,
    SecretReference,
    SpecModel,
    VersionOf,
)
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.paths import below
from agentrun_operator.core.shapes import marker
from agentrun_operator.core.spec_fields import spec_fields

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


@dataclass(frozen=True, slots=True)
class NamedVersion:
    """A version of what a reference names, and where a spec says which."""

    path: str
    reference: str
    """JSON name of the reference."""
    kind: str
    """Of what it leads to."""
    name: str
    """Of the object; empty where the resource itself is named."""
    external_name: str
    version: str
    """A number, or a word."""

    @property
    def is_newest(self) -> bool:
        """Whether it is the newest one, whatever its number."""
        return self.version == NEWEST_VERSION

    @property
    def has_number(self) -> bool:
        """Whether it is one for good."""
        return self.version.isdecimal()


@lru_cache(maxsize=64)
def _places(model: type[SpecModel]) -> tuple[_Place, ...]:
    return tuple(_named_in(model))


def _named_in(model: type[SpecModel]) -> Iterator[_Place]:
    for found in spec_fields(model):
        inner, ref = found.shape.inner, marker(found.shape.markers, Ref)
        if inner is Reference and ref is not None:
            yield _Place(found.steps, ref.kind)
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


def _nodes(
    spec: Mapping[str, Any], steps: tuple[tuple[str, bool], ...]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((path, node) for path, node in below(spec, steps) if isinstance(node, Mapping))


@lru_cache(maxsize=64)
def _version_places(
    model: type[SpecModel],
) -> tuple[tuple[tuple[tuple[str, bool], ...], str, str], ...]:
    """Return (steps to a version, JSON name of the reference, kind that this leads to)."""
    fields = tuple(spec_fields(model))
    kinds = {
        found.steps[0][0]: ref.kind
        for found in fields
        if len(found.steps) == 1 and (ref := marker(found.shape.markers, Ref)) is not None
    }
    return tuple(
        (found.steps, version.reference, kinds[version.reference])
        for found in fields
        if (version := marker(found.shape.markers, VersionOf)) is not None
    )


def kinds_of_versions(kind: ResourceKind) -> tuple[str, ...]:
    """Return the kinds whose versions a spec of this kind may name."""
    return tuple(sorted({target for _, _, target in _version_places(kind.spec)}))


def versions_named(kind: ResourceKind, spec: Mapping[str, Any]) -> tuple[NamedVersion, ...]:
    """Return the versions that a raw spec names of what its references lead to, in spec order."""
    found = []
    for steps, reference, target in _version_places(kind.spec):
        named = spec.get(reference)
        node = named if isinstance(named, Mapping) else {}
        name, external = str(node.get("name") or ""), str(node.get("externalName") or "")
        for path, value in below(spec, steps):
            if isinstance(value, str | int) and (name or external):
                found.append(NamedVersion(path, reference, target, name, external, str(value)))
    return tuple(found)
