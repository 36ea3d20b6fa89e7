"""What is written on an object and has no effect: told once, when it is written.

Neither stops the object: a typo must not, and what was accepted before must keep working. So it is
an event, not a condition. A new process tells what it finds once more.
"""

from collections.abc import Callable, Iterator, Mapping

from agentrun_operator.core import identity
from agentrun_operator.core.identity import (
    ACCEPT_ABSENCE_ANNOTATION,
    ADOPT_ANNOTATION,
    PAUSED_ANNOTATION,
    POLL_INTERVAL_ANNOTATION,
    PUBLISHED_BY_ANNOTATION,
)
from agentrun_operator.core.known_paths import unknown_paths
from agentrun_operator.core.objects import KubeObject, parse_time
from agentrun_operator.reconcile.intervals import MIN_POLL_SECONDS
from agentrun_operator.reconcile.world import World

_SHOWN_CHARACTERS = 40
_SHOWN_PATHS = 10
_SHOWN_NAMES = 5
"""A name may be longer than what is shown of a path."""

_DECLARED = frozenset(v for name, v in vars(identity).items() if name.endswith("_ANNOTATION"))
KNOWN = _DECLARED - {PUBLISHED_BY_ANNOTATION}
"""What people may set; of those without a form below, any value will do."""

Notice = tuple[str, str]
"""Reason and message of an event."""


def _is_pause(value: str) -> bool:
    # `false` pauses nothing, as its author meant, and so does a time that is over.
    return value in ("true", "false") or parse_time(value) is not None


def _is_interval(value: str) -> bool:
    return value.isdecimal() and float(value) >= MIN_POLL_SECONDS


_FORMS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    PAUSED_ANNOTATION: (
        _is_pause,
        "it pauses nothing; write true, or a time with its zone like 2026-01-05T10:00:00Z",
    ),
    POLL_INTERVAL_ANNOTATION: (
        _is_interval,
        f"write whole seconds, {MIN_POLL_SECONDS:.0f} at least, without a unit",
    ),
    ACCEPT_ABSENCE_ANNOTATION: (
        lambda value: parse_time(value) is not None,
        "nothing is accepted; write the time that the condition MassAbsence of the account names",
    ),
    ADOPT_ANNOTATION: (
        lambda value: value == "force",
        "nothing is taken over; write force, or remove it",
    ),
}


def tell(world: World, before: KubeObject | None, now: KubeObject) -> None:
    """Tell what a version has that the one before it had not; quick, as every version comes."""
    if before is not None and before.uid == now.uid:
        if before.generation == now.generation and before.annotations == now.annotations:
            return
        old = frozenset(_found(world, before))
    else:
        old = frozenset()
    for reason, message in _found(world, now):
        if (reason, message) not in old:
            world.events.emit(now, "Warning", reason, message)


def _found(world: World, obj: KubeObject) -> Iterator[Notice]:
    """Yield what has no effect: few of them, however much that is."""
    paths = unknown_paths(world.kinds[obj.key.kind], obj.spec)
    if paths:
        told = _counted([_quoted(path) for path in paths[:_SHOWN_PATHS]], len(paths))
        yield (
            "UnknownPath",
            f"spec.ignoreFields: no field is compared at {told}; correct or remove it",
        )
    annotations = obj.own_annotations
    names = sorted(annotations.keys() - KNOWN)
    if names:
        told, known = _counted(names[:_SHOWN_NAMES], len(names)), ", ".join(sorted(KNOWN))
        says = f"annotations {told} mean" if len(names) > 1 else f"annotation {told} means"
        yield "UnknownAnnotation", f"{says} nothing; these mean something: {known}"
    for name, (is_fit, hint) in sorted(_FORMS.items()):
        value = annotations.get(name)
        if value is not None and not is_fit(value):
            yield (
                "InvalidAnnotation",
                f"annotation {name} has the value {_quoted(value)}: {hint}",
            )


def _counted(shown: list[str], count: int) -> str:
    more = count - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _quoted(text: str) -> str:
    is_long = len(text) > _SHOWN_CHARACTERS
    return repr(f"{text[:_SHOWN_CHARACTERS]}…" if is_long else text)
