"""A registry on loopback, with its content in a folder."""

import httpx

from controlplane import ensure
from controlplane.processes import Launcher
from release.programs import CRANE
from rig.rig import free_port
from rig.waiting import eventually

NAME = "registry"


class Registry(Launcher):
    """An OCI registry, empty at first; a context manager.

    Attributes:
        host: Where it serves, without TLS.
    """

    host = ""

    def start(self) -> None:
        """Start it and return when it answers.

        Raises:
            ControlPlaneError: it exited; the message is what it printed.
        """
        self._open(NAME)
        self.host = f"127.0.0.1:{free_port()}"
        content = self._home / "content"
        content.mkdir()
        command = [str(ensure(CRANE) / "crane"), "registry", "serve"]
        command += [f"--address={self.host}", f"--disk={content}"]
        self._running.start(NAME, command, self._log(NAME))
        eventually(self._answers, "the registry to answer")

    def _answers(self) -> bool:
        self._require_alive(NAME)
        try:
            return httpx.get(f"http://{self.host}/v2/", trust_env=False).is_success
        except httpx.TransportError:
            return False
