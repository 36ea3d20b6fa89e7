"""Starts a control plane, a simulated cloud and an operator, and ends them without leftovers."""

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from controlplane import ControlPlane
from controlplane.processes import Launcher
from rig import samples
from rig.chart import CHART_FOLDER, REPOSITORY, Rendering, render
from rig.cloud import CloudAccount, SimulatedCloud
from rig.cluster import SAMPLES_NAMESPACE, Cluster
from rig.errors import RigError
from rig.waiting import eventually

NAMESPACE = "agentrun-system"
"""Where the operator's ServiceAccount lives."""
ACCOUNT = "1234567890"
"""The account number that the samples name."""

CHART_VALUES: Mapping[str, Any] = {
    "endpointAllowList": ["http://127.0.0.1:*"],
    # Short, because the simulated cloud is: nobody waits a minute for a drift to be seen.
    "polling": {"steadySeconds": 2, "transitionSeconds": 0.5},
}
SETTINGS: Mapping[str, str] = {
    "AGENTRUN_OPERATOR_BACKOFF_CAP_SECONDS": "5",
    # The simulated cloud shows a resource as soon as it has it.
    "AGENTRUN_OPERATOR_CREATE_SETTLE_SECONDS": "2",
    "AGENTRUN_OPERATOR_ABSENCE_CONFIRM_SECONDS": "0.4",
}
"""What the chart offers no value for."""

SIMULATOR = "agentrun-simulator"
OPERATOR = "agentrun-operator"
START_SECONDS = 120.0
STOP_SECONDS = 60.0
"""More than the operator's drain time."""
LOG_TAIL_BYTES = 6000

BASE_ENVIRON = {
    "PATH": os.environ["PATH"],
    # The source beside these tools, whichever copy of the project the interpreter has installed.
    "PYTHONPATH": str(REPOSITORY / "operator"),
}
"""Of every program of ours: nothing of this machine but where to find it."""


class Rig(Launcher, Cluster):
    """The product on one machine; a context manager.

    Everything it starts ends with it, also when this process is killed. A control plane that was
    given stays, and what was applied to it too.

    Attributes:
        plane: The control plane.
        account: The cloud account that the samples use.
    """

    def __init__(
        self,
        plane: ControlPlane | None = None,
        *,
        transition_seconds: float = 0.5,
        accounts: Sequence[CloudAccount] = (),
        chart_values: Mapping[str, Any] | None = None,
        settings: Mapping[str, str] | None = None,
        with_operator: bool = True,
        product: Path = REPOSITORY,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            plane: A running control plane; None starts one of our own.
            transition_seconds: How long CREATING and its like last in the simulated cloud.
            accounts: Cloud accounts beside `account`.
            chart_values: Values of the chart on top of short poll intervals.
            settings: Environment variables of the operator on top of what the chart sets.
            with_operator: Start an operator; else `operator_command` and `operator_environ` do.
            product: Holds the operator, its CRDs and its chart; another version than ours may.
            report: Gets a line about each thing that takes seconds.
        """
        super().__init__()
        self.account = CloudAccount(ACCOUNT)
        self._accounts = (self.account, *accounts)
        self._given = plane
        self._transition_seconds = transition_seconds
        self._values = {**CHART_VALUES, **(chart_values or {})}
        self._settings = {**SETTINGS, **(settings or {})}
        self._with_operator = with_operator
        self._product = product
        self._report = report
        self._port = 0
        self._plane: ControlPlane | None = plane
        self._cloud: SimulatedCloud | None = None
        self._rendering: Rendering | None = None
        self.operator_pid: int | None = None
        """Process id of the running operator."""
        self.simulator_pid: int | None = None
        """Process id of the simulated cloud."""

    @property
    def plane(self) -> ControlPlane:
        """The control plane."""
        if self._plane is None:
            raise RigError("the rig is not running")
        return self._plane

    @property
    def cloud(self) -> SimulatedCloud:
        """The simulated cloud."""
        if self._cloud is None:
            raise RigError("the rig is not running")
        return self._cloud

    @property
    def operator_user(self) -> str:
        """The operator as the audit log names it."""
        return f"system:serviceaccount:{NAMESPACE}:{self._rendered.service_account}"

    @property
    def operator_url(self) -> str:
        """Where the operator serves its probes and metrics."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def operator_log_file(self) -> Path:
        """Where the operator's log goes, over all its starts."""
        return self._log(OPERATOR)

    @property
    def operator_log(self) -> str:
        """Everything the operator has said, over all its starts."""
        log = self.operator_log_file
        return log.read_text(errors="replace") if log.exists() else ""

    def start(self) -> None:
        """Start everything, the operator last, and return when it is ready."""
        self._open("rig")
        if self._given is None:
            self._report("starting etcd, kube-apiserver and kube-controller-manager")
            self._plane = ControlPlane()
            self._plane.start()
        self._report("starting the simulated cloud")
        self._start_simulator()
        self._report("installing the CRDs and the operator's ServiceAccount")
        self.install()
        if self._with_operator:
            self._report("starting the operator")
            self.start_operator()

    def stop(self) -> None:
        """End everything; stopping twice is fine."""
        self._close_client()
        if self._cloud is not None:
            self._cloud.close()
            self._cloud = None
        if self._supervisor is not None and self.operator_pid is not None:
            self.stop_operator()
        super().stop()
        if self._plane is not None and self._given is None:
            self._plane.stop()
            self._plane = None

    def upgrade(self, product: Path) -> None:
        """Replace the operator, its CRDs and its rights by another version's."""
        self.stop_operator()
        self._product = product
        self.install()
        self.start_operator()

    def install(self) -> None:
        """Apply the CRDs, the operator's namespace, and its rights as the chart renders them."""
        self.install_crds()
        self._rendering = render(NAMESPACE, self._values, chart=self._product / CHART_FOLDER)
        self.create_namespace(NAMESPACE)
        self.apply(self._rendering.rights)

    def install_crds(self) -> None:
        """Apply the CRDs, and return when they are served."""
        crds = str(self._product / "crds")
        self.kubectl("apply", "--server-side", f"--filename={crds}")
        self.kubectl("wait", "--for=condition=Established", "--timeout=120s", f"--filename={crds}")

    def start_operator(self, *, seconds: float = START_SECONDS) -> None:
        """Start the operator under the chart's ServiceAccount and return when it is ready.

        Args:
            seconds: How long that may take.

        Raises:
            RigError: it exited or did not get ready; the message holds the end of its log.
        """
        self._port = free_port()
        self.operator_pid = self._running.start(
            OPERATOR,
            self.operator_command(),
            self._log(OPERATOR),
            env=self.operator_environ(),
        )
        try:
            eventually(self._is_operator_ready, "the operator's /readyz", seconds=seconds)
        except RigError as error:
            raise RigError(error.what, self.operator_log_tail()) from None

    def operator_command(self) -> list[str]:
        """Return the operator's command line."""
        return [sys.executable, "-m", "agentrun_operator", *self._rendered.arguments]

    def operator_environ(self) -> dict[str, str]:
        """Return the operator's whole environment: the chart's, and what a Pod would add."""
        service_account = self._rendered.service_account
        return {
            **BASE_ENVIRON,
            "PYTHONPATH": str(self._product / "operator"),
            "HOME": str(self._home),
            "KUBECONFIG": str(self.plane.kubeconfig_for(NAMESPACE, service_account)),
            **self._rendered.environment,
            **self._settings,
            "AGENTRUN_OPERATOR_NAMESPACE": NAMESPACE,
            # A container that is restarted in its Pod keeps its identity, and so its Lease.
            "AGENTRUN_OPERATOR_IDENTITY": f"{OPERATOR}-0",
            "AGENTRUN_OPERATOR_BIND_HOST": "127.0.0.1",
            "AGENTRUN_OPERATOR_BIND_PORT": str(self._port),
        }

    def stop_operator(self) -> int:
        """Ask the operator to end, as a Pod's deletion does; return its exit code."""
        self.operator_pid = None
        return self._running.stop(OPERATOR, seconds=STOP_SECONDS)

    def kill_operator(self) -> None:
        """End the operator by SIGKILL."""
        self.operator_pid = None
        self._running.kill(OPERATOR)

    def operator_log_tail(self) -> str:
        """Return the end of the operator's log."""
        return f"the end of the operator's log:\n{self.operator_log[-LOG_TAIL_BYTES:]}"

    def metrics(self) -> str:
        """Return what the operator's /metrics serves."""
        return httpx.get(f"{self.operator_url}/metrics", trust_env=False).text

    def apply_samples(self, namespace: str = SAMPLES_NAMESPACE) -> list[dict[str, Any]]:
        """Apply the Secrets of the samples, then the samples; return the samples."""
        self.create_namespace(namespace)
        self.apply([samples.key_secret(namespace, self.account), samples.chat_secret(namespace)])
        manifests = samples.manifests(namespace, self.cloud.url)
        self.apply(manifests)
        return manifests

    @property
    def _rendered(self) -> Rendering:
        if self._rendering is None:
            raise RigError("the rig is not running")
        return self._rendering

    def _start_simulator(self) -> None:
        log = self._log(SIMULATOR)
        command = [sys.executable, "-m", "agentrun_simulator", "--port=0"]
        command.append(f"--transition-seconds={self._transition_seconds}")
        environ = {
            **BASE_ENVIRON,
            "AGENTRUN_SIMULATOR_ACCOUNTS": ",".join(each.setting for each in self._accounts),
        }
        self.simulator_pid = self._running.start(SIMULATOR, command, log, env=environ)

        def url() -> str:
            if self._running.exit_code(SIMULATOR) is not None:
                raise RigError("the simulator exited", log.read_text())
            line = log.read_text()
            return line.split()[-1] if line.endswith("\n") else ""

        self._cloud = SimulatedCloud(eventually(url, "the simulator's URL", seconds=START_SECONDS))

    def _is_operator_ready(self) -> bool:
        code = self._running.exit_code(OPERATOR)
        if code is not None:
            raise RigError(f"the operator exited with {code}")
        try:
            answer = httpx.get(f"{self.operator_url}/readyz", trust_env=False)
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK


def free_port() -> int:
    """Return a loopback port that is free now; another process may still take it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
