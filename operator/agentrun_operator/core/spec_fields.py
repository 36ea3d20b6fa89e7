"""Walks down the declaration of a spec: every field at every depth, and where it stands."""

from collections.abc import Iterator
from dataclasses import dataclass

from agentrun_operator.core.fields import ApiName, Immutable, Inline, SpecModel
from agentrun_operator.core.shapes import TypeShape, is_model, json_name, marker, shape_of
from agentrun_operator.core.words import Words


@dataclass(frozen=True, slots=True)
class SpecField:
    """One field of a spec, or of a model in it."""

    steps: tuple[tuple[str, bool], ...]
    """(JSON name, is a list) from the spec down to the field, as `paths.below` takes them."""
    shape: TypeShape
    wire: tuple[str, ...]
    """Where it stands on the wire, without places in lists."""
    is_fixed: bool
    """It, or what it stands in, is immutable."""


def spec_fields(model: type[SpecModel]) -> Iterator[SpecField]:
    """Yield the fields of a model and of those in it, each before what it holds."""
    return _below(model, (), (), is_fixed=False)


def _below(
    model: type[SpecModel],
    above: tuple[tuple[str, bool], ...],
    wire: tuple[str, ...],
    *,
    is_fixed: bool,
) -> Iterator[SpecField]:
    for attribute, info in model.model_fields.items():
        shape = shape_of(info)
        name = json_name(model, attribute)
        api = marker(shape.markers, ApiName)
        # An inlined object has no field of its own on the wire.
        own = () if marker(shape.markers, Inline) else tuple((api.name if api else name).split("."))
        found = SpecField(
            (*above, (name, shape.is_list)),
            shape,
            (*wire, *own),
            is_fixed or marker(shape.markers, Immutable) is not None,
        )
        yield found
        if is_model(shape.inner):
            yield from _below(shape.inner, found.steps, found.wire, is_fixed=found.is_fixed)


def words_of(model: type[SpecModel], name: str) -> Words | None:
    """Return the words of a field at the top of a spec, by its JSON name; None: it has none."""
    for found in spec_fields(model):
        if found.steps == ((name, False),):
            return marker(found.shape.markers, Words)
    return None
