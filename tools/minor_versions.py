"""Runs the tests of admission on each Kubernetes release that is supported, the oldest first.

`python tools/minor_versions.py [minor versions] [pytest arguments]` builds what is missing, prints
all, then a line per release, and ends with the worst exit code. Nothing runs side by side: what a
release needs for itself is a control plane, and that is most of the work.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from controlplane import HELM, ControlPlaneError, ensure
from controlplane.binaries import Toolset
from controlplane.releases import VARIABLE, releases

REPOSITORY = Path(__file__).resolve().parent.parent
INTEGRATION = REPOSITORY / "tests" / "integration"
TESTS = (
    "test_control_plane.py::test_both_sides_report_the_chosen_version",
    "admission",
    "test_chart_policies.py",
    *sorted(path.name for path in INTEGRATION.glob("test_kube_*.py")),
)
"""What depends on the API server alone: CRDs, policies, kubectl, and the operator's client."""
MINOR_VERSION = re.compile(r"\d+\.\d+")
INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Run the tests on the releases that are named, or on all; return the worst exit code."""
    known = releases()
    named = [each for each in arguments if MINOR_VERSION.fullmatch(each)]
    options = [each for each in arguments if each not in named]
    if unknown := [each for each in named if each not in known]:
        say(f"no folder of tools/kubernetes pins {', '.join(unknown)}; there is {', '.join(known)}")
        return 2
    wanted = {minor: known[minor] for minor in known if not named or minor in named}
    try:
        build(wanted)
        codes = [test(minor, toolset.version, options) for minor, toolset in wanted.items()]
    except ControlPlaneError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return max(codes)


def build(wanted: Mapping[str, Toolset]) -> None:
    """Build what is missing of all releases, before the first test runs."""
    say(f"Kubernetes {', '.join(wanted)}: a release that is not built yet takes about 7 minutes")
    for toolset in (HELM, *wanted.values()):
        ensure(toolset, report=say)


def test(minor: str, version: str, options: Sequence[str]) -> int:
    """Run pytest on one release and return its exit code, positive whatever ended it."""
    say(f"\nKubernetes {version}:")
    started = time.monotonic()
    files = [str((INTEGRATION / each).relative_to(REPOSITORY)) for each in TESTS]
    command = [sys.executable, "-m", "pytest", "--durations=5", *options, *files]
    done = subprocess.run(command, cwd=REPOSITORY, check=False, env={**os.environ, VARIABLE: minor})
    outcome = "passed" if done.returncode == 0 else f"FAILED, exit code {done.returncode}"
    say(f"Kubernetes {version}: {outcome}, {time.monotonic() - started:.0f} s")
    return abs(done.returncode)


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
