"""When the process ends: asked to, in every phase of its life, and when a CRD goes."""

import json
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentrun_operator.kinds import catalogue
from controlplane.processes import Supervisor
from rig import NAMESPACE, Rig, eventually
from rig.chart import CRDS
from rig.rig import free_port
from rig.samples import KEYS_SECRET, key_secret
from rig.waiting import HANG_SECONDS

TENANT = "test-end"

Manifest = dict[str, Any]


class Process:
    """One operator process of its own."""

    def __init__(self, supervisor: Supervisor, home: Path, rig: Rig) -> None:
        self._supervisor = supervisor
        self._home = home
        self._rig = rig
        self.pid = 0

    def start(self, **settings: str) -> None:
        """Start it without a Lease of its own, unless settings say otherwise."""
        own = {
            "AGENTRUN_OPERATOR_BIND_PORT": str(free_port()),
            "AGENTRUN_OPERATOR_LEADER_ELECTION": "false",
        }
        environ = self._rig.operator_environ() | own | settings
        log = self._home / "operator.log"
        command = self._rig.operator_command()
        self.pid = self._supervisor.start("operator", command, log, env=environ)

    def says(self, words: str, *, times: int = 1) -> None:
        """Wait until the log has these words so many times, over all its starts."""
        eventually(lambda: self.log().count(words) >= times, f"the operator to say: {words}")

    def complaint(self) -> str:
        """Return the last line that is no log record."""
        return [line for line in self.log().splitlines() if line[:1] != "{"][-1]

    def log(self) -> str:
        return (self._home / "operator.log").read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def end(self) -> int:
        """Wait for the end; return the exit code, which is not 0 where it had to be forced."""
        eventually(lambda: self.has_ended, f"its end; it said:\n{self.log()[-3000:]}")
        return self._code() or 0

    @property
    def has_ended(self) -> bool:
        return self._code() is not None

    def _code(self) -> int | None:
        return self._supervisor.exit_code("operator")


@pytest.fixture(scope="module", autouse=True)
def tenant(rig: Rig) -> Iterator[None]:
    """A namespace for objects, while the rig's own operator is down."""
    rig.stop_operator()
    rig.create_namespace(TENANT)
    rig.apply([key_secret(TENANT, rig.account)])
    yield
    rig.install_crds()
    rig.start_operator()
    rig.delete_all(TENANT)
    rig.kubectl("delete", "namespace", TENANT, "--wait=false")


@pytest.fixture
def process(rig: Rig, tmp_path: Path) -> Iterator[Process]:
    """An operator of the test's own."""
    supervisor = Supervisor(tmp_path / "supervised")
    try:
        yield Process(supervisor, tmp_path, rig)
    finally:
        supervisor.close()
        rig.cloud.clear_faults()
        rig.kubectl("delete", "lease", "--all", f"--namespace={NAMESPACE}")


def account(rig: Rig, name: str = "default") -> Manifest:
    spec = {
        "accountId": rig.account.account_id,
        "region": rig.account.region,
        "endpoint": rig.cloud.url,
        "credentials": {"secretRef": {"name": KEYS_SECRET}},
    }
    return manifest("Account", name, spec)


def service(_: Rig, name: str) -> Manifest:
    settings = {"providerSettings": {"modelNames": ["qwen-max"]}}
    return manifest("ModelService", name, {"modelType": "llm", "provider": "tongyi"} | settings)


def manifest(kind: str, name: str, spec: Manifest) -> Manifest:
    meta = {"name": name, "namespace": TENANT}
    return {"apiVersion": "agentrun.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


# ------------------------------------------------ an API server that is told what not to answer


@contextmanager
def api_server(answers: Mapping[str, Manifest]) -> Iterator[tuple[str, "queue.Queue[str]"]]:
    """Serve some paths, and never answer others; yields its URL and the paths that hang."""
    hanging: queue.Queue[str] = queue.Queue()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = answers.get(self.path.partition("?")[0])
            if body is None:
                hanging.put(self.path)
                over.wait()
                return
            text = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", hanging
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def kubeconfig(rig: Rig, target: Path, server: str) -> str:
    content = yaml.safe_load(rig.plane.kubeconfig.read_text())
    content["clusters"][0]["cluster"] = {"server": server}
    target.write_text(yaml.safe_dump(content))
    return str(target)


def discovery() -> Manifest:
    texts = [file.read_text() for file in sorted(CRDS.glob("*.yaml"))]
    found = [yaml.load(text, yaml.CSafeLoader)["spec"] for text in texts]
    verbs = ["get", "list", "watch", "patch", "create", "update", "delete"]
    resources = [
        {
            "name": each["names"]["plural"],
            "singularName": each["names"]["singular"],
            "kind": each["names"]["kind"],
            "namespaced": each["scope"] == "Namespaced",
            "verbs": verbs,
        }
        for each in found
    ]
    return {"kind": "APIResourceList", "groupVersion": "agentrun.dev/v1alpha1"} | {
        "resources": resources
    }


BEFORE_CRDS: Mapping[str, Manifest] = {}
BEFORE_LEASE: Mapping[str, Manifest] = {"/apis/agentrun.dev/v1alpha1": discovery()}
BEFORE_CLUSTER = BEFORE_LEASE
BEFORE_BARRIER: Mapping[str, Manifest] = {
    **BEFORE_LEASE,
    "/api/v1/namespaces/kube-system": {"metadata": {"name": "kube-system", "uid": "u"}},
}


@pytest.mark.parametrize(
    ("answers", "hangs"),
    [
        pytest.param(BEFORE_CRDS, "v1alpha1", id="looking for the CRDs"),
        pytest.param(BEFORE_LEASE, "leases", id="asking for the Lease"),
        pytest.param(BEFORE_CLUSTER, "kube-system", id="asking which cluster this is"),
        pytest.param(BEFORE_BARRIER, "configmaps", id="waiting for the start-up barrier"),
    ],
)
def test_sigterm_while_the_api_server_does_not_answer(
    rig: Rig,
    process: Process,
    tmp_path: Path,
    answers: Mapping[str, Manifest],
    hangs: str,
) -> None:
    with api_server(answers) as (url, hanging):
        process.start(
            KUBECONFIG=kubeconfig(rig, tmp_path / "kubeconfig", url),
            AGENTRUN_OPERATOR_LEADER_ELECTION=str(hangs == "leases").lower(),
        )
        while hangs not in hanging.get(timeout=HANG_SECONDS):
            pass
        process.send(signal.SIGTERM)
        assert process.end() == 0, process.log()


# ------------------------------------------------ a real API server


def test_sigterm_while_another_one_leads(rig: Rig, process: Process) -> None:
    spec = {
        "holderIdentity": "somebody",
        "leaseDurationSeconds": 600,
        "renewTime": "2126-01-01T00:00:00.000000Z",
    }
    name = rig.operator_environ().get("AGENTRUN_OPERATOR_LEASE_NAME", "agentrun-operator")
    meta = {"name": name, "namespace": NAMESPACE}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta}
    rig.kubectl("delete", "lease", "--all", f"--namespace={NAMESPACE}")
    rig.apply([lease | {"spec": spec}])
    process.start(AGENTRUN_OPERATOR_LEADER_ELECTION="true")
    process.says("standing by")
    process.send(signal.SIGTERM)
    assert process.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_serves_ends_it_and_releases_the_lease(
    rig: Rig, process: Process, number: signal.Signals
) -> None:
    process.start(AGENTRUN_OPERATOR_LEADER_ELECTION="true")
    process.says("start-up: complete")
    process.send(number)
    assert process.end() == 0
    assert not holder(rig)


def holder(rig: Rig) -> str:
    found = json.loads(rig.kubectl("get", "lease", f"--namespace={NAMESPACE}", "--output=json"))
    return str(found["items"][0]["spec"].get("holderIdentity") or "")


def test_sigterm_while_the_api_server_is_silent(rig: Rig, process: Process) -> None:
    process.start(AGENTRUN_OPERATOR_LEADER_ELECTION="true", AGENTRUN_OPERATOR_DRAIN_SECONDS="1")
    process.says("start-up: complete")
    server = rig.plane.process_ids["kube-apiserver"]
    os.kill(server, signal.SIGSTOP)
    try:
        process.send(signal.SIGTERM)
        assert process.end() == 0, process.log()
    finally:
        os.kill(server, signal.SIGCONT)


def hang_a_call(rig: Rig, process: Process) -> None:
    """Let the operator wait for an answer of the cloud that does not come."""
    rig.cloud.fault("delay", seconds=3600, times=None)
    since = rig.cloud.position()
    process.says("start-up: complete")
    rig.apply([account(rig, f"hung-{since}")])
    eventually(lambda: rig.cloud.requests(since=since), "a call that hangs")


def test_sigterm_while_a_call_hangs_ends_with_the_drain(rig: Rig, process: Process) -> None:
    process.start(AGENTRUN_OPERATOR_DRAIN_SECONDS="2")
    hang_a_call(rig, process)
    begun = time.monotonic()
    process.send(signal.SIGTERM)
    assert process.end() == 0, process.log()
    assert time.monotonic() - begun >= 2, "the call was not given its time"


def test_a_second_signal_ends_a_drain_at_once(rig: Rig, process: Process) -> None:
    process.start(AGENTRUN_OPERATOR_DRAIN_SECONDS="600")
    hang_a_call(rig, process)

    def ends_when_asked_again() -> bool:
        # Again and again: two that come at once are one for the kernel.
        with suppress(ProcessLookupError):
            process.send(signal.SIGTERM)
        return process.has_ended

    eventually(ends_when_asked_again, "the end of the drain")
    assert process.end() == 128 + signal.SIGTERM


@pytest.mark.parametrize(("plural", "make"), [("modelservices", service), ("accounts", account)])
def test_a_deleted_crd_ends_the_process_and_a_new_one_serves(
    rig: Rig, process: Process, plural: str, make: Callable[[Rig, str], Manifest]
) -> None:
    process.start(AGENTRUN_OPERATOR_LEADER_ELECTION="true")
    process.says("start-up: complete")
    rig.apply([account(rig), make(rig, "before")])
    rig.wait_ready(TENANT)
    crd = f"{plural}.agentrun.dev"
    # Its objects go first, as ever: the deletion waits for our finalizer.
    rig.kubectl("delete", "crd", crd, "--timeout=120s")
    assert "ModelService" not in rig.cloud.resources()
    assert process.end() == 1, process.log()
    assert f"no longer serves {plural}" in process.complaint()
    assert not holder(rig)
    process.start(AGENTRUN_OPERATOR_LEADER_ELECTION="true")
    assert process.end() == 1
    assert crd in process.complaint()
    rig.install_crds()
    process.start(AGENTRUN_OPERATOR_LEADER_ELECTION="true")
    process.says("start-up: complete", times=2)
    rig.apply([account(rig), make(rig, "after")])
    rig.wait_ready(TENANT)
    rig.delete_all(TENANT)
    process.send(signal.SIGTERM)
    assert process.end() == 0


@pytest.mark.parametrize("plural", [kind.plural for kind in catalogue().values()])
def test_a_crd_of_any_kind_that_goes_ends_the_process_in_time(
    rig: Rig, process: Process, plural: str
) -> None:
    process.start(AGENTRUN_OPERATOR_LEADER_ELECTION="true")
    process.says("start-up: complete")
    rig.kubectl("delete", "crd", f"{plural}.agentrun.dev", "--timeout=120s")
    try:
        assert process.end() == 1, process.log()
        assert f"no longer serves {plural}" in process.complaint()
        assert not holder(rig)
    finally:
        rig.install_crds()


def test_crds_deleted_at_once_leave_nothing_when_back(rig: Rig, process: Process) -> None:
    process.start(AGENTRUN_OPERATOR_LEADER_ELECTION="true")
    process.says("start-up: complete")
    rig.apply([account(rig), service(rig, "before")])
    rig.wait_ready(TENANT)
    crds, old = [f"{kind.plural}.agentrun.dev" for kind in catalogue().values()], uids(rig)
    rig.kubectl("delete", "crd", *crds, "--wait=false")
    assert process.end() == 1, process.log()

    def are_back() -> bool:
        # What is still going takes the CRD, and with it the process, away once more.
        rig.kubectl("apply", "--server-side", f"--filename={CRDS}")
        if process.has_ended:
            process.start(AGENTRUN_OPERATOR_LEADER_ELECTION="true")
        return not old & uids(rig)

    # Those without objects are gone, and with them the operator that the others wait for.
    eventually(are_back, "every CRD to be gone and back")
    assert "ModelService" not in rig.cloud.resources()
    rig.install_crds()
    if not process.has_ended:
        process.send(signal.SIGTERM)
        process.end()


def uids(rig: Rig) -> set[str]:
    found = rig.kubectl("get", "crd", "--output=jsonpath={.items[*].metadata.uid}")
    return set(found.split())
