"""What kustomize has to know of our kinds: which fields name an object, which an image.

Without it a prefix, a suffix or the hash of a generated Secret changes the object and not the field
that names it, and the operator waits for an object that nobody applies.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from agentrun_operator.core.dependencies import SOURCES
from agentrun_operator.core.fields import Image, Names, Ref
from agentrun_operator.core.identity import GROUP
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.shapes import TypeShape, marker
from agentrun_operator.core.spec_fields import spec_fields

_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a word begins in the name of a kind."""


def samples(kinds: Iterable[ResourceKind]) -> Mapping[str, Any]:
    """Return the kustomization that applies the samples of all kinds into a fresh namespace."""
    files = (f"{_WORDS.sub('-', kind.kind).lower()}.yaml" for kind in kinds if kind.namespaced)
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted((*files, "namespace.yaml")),
    }


def configuration(kinds: Iterable[ResourceKind]) -> Mapping[str, Any]:
    """Return the configuration for kustomize's `configurations`."""
    catalogue = sorted(kinds, key=lambda kind: kind.kind)
    ours = {kind.kind for kind in catalogue}
    named: dict[str, list[Mapping[str, str]]] = {}
    images: list[Mapping[str, str]] = []
    for kind in catalogue:
        for found in spec_fields(kind.spec):
            path = "/".join(("spec", *(name for name, _ in found.steps)))
            if marker(found.shape.markers, Image) is not None:
                images.append(_field_spec(kind, path))
            for target in _targets(found.shape):
                named.setdefault(target, []).append(_field_spec(kind, f"{path}/name"))
    references = [
        {"kind": target, **({"group": GROUP} if target in ours else {"version": "v1"})}
        | {"fieldSpecs": fields}
        for target, fields in sorted(named.items())
    ]
    return {"nameReference": references, "images": images}


def _targets(shape: TypeShape) -> tuple[str, ...]:
    """Return the kinds of which the field's `name` may name an object."""
    if shape.inner in SOURCES:
        return (SOURCES[shape.inner],)
    ref, names = marker(shape.markers, Ref), marker(shape.markers, Names)
    if ref is not None:
        return (ref.kind,)
    return () if names is None else names.kinds


def _field_spec(kind: ResourceKind, path: str) -> Mapping[str, str]:
    return {"kind": kind.kind, "group": GROUP, "path": path}
