"""Two real operators in trouble, round by round; docs/soak.md says what happens in a round.

A run of 100 rounds takes about 45 minutes. Troubles are dealt like cards: each hundred rounds has
every trouble as often as `--list` says, in an order by the seed. Those that last are rare: etcd
stands still for its minute in 3 of 100, the cloud for half of that in 2, and 20 last as long as a
Lease. The last line is a summary; the exit code is 1 if anything was violated.
"""

import argparse
import secrets
import sys
from pathlib import Path

from soak_real.runner import run
from soak_real.trouble import BY_NAME, CARDS


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is a program


def main() -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="soak_real", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="default: by chance, and printed")
    parser.add_argument("--stop-seconds", type=float, default=60.0, help="of etcd; half: the cloud")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=tuple(BY_NAME),
        metavar="NAME",
        help="a trouble, by name; repeatable",
    )
    parser.add_argument("--list", action="store_true", help="name the troubles and end")
    parser.add_argument("--logs", type=Path, help="folder for the logs of a run that failed")
    options = parser.parse_args()
    if options.list:
        for card in CARDS:
            _say(f"{card.of_hundred:3} of 100: {card.name}")
        return 0
    seed = options.seed if options.seed is not None else secrets.randbelow(2**31)
    _say(f"seed {seed}")
    findings = run(
        seed,
        options.rounds,
        seconds=options.stop_seconds,
        troubles=tuple(options.only),
        logs=options.logs,
        say=_say,
    )
    for name, count in sorted(findings.rounds.items()):
        _say(f"{count:3} x {name}")
    for each in findings.violations:
        _say(each)
    _say(f"{findings.summary}, seed {seed}")
    return 1 if findings.violations else 0


if __name__ == "__main__":
    sys.exit(main())
