"""Command line: `python -m argocd generate [--check]`, `capture [KIND …]` and `build`."""

import argparse
import sys

from agentrun_operator.kinds import catalogue
from argocd import customizations
from argocd.binaries import ARGOCD
from argocd.capture import capture
from controlplane import ensure


def main() -> int:
    """Parse the arguments, carry them out, return the exit code."""
    parser = argparse.ArgumentParser(prog="argocd", description="Argo CD for development.")
    commands = parser.add_subparsers(dest="command", required=True)
    generate = commands.add_parser("generate", help="write the health checks of all kinds")
    generate.add_argument("--check", action="store_true", help="fail where a file is out of date")
    taking = commands.add_parser("capture", help="take the test data from a running operator")
    taking.add_argument("kinds", nargs="*", metavar="KIND", help="write its files; all if none")
    commands.add_parser("build", help="build Argo CD if it is missing")
    options = parser.parse_args()
    if options.command == "build":
        tell(f"{ARGOCD.name} {ARGOCD.version}: {ensure(ARGOCD, report=tell)}")
        return 0
    if options.command == "capture":
        if unknown := {*options.kinds} - {*catalogue()}:
            parser.error(f"no such kind: {', '.join(sorted(unknown))}")
        capture(tell, options.kinds or catalogue())
        customizations.write(catalogue())
        return 0
    if options.check:
        stale = customizations.check(catalogue())
        for path in stale:
            tell(f"out of date: {path}")
        return 1 if stale else 0
    for path in customizations.write(catalogue()):
        tell(f"wrote: {path}")
    return 0


def tell(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
