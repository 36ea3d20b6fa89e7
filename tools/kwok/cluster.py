"""Runs Pods that are nothing but their status: the scheduler binds them, kwok makes them Ready.

kwok stands in for the kubelet of one fake node: a Pod becomes Running and Ready at once, a deleted
Pod goes. No image is pulled and no program is run, so what a Pod would *do* is not shown by this;
that the API server admits it, and that what waits for it goes on, is. Pods that end by themselves
are the exception: `programs` runs what they are for.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from controlplane import ControlPlane, ControlPlaneError, ensure
from controlplane.processes import Supervisor
from kwok.binaries import KWOK, SCHEDULER
from kwok.programs import Programs
from rig.waiting import condition, eventually

NODE = "fake-node"
STAGES = Path(__file__).with_name("stages.yaml")
START_SECONDS = 60.0
LOG_TAIL_BYTES = 4000


class FakeNode:
    """A node, a scheduler and kwok beside a control plane; a context manager."""

    def __init__(
        self,
        plane: ControlPlane,
        *,
        reach: Callable[[str], str] = lambda text: text,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            plane: A running control plane.
            reach: Turns an argument that names a Service into one that this machine can reach.
            report: Gets a line about each thing that takes seconds.
        """
        self._plane = plane
        self._programs = Programs(plane, NODE, reach=reach)
        self._report = report
        self._kwok = ensure(KWOK, report=report) / "kwok"
        self._scheduler = ensure(SCHEDULER, report=report) / "kube-scheduler"
        self._home = Path()
        self._supervisor: Supervisor | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the programs and return when the node is Ready.

        Raises:
            ControlPlaneError: one of them died; the message holds the end of its log.
        """
        self._report("starting kube-scheduler and kwok")
        self._home = Path(tempfile.mkdtemp(prefix="agentrun-fake-node-"))
        self._supervisor = Supervisor(self._home)
        kubeconfig = f"--kubeconfig={self._plane.kubeconfig}"
        commands = {
            "kube-scheduler": [
                str(self._scheduler),
                kubeconfig,
                "--leader-elect=false",
                "--secure-port=0",
            ],
            "kwok": [
                str(self._kwok),
                kubeconfig,
                f"--config={STAGES}",
                "--manage-all-nodes",
                "--node-ip=127.0.0.1",
                # Without a Lease the node counts as lost after less than a minute.
                "--node-lease-duration-seconds=40",
            ],
        }
        for name, argv in commands.items():
            self._supervisor.start(name, argv, self._home / f"{name}.log")
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
        self._plane.kubectl("apply", "--filename=-", input=json.dumps(node))
        eventually(self._is_ready, "the fake node to be Ready", seconds=START_SECONDS)
        self._programs.start()

    def stop(self) -> None:
        """End the programs; the node object stays. Stopping twice is fine."""
        self._programs.stop()
        if self._supervisor is not None:
            self._supervisor.close()
            self._supervisor = None

    def _is_ready(self) -> bool:
        for name in ("kube-scheduler", "kwok"):
            code = self._supervisor.exit_code(name) if self._supervisor else 0
            if code is not None:
                log = (self._home / f"{name}.log").read_text(errors="replace")
                raise ControlPlaneError(f"{name} exited with {code}:\n{log[-LOG_TAIL_BYTES:]}")
        body = json.loads(self._plane.kubectl("get", "node", NODE, "--output=json"))
        return condition(body, "Ready").get("status") == "True"
