"""Everything that is wrong with one spec, told at once: nobody wants to learn it one by one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from agentrun_operator.core.errors import (
    MAX_MESSAGE,
    CredentialsNotFound,
    DependencyNotReady,
    OperatorError,
    ReferenceNotFound,
    Stalled,
    Unresolved,
)
from agentrun_operator.core.fields import Computed, EncodedBy, SecretSource, SpecModel, ValueFrom
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.shapes import is_model, json_name, marker, markers_of, shape_of

_MILDEST_LAST = (CredentialsNotFound, ReferenceNotFound, DependencyNotReady)
"""What a retry can mend, by how much somebody has to do for it."""

_MAX_SHOWN = 32


def combined(problems: Sequence[OperatorError]) -> OperatorError:
    """Return one error for several: as severe as the worst of them, with all their messages.

    The worst come first, the others in the order of the spec. What does not fit into a message is
    counted.
    """
    if len(problems) == 1:
        return problems[0]
    ordered = sorted(problems, key=_rank)
    messages = list(dict.fromkeys(problem.message for problem in ordered))
    counts = range(min(len(messages), _MAX_SHOWN), 1, -1)
    shown = next((n for n in counts if len(_told(messages, n)) <= MAX_MESSAGE), 1)
    first = ordered[0]
    worst = type(first)(_told(messages, shown), request_id=first.request_id).quoting(first.quote)
    worst.parts = tuple(part for problem in ordered for part in problem.parts or (problem,))
    return worst


def _rank(problem: OperatorError) -> int:
    if isinstance(problem, Stalled):
        return 0
    for place, mild in enumerate(_MILDEST_LAST, start=2):
        if isinstance(problem, mild):
            return place
    return 1


def _told(messages: Sequence[str], shown: int) -> str:
    """Return the first messages as one: the problems by number, then each remedy once."""
    if len(messages) == 1:
        return messages[0]
    parts = [message.rpartition("; ") for message in messages[:shown]]
    numbered = [f"({n}) {problem or remedy}" for n, (problem, _, remedy) in enumerate(parts, 1)]
    if len(messages) > shown:
        numbered.append(f"and {len(messages) - shown} more")
    helps: dict[str, list[str]] = {}
    for number, (problem, _, remedy) in enumerate(parts, start=1):
        if problem:
            helps.setdefault(remedy, []).append(f"({number})")
    remedies = [
        remedy if len(those) == shown else f"for {', '.join(those)}: {remedy}"
        for remedy, those in helps.items()
    ]
    return "; ".join((f"{len(messages)} problems: {numbered[0]}", *numbered[1:], *remedies))


@dataclass(frozen=True, slots=True)
class _Field:
    attribute: str
    name: str
    """Its JSON name."""
    encoded: EncodedBy | None
    computed: tuple[Computed, ...]


@lru_cache(maxsize=256)
def _fields(model: type[SpecModel]) -> tuple[_Field, ...]:
    """Return the fields of a model that are, hold, or are made of values of references."""
    found = []
    for attribute, info in model.model_fields.items():
        shape = shape_of(info)
        encoded = marker(shape.markers, EncodedBy)
        if encoded is not None or is_model(shape.inner):
            computed = markers_of(shape.markers, Computed)
            found.append(_Field(attribute, json_name(model, attribute), encoded, computed))
    return tuple(found)


def value_problems(spec: SpecModel, resolution: Resolution) -> tuple[OperatorError, ...]:
    """Return what is wrong with the values behind references, each with its path.

    What could not be resolved at all was told by who tried.
    """
    return tuple(_problems(spec, "spec", resolution))


def _problems(node: Any, path: str, resolution: Resolution) -> Iterator[OperatorError]:
    if isinstance(node, tuple):
        for place, item in enumerate(node):
            yield from _problems(item, f"{path}[{place}]", resolution)
    elif isinstance(node, ValueFrom | SecretSource):
        yield from _tried(partial(resolution.value, node), path)
    elif isinstance(node, SpecModel):
        for field in _fields(type(node)):
            value = getattr(node, field.attribute)
            if value is None:
                continue
            below = f"{path}.{field.name}"
            if field.encoded is None:
                yield from _problems(value, below, resolution)
                yield from _computed(field.computed, value, below, resolution)
                continue
            encode = field.encoded.encode
            yield from _tried(partial(encode, node, resolution), below)


def _computed(
    computed: tuple[Computed, ...], value: Any, path: str, resolution: Resolution
) -> Iterator[OperatorError]:
    is_list = isinstance(value, tuple)
    owners = (
        [(f"{path}[{n}]", item) for n, item in enumerate(value)] if is_list else [(path, value)]
    )
    for place, owner in owners:
        for each in computed:
            yield from _tried(partial(each.encode, owner, resolution), place)


def _tried(look: Callable[[], object], path: str) -> Iterator[OperatorError]:
    try:
        look()
    except Unresolved:
        return
    except ReferenceNotFound as error:
        yield type(error)(f"{path}: {error.message}")
