"""Command line of the simulator: `agentrun-simulator --port N`."""

import argparse
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from agentrun_simulator.errors import ServiceError
from agentrun_simulator.seeding import SeedFile, read_seed_file
from agentrun_simulator.server import Tls, run
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
        help=f"how long CREATING, UPDATING and DELETING last ({Settings().transition_seconds})",
    )
    parser.add_argument(
        "--auth",
        choices=("on", "off"),
        help="verify signatures (default), or serve everybody as the first account",
    )
    parser.add_argument(
        "--seed", type=int, help="make ids and latencies repeat from run to run (default: chance)"
    )
    parser.add_argument(
        "--seed-file",
        type=Path,
        metavar="FILE",
        help="JSON with settings, faults and resources to begin with; options win over it",
    )
    parser.add_argument(
        "--tls-certificate", type=Path, metavar="FILE", help="serve https; needs --tls-key"
    )
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="key of the certificate")
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
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.tls_certificate is None) != (options.tls_key is None):
        parser.error("--tls-certificate and --tls-key come together")
    try:
        simulator = _simulator(options)
    except ValidationError as error:
        for line in _defects(error):
            _say(line)
        return 2
    except ServiceError as error:
        _say(f"{options.seed_file}: {error.message}")
        return 2
    except OSError as error:
        _say(f"{options.seed_file}: {error.strerror}")
        return 2
    except ValueError as error:
        _say(str(error))
        return 2
    tls = Tls(options.tls_certificate, options.tls_key) if options.tls_key else None
    try:
        run(simulator, options.host, options.port, tls)
    except (OSError, OverflowError) as error:
        _say(f"{options.host}:{options.port}: {error}")
        return 1
    return 0


def _simulator(options: argparse.Namespace) -> Simulator:
    """Build what the options, the environment and the seed file ask for.

    Raises:
        ValueError: one of them is wrong; the message says which.
        OSError: the seed file cannot be read.
        ServiceError: the service would refuse a resource of the seed file.
    """
    seed = _seed(options.seed_file)
    given: dict[str, object] = {"seed": options.seed}
    given["transitionSeconds"] = options.transition_seconds
    given["verifySignatures"] = None if options.auth is None else options.auth == "on"
    chosen = {name: value for name, value in given.items() if value is not None}
    if text := os.environ.get(ACCOUNTS_VARIABLE):
        try:
            chosen["accounts"] = accounts_from(text)
        except ValueError as error:
            raise ValueError(f"{ACCOUNTS_VARIABLE}: {error}") from None
    simulator = Simulator(Settings.model_validate(seed.settings | chosen))
    simulator.sow(seed.model_copy(update={"settings": {}}))
    return simulator


def _seed(file: Path | None) -> SeedFile:
    if file is None:
        return SeedFile()
    try:
        return read_seed_file(file)
    except ValidationError as error:
        raise ValueError(f"{file}: {'; '.join(_defects(error))}") from None


def _defects(error: ValidationError) -> list[str]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [": ".join(filter(None, (".".join(map(str, e["loc"])), e["msg"]))) for e in found]


def _say(line: str) -> None:
    sys.stderr.write(f"agentrun-simulator: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
