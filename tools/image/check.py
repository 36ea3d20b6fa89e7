"""Starts the images once and checks what they must be."""

import json
import subprocess
from typing import Any

from image.builders import Builder
from image.errors import ImageError

PROBE = """
import hashlib, importlib.util, json, os, shutil, sys
tools = [name for name in ("gcc", "make") if shutil.which(name)]
tools += [name for name in ("hatchling", "pip") if importlib.util.find_spec(name)]
size, digest = 0, hashlib.sha256()
for folder, folders, files in os.walk(sys.prefix):
    folders.sort()
    for name in sorted(files):
        path = os.path.join(folder, name)
        state = os.lstat(path)
        size += state.st_size
        digest.update(f"{path} {state.st_mode:o}".encode())
        content = os.readlink(path).encode() if os.path.islink(path) else open(path, "rb").read()
        digest.update(hashlib.sha256(content).digest())
print(json.dumps({"user": f"{os.getuid()}:{os.getgid()}", "tools": tools, "bytes": size,
                  "writable": os.access(sys.prefix, os.W_OK), "digest": digest.hexdigest()}))
"""
"""Asks the environment that ships who it runs as, what it can reach, and what it is made of."""
SERVE = """
import urllib.request
from agentrun_simulator.server import serve
from agentrun_simulator.settings import Settings
from agentrun_simulator.simulator import Simulator
with serve(Simulator(Settings())) as url, urllib.request.urlopen(url + "/admin/resources") as said:
    print("answered", said.status)
"""
MAX_LINES = 3
"""A start-up error is a line; a warning of a library may come with it."""
MAX_MB = 150
"""What an image may add to its base."""


def check_operator(builder: Builder, tag: str, project_version: str) -> str:
    """Start the operator's image and check what it must be; return the digest of its files.

    Raises:
        ImageError: it is not; the message holds what the image printed.
    """
    version = builder.run(tag, "version")
    is_right = version.returncode == 0 and project_version in version.stdout
    expect(is_right, f"version is {project_version}", version)
    digest = _check_contents(builder, tag)
    lonely = builder.run(tag, "run")
    lines = [line for line in lonely.stdout.splitlines() if line.strip()]
    is_clear = 0 < len(lines) <= MAX_LINES and "Traceback" not in lonely.stdout
    expect(lonely.returncode != 0 and is_clear, "says what is wrong without a cluster", lonely)
    print(f"  {lines[-1]}")
    return digest


def check_simulator(builder: Builder, tag: str) -> str:
    """Start the simulator's image and check what it must be; return the digest of its files.

    Raises:
        ImageError: it is not; the message holds what the image printed.
    """
    usage = builder.run(tag, "--help")
    expect(usage.returncode == 0 and "--port" in usage.stdout, "simulator explains itself", usage)
    served = builder.run_program(tag, "python3", "-c", SERVE)
    expect("answered 200" in served.stdout, "simulator answers", served)
    return _check_contents(builder, tag)


def _check_contents(builder: Builder, tag: str) -> str:
    probe = builder.run_program(tag, "python3", "-c", PROBE)
    try:
        found: dict[str, Any] = json.loads(probe.stdout)
    except ValueError:
        found = {}
    expect(found.get("user") == "65532:65532", "runs without root's rights", probe)
    expect(not found["writable"], "cannot change its own program", probe)
    expect(not found["tools"], "has no build tools", probe)
    size = found["bytes"] / 1e6
    expect(size <= MAX_MB, f"adds {size:.0f} of at most {MAX_MB} MB to its base", probe)
    return str(found["digest"])


def expect(is_met: bool, what: str, seen: "subprocess.CompletedProcess[str]") -> None:  # noqa: FBT001
    """Print a check that holds; raise one that does not."""
    if not is_met:
        raise ImageError(
            f"image check failed: {what}; exit code {seen.returncode}, output:\n{seen.stdout}"
        )
    print(f"image check: {what}", flush=True)
