"""The operator dies at every call: each directed history once per call and side of the call.

A history is run once without a crash, and its calls to cluster and cloud are counted. Then it is
run again for each of them, with the death of the process that sends it, before the call is carried
out and after; the next process comes up, the world comes to rest, and all invariants of a random
history have to hold.

Reads have one side only: what a read leaves behind, answered or not, is what it found.
"""

import re
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field

from soak.bugs import BUGS, CRASH_BUGS
from soak.directed import DIRECTED
from soak.runner import workers_for
from soak.schedule import CrashPoint, Schedule
from soak.simulation import History, run

SEEDS = (0, 1)
"""Of `make test`: each history is run under two behaviours of cloud and network, and both kinds of
polling. `make soak` draws others."""
_CHUNK = 10
_READ = re.compile(r"get|list|watch|(Get|List)[A-Z]\w+")
_FORM = re.compile(r"(?P<history>[a-z-]+)/(?P<seed>\d+):(?P<number>\d+):(?P<side>before|after)")


@dataclass(frozen=True, slots=True)
class Point:
    """One crash in one history; its text is what `--point` takes."""

    history: str
    seed: int
    crash: CrashPoint

    def __str__(self) -> str:
        side = "after" if self.crash.is_after else "before"
        return f"{self.history}/{self.seed}:{self.crash.number}:{side}"

    @classmethod
    def parse(cls, text: str) -> "Point":
        """Read what `str` wrote; raise ValueError for anything else."""
        found = _FORM.fullmatch(text)
        if found is None or found["history"] not in DIRECTED:
            raise ValueError(f"{text!r} is no crash point; one looks like edit/0:17:after")
        crash = CrashPoint(int(found["number"]), found["side"] == "after")
        return cls(found["history"], int(found["seed"]), crash)

    @property
    def schedule(self) -> Schedule:
        return DIRECTED[self.history].schedule(self.seed, self.crash)


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of one point, or of a history without a crash."""

    place: str
    violation: str | None
    is_crash: bool
    calls: tuple[str, ...]
    """Names of what was called while users were at work, in the order of sending."""


@dataclass(slots=True)
class SweepSummary:
    """What became of all."""

    histories: int = 0
    points: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    """(point or history, first violation)."""
    seconds: float = 0.0


def run_history(name: str, seed: int, bug: str | None = None) -> Swept:
    """Run a history without a crash."""
    history = _run(DIRECTED[name].schedule(seed), bug)
    calls = tuple(history.sent[: history.active_calls])
    return Swept(f"{name}/{seed}", _first(history), is_crash=False, calls=calls)


def run_point(point: Point, bug: str | None = None) -> Swept:
    """Run a history with a crash; that it takes place is one more thing to hold."""
    history = _run(point.schedule, bug)
    violation = _first(history)
    if violation is None and history.crashes != 1:
        violation = "the crash takes place: it did not"
    return Swept(str(point), violation, is_crash=True, calls=())


def _run(schedule: Schedule, bug: str | None) -> History:
    planted = next((b.plant() for b in (*BUGS, *CRASH_BUGS) if b.name == bug), nullcontext())
    with planted:
        return run(schedule)


def _first(history: History) -> str | None:
    return str(history.violations[0]) if history.violations else None


def points_of(history: Swept) -> list[Point]:
    """Return every crash that a history may have."""
    name, seed = history.place.split("/")
    return [
        Point(name, int(seed), CrashPoint(number, is_after))
        for number, call in enumerate(history.calls, start=1)
        for is_after in (False, True)
        if not (is_after and is_read(call))
    ]


def is_read(call: str) -> bool:
    """Whether a call changes nothing, in the cluster or in the cloud."""
    return _READ.fullmatch(call.partition(" ")[0]) is not None


def sweep(
    names: Iterable[str] = tuple(DIRECTED),
    *,
    seeds: Iterable[int] = SEEDS,
    every: int = 1,
    bug: str | None = None,
    jobs: int = 0,
    progress: Callable[[Swept], None] | None = None,
) -> SweepSummary:
    """Run histories, then all their crash points, in `jobs` processes (0: one per core).

    Args:
        names: Of directed histories.
        seeds: Each history is run under each.
        every: Of so many crash points one is tried.
        bug: Name of a bug to plant first.
        jobs: Processes.
        progress: Called with each result, histories first.
    """
    summary = SweepSummary()
    begun = time.monotonic()

    def note(result: Swept) -> None:
        summary.histories += not result.is_crash
        summary.points += result.is_crash
        if result.violation is not None:
            summary.failures.append((result.place, result.violation))
        if progress is not None:
            progress(result)

    pairs = [(name, seed) for name in names for seed in seeds]
    with workers_for(jobs) as workers:
        points = []
        for history in workers.map(run_history, *zip(*pairs, strict=True), [bug] * len(pairs)):
            note(history)
            points += points_of(history)
        tried = points[::every]
        for result in workers.map(run_point, tried, [bug] * len(tried), chunksize=_CHUNK):
            note(result)
    summary.seconds = time.monotonic() - begun
    return summary
