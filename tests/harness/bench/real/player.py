"""A contestant as something that can be started, killed and asked: the operator, or a program."""

import abc
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bench.real.contestant import Contestant, Thing, filled, manifest
from bench.real.usage import family
from controlplane.processes import Supervisor
from rig import Rig
from rig.rig import BASE_ENVIRON, free_port

PASSES = "controller_runtime_reconcile"
DEPTH = "workqueue_depth"
BUILD_INFO = "agentrun_operator_build_info"
ACCOUNT_NAMESPACE, ACCOUNT_NAME = "bench-system", "contestant"
START_SECONDS = 900.0
"""Of an operator that finds thousands of objects on a busy machine."""


class Player(abc.ABC):
    """One contestant on one rig."""

    def __init__(self, rig: Rig, contestant: Contestant, endpoint: str) -> None:
        """Prepare; nothing runs yet.

        Args:
            rig: Its cluster and cloud; they run.
            contestant: What its file says.
            endpoint: Where it finds the cloud.
        """
        self.rig = rig
        self.contestant = contestant
        self.endpoint = endpoint

    @property
    @abc.abstractmethod
    def pid(self) -> int | None:
        """Process id; None while it does not run."""

    @property
    @abc.abstractmethod
    def user(self) -> str:
        """Its name in the audit log."""

    @abc.abstractmethod
    def version(self) -> str:
        """Return its version, as it tells it."""

    @abc.abstractmethod
    def start(self) -> None:
        """Start it; return when it runs."""

    @abc.abstractmethod
    def kill(self) -> None:
        """End it and all its children by SIGKILL."""

    @abc.abstractmethod
    def close(self) -> None:
        """End it for good; closing twice is fine."""

    def metrics_url(self) -> str:
        """Return where it serves metrics; empty where it serves none that are known."""
        return ""

    def passes(self) -> tuple[float, float] | None:
        """Return how many passes it has made since its start, and how many wait; None: unknown."""
        if not self.metrics_url():
            return None
        totals = dict.fromkeys((PASSES, DEPTH), 0.0)
        for each in self._metrics():
            if each.name in totals:
                totals[each.name] += sum(
                    sample.value for sample in each.samples if not sample.name.endswith("_created")
                )
        return totals[PASSES], totals[DEPTH]

    def _metrics(self) -> Iterator[Metric]:
        """Yield its metrics; nothing while it does not answer."""
        with suppress(httpx.HTTPError):
            answer = httpx.get(self.metrics_url(), trust_env=False, timeout=10.0)
            yield from text_string_to_metric_families(answer.raise_for_status().text)


class Operator(Player):
    """The operator, as the rig starts it."""

    @property
    def pid(self) -> int | None:
        """Process id; None while it does not run."""
        return self.rig.operator_pid

    @property
    def user(self) -> str:
        """Its name in the audit log."""
        return self.rig.operator_user

    def version(self) -> str:
        """Return its version, which `--product` makes another one than ours."""
        infos = (each for each in self._metrics() if each.name == BUILD_INFO)
        return next((str(each.samples[0].labels["version"]) for each in infos), "")

    def start(self) -> None:
        """Start it; return when it is ready."""
        self.rig.start_operator(seconds=START_SECONDS)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.rig.kill_operator()

    def close(self) -> None:
        """The rig ends it."""

    def metrics_url(self) -> str:
        """Return where it serves metrics."""
        return f"{self.rig.operator_url}/metrics"


class Program(Player):
    """A program that a file describes; docs/benchmarks/contestants.md says what it is given."""

    def __init__(self, rig: Rig, contestant: Contestant, endpoint: str, folder: Path) -> None:
        """Prepare; `folder` is the one of its file."""
        super().__init__(rig, contestant, endpoint)
        self._home = Path(tempfile.mkdtemp(prefix="agentrun-contestant-"))
        self._supervisor = Supervisor(self._home)
        self._folder = folder
        self._metrics_port = free_port()
        self._pid: int | None = None
        self.files = self._home / "manifests"
        """What it is to bring into the cloud, where it takes files."""
        self.files.mkdir()
        self._environ = self._variables()

    @property
    def pid(self) -> int | None:
        """Process id; None while it does not run."""
        return self._pid

    @property
    def user(self) -> str:
        """Its name in the audit log."""
        return f"system:serviceaccount:{ACCOUNT_NAMESPACE}:{ACCOUNT_NAME}"

    @property
    def log_file(self) -> Path:
        """Where its output goes."""
        return self._home / "contestant.log"

    def version(self) -> str:
        """Return what its command prints."""
        return self._run(self.contestant.version) if self.contestant.version else ""

    def prepare(self) -> None:
        """Run what its file wants before the start."""
        if self.contestant.prepare:
            self._run(self.contestant.prepare)

    def start(self) -> None:
        """Start it."""
        command = ["/bin/sh", "-c", f"exec {self.contestant.start}"]
        self._pid = self._supervisor.start("contestant", command, self.log_file, env=self._environ)

    def kill(self) -> None:
        """End it and all its children by SIGKILL."""
        if self._pid is None:
            return
        others = family(self._pid)[1:]
        self._supervisor.kill("contestant")
        self._pid = None
        for each in others:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        self._supervisor.close()

    def metrics_url(self) -> str:
        """Return where it serves metrics."""
        return filled(self.contestant.metrics, {"metrics_port": str(self._metrics_port)})

    def write(self, thing: Thing, description: str) -> None:
        """Write the file of a member; a reader sees the old one or the new one, nothing between."""
        file = self.files / f"{thing.name}.yaml"
        new = file.with_suffix(".new")
        new.write_text(manifest(self.contestant, thing, description))
        new.rename(file)

    def remove(self, thing: Thing) -> None:
        """Remove the file of a member."""
        (self.files / f"{thing.name}.yaml").unlink()

    def log_tail(self) -> str:
        """Return the end of its output."""
        return self.log_file.read_text(errors="replace")[-4000:] if self.log_file.exists() else ""

    def _run(self, command: str) -> str:
        done = subprocess.run(  # noqa: S603 - whoever starts the bench named the file
            ["/bin/sh", "-c", command],
            env=self._environ,
            cwd=self._home,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command}: exit code {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout.strip()

    def _variables(self) -> Mapping[str, str]:
        account = self.rig.account
        bare = self.endpoint.partition("://")[2]
        return {
            **BASE_ENVIRON,
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), BASE_ENVIRON["PATH"])),
            "HOME": str(self._home),
            # What is killed removes no temporary files.
            "TMPDIR": str(self._home),
            "PYTHON": sys.executable,
            "CONTESTANT": str(self._folder),
            "MANIFESTS": str(self.files),
            "METRICS_PORT": str(self._metrics_port),
            "KUBECONFIG": str(kubeconfig(self.rig)),
            "KUBECTL": str(self.rig.plane.programs / "kubectl"),
            "AGENTRUN_ENDPOINT": self.endpoint,
            # The official SDK drops one scheme and insists on TLS then; a second one survives.
            "AGENTRUN_CONTROL_ENDPOINT": f"http://http://{bare}",
            "AGENTRUN_DATA_ENDPOINT": self.endpoint,
            "AGENTRUN_ACCOUNT_ID": account.account_id,
            "AGENTRUN_REGION": account.region,
            "AGENTRUN_ACCESS_KEY_ID": account.access_key_id,
            "AGENTRUN_ACCESS_KEY_SECRET": account.access_key_secret,
            "DISABLE_BREAKING_CHANGES_WARNING": "1",
        }


def kubeconfig(rig: Rig) -> Path:
    """Return a kubeconfig that may do everything, under a name of its own in the audit log."""
    rig.create_namespace(ACCOUNT_NAMESPACE)
    meta = {"name": ACCOUNT_NAME, "namespace": ACCOUNT_NAMESPACE}
    subject = {"kind": "ServiceAccount", **meta}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    rights: list[Mapping[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "bench-contestant"},
            "subjects": [subject],
            "roleRef": role,
        },
    ]
    rig.apply(rights)
    return rig.plane.kubeconfig_for(ACCOUNT_NAMESPACE, ACCOUNT_NAME)


def setup(rig: Rig, contestant: Contestant, namespace: str, endpoint: str, rate: int) -> None:
    """Create a namespace with what the contestant wants in it."""
    rig.create_namespace(namespace)
    account = rig.account
    values = {
        "namespace": namespace,
        "endpoint": endpoint,
        "account_id": account.account_id,
        "region": account.region,
        "access_key_id": account.access_key_id,
        "access_key_secret": account.access_key_secret,
        "requests_per_second": str(rate),
    }
    text = filled(contestant.setup, values)
    if text.strip():
        # By standard input: a command line is no place for keys.
        rig.kubectl("apply", "--filename=-", input=text)
