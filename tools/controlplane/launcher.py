"""Starts etcd, kube-apiserver and kube-controller-manager, and stops them without leftovers."""

import http.client
import os
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import yaml

from controlplane import components
from controlplane.audit import AuditLog
from controlplane.binaries import KUBERNETES, ensure
from controlplane.components import Layout
from controlplane.errors import ControlPlaneError, KubectlError
from controlplane.processes import Supervisor

START_SECONDS = 240.0
"""Some twenty times what a start takes on two idle cores: other work may keep a machine busy."""
RESTART_GRACE_SECONDS = 1.0
"""For requests in flight. Left alone, the API server would wait long for idle connections."""
POLL_SECONDS = 0.1
START_ATTEMPTS = 5
LOG_TAIL_BYTES = 4000
TOKEN_DURATION = "12h"


_PASSING = re.compile(r"address already in use|PostStartHook .*failed")
"""What a program says of that another start may not meet: somebody else took a port between our
choice and its start, or a busy machine kept the API server waiting until one of its hooks gave
up."""


class _PassingError(ControlPlaneError):
    """A program did not start; another try may succeed."""


class ControlPlane:
    """A Kubernetes control plane on loopback, for one process and its children.

    Use it as a context manager, or call `start` and `stop`. When this process dies, however it
    dies, the programs and the folder with all their files go too.

    Attributes:
        programs: Folder with the programs; kubectl is in it.
    """

    def __init__(self, programs: Path | None = None) -> None:
        """Prepare a control plane; nothing runs yet.

        Args:
            programs: Folder with the programs; None finds them, or builds them.
        """
        self.programs = programs or ensure(KUBERNETES)
        self._layout: Layout | None = None
        self._supervisor: Supervisor | None = None
        self._admin_token = secrets.token_hex(16)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def home(self) -> Path:
        """Folder with the data, logs and credentials; `stop` removes it."""
        return self._files.home

    @property
    def url(self) -> str:
        """Address of the API server."""
        return f"https://127.0.0.1:{self._files.api_port}"

    @property
    def etcd_url(self) -> str:
        """Address of etcd, which lets everybody in."""
        return self._files.etcd_url

    @property
    def ca_file(self) -> Path:
        """PEM file that verifies the API server's certificate."""
        return self._files.ca_file

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of an administrator."""
        return self._files.kubeconfig

    @property
    def audit_log(self) -> Path:
        """The API server's audit log, one JSON record per line."""
        return self._files.audit_log

    @property
    def audit(self) -> AuditLog:
        """The audit log, parsed."""
        return AuditLog(self.audit_log)

    @property
    def process_ids(self) -> dict[str, int]:
        """Process ids by program, `supervisor` included."""
        return dict(self._files.process_ids)

    def start(self) -> None:
        """Start everything and return when the `default` ServiceAccount exists.

        Raises:
            ControlPlaneError: a program died or did not get ready; holds the tail of its log.
        """
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                self._start()
            except _PassingError:
                self.stop()
                if attempt == START_ATTEMPTS:
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                return

    def stop(self) -> None:
        """Kill the programs and remove their folder; stopping twice is fine."""
        if self._supervisor is not None:
            self._supervisor.close()
            shutil.rmtree(self.home, ignore_errors=True)  # in case the supervisor was killed
            self._supervisor = None
            self._layout = None

    def restart_apiserver(self) -> None:
        """Stop the API server, closing every watch, and start it again on the same port."""
        self._running.stop(components.API_SERVER, seconds=RESTART_GRACE_SECONDS)
        self._start_apiserver()

    def back_up(self) -> Path:
        """Copy etcd's data, as they are at this moment; returns the folder, for `restore`."""
        target = Path(tempfile.mkdtemp(prefix="backup-", dir=self.home)) / "etcd"
        etcd = self._files.process_ids[components.ETCD]
        os.kill(etcd, signal.SIGSTOP)
        try:
            shutil.copytree(self._files.etcd_data, target)
        finally:
            os.kill(etcd, signal.SIGCONT)
        return target

    def restore(self, backup: Path) -> None:
        """Put etcd back to a backup, as after a disaster: everybody else goes on as they are.

        The controller-manager knows a future that did not happen, so it starts anew.
        """
        for name in (components.CONTROLLER_MANAGER, components.API_SERVER, components.ETCD):
            self._running.stop(name, seconds=RESTART_GRACE_SECONDS)
        shutil.rmtree(self._files.etcd_data)
        shutil.copytree(backup, self._files.etcd_data)
        del self._files.process_ids[components.CONTROLLER_MANAGER]
        self._run(components.ETCD, components.etcd(self.programs, self._files))
        self._start_apiserver()
        self._run(
            components.CONTROLLER_MANAGER, components.controller_manager(self.programs, self._files)
        )

    def _start_apiserver(self) -> None:
        files = self._files
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._run(components.API_SERVER, components.api_server(self.programs, files))
                self._wait_for("/readyz", components.API_SERVER)
            except _PassingError:
                # Race: an outgoing connection may borrow the port for a moment. Or etcd answers
                # a hook of the start too late.
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return

    def kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - as subprocess names it
        kubeconfig: Path | None = None,
    ) -> str:
        """Run kubectl and return what it printed.

        Args:
            arguments: As on a command line, without `kubectl`.
            input: Text for standard input, such as manifests for `apply -f -`.
            kubeconfig: Whom to run as; None is the administrator.

        Raises:
            KubectlError: it exited non-zero; `stderr` holds what it said.
        """
        done = subprocess.run(
            [self.programs / "kubectl", *arguments],
            check=False,
            capture_output=True,
            text=True,
            input=input,
            env={
                **os.environ,
                "KUBECONFIG": str(kubeconfig or self.kubeconfig),
                "KUBECACHEDIR": str(self.home / "kubectl-cache"),
            },
        )
        if done.returncode != 0:
            raise KubectlError(arguments, done.stderr.strip())
        return done.stdout

    def token_for(self, namespace: str, serviceaccount: str) -> str:
        """Return a fresh bearer token of a ServiceAccount, valid for half a day."""
        return self.kubectl(
            "create",
            "token",
            serviceaccount,
            f"--namespace={namespace}",
            f"--duration={TOKEN_DURATION}",
        ).strip()

    def kubeconfig_for(self, namespace: str, serviceaccount: str) -> Path:
        """Write a kubeconfig with a ServiceAccount's token and return its path.

        Its current namespace is the ServiceAccount's.
        """
        path = self.home / f"kubeconfig-{namespace}-{serviceaccount}"
        self._write_kubeconfig(path, self.token_for(namespace, serviceaccount), namespace)
        return path

    @property
    def _files(self) -> Layout:
        if self._layout is None:
            raise ControlPlaneError("the control plane is not running")
        return self._layout

    @property
    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise ControlPlaneError("the control plane is not running")
        return self._supervisor

    def _start(self) -> None:
        home = Path(tempfile.mkdtemp(prefix="agentrun-control-plane-"))
        files = self._layout = Layout(home, etcd_port=_free_port(), api_port=_free_port())
        self._supervisor = Supervisor(home)
        files.process_ids["supervisor"] = self._supervisor.pid
        components.write_files(files, self._admin_token)
        self._write_kubeconfig(files.kubeconfig, self._admin_token, "default")
        self._run(components.ETCD, components.etcd(self.programs, files))
        self._run(components.API_SERVER, components.api_server(self.programs, files))
        self._wait_for("/readyz", components.API_SERVER)
        self._run(
            components.CONTROLLER_MANAGER, components.controller_manager(self.programs, files)
        )
        # Namespaces are usable only then: a Pod or a token needs its ServiceAccount.
        self._wait_for(
            "/api/v1/namespaces/default/serviceaccounts/default", components.CONTROLLER_MANAGER
        )

    def _run(self, name: str, argv: list[str]) -> None:
        self._files.process_ids[name] = self._running.start(name, argv, self._files.log(name))

    def _wait_for(self, path: str, component: str) -> None:
        """Return when the API server answers 200 on a path; `component` is to blame if not."""
        deadline = time.monotonic() + START_SECONDS
        while self._status_of(path) != http.client.OK:
            for name in components.ALL:
                if name in self._files.process_ids and self._exit_code(name) is not None:
                    raise self._failure(name, f"{name} exited with {self._exit_code(name)}")
            if time.monotonic() > deadline:
                raise self._failure(component, f"{component} not ready in {START_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

    def _exit_code(self, name: str) -> int | None:
        return self._running.exit_code(name)

    def _failure(self, component: str, what: str) -> ControlPlaneError:
        log = self._files.log(component).read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
        kind = _PassingError if _PASSING.search(log) else ControlPlaneError
        return kind(f"{what}; the end of its log:\n{log}")

    def _status_of(self, path: str) -> int:
        """Return the HTTP status of a GET as administrator, 0 without an answer."""
        try:
            trust = ssl.create_default_context(cafile=self.ca_file)
            client = http.client.HTTPSConnection(
                "127.0.0.1", self._files.api_port, timeout=5, context=trust
            )
            try:
                client.request(
                    "GET", path, headers={"Authorization": f"Bearer {self._admin_token}"}
                )
                return client.getresponse().status
            finally:
                client.close()
        except (OSError, http.client.HTTPException):
            return 0  # no certificate file, no listener or no answer yet

    def _write_kubeconfig(self, path: Path, token: str, namespace: str) -> None:
        name = "agentrun"
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [
                {"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}
            ],
        }
        components.write_private(path, yaml.safe_dump(content))


def _free_port() -> int:
    """Return a loopback port that is free now; another process may still take it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
