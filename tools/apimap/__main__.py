"""Command line: `python -m apimap generate [--check]` and `diff [VERSION]`."""

import argparse
import sys
from pathlib import Path

from agentrun_operator.kinds import catalogue
from apimap.description import committed
from apimap.diff import difference
from apimap.download import described
from apimap.page import PAGE, coverage_page
from apimap.table import left_out, problems
from openapi.errors import SdkError

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments, carry them out, return the exit code."""
    parser = argparse.ArgumentParser(prog="apimap", description="What of the API the kinds map.")
    commands = parser.add_subparsers(dest="command", required=True)
    page = commands.add_parser("generate", help=f"check the table, write {PAGE}")
    page.add_argument("--check", action="store_true", help="fail where the page is out of date")
    diff = commands.add_parser(
        "diff",
        help="what another version of the official SDK adds, removes and changes",
        description=diff_sdk.__doc__,
    )
    diff.add_argument("version", nargs="?", default="", help="default: the newest that pip finds")
    options = parser.parse_args(arguments)
    if options.command == "diff":
        return diff_sdk(options.version)
    return generate(is_check=options.check)


def generate(*, is_check: bool) -> int:
    """Write or compare the page; 1 where it is stale, or the table says what is not so."""
    table, description, kinds = left_out(), committed(), catalogue().values()
    wrong = problems(table, description, kinds)
    for problem in wrong:
        print(problem, file=sys.stderr)
    text, target = coverage_page(table, description, kinds), ROOT / PAGE
    is_stale = not target.exists() or target.read_text(encoding="utf-8") != text
    if is_stale and not is_check:
        target.write_text(text, encoding="utf-8")
        print(f"wrote: {PAGE}")
    elif is_stale:
        print(f"out of date: {PAGE}")
    return int(bool(wrong) or (is_stale and is_check))


def diff_sdk(version: str) -> int:
    """Exit code: 0 no difference, 1 differences, 2 the version could not be had or read."""
    ours = committed()
    try:
        theirs = described(ours.package, version)
    except SdkError as error:
        print(f"apimap: {error}", file=sys.stderr)
        return 2
    text = difference(ours, theirs, catalogue().values())
    print(text, end="")
    return int(len(text.splitlines()) > 1)


if __name__ == "__main__":
    sys.exit(main())
