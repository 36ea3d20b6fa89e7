"""Entry point of `agentrun-operator` and `python -m agentrun_operator`."""

import os
import sys

from agentrun_operator import cli


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(cli.main(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
