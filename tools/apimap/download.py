"""A version of the official SDK from the package index, unpacked and read, never run."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from apimap.description import Description
from openapi.document import build
from openapi.errors import SdkError


def described(package: str, version: str) -> Description:
    """Return the description of a version that pip can get; the newest where it is empty.

    Raises:
        SdkError: there is no such version, or it is not of the shape that can be read.
    """
    with tempfile.TemporaryDirectory(prefix="agentrun-sdk-") as folder:
        wheel = _downloaded(f"{package}=={version}" if version else package, Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        found = wheel.name.split("-")[1]
        return Description(build(Path(folder) / package, found, package))


def _downloaded(wanted: str, folder: Path) -> Path:
    # A wheel is unpacked as it is; a source package would run code of its own to be read.
    options = ["--no-deps", "--only-binary=:all:", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, f"--dest={folder}", wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        told = done.stderr.strip().splitlines()
        raise SdkError(f"pip cannot download {wanted}: {told[-1] if told else 'no wheel of it'}")
    return wheels[0]
