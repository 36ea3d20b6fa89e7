"""Two operators behind doors of their own, started again when they end, as in a Deployment."""

import random
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import yaml

from controlplane.processes import Supervisor
from integration import fleet
from rig import NAMESPACE, Rig, eventually
from rig.rig import free_port
from rig.waiting import HANG_SECONDS
from soak_real.door import Door, Doors

NAMES = ("operator-0", "operator-1")
AGAIN_SECONDS = 1.0
"""Between the end of a container and its next start; less than a cluster would wait."""


class Replicas:
    """The two operators of one rig."""

    def __init__(self, rig: Rig, doors: Doors, chance: random.Random) -> None:
        """Open the doors; `start` starts the operators."""
        self._rig = rig
        self._http = rig.api()
        self._home = Path(tempfile.mkdtemp(prefix="agentrun-replicas-"))
        self._supervisor = Supervisor(self._home)
        self._ports = dict.fromkeys(NAMES, 0)
        self._due = dict.fromkeys(NAMES, 0.0)
        self._environ = rig.operator_environ()
        config = yaml.safe_load(Path(self._environ["KUBECONFIG"]).read_text())
        self.token: str = config["users"][0]["user"]["token"]
        """What both log in with."""
        self.pids: dict[str, int] = {}
        """Of those that run, or have ended and were not started again yet."""
        self.ends: list[tuple[str, int]] = []
        """Who ended by itself, with which exit code."""
        certificates = rig.plane.ca_file
        pair = (str(certificates), str(certificates.with_suffix(".key")))
        self.doors: dict[str, Door] = {
            name: doors.add(
                rig.plane.url,
                chance,
                certificate=pair,
                tag=name,
                forbidden=fleet.CANARY.encode(),
            )
            for name in NAMES
        }
        """To the API server, one for each."""

    def start(self) -> None:
        """Start both and return when one of them leads."""
        self.tend()
        eventually(self.leader, "an operator to lead")

    def close(self) -> None:
        """Kill both."""
        self._supervisor.close()
        self._http.close()

    # ------------------------------------------------ what they are

    @property
    def lease(self) -> str:
        """Path of their Lease."""
        name = self._environ["AGENTRUN_OPERATOR_LEASE_NAME"]
        return f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{name}"

    def leader(self) -> str | None:
        """Return who holds a Lease that has not run out; None: nobody, or nobody knows."""
        try:
            answer = self._http.get(self.lease, timeout=3.0)
        except httpx.TransportError:
            return None
        spec = answer.json().get("spec", {}) if answer.is_success else {}
        if not spec.get("holderIdentity"):
            return None
        age = datetime.now(UTC) - datetime.fromisoformat(spec["renewTime"])
        is_over = age.total_seconds() > spec["leaseDurationSeconds"]
        return None if is_over else str(spec["holderIdentity"])

    def wait_for_leader(
        self, among: Iterable[str] = NAMES, *, seconds: float = HANG_SECONDS
    ) -> str | None:
        """Return who leads, once it is one of these; None: not in time."""
        wanted, deadline = set(among), time.monotonic() + seconds
        while (leader := self.leader()) not in wanted:
            if time.monotonic() > deadline:
                return None
            self.tend()
            time.sleep(0.3)
        return leader

    def wait_for_standby(self, leader: str) -> None:
        """Return when the other one runs as well: the last trouble may have taken it away."""
        standby = self.other(leader)

        def serves() -> bool:
            self.tend()
            return bool(self.metrics(standby))

        eventually(serves, f"{standby} to stand by")

    def other(self, name: str) -> str:
        """Return the other one."""
        return next(each for each in NAMES if each != name)

    def whose(self, port: int) -> str:
        """Return who has a connection from a port; empty: nobody that still runs."""
        for name, pid in dict(self.pids).items():
            try:
                found = psutil.Process(pid).net_connections(kind="tcp")
            except psutil.Error:
                continue
            if any(each.laddr[1:2] == (port,) for each in found):
                return name
        return ""

    def is_running(self, name: str) -> bool:
        """Whether an operator has not ended; a frozen one has not."""
        return name in self.pids and self._supervisor.exit_code(name) is None

    def log_file(self, name: str) -> Path:
        """Return where an operator writes what it has to say."""
        return self._home / f"{name}.log"

    def log(self, name: str, *, since: int = 0) -> str:
        """Return what an operator has said after so many bytes."""
        with self.log_file(name).open("rb") as file:
            file.seek(since)
            return file.read().decode(errors="replace")

    def log_size(self, name: str) -> int:
        """Return how many bytes an operator has said."""
        return self.log_file(name).stat().st_size

    def metrics(self, name: str) -> str:
        """Return what an operator's /metrics serves, nothing where it does not answer."""
        try:
            return httpx.get(
                f"http://127.0.0.1:{self._ports[name]}/metrics", trust_env=False, timeout=5.0
            ).text
        except httpx.TransportError:
            return ""

    # ------------------------------------------------ what is done to them

    def kill(self, name: str, *, back_after: float = 0.0) -> None:
        """SIGKILL one; it is started again when `back_after` seconds have passed, if tended."""
        if self.pids.pop(name, None) is not None:
            self._supervisor.kill(name)
        self._due[name] = time.monotonic() + back_after

    def tend(self) -> None:
        """Start again what has ended."""
        for name in NAMES:
            if name in self.pids and (code := self._supervisor.exit_code(name)) is not None:
                self.ends.append((name, code))
                del self.pids[name]
                self._due[name] = time.monotonic() + AGAIN_SECONDS
            if name not in self.pids and time.monotonic() >= self._due[name]:
                self._start(name)

    def _start(self, name: str) -> None:
        self._ports[name] = free_port()
        environ = {
            **self._environ,
            "KUBECONFIG": str(self._kubeconfig(name)),
            # A container that is restarted in its Pod keeps its identity.
            "AGENTRUN_OPERATOR_IDENTITY": name,
            "AGENTRUN_OPERATOR_BIND_PORT": str(self._ports[name]),
        }
        command = self._rig.operator_command()
        self.pids[name] = self._supervisor.start(name, command, self.log_file(name), env=environ)

    def _kubeconfig(self, name: str) -> Path:
        """Return the chart's kubeconfig, pointed at an operator's own door."""
        path = self._home / f"{name}.kubeconfig"
        if not path.exists():
            config = yaml.safe_load(Path(self._environ["KUBECONFIG"]).read_text())
            config["clusters"][0]["cluster"]["server"] = self.doors[name].url
            path.touch(mode=0o600)
            path.write_text(yaml.safe_dump(config))
        return path
