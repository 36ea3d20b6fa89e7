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
    paths = unknown_paths(world.kinds[obj.key.kind], obj.spec)
    if paths:
        shown = ", ".join(_quoted(path) for path in paths[:_SHOWN_PATHS])
        more = len(paths) - _SHOWN_PATHS
        rest = f" and {more} more" if more > 0 else ""
        yield (
            "UnknownPath",
            f"spec.ignoreFields: no field is compared at {shown}{rest}; correct or remove it",
        )
    for name, value in sorted(obj.own_annotations.items()):
        if name not in KNOWN:
            known = ", ".join(sorted(KNOWN))
            yield (
                "UnknownAnnotation",
                f"annotation {name} means nothing; these mean something: {known}",
            )
        elif name in _FORMS and not _FORMS[name][0](value):
            yield (
                "InvalidAnnotation",
                f"annotation {name} has the value {_quoted(value)}: {_FORMS[name][1]}",
            )


def _quoted(text: str) -> str:
    is_long = len(text) > _SHOWN_CHARACTERS
    return repr(f"{text[:_SHOWN_CHARACTERS]}…" if is_long else text)
