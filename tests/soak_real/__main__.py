"""Real processes in trouble: `python -m soak_real [--rounds N] [--seed N] [--stop-seconds N]`.

The last line is a summary; the exit code is 1 if anything was violated.
"""

import argparse
import secrets
import sys

from soak_real.runner import run


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is a program


def main() -> int:
    """Run, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="soak_real", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="default: by chance, and printed")
    parser.add_argument("--stop-seconds", type=float, default=60.0, help="of etcd; half: the cloud")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else secrets.randbelow(2**31)
    _say(f"seed {seed}")
    report = run(seed, options.rounds, seconds=options.stop_seconds, say=_say)
    for each in report.violations:
        _say(each)
    _say(report.summary)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
