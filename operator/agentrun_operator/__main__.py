"""Entry point of `agentrun-operator` and `python -m agentrun_operator`."""

import os
import signal
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    # Order: before the imports, which take a second. The first process of a container ignores a
    # signal that it has no handler for, and would then serve until it is killed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # It asks for the level `debug`, and would end a process that does not listen yet.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    from agentrun_operator import cli, ending  # noqa: PLC0415

    ending.leave(cli.main(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
