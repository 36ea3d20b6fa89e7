"""Many histories on all cores."""

import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from soak.schedule import generate
from soak.simulation import run

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


def run_many(
    seeds: Iterable[int], *, jobs: int = 0, progress: Callable[[int, int], None] | None = None
) -> Summary:
    """Run many seeds in `jobs` processes (0: one per core)."""
    summary = Summary()
    begun = time.monotonic()
    # Spawned, not forked: a fork would inherit whatever the parent's threads held.
    workers = ProcessPoolExecutor(jobs or os.cpu_count() or 1, mp_context=get_context("spawn"))
    with workers:
        for result in workers.map(run_seed, seeds, chunksize=_CHUNK):
            summary.schedules += 1
            summary.virtual_hours += result.virtual_seconds / 3600
            summary.calls += result.calls
            if result.violation is not None:
                summary.failures.append((result.seed, result.violation))
            if progress is not None:
                progress(summary.schedules, len(summary.failures))
    summary.seconds = time.monotonic() - begun
    return summary
