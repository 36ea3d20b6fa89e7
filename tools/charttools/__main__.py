"""Command line: `python -m charttools`, with `generate`, `check`, `stage` or `notes`."""

import argparse
import sys
from pathlib import Path

from charttools import metadata
from charttools.check import check
from charttools.errors import ChartError
from charttools.release import page_of, stage
from controlplane.errors import ControlPlaneError


def main() -> int:
    """Parse the arguments, carry them out, return the exit code."""
    options = _parser().parse_args()
    try:
        if options.command == "generate":
            return _generate(only_check=options.check)
        if options.command == "stage":
            stage(
                options.folder,
                version=options.version,
                registry=options.registry,
                changelog=_changelog(),
            )
            return 0
        if options.command == "notes":
            page = page_of(
                _changelog(),
                options.version,
                registry=options.registry,
                verify=options.verify,
            )
            print(page, end="")
            return 0
        check(complete=options.complete)
    except (ChartError, ControlPlaneError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="charttools", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    generate = commands.add_parser(
        "generate", help="write the charts' metadata and the page of metrics"
    )
    generate.add_argument("--check", action="store_true", help="fail where a file is out of date")
    checking = commands.add_parser("check", help="lint charts, Dockerfile, scripts and workflows")
    checking.add_argument("--complete", action="store_true", help="fail where a check cannot run")
    staging = commands.add_parser("stage", help="write the charts as a release publishes them")
    staging.add_argument("folder", type=Path)
    staging.add_argument("--version", required=True)
    staging.add_argument("--registry", required=True, help="host and path that hold the images")
    notes = commands.add_parser("notes", help="print the page of a release")
    notes.add_argument("--version", required=True)
    notes.add_argument("--registry", required=True, help="host and path of images and charts")
    notes.add_argument("--verify", required=True, help="options of cosign that name the signer")
    return parser


def _changelog() -> str:
    return (metadata.ROOT / "CHANGELOG.md").read_text()


def _generate(*, only_check: bool) -> int:
    changed = metadata.stale() if only_check else metadata.write()
    for path in changed:
        shown = path.relative_to(metadata.ROOT)
        print(f"{'out of date' if only_check else 'wrote'}: {shown}")
    return 1 if only_check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
