"""Runs Pods that are nothing but their status: the scheduler binds them, kwok makes them Ready.

kwok stands in for the kubelet of one fake node: a Pod becomes Running and Ready at once, a deleted
Pod goes. No image is pulled and no program is run, so what a Pod would *do* is not shown by this;
that the API server admits it, and that what waits for it goes on, is. Pods that end by themselves
are the exception: `programs` runs what they are for.
"""

import json
from collections.abc import Callable
from pathlib import Path

from controlplane import ControlPlane, ensure
from controlplane.processes import Launcher
from kwok.binaries import KWOK, SCHEDULER
from kwok.programs import Programs
from rig.waiting import condition, eventually

NODE = "fake-node"
STAGES = Path(__file__).with_name("stages.yaml")
START_SECONDS = 60.0


class FakeNode(Launcher):
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
        super().__init__()
        self._plane = plane
        self._programs = Programs(plane, NODE, reach=reach)
        self._report = report
        self._kwok = ensure(KWOK, report=report) / "kwok"
        self._scheduler = ensure(SCHEDULER, report=report) / "kube-scheduler"

    def start(self) -> None:
        """Start the programs and return when the node is Ready.

        Raises:
            ControlPlaneError: one of them died; the message holds the end of its log.
        """
        self._report("starting kube-scheduler and kwok")
        self._open("fake-node")
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
            self._running.start(name, argv, self._log(name))
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
        self._plane.kubectl("apply", "--filename=-", input=json.dumps(node))
        eventually(self._is_ready, "the fake node to be Ready", seconds=START_SECONDS)
        self._programs.start()

    def stop(self) -> None:
        """End the programs; the node object stays. Stopping twice is fine."""
        self._programs.stop()
        super().stop()

    def _is_ready(self) -> bool:
        for name in ("kube-scheduler", "kwok"):
            self._require_alive(name)
        body = json.loads(self._plane.kubectl("get", "node", NODE, "--output=json"))
        return condition(body, "Ready").get("status") == "True"
