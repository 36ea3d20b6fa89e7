"""The product as Helm installs it: the chart released for real, its Pods on a fake node.

The operator that does the work is a process of this machine, under the ServiceAccount of the
release: Pods here are nothing but their status, save those of Helm's hooks, whose programs run.
"""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from charttools.programs import helm as helm_program
from controlplane import ControlPlane
from kwok.cluster import FakeNode
from rig import NAMESPACE, Rig, RigError
from rig.chart import CHART, RELEASE, render

RESTRICTED = {
    f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")
}
INSTALL_SECONDS = 120
SERVICE_PORT = 8080
"""What the chart's Service listens on unless told otherwise."""
USER_TEMPLATE = "{{ range .Values.objects }}\n---\n{{ toYaml . }}\n{{ end }}\n"


@dataclass(frozen=True)
class Outcome:
    """How a run of Helm ended.

    Attributes:
        code: Exit code.
        output: What it printed, both streams.
        seconds: How long it took.
    """

    code: int
    output: str
    seconds: float


class Helm:
    """Helm of one major release, as administrator of a control plane."""

    def __init__(self, plane: ControlPlane, major: int = 4) -> None:
        self._plane = plane
        self._program = helm_program(major)

    def run(self, *arguments: str, values: Mapping[str, Any] | None = None) -> Outcome:
        """Run Helm; values reach it by standard input."""
        home = self._plane.home / "helm"
        begun = time.monotonic()
        done = subprocess.run(
            [self._program, *arguments, *(["--values=-"] if values is not None else [])],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            input=json.dumps(values) if values is not None else "",
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "KUBECONFIG": str(self._plane.kubeconfig),
            },
        )
        return Outcome(done.returncode, done.stdout, time.monotonic() - begun)

    def __call__(self, *arguments: str, values: Mapping[str, Any] | None = None) -> Outcome:
        """Run Helm.

        Raises:
            RigError: it failed; the message is Helm's.
        """
        done = self.run(*arguments, values=values)
        if done.code != 0:
            raise RigError(f"helm {' '.join(arguments)}: {done.output.strip()}")
        return done


class Released(Rig):
    """The rig, its chart installed by Helm on a fake node.

    Attributes:
        chart: Folder of the chart that is installed first.
    """

    def __init__(
        self,
        *,
        chart: Path = CHART,
        chart_values: Mapping[str, Any] | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing runs yet."""
        super().__init__(transition_seconds=0.2, chart_values=chart_values, report=report)
        self.chart = chart
        self._parts = contextlib.ExitStack()

    @property
    def helm(self) -> Helm:
        """Helm 4."""
        return Helm(self.plane)

    def install(self) -> None:
        """Install the chart into a namespace that admits restricted Pods only."""
        node = FakeNode(self.plane, reach=self._reach, report=self._report)
        self._parts.enter_context(node)
        restricted_namespace(self, NAMESPACE)
        for name in self._values.get("watchNamespaces", ()):
            self.create_namespace(name)
        self._rendering = render(NAMESPACE, self._values)
        self._report("Helm installs the chart")
        self.release("install", self.chart)

    def release(self, verb: str, chart: Path) -> Outcome:
        """Install or upgrade the release, and wait for its Pods."""
        return self.helm(
            verb,
            RELEASE,
            str(chart),
            f"--namespace={NAMESPACE}",
            "--wait",
            f"--timeout={INSTALL_SECONDS}s",
            values=self._values,
        )

    def uninstall(self, *options: str) -> Outcome:
        """Try to uninstall the release and wait for its Pods to go; the guard may refuse."""
        command = ("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--wait")
        return self.helm.run(*command, *options)

    def _reach(self, argument: str) -> str:
        """Lead to our process what would lead to the release's Service."""
        service = f"http://{RELEASE}.{NAMESPACE}.svc:{SERVICE_PORT}"
        return argument.replace(service, self.operator_url)

    def stop(self) -> None:
        """End everything; stopping twice is fine."""
        self._parts.close()
        super().stop()


def restricted_namespace(rig: Rig, name: str) -> None:
    """Create a namespace that enforces the restricted Pod Security Standard."""
    metadata = {"name": name, "labels": RESTRICTED}
    rig.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}])


class UserChart:
    """What a user of ours would write: a chart whose templates are objects of our kinds."""

    def __init__(self, helm: Helm, name: str, namespace: str) -> None:
        self.name = name
        self._helm = helm
        self._namespace = namespace
        self._folder = tempfile.TemporaryDirectory(prefix="agentrun-chart-")
        root = Path(self._folder.name)
        about = {"apiVersion": "v2", "name": name, "version": "0.1.0"}
        (root / "Chart.yaml").write_text(yaml.safe_dump(about))
        (root / "templates").mkdir()
        (root / "templates" / "objects.yaml").write_text(USER_TEMPLATE)

    def close(self) -> None:
        """Remove the chart's folder; its release stays."""
        self._folder.cleanup()

    def wait(self, verb: str, objects: Iterable[Mapping[str, Any]], *, seconds: int) -> Outcome:
        """Install or upgrade with these objects and `--wait`; the outcome may be a failure."""
        return self._helm.run(
            verb,
            self.name,
            self._folder.name,
            f"--namespace={self._namespace}",
            "--wait",
            f"--timeout={seconds}s",
            values={"objects": list(objects)},
        )

    def uninstall(self, *, seconds: int = 60) -> Outcome:
        """Uninstall and wait until the objects are gone."""
        return self._helm.run(
            "uninstall",
            self.name,
            f"--namespace={self._namespace}",
            "--ignore-not-found",
            "--wait",
            f"--timeout={seconds}s",
        )
