"""Runs the folders of tests in three lanes at once: some wait for processes, others compute.

`python tools/lanes.py [pytest arguments]` prints all, each line with its folder, then once more
what failed, and ends with the worst exit code.
"""

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDERS = ("engine", "integration", "e2e", "unit", "contract", "drift")
"""What takes longest comes first. A lane that is done takes the next one, so that all of them end
at about the same time on any machine."""
LANES = 3
"""One more than the two cores that CI has: integration and e2e mostly wait for processes."""
NOTHING_CHOSEN = 5
"""pytest's exit code where `-k` or the like left no test; fine for a folder, not for all."""
INTERRUPTED = 130
FAILURE = re.compile(r"(E  |FAILED |ERROR )")
"""How a line of pytest begins that says what failed and why."""
FAILURES_SHOWN = 40
"""Lines of a folder that are printed again; a control plane that died fails hundreds of tests."""
REPOSITORY = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str]) -> int:
    """Run all folders and return the worst exit code, NOTHING_CHOSEN if none had a test."""
    started = time.monotonic()
    begun: list[subprocess.Popen[str]] = []
    failures: list[str] = []

    def run(folder: str) -> int:
        process = start(folder, arguments)
        begun.append(process)
        failures.extend(show(folder, process))
        return process.wait()

    lanes = ThreadPoolExecutor(LANES)
    try:
        codes = [*lanes.map(run, FOLDERS)]
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        lanes.shutdown(wait=False, cancel_futures=True)
        for process in begun:
            process.terminate()
    print(f"all folders: {time.monotonic() - started:.0f} s", flush=True)
    # Who reads only the end of a log learns what failed.
    print("".join(failures), end="", flush=True)
    ran = [code for code in codes if code != NOTHING_CHOSEN]
    return max(map(abs, ran), default=NOTHING_CHOSEN)


def start(folder: str, arguments: Sequence[str]) -> "subprocess.Popen[str]":
    """Start pytest on a folder."""
    command = [sys.executable, "-m", "pytest", "--durations=10", *arguments, f"tests/{folder}"]
    return subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def show(name: str, process: "subprocess.Popen[str]") -> list[str]:
    """Print what a folder's pytest says, line by line; return the last lines on failures."""
    failures: list[str] = []
    for line in process.stdout or ():
        told = f"{name} | {line}"
        print(told, end="", flush=True)
        if FAILURE.match(line):
            failures.append(told)
    return failures[-FAILURES_SHOWN:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
