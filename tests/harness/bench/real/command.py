"""The options of `python -m bench --real`, and of `--page`."""

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.page import PAGE
from bench.real.run import ALL
from bench.real.run import measure as measure_real
from bench.real.stage import Options

SIZES = (200, 2000, 10_000)
POINT = re.compile(r"\[\s+([-\d.]+),\s+([-\d.]+)\s+\]")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    real = parser.add_argument_group("real parts")
    real.add_argument(
        "--real", action="store_true", help="instead: a fleet on etcd, API server, cloud, operator"
    )
    real.add_argument("--sizes", type=_numbers, default=SIZES, help="of the fleets, by commas")
    real.add_argument(
        "--contestant",
        type=Path,
        metavar="FILE",
        help="who takes part, docs/benchmarks/contestants.md; default: the operator. "
        "agentrun_cli comes with the bench",
    )
    real.add_argument("--name", default="", help="of the contestant on pages")
    real.add_argument("--families", type=_names, default=(), help="by commas; default: all it has")
    real.add_argument("--phases", type=_names, default=ALL, help=f"of {', '.join(ALL)}")
    real.add_argument("--requests-per-second", type=int, default=200, help="of an account")
    real.add_argument("--quiet-seconds", type=float, default=60.0, help="of the quiet minute")
    real.add_argument(
        "--patience-seconds", type=float, default=3600.0, help="what takes longer has failed"
    )
    real.add_argument(
        "--page", nargs="+", type=Path, metavar="JSON", help="instead: a page from results"
    )
    real.add_argument("--to", type=Path, default=PAGE, help="where the page goes")


def measure(options: argparse.Namespace, report: Callable[[str], None]) -> dict[str, Any]:
    """Measure what the command line asks for."""
    unknown = set(options.phases) - set(ALL)
    if unknown:
        raise SystemExit(f"no phase {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    chosen = Options(
        families=options.families,
        requests_per_second=options.requests_per_second,
        quiet_seconds=options.quiet_seconds,
        patience_seconds=options.patience_seconds,
        product=options.product,
    )
    return measure_real(
        chosen,
        options.sizes,
        report,
        file=options.contestant,
        phases=options.phases,
        name=options.name,
    )


def as_text(result: dict[str, Any]) -> str:
    """Return a result as JSON, each point of a curve on one line, so that people can read it."""
    return POINT.sub(r"[\1, \2]", json.dumps(result, indent=2)) + "\n"


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in _names(text))
