"""Official programs in processes of their own, pointed at a simulator by their own variables.

Their control endpoint drops the scheme and insists on TLS; a second `http://` survives that
(control-plane reference, §3.1), at the price of a URL as Host header, which is signed as such.
"""

import os
import subprocess
from pathlib import Path

from agentrun_simulator.simulator import Simulator

_SECONDS = 600


def environment(simulator: Simulator, endpoint: str, home: Path, **changes: str) -> dict[str, str]:
    """Return the documented variables for the first account of a simulator."""
    account = simulator.settings.accounts[0]
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AGENTRUN_ACCESS_KEY_ID": account.access_key_id,
        "AGENTRUN_ACCESS_KEY_SECRET": account.access_key_secret.get_secret_value(),
        "AGENTRUN_ACCOUNT_ID": account.account_id,
        "AGENTRUN_REGION": "cn-hangzhou",
        "AGENTRUN_CONTROL_ENDPOINT": f"http://http://{endpoint}",
        "AGENTRUN_DATA_ENDPOINT": f"http://{endpoint}",
        "DISABLE_BREAKING_CHANGES_WARNING": "1",
    } | changes


def run(
    command: list[str], variables: dict[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(  # noqa: S603 - programs of our own environment
        command,
        env=variables,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
