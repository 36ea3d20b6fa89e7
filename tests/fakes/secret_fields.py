"""Which fields of a kind's spec lead to secrets, read from the spec models."""

from collections.abc import Iterator

from agentrun_operator.core.fields import (
    FreeForm,
    SecretKeySelector,
    SecretReference,
    Sensitive,
    SpecModel,
)
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.shapes import is_model, json_name, marker, shape_of

_LEADS = (SecretKeySelector, SecretReference)


def secret_fields(kind: ResourceKind) -> frozenset[str]:
    """Return the paths that lead to a Secret, or are said to hold secrets; no list places."""
    return frozenset(path for path, _ in _below(kind.spec, ""))


def referring_fields(kind: ResourceKind) -> frozenset[str]:
    """Return the paths that lead to a Secret; no list places."""
    return frozenset(path for path, is_reference in _below(kind.spec, "") if is_reference)


def _below(model: type[SpecModel], above: str) -> Iterator[tuple[str, bool]]:
    """Yield (path, whether it leads to a Secret)."""
    for attribute, info in model.model_fields.items():
        shape = shape_of(info)
        path = f"{above}{json_name(model, attribute)}"
        says_so = marker(shape.markers, Sensitive) or marker(shape.markers, FreeForm)
        if says_so or shape.inner in _LEADS:
            yield path, shape.inner in _LEADS
        elif is_model(shape.inner):
            yield from _below(shape.inner, f"{path}.")
