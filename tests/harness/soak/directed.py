"""Histories that nobody draws: each goes through one part of an object's life, without a trouble.

Together they lead every kind with a resource through creation with its references, edits, rotated
Secrets, drift, adoption, failure, restart and deletion. `sweep` lets the operator die in them at
each of its calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soak.schedule import CrashPoint, Schedule, Step
from soak.slots import ALONE

_CREATED_SECONDS = 35.0
"""What a transition of 12 seconds and one reference after the other leave time for."""


@dataclass(frozen=True, slots=True)
class Directed:
    """A history by name."""

    name: str
    seconds: float
    """How long users are at work, and a crash may come."""
    steps: tuple[Step, ...]
    two_leaders: bool = False

    def schedule(self, seed: int, crash: CrashPoint | None = None) -> Schedule:
        """Return its schedule; the seed decides latencies, and how the cloud behaves."""
        return Schedule(
            seed=seed,
            two_leaders=self.two_leaders,
            few=(0, 3)[seed % 2],
            steps=tuple(sorted(self.steps, key=lambda step: step.at)),
            ends_empty=True,
            active_seconds=self.seconds,
            crash=crash,
        )


def _step(at: float, name: str, **options: Any) -> Step:
    return Step(at, name, options)


def _made(*slots: str, **policies: str) -> tuple[Step, ...]:
    return tuple(_step(1.0, "apply", slot=s, variant=0, policies=policies) for s in slots)


def _edited(at: float, variant: int, *slots: str) -> tuple[Step, ...]:
    return tuple(_step(at, "apply", slot=s, variant=variant, policies=None) for s in slots)


def _each(at: float, name: str, *slots: str, **options: Any) -> tuple[Step, ...]:
    return tuple(_step(at, name, slot=s, **options) for s in slots)


_AT = _CREATED_SECONDS
_PLAIN = ("cred", "svc", "solo", "bare", "ep", "tpl")
"""One object of each kind that takes edits."""


def _lives_alone() -> tuple[Directed, ...]:
    """Return a history of what needs Secrets and each other, and that no other leads through."""
    slots = (*ALONE, "flow-ep", "bot")
    edited, deleted = _edited(_AT, 1, *slots), _each(60.0, "delete", *slots)
    return (Directed("alone", 90.0, (*_made(*slots), *edited, *deleted)),)


DIRECTED: Mapping[str, Directed] = {
    directed.name: directed
    for directed in (
        Directed("create", _AT, _made("proxy", "run", "svc", "cred")),
        Directed("create-below", _AT, _made("ep", "bare", "box", "tpl")),
        Directed("edit", 60.0, (*_made(*_PLAIN), *_edited(_AT, 1, *_PLAIN))),
        Directed("clear", 60.0, (*_made(*_PLAIN), *_edited(_AT, 3, *_PLAIN))),
        Directed(
            "publish",
            105.0,
            (
                *_made("bare", publish="OnChange"),
                *_made("ep", targetVersion="Published"),
                *_edited(45.0, 1, "bare"),
                *_edited(75.0, 2, "bare"),
            ),
        ),
        Directed(
            "rotate",
            70.0,
            (
                *_made("cred", "svc", "run"),
                _step(_AT, "secret", what="rotate"),
                _step(50.0, "config_map", what="rotate"),
            ),
        ),
        Directed("drift", 75.0, (*_made(*_PLAIN), *_each(_AT, "cloud_edit", *_PLAIN))),
        Directed(
            "lose",
            75.0,
            (
                *_made(*_PLAIN, "box"),
                *_each(_AT, "cloud_delete", "cred", "svc", "solo", "ep", "box"),
            ),
        ),
        Directed(
            "adopt",
            60.0,
            (
                *_each(0.0, "squat", "solo", "svc", "bare", "tpl", "cred", tag=""),
                *_made("solo", "svc", "bare", "tpl", "cred", adoptionPolicy="Adopt"),
                *_each(_AT, "delete", "solo", "bare", "cred"),
            ),
        ),
        Directed(
            "create-failed",
            80.0,
            (
                _step(0.0, "fault", effect="create-failed", action="Create.*", times=3),
                *_made("solo", "bare", "tpl"),
                *_each(_AT, "annotate", "bare", "tpl", what="request"),
                *_edited(_AT, 1, "solo"),
            ),
        ),
        Directed(
            "restart",
            90.0,
            (
                *_made("tpl"),
                *_made("box", restartPolicy="Always"),
                *_each(_AT, "finish", "box"),
            ),
        ),
        Directed(
            "delete",
            75.0,
            (*_made("proxy", "svc", "cred"), *_each(_AT, "delete", "cred", "svc", "proxy")),
        ),
        *_lives_alone(),
        Directed(
            "delete-below",
            75.0,
            (*_made("ep", "bare", "box", "tpl"), *_each(_AT, "delete", "bare", "tpl", "ep", "box")),
        ),
        Directed(
            "recreate",
            80.0,
            (
                *_made("cred", "solo", "bare"),
                *_each(_AT, "recreate", "cred", "solo", "bare", variant=1),
            ),
        ),
        Directed(
            "retain",
            80.0,
            (
                *_made("solo", "bare", deletionPolicy="Retain"),
                *_each(_AT, "delete", "solo", "bare"),
                *_each(50.0, "apply", "solo", "bare", variant=1, policies={}),
            ),
        ),
        Directed(
            "keys",
            75.0,
            (
                *_made("solo", "bare", "cred"),
                _step(_AT, "rotate_keys"),
                _step(45.0, "withdraw_old_key"),
                *_edited(46.0, 1, "solo", "bare"),
            ),
        ),
        Directed(
            "keys-of-another",
            80.0,
            (
                *_made("cred", "solo", "bare", "ep"),
                _step(_AT, "foreign_keys", namespace="team-a"),
                *_edited(_AT + 1.0, 1, "solo", "bare"),
                _step(_AT + 10.0, "account", what="good-keys"),
            ),
        ),
        Directed(
            "lie",
            80.0,
            (
                *_made("cred", "svc", "bare", "tpl"),
                _step(_AT, "lie", seconds=1.8, times=None, action="Get.*|List.*"),
                *_edited(_AT + 0.1, 1, "svc", "bare"),
                *_each(_AT + 0.2, "delete", "cred", "tpl"),
            ),
        ),
        Directed(
            "retain-late",
            75.0,
            (
                *_made("cred", "solo", "bare"),
                *_each(_AT, "retain_late", "cred", "solo", "bare", seconds=0.5),
            ),
        ),
        Directed(
            "namespace",
            90.0,
            (
                *_made("cred", "run", "bare", "ep"),
                _step(_AT, "end_namespace", namespace="team-a", seconds=1.0, first=""),
                _step(_AT + 1.0, "restore_namespace", namespace="team-a", status=False),
            ),
        ),
        Directed(
            "leaders",
            75.0,
            (*_made("solo", "bare"), *_edited(_AT, 1, "solo"), *_each(_AT, "delete", "bare")),
            two_leaders=True,
        ),
    )
}
"""By name."""
