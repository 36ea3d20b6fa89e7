"""Many histories on all cores."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from soak.bugs import ATTACK_BUGS, BUGS
from soak.schedule import ALONE, ATTACK, generate
from soak.simulation import run
from soak.told import INVARIANT_OF

_CHUNK = 10


@dataclass(slots=True)
class Summary:
    """What became of many schedules."""

    schedules: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)
    """(seed, first violation), by seed."""
    seconds: float = 0.0
    virtual_hours: float = 0.0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What one worker tells of one seed."""

    seed: int
    violation: str | None
    virtual_seconds: float
    calls: int


def run_seed(seed: int) -> Result:
    """Run one seed."""
    history = run(generate(seed))
    violation = str(history.violations[0]) if history.violations else None
    return Result(seed, violation, history.virtual_seconds, history.calls)


def find_bug(name: str, seeds: int) -> tuple[str, int | None, str]:
    """Return a planted bug's name, the first seed that finds it (None: none did), and how.

    It is found where its invariant is broken, and where nothing is without it.
    """
    bug = next(bug for bug in BUGS if bug.name == name)
    invariant = INVARIANT_OF[name]
    # Those first that have one trouble: they take the least time, and say the most.
    likely = ATTACK if bug in ATTACK_BUGS else 0
    for seed in sorted(range(seeds), key=lambda seed: (seed % ALONE != likely, seed)):
        with bug.plant():
            violations = run(generate(seed)).violations
        is_told = any(violation.invariant == invariant for violation in violations)
        if is_told and not run(generate(seed)).violations:
            return name, seed, invariant
    return name, None, invariant


def find_bugs(seeds: int, *, jobs: int = 0) -> Iterator[tuple[str, int | None, str]]:
    """Look for every planted bug; see `find_bug`."""
    with workers_for(jobs) as workers:
        names = [bug.name for bug in BUGS]
        yield from workers.map(find_bug, names, [seeds] * len(names))


def workers_for(jobs: int) -> ProcessPoolExecutor:
    """Return so many processes; 0: one per core."""
    # Spawned, not forked: a fork would inherit whatever the parent's threads held.
    context = get_context("spawn")
    return ProcessPoolExecutor(jobs or os.cpu_count() or 1, mp_context=context)


def run_many(
    seeds: Iterable[int], *, jobs: int = 0, progress: Callable[[Result], None] | None = None
) -> Summary:
    """Run many seeds in `jobs` processes (0: one per core)."""
    summary = Summary()
    begun = time.monotonic()
    with workers_for(jobs) as workers:
        for result in workers.map(run_seed, seeds, chunksize=_CHUNK):
            summary.schedules += 1
            summary.virtual_hours += result.virtual_seconds / 3600
            summary.calls += result.calls
            if result.violation is not None:
                summary.failures.append((result.seed, result.violation))
            if progress is not None:
                progress(result)
    summary.seconds = time.monotonic() - begun
    return summary
