"""Runs the tests in three lanes at once: two wait for processes while the others compute.

`python tools/lanes.py [pytest arguments]` prints all, each line with its lane, and ends with the
worst exit code.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

LANES = (
    ("A", ("tests/unit", "tests/engine", "tests/drift")),
    ("B", ("tests/integration",)),
    ("C", ("tests/contract", "tests/e2e")),
)
"""One more lane than the two cores that CI has: B and C wait for processes most of their time.
The order in a lane is that of a failure's cost: what is found early needs no process."""
NOTHING_CHOSEN = 5
"""pytest's exit code where `-k` or the like left no test; fine for a lane, not for all."""
INTERRUPTED = 130
REPOSITORY = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str]) -> int:
    """Run all lanes and return the worst exit code, NOTHING_CHOSEN if no lane had a test."""
    started = time.monotonic()
    running = [(name, start(folders, arguments)) for name, folders in LANES]
    readers = [threading.Thread(target=show, args=each) for each in running]
    try:
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        for _, process in running:
            process.terminate()
        codes = [process.wait() for _, process in running]
    print(f"all lanes: {time.monotonic() - started:.0f} s", flush=True)
    ran = [code for code in codes if code != NOTHING_CHOSEN]
    return max(map(abs, ran), default=NOTHING_CHOSEN)


def start(folders: Sequence[str], arguments: Sequence[str]) -> "subprocess.Popen[str]":
    """Start pytest on some folders."""
    command = [sys.executable, "-m", "pytest", "--durations=10", *arguments, *folders]
    return subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def show(name: str, process: "subprocess.Popen[str]") -> None:
    """Print what a lane says, line by line, until it ends."""
    if process.stdout is not None:
        for line in process.stdout:
            print(f"{name} | {line}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
