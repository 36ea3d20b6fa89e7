"""Command line: `python -m controlplane build` and `python -m controlplane run`."""

import argparse
import signal
import sys
import threading

from controlplane.binaries import HELM, KUBERNETES, PROMTOOL, ensure
from controlplane.errors import ControlPlaneError
from controlplane.launcher import ControlPlane


def main() -> int:
    """Parse the arguments, carry them out, return the exit code."""
    parser = argparse.ArgumentParser(prog="controlplane", description="A local control plane.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "build", help="build what is missing: Kubernetes, etcd, kubectl, helm, promtool"
    )
    commands.add_parser("run", help="run a control plane until Ctrl-C")
    chosen = parser.parse_args().command
    try:
        if chosen == "build":
            build()
        else:
            run()
    except ControlPlaneError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def build() -> None:
    """Make sure that all programs exist and say where they are."""
    for toolset in (KUBERNETES, HELM, PROMTOOL):
        folder = ensure(toolset, report=tell)
        tell(f"{toolset.name} {toolset.version}: {folder}")


def run() -> None:
    """Run a control plane until somebody asks for its end."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with ControlPlane(ensure(KUBERNETES, report=tell)) as plane:
        tell(f"Kubernetes {KUBERNETES.version} is ready. Press Ctrl-C to stop and remove it.")
        tell(f"export KUBECONFIG={plane.kubeconfig}")
        tell(f"export PATH={plane.programs}:$PATH")
        ended.wait()


def tell(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
