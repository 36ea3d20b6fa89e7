"""The declared types of spec fields: models, scalars, lists, and the markers on them."""

from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, TypeGuard, TypeVar, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from agentrun_operator.core.fields import SpecModel

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class TypeShape:
    """A spec field's type, unwrapped: its model or scalar, and whether it is a list."""

    inner: Any
    is_list: bool
    markers: tuple[Any, ...]


def shape_of(info: FieldInfo) -> TypeShape:
    """Unwrap `Annotated`, `| None` and `tuple[X, ...]` of a field, collecting the markers."""
    markers: list[Any] = list(info.metadata)
    inner = info.annotation
    is_list = False
    while True:
        origin = get_origin(inner)
        if origin is Annotated:
            markers.extend(get_args(inner)[1:])
            inner = get_args(inner)[0]
        elif origin in (Union, UnionType):
            inner = next(a for a in get_args(inner) if a is not type(None))
        elif origin in (tuple, list):
            is_list = True
            inner = get_args(inner)[0]
        else:
            return TypeShape(inner, is_list, tuple(markers))


def marker(markers: tuple[Any, ...], wanted: type[M]) -> M | None:
    """Return the first marker of a type, or None."""
    return next(iter(markers_of(markers, wanted)), None)


def markers_of(markers: tuple[Any, ...], wanted: type[M]) -> tuple[M, ...]:
    """Return the markers of a type, as declared."""
    return tuple(m for m in markers if isinstance(m, wanted))


def json_name(model: type[SpecModel], attribute: str) -> str:
    """Return an attribute's name in YAML."""
    return model.model_fields[attribute].alias or attribute


def is_model(inner: Any) -> TypeGuard[type[SpecModel]]:
    """Whether a type is a nested part of a spec."""
    return isinstance(inner, type) and issubclass(inner, SpecModel)
