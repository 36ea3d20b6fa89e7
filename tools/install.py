"""Installs locked dependencies in few words: pip itself prints several lines for each of them.

Usage: python3 tools/install.py PIP REQUIREMENTS
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

STEPS = 4
"""How often it is told how far it is, where nobody watches."""


def main(pip: str, requirements: Path) -> int:
    """Run pip and return its exit code; what it said is shown only if it failed."""
    count = len(re.findall(r"^[\w.-]+==", requirements.read_text(), re.MULTILINE))
    command = [pip, "--disable-pip-version-check", "install", "--require-hashes"]
    command += ["--progress-bar=off", "--requirement", str(requirements)]
    said: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as installing:
        lines = kept(installing.stdout or (), said)
        for text in progress(lines, count, is_watched=sys.stdout.isatty()):
            print(text, end="", flush=True)
    if installing.returncode != 0:
        print("".join(said), file=sys.stderr)
    return installing.returncode


def kept(lines: Iterable[str], said: list[str]) -> Iterator[str]:
    """Yield lines, and keep them."""
    for line in lines:
        said.append(line)
        yield line


def progress(lines: Iterable[str], count: int, *, is_watched: bool) -> Iterator[str]:
    """Yield what to print while pip prints its lines.

    Args:
        lines: Of pip.
        count: How many packages are locked; some are for other machines only.
        is_watched: One line that changes, instead of a few that stay.
    """
    number = 0
    for line in lines:
        if line.startswith("Collecting "):
            number += 1
            if is_watched:
                yield f"\r  {number} of {count} packages"
            elif number % max(count // STEPS, 1) == 0:
                yield f"  {number} of {count} packages\n"
        elif line.startswith("Installing collected packages"):
            yield "\r" * is_watched + f"  {number} packages are here; installing them\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
