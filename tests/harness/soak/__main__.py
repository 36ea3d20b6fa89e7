"""`python -m soak`: run one seed, many, or the self-test. `make soak ARGS=…` calls it.

--seed N        one history; its trace is printed, and a failing one is minimised
--schedules N   many, on all cores; the last line is a summary
--sweep         no chance: histories that cover a life, and the operator dies at each of its calls,
                before the call is carried out and after; `--sweep edit delete` takes two of them,
                `--every N` one crash of N
--point P       one of those crashes, as a failure names it; its trace is printed
--selftest      plants bugs into the engine, one at a time; each has to be found
--specs N       no history: N specs that make sense or nearly, through a real API server's
                admission and the engine (`bad_input`)
--first N       the first seed of --schedules, --sweep or --specs. Without it chance draws one, and
                the first and the last line tell it: seeds that were run once prove little
                the second time
"""

import argparse
import secrets
import sys

from soak.bugs import BUGS, CRASH_BUGS
from soak.directed import DIRECTED
from soak.minimise import minimise
from soak.runner import Result, find_bugs, run_many
from soak.schedule import Schedule, generate
from soak.simulation import run
from soak.sweep import Point, Swept, points_of, sweep

SELFTEST_SEEDS = 1000
"""Within so many seeds every planted bug has to be found."""

_MOST_BASES = 500_000_000

_PLANTABLE = (*BUGS, *CRASH_BUGS)


def main(arguments: list[str]) -> int:
    """Return the exit code: 0 without violations."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay one history and print its trace")
    parser.add_argument("--schedules", type=int, default=10_000, help="how many (%(default)s)")
    parser.add_argument("--first", type=int, help="first seed of many; default: by chance")
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0: one per core")
    parser.add_argument("--sweep", nargs="*", choices=DIRECTED, help="crash at every call")
    parser.add_argument("--every", type=int, default=1, help="one crash of so many (%(default)s)")
    parser.add_argument("--point", type=Point.parse, help="replay one crash and print its trace")
    parser.add_argument("--selftest", action="store_true", help="find every planted bug")
    parser.add_argument("--specs", type=int, help="try so many specs, good and bad")
    parser.add_argument("--bug", choices=[b.name for b in _PLANTABLE], help="plant this")
    options = parser.parse_args(arguments)
    if options.selftest:
        return _selftest(options.jobs)
    first = draw() if options.first is None else options.first
    if options.specs is not None:
        return _specs(options.specs, first)
    if options.sweep is not None:
        return _sweep(options, first)
    if options.bug is not None:
        with next(bug for bug in _PLANTABLE if bug.name == options.bug).plant():
            return _one(options)
    if options.seed is not None or options.point is not None:
        return _one(options)
    return _many(first, options.schedules, options.jobs)


def draw() -> int:
    """Return a first seed by chance; an even one, so that two seeds differ in how they poll."""
    return 2 * secrets.randbelow(_MOST_BASES)


def _say_first(first: int) -> None:
    sys.stdout.write(f"first seed {first}\n")
    sys.stdout.flush()


def _one(options: argparse.Namespace) -> int:
    if options.point is not None:
        return _show(f"point {options.point}", options.point.schedule)
    seed = options.seed or 0
    code = _show(f"seed {seed}", generate(seed))
    if code:
        _explain(seed)
    return code


def _show(title: str, schedule: Schedule) -> int:
    history = run(schedule, verbose=True)
    sys.stdout.write("\n".join(history.trace) + "\n")
    sys.stdout.write(f"{title}, violations {len(history.violations)}\n")
    return 1 if history.violations else 0


def _sweep(options: argparse.Namespace, first: int) -> int:
    _say_first(first)
    points = tried = 0

    def show(result: Swept) -> None:
        nonlocal points, tried
        points += len(points_of(result))
        tried += result.is_crash
        if result.violation is not None:
            sys.stdout.write(f"{result.place}: {result.violation}\n")
        elif not result.is_crash:
            sys.stdout.write(f"{result.place}: {len(result.calls)} calls\n")
        elif tried % 500 == 0:
            sys.stdout.write(f"{tried} of {-(-points // options.every)} crash points\n")
        sys.stdout.flush()

    summary = sweep(
        options.sweep or tuple(DIRECTED),
        seeds=(first, first + 1),
        every=options.every,
        bug=options.bug,
        jobs=options.jobs,
        progress=show,
    )
    crashes = [place for place, _ in summary.failures if ":" in place]
    if crashes:
        sys.stdout.write(f'replay the first of them: make soak ARGS="--point {crashes[0]}"\n')
    sys.stdout.write(
        f"histories {summary.histories}, crash points {summary.points}, "
        f"violations {len(summary.failures)}, {summary.seconds:.0f} s, first seed {first}\n"
    )
    return 1 if summary.failures else 0


def _many(first: int, count: int, jobs: int) -> int:
    _say_first(first)

    def show(result: Result) -> None:
        if result.violation is not None:
            sys.stdout.write(f"seed {result.seed}: {result.violation}\n")
        elif (result.seed - first + 1) % 500 == 0:
            sys.stdout.write(f"{result.seed - first + 1} of {count}\n")
        sys.stdout.flush()

    summary = run_many(range(first, first + count), jobs=jobs, progress=show)
    if summary.failures:
        _explain(summary.failures[0][0])
    sys.stdout.write(
        f"schedules {summary.schedules}, violations {len(summary.failures)}, "
        f"{summary.seconds:.0f} s, {summary.virtual_hours:.0f} virtual hours, "
        f"{summary.calls} calls, first seed {first}\n"
    )
    return 1 if summary.failures else 0


def _specs(count: int, first_seed: int) -> int:
    # Here, because histories need no control plane, and their workers import this module.
    from bad_input.trial import run as run_specs  # noqa: PLC0415

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    _say_first(first_seed)
    tally = run_specs(count, first_seed, say=say)
    for problem in tally.problems:
        say(f"violated: {problem}")
    counts = f"specs {tally.endings.total()}, admitted {tally.admitted}, {tally.summary}"
    say(f"{counts}, first seed {first_seed}")
    return 1 if tally.problems else 0


def _selftest(jobs: int) -> int:
    """Print a table: bug, first seed that finds it, the invariant that tells."""
    missed = 0
    for name, seed, invariant in find_bugs(SELFTEST_SEEDS, jobs=jobs):
        story = next(bug.story for bug in BUGS if bug.name == name)
        found = "not found" if seed is None else f"seed {seed}"
        missed += seed is None
        sys.stdout.write(f"{name:22} {found:10} {invariant:24} {story}\n")
        sys.stdout.flush()
    sys.stdout.write(f"planted bugs {len(BUGS)}, not found {missed}\n")
    return 1 if missed else 0


def _explain(seed: int) -> None:
    """Print the shortest history of a seed that still fails."""
    schedule = minimise(generate(seed))
    history = run(schedule, verbose=True)
    out = sys.stdout
    out.write(f"\n--- the shortest history of seed {seed} that still fails ---\n")
    out.write("\n".join(f"  {step}" for step in schedule.steps) + "\n--- its trace ---\n")
    out.write("\n".join(history.trace[-120:]) + "\n")
    for violation in history.violations:
        out.write(f"violated: {violation}\n")
    out.write(f'replay the whole of it: make soak ARGS="--seed {seed}"\n')


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
