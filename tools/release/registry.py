"""A registry on loopback, with its content in a folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx

from controlplane import ensure
from controlplane.processes import Supervisor
from release.errors import ReleaseError
from release.programs import CRANE
from rig.rig import free_port
from rig.waiting import eventually

NAME = "registry"


@contextlib.contextmanager
def registry(home: Path) -> Iterator[str]:
    """Serve a registry, empty at first; yields its host, and removes the folder at the end.

    Raises:
        ReleaseError: it exited; the message is what it printed.
    """
    content, log = home / "content", home / f"{NAME}.log"
    content.mkdir(parents=True)
    supervisor = Supervisor(home)
    host = f"127.0.0.1:{free_port()}"

    def answers() -> bool:
        if supervisor.exit_code(NAME) is not None:
            raise ReleaseError(f"the registry ended:\n{log.read_text()}")
        try:
            return httpx.get(f"http://{host}/v2/", trust_env=False).is_success
        except httpx.TransportError:
            return False

    try:
        command = [ensure(CRANE) / "crane", "registry", "serve"]
        command += [f"--address={host}", f"--disk={content}"]
        supervisor.start(NAME, list(map(str, command)), log)
        eventually(answers, "the registry to answer")
        yield host
    finally:
        supervisor.close()
