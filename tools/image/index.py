"""How this machine's pip reaches its package index, in a form that an image build can use."""

import ast
import configparser
import os
import subprocess
import sys
from pathlib import Path

SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout")
"""What concerns reaching the index; folders of this machine mean nothing inside the build."""
CERTIFICATES_INSIDE = "/run/secrets/ca-certificates"


def write_secrets(folder: Path) -> dict[str, Path]:
    """Write the files that the build mounts as secrets.

    Args:
        folder: Private folder to write to; the index address may hold credentials.

    Returns:
        File by secret id: `pip-config` always, `ca-certificates` where this machine's pip uses a
        bundle of its own.
    """
    settings = _pip_settings()
    secrets = {"pip-config": folder / "pip.conf"}
    config = configparser.RawConfigParser()
    config["global"] = {name: settings[name] for name in SETTINGS if name in settings}
    bundle = settings.get("cert") or os.environ.get("SSL_CERT_FILE")
    if bundle and Path(bundle).is_file():
        secrets["ca-certificates"] = Path(bundle)
        config["global"]["cert"] = CERTIFICATES_INSIDE
    secrets["pip-config"].touch(mode=0o600)
    with secrets["pip-config"].open("w") as file:
        config.write(file)
    return secrets


def _pip_settings() -> dict[str, str]:
    """Return pip's settings by option, from its files and from the environment."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=False, capture_output=True, text=True
    )  # an environment without pip has no settings either: nothing is printed
    settings: dict[str, str] = {}
    # The environment is listed first but wins.
    for line in sorted(listed.stdout.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        settings[name.rpartition(".")[2]] = str(ast.literal_eval(value))
    return settings
