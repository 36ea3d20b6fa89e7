"""Command line of the simulator: `agentrun-simulator --port N`."""

import argparse
import os
import sys

from pydantic import ValidationError

from agentrun_simulator.server import run
from agentrun_simulator.settings import Account, Settings
from agentrun_simulator.simulator import Simulator

ACCOUNTS_VARIABLE = "AGENTRUN_SIMULATOR_ACCOUNTS"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agentrun-simulator",
        description="Serve the AgentRun cloud from memory, for the official clients to talk to.",
        epilog=f"Accounts come from {ACCOUNTS_VARIABLE}=ID:ACCESS_KEY_ID:ACCESS_KEY_SECRET[,…], "
        "each optionally with :SECURITY_TOKEN; one demo account is served without it.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (default)")
    parser.add_argument(
        "--transition-seconds",
        type=float,
        default=Settings().transition_seconds,
        help="how long CREATING, UPDATING and DELETING last (%(default)s)",
    )
    parser.add_argument(
        "--auth",
        choices=("on", "off"),
        default="on",
        help="verify signatures, or serve everybody as the first account (%(default)s)",
    )
    return parser


def accounts_from(text: str) -> tuple[Account, ...]:
    """Read `ID:ACCESS_KEY_ID:ACCESS_KEY_SECRET[:SECURITY_TOKEN][,…]`.

    Raises:
        ValueError: an entry has too few or empty parts; the message shows no secret.
    """
    accounts = []
    for number, entry in enumerate(text.split(","), start=1):
        parts = entry.strip().split(":", maxsplit=3)
        if len(parts) < 3 or not all(parts):  # noqa: PLR2004 - id, key id, key secret
            raise ValueError(f"entry {number} is not ID:ACCESS_KEY_ID:ACCESS_KEY_SECRET")
        names = ("account_id", "access_key_id", "access_key_secret", "security_token")
        accounts.append(Account.model_validate(dict(zip(names, parts, strict=False))))
    return tuple(accounts)


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings(
            verify_signatures=options.auth == "on", transition_seconds=options.transition_seconds
        )
        if text := os.environ.get(ACCOUNTS_VARIABLE):
            settings = settings.model_copy(update={"accounts": accounts_from(text)})
        run(Simulator(settings), options.host, options.port)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        for item in found:
            sys.stderr.write(f"agentrun-simulator: {item['loc'][0]}: {item['msg']}\n")
        return 2
    except ValueError as error:
        sys.stderr.write(f"agentrun-simulator: {ACCOUNTS_VARIABLE}: {error}\n")
        return 2
    except (OSError, OverflowError) as error:
        sys.stderr.write(f"agentrun-simulator: {options.host}:{options.port}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
