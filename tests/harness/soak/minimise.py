"""Delta debugging: leaves steps out of a failing schedule as long as it keeps failing."""

from dataclasses import replace

from soak.schedule import Schedule, Step
from soak.simulation import run

_MAX_RUNS = 200


def minimise(schedule: Schedule) -> Schedule:
    """Return a schedule with as few steps as possible that violates the same invariant."""
    violations = run(schedule).violations
    if not violations:
        return schedule
    invariant = violations[0].invariant
    steps, runs, size = list(schedule.steps), 0, max(1, len(schedule.steps) // 2)
    while size >= 1 and runs < _MAX_RUNS:
        at, is_shorter = 0, False
        while at < len(steps) and runs < _MAX_RUNS:
            fewer = steps[:at] + steps[at + size :]
            runs += 1
            if _fails(schedule, fewer, invariant):
                steps, is_shorter = fewer, True
            else:
                at += size
        if not is_shorter or size > 1:
            size //= 2
    return replace(schedule, steps=tuple(steps))


def _fails(schedule: Schedule, steps: list[Step], invariant: str) -> bool:
    found = run(replace(schedule, steps=tuple(steps))).violations
    return any(violation.invariant == invariant for violation in found)
