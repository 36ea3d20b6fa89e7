"""Runs the programs of Pods that end by themselves, as processes of this machine.

kwok makes a Pod nothing but its status. Where somebody waits for a Pod's end (a hook of Helm, a
Job), that says nothing about the product: so the program of such a Pod, one with restartPolicy
Never, runs for real, with the arguments, the environment and the ServiceAccount of the Pod, and
its exit code is reported as a kubelet does. What a container adds (another user, a file system of
its own, the cluster's network) is not shown by this; `make test-image` and `make e2e-kind` do.
"""

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from controlplane import ControlPlane
from rig.cluster import administrator
from rig.rig import BASE_ENVIRON

PODS = "/api/v1/pods"
POLL_SECONDS = 0.2
LIMIT_SECONDS = 60
"""How long a program may run; those of the chart need a second."""
MESSAGE_CHARS = 2000
"""What a kubelet keeps of the output where the container asks for FallbackToLogsOnError."""

Json = dict[str, Any]


class Programs:
    """Stands in for the kubelet of a node, as to Pods that end; runs in a thread of its own."""

    def __init__(
        self, plane: ControlPlane, node: str, *, reach: Callable[[str], str] = lambda text: text
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            plane: A running control plane.
            node: The node whose Pods are run.
            reach: Turns an argument that names a Service into one that this machine can reach.
        """
        self._plane = plane
        self._node = node
        self._reach = reach
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="programs", daemon=True)

    def start(self) -> None:
        """Run the program of each such Pod from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End; a program that is still running is waited for."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _serve(self) -> None:
        selector = f"spec.nodeName={self._node},spec.restartPolicy=Never,status.phase=Pending"
        with administrator(self._plane) as client:
            while not self._ended.wait(POLL_SECONDS):
                try:
                    found = client.get(PODS, params={"fieldSelector": selector}).json()
                    for pod in found["items"]:
                        self._live(client, pod)
                except httpx.TransportError:
                    continue  # the control plane is ending, or was restarted

    def _live(self, client: httpx.Client, pod: Json) -> None:
        """Take a Pod from its start to its end."""
        begun = _now()
        _report(client, pod, "Running", {"running": {"startedAt": begun}})
        done = self._run(pod)
        ended = {
            "exitCode": done.returncode,
            "reason": "Error" if done.returncode else "Completed",
            "message": done.stdout[-MESSAGE_CHARS:],
            "startedAt": begun,
            "finishedAt": _now(),
        }
        phase = "Failed" if done.returncode else "Succeeded"
        _report(client, pod, phase, {"terminated": ended})

    def _run(self, pod: Json) -> "subprocess.CompletedProcess[str]":
        namespace, spec = pod["metadata"]["namespace"], pod["spec"]
        (container,) = spec["containers"]
        access = self._plane.kubeconfig_for(namespace, spec["serviceAccountName"])
        arguments = map(self._reach, container["args"])
        command = [sys.executable, "-m", "agentrun_operator", *arguments]
        try:
            return subprocess.run(
                command,
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=LIMIT_SECONDS,
                env={**BASE_ENVIRON, **environ_of(pod, container), "KUBECONFIG": str(access)},
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, -9, f"ran {LIMIT_SECONDS} s")


def environ_of(pod: Json, container: Json) -> Mapping[str, str]:
    """Return the environment that a kubelet gives the container: plain values, and its namespace.

    Raises:
        KeyError: a variable comes from elsewhere; so far the hooks need none.
    """
    fields = {"metadata.namespace": pod["metadata"]["namespace"]}
    return {
        each["name"]: fields[each["valueFrom"]["fieldRef"]["fieldPath"]]
        if "valueFrom" in each
        else each.get("value", "")
        for each in container.get("env", ())
    }


def _report(client: httpx.Client, pod: Json, phase: str, state: Json) -> None:
    """Write a Pod's status; one that is gone meanwhile needs none."""
    (container,) = pod["spec"]["containers"]
    status = {
        "phase": phase,
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": state,
            }
        ],
    }
    metadata = pod["metadata"]
    answer = client.patch(
        f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status",
        json={"status": status},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    if answer.status_code != httpx.codes.NOT_FOUND:
        answer.raise_for_status()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
