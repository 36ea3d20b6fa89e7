"""What the operator costs: `python -m bench [--objects N] [--accounts | --scrape | --real | …]`.

One process holds the real engine, the real API client and the simulated cloud, on virtual time:
what is waited for costs nothing, so the counts and ratios are the engine's and the seconds are
those of the processor. `--scrape` measures the metrics alone, `--ready` how long after the cloud
fleets in transition are Ready, and what calls that costs; `--accounts` what an account costs, by
the same objects in many and in one; `--kinds` what an object of each kind costs. With `--tenants`
real processes tell what a tenant waits for while a neighbour does its worst; with `--real`, what a
fleet costs from nothing to Ready and to nothing again, of the operator or of another program
(`--contestant`). `--page` makes a page of such results. JSON on standard output, a table for people
on standard error.
"""

import argparse
import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import structlog

from bench import accounts, big_objects, kinds, page, ready, scrape, tenants
from bench.fleet import measure
from bench.machine import machine
from bench.real import command as real
from rig.chart import REPOSITORY

SIMULATOR = Path(__file__).with_name("bench_simulator.py")


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--objects", type=int, default=1000, help="size of the fleet")
    parser.add_argument("--no-simulator", action="store_true", help="leave out its own bench")
    parser.add_argument(
        "--big-objects",
        nargs="*",
        choices=tuple(big_objects.CASES),
        help="instead: memory of a real process beside large objects (takes ten minutes)",
    )
    parser.add_argument("--tenants", action="store_true", help="measure neighbours, not the fleet")
    parser.add_argument("--scrape", action="store_true", help="measure a scrape, not the fleet")
    parser.add_argument(
        "--ready",
        nargs="*",
        choices=tuple(ready.SCENARIOS),
        help="measure how soon what is READY in the cloud is Ready, not the fleet",
    )
    parser.add_argument(
        "--accounts",
        type=int,
        nargs="?",
        const=accounts.MANY,
        help=f"measure what so many accounts cost ({accounts.MANY}), not the fleet",
    )
    parser.add_argument(
        "--kinds",
        type=int,
        nargs="?",
        const=kinds.OBJECTS,
        help=f"measure so many objects of each kind ({kinds.OBJECTS}), not the fleet",
    )
    parser.add_argument("--product", type=Path, default=REPOSITORY, help="whose operator to run")
    parser.add_argument("--neighbours", help="comma-separated; default: all of them")
    real.add(parser)
    options = parser.parse_args()
    if options.page is not None:
        return page.write(options.page, options.to)
    if options.real:
        result = real.measure(options, _report)
        sys.stdout.write(real.as_text(result))
        return int(any(each["failed"] for each in result["sizes"]))
    if options.big_objects is not None:
        cases = options.big_objects or tuple(big_objects.CASES)
        return _show({"machine": machine(), "memory": big_objects.measure(cases, _report)})
    # At their default level, writing logs would be a third of the work.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    report: dict[str, Any] = {"machine": machine()}
    if options.tenants:
        names = options.neighbours.split(",") if options.neighbours else tenants.NEIGHBOURS
        report |= tenants.measure(tenants.Sizes(), options.product, names)
    elif options.ready is not None:
        report |= asyncio.run(ready.measure_all(options.ready or tuple(ready.SCENARIOS)))
    elif options.kinds is not None:
        report |= asyncio.run(kinds.measure(options.kinds))
    elif options.accounts is not None:
        report |= accounts.measure_all(options.accounts)
    else:
        report |= _in_process(options)
    return _show(report)


def _in_process(options: argparse.Namespace) -> dict[str, Any]:
    report: dict[str, Any] = {"scrape": scrape.measure(options.objects)}
    if options.scrape:
        return report
    report["operator"] = asyncio.run(measure(options.objects))
    if SIMULATOR.exists() and not options.no_simulator:
        report["simulator"] = _simulator()
    return report


def _report(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _show(report: dict[str, Any]) -> int:
    json.dump(report, sys.stdout, indent=2)
    sys.stdout.write("\n")
    for part, figures in report.items():
        sys.stderr.write(f"\n{part}\n")
        for name, value in figures.items():
            sys.stderr.write(f"  {name:<44} {value}\n")
    return 0


def _simulator() -> dict[str, Any]:
    command = [sys.executable, str(SIMULATOR), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own file
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    raise SystemExit(main())
