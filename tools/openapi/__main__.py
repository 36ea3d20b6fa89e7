"""Command line: `python -m openapi` writes the description anew, `--check` compares it."""

import argparse
import difflib
import json
import sys
from importlib import metadata, util
from pathlib import Path

from openapi.document import build
from openapi.errors import SdkError
from openapi.prose import check_tables
from openapi.sdk import models

PACKAGE = "alibabacloud_agentrun20250910"
TARGET = Path(__file__).resolve().parents[2] / "operator/agentrun_simulator/data/openapi.json"
_SHOWN_LINES = 40


def main(arguments: list[str] | None = None) -> int:
    """Write or compare the description; returns the exit code, 1 for stale or unreadable."""
    parser = argparse.ArgumentParser(prog="openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; 1 if it is stale")
    parser.add_argument("--target", type=Path, default=TARGET, help="file to write (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        text = rendered()
    except SdkError as error:
        print(f"openapi: {error}", file=sys.stderr)
        return 1
    if not options.check:
        options.target.write_text(text, encoding="utf-8")
        return 0
    before = options.target.read_text(encoding="utf-8") if options.target.exists() else ""
    changes = difflib.unified_diff(
        before.splitlines(), text.splitlines(), "committed", "installed SDK", lineterm="", n=1
    )
    if before != text:
        print("\n".join(list(changes)[:_SHOWN_LINES]), file=sys.stderr)
        print(
            f"{options.target.name} is stale: PYTHONPATH=tools python -m openapi", file=sys.stderr
        )
    return int(before != text)


def rendered() -> str:
    """Return the description of the installed SDK, one fact a line, so that a diff can be read.

    Raises:
        SdkError: the SDK is not installed, or not of the shape this tool reads.
    """
    spec = util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise SdkError(f"{PACKAGE} is not installed")
    folder = Path(spec.origin).parent
    check_tables(models(folder / "models"))
    document = build(folder, metadata.version(PACKAGE), PACKAGE)
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.exit(main())
