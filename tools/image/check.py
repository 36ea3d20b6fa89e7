"""Starts the image once and checks what it must be."""

import subprocess

from image.builders import Builder
from image.errors import ImageError

PROBE = """
import importlib.util, os, shutil
tools = [name for name in ("gcc", "make") if shutil.which(name)]
tools += [name for name in ("hatchling", "pip") if importlib.util.find_spec(name)]
print(os.getuid(), os.getgid(), tools)
"""
"""Asks the environment that ships who it runs as, and which build tools it can reach."""
MAX_LINES = 3
"""A start-up error is a line; a warning of a library may come with it."""


def check(builder: Builder, tag: str, project_version: str) -> None:
    """Start the image and check what it must be.

    Raises:
        ImageError: it is not; the message holds what the image printed.
    """
    version = builder.run(tag, "version")
    is_right = version.returncode == 0 and project_version in version.stdout
    expect(is_right, f"version is {project_version}", version)

    probe = builder.run_program(tag, "python3", "-c", PROBE)
    expect(probe.stdout.strip() == "65532 65532 []", "no root, no build tools", probe)

    lonely = builder.run(tag, "run")
    lines = [line for line in lonely.stdout.splitlines() if line.strip()]
    is_clear = 0 < len(lines) <= MAX_LINES and "Traceback" not in lonely.stdout
    expect(lonely.returncode != 0 and is_clear, "says what is wrong without a cluster", lonely)
    print(f"  {lines[-1]}")


def expect(is_met: bool, what: str, seen: "subprocess.CompletedProcess[str]") -> None:  # noqa: FBT001
    """Print a check that holds; raise one that does not."""
    if not is_met:
        raise ImageError(
            f"image check failed: {what}; exit code {seen.returncode}, output:\n{seen.stdout}"
        )
    print(f"image check: {what}", flush=True)
