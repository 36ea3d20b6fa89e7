"""Runs Argo CD beside a control plane: no image, no Pod, only the three programs that sync.

What has to be in the cluster is an argocd-cm, a Secret with a key, a project, and two CRDs. A
cluster or repository Secret is not needed: the destination is the cluster of `KUBECONFIG`, the
repositories are folders of this machine.
"""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import yaml

from argocd.binaries import ARGOCD
from argocd.customizations import FOLDER
from controlplane import HELM, ControlPlane, ControlPlaneError, ensure
from controlplane.binaries import cache_root
from controlplane.gobuild import find_toolchain
from controlplane.processes import Launcher
from rig.rig import free_port
from rig.waiting import eventually

NAMESPACE = "argocd"
PROJECT = "default"
DESTINATION = "https://kubernetes.default.svc"

REDIS = "redis-server"
REPO_SERVER = "argocd-repo-server"
CONTROLLER = "argocd-application-controller"
CRDS = ("application-crd.yaml", "appproject-crd.yaml")
START_SECONDS = 60.0
RESYNC_SECONDS = 2


class ArgoCD(Launcher):
    """Argo CD on loopback, for one process and its children; a context manager.

    Quirk: the metrics port of the application controller listens on all addresses; no flag of
    Argo CD changes that.
    """

    def __init__(
        self, plane: ControlPlane, *, report: Callable[[str], None] = lambda _: None
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            plane: A running control plane.
            report: Gets a line about each thing that takes seconds.
        """
        super().__init__()
        self._plane = plane
        self._report = report
        self._program = ensure(ARGOCD, report=report) / "argocd"
        self._helm = ensure(HELM, report=report)

    def start(self) -> None:
        """Start everything and return when all parts say that they are healthy.

        Raises:
            ControlPlaneError: redis is missing, or a part did not start.
        """
        redis = shutil.which(REDIS)
        if redis is None:
            raise ControlPlaneError(
                f"{REDIS} is not on PATH; on Debian and Ubuntu: apt-get install {REDIS}"
            )
        self._report(f"starting Argo CD {ARGOCD.version}")
        self._open("argocd")
        self._install()
        store = free_port()
        self._run(REDIS, [redis, "--bind", "127.0.0.1", "--port", str(store), "--save", ""])
        repository, health = free_port(), free_port()
        self._run(REPO_SERVER, self._repo_server(repository, health, store), health)
        health = free_port()
        self._run(CONTROLLER, self._controller(repository, health, store), health)

    def stop(self) -> None:
        """End everything; stopping twice is fine."""
        if self._supervisor is not None:
            self._supervisor.close()
            # The repository server makes folders unreadable, also to their owner.
            for folder, names, _ in os.walk(self._home):
                for name in names:
                    Path(folder, name).chmod(0o700)
        super().stop()

    def _install(self) -> None:
        for path in _crds():
            self._plane.kubectl("apply", "--server-side", f"--filename={path}")
        for path in _crds():
            # Right after the first apply there is no status to wait on yet.
            eventually(partial(self._is_established, path), f"{path.name} to be established")
        settings = yaml.safe_load((FOLDER / "argocd-cm.yaml").read_text())
        document = {"apiVersion": "v1", "kind": "List", "items": [*_objects(), settings]}
        self._plane.kubectl("apply", "--server-side", "--filename=-", input=json.dumps(document))

    def _is_established(self, path: Path) -> bool:
        body = json.loads(self._plane.kubectl("get", f"--filename={path}", "--output=json"))
        # The conditions are null until the API server has looked at the CRD.
        conditions = body.get("status", {}).get("conditions") or []
        return any((e["type"], e["status"]) == ("Established", "True") for e in conditions)

    def _repo_server(self, port: int, health: int, store: int) -> list[str]:
        return [
            REPO_SERVER,
            "--address=127.0.0.1",
            f"--port={port}",
            "--metrics-address=127.0.0.1",
            f"--metrics-port={health}",
            "--disable-tls",
            f"--redis=127.0.0.1:{store}",
            "--revision-cache-expiration=1s",
        ]

    def _controller(self, repository: int, health: int, store: int) -> list[str]:
        return [
            CONTROLLER,
            f"--kubeconfig={self._plane.kubeconfig}",
            f"--namespace={NAMESPACE}",
            f"--repo-server=127.0.0.1:{repository}",
            "--repo-server-plaintext",
            f"--redis=127.0.0.1:{store}",
            f"--metrics-port={health}",
            f"--app-resync={RESYNC_SECONDS}",
            "--app-resync-jitter=0",
            "--persist-resource-health",
            "--self-heal-timeout-seconds=0",
            "--self-heal-backoff-timeout-seconds=0",
            "--status-processors=4",
            "--operation-processors=2",
        ]

    def _run(self, name: str, argv: list[str], health: int | None = None) -> None:
        """Start a part; with a port, return when it answers there that it is healthy."""
        if name != REDIS:  # the one program is what its name says
            link = self._home / name
            link.symlink_to(self._program)
            argv = [str(link), *argv[1:]]
        self._running.start(name, argv, self._log(name), env=self._environ())
        if health is None:
            return

        def is_healthy() -> bool:
            self._require_alive(name)
            try:
                answer = httpx.get(f"http://127.0.0.1:{health}/healthz", trust_env=False)
            except httpx.TransportError:
                return False
            return answer.status_code == httpx.codes.OK

        eventually(is_healthy, f"{name} to be healthy", seconds=START_SECONDS)

    def _environ(self) -> Mapping[str, str]:
        temporary = self._home / "tmp"
        temporary.mkdir(exist_ok=True)
        return {
            "PATH": f"{self._helm}:{os.environ['PATH']}",
            "HOME": str(self._home),
            "TMPDIR": str(temporary),
            "KUBECONFIG": str(self._plane.kubeconfig),
            # The flag alone is not enough: the destination is dialled through this kubeconfig.
            "ARGOCD_FAKE_IN_CLUSTER": "true",
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_ASK_PASS_SOCK": str(self._home / "ask-pass.sock"),
            "ARGOCD_SYNC_WAVE_DELAY": "0",
        }


def _objects() -> Iterable[Mapping[str, Any]]:
    """Return what Argo CD's own installation would bring, as far as it is needed."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    # Without this key changes of argocd-cm are not taken over while it runs.
    yield {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "argocd-secret", "namespace": NAMESPACE},
        "stringData": {"server.secretkey": secrets.token_hex(16)},
    }
    yield {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": PROJECT, "namespace": NAMESPACE},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    }


def _crds() -> list[Path]:
    """Return Argo CD's CRDs, kept beside its program; they are files of its Go module."""
    folder = cache_root() / f"{ARGOCD.key}.crds"
    paths = [folder / name for name in CRDS]
    if not all(path.exists() for path in paths):
        toolchain = find_toolchain(ARGOCD.module, cache_root(), os.environ, lambda _: None)
        done = subprocess.run(
            [toolchain.go, "mod", "download", "-json", f"{ARGOCD.pin}@{ARGOCD.version}"],
            cwd=ARGOCD.module,
            env=dict(toolchain.environ),
            check=True,
            stdout=subprocess.PIPE,
        )
        source = Path(json.loads(done.stdout)["Dir"]) / "manifests" / "crds"
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            path.write_bytes((source / path.name).read_bytes())
    return paths
