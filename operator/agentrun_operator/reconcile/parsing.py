"""A raw spec as its kind's model, or what is wrong with it.

Admission refuses what does not fit; an object may have been stored before its rule was there.
"""

from pydantic import ValidationError

from agentrun_operator.core.errors import InvalidParameter
from agentrun_operator.core.fields import SpecModel
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.nesting import has_more_values, is_deeper
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.problems import combined

MAX_DEPTH = 100
"""Levels of one field. What is deeper, no pass could walk without running out of stack."""

MAX_VALUES = 10_000
"""Of one field. Far above any document that makes sense; each pass walks all of them several times,
and nobody else is served meanwhile."""

MAX_ERRORS = 1000
"""More than any message can count up."""


def parse_spec(kind: ResourceKind, obj: KubeObject) -> SpecModel:
    """Return the spec of an object.

    Raises:
        InvalidParameter: it does not fit the model; the message names every field, no value.
    """
    for field, value in obj.spec.items():
        if has_more_values(value, MAX_VALUES):
            raise InvalidParameter(
                f"spec.{field} holds more than {MAX_VALUES} values; keep the ones that are needed"
            )
        if is_deeper(value, MAX_DEPTH):
            raise InvalidParameter(
                f"spec.{field} is nested more than {MAX_DEPTH} levels deep; flatten it"
            )
    try:
        return kind.spec.model_validate(dict(obj.spec))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        problems = (
            InvalidParameter(f"spec{_path(each['loc'])}: {each['msg']}; correct the field")
            for each in found[:MAX_ERRORS]
        )
        raise combined(tuple(problems)) from None


def _path(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
