"""The control plane that every other integration test stands on."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from controlplane import AuditEvent, ControlPlane, ControlPlaneError, KubectlError
from controlplane.binaries import Toolset
from controlplane.components import API_SERVER, ETCD
from rig.waiting import HANG_SECONDS

REPOSITORY = Path(__file__).resolve().parents[2]

LAUNCH = """
import json, sys, time
from controlplane import ControlPlane
plane = ControlPlane()
plane.start()
print(json.dumps({"home": str(plane.home), "process_ids": plane.process_ids}), flush=True)
time.sleep(600)
"""


Found = TypeVar("Found")


def eventually(read: Callable[[], Found]) -> Found:
    deadline = time.monotonic() + HANG_SECONDS
    while not (found := read()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_both_sides_report_the_chosen_version(
    control_plane: ControlPlane, kubernetes: Toolset
) -> None:
    versions = json.loads(control_plane.kubectl("version", "--output=json"))
    assert versions["clientVersion"]["gitVersion"] == kubernetes.version
    assert versions["serverVersion"]["gitVersion"] == kubernetes.version


def test_rbac_decides_what_a_serviceaccount_may_do(control_plane: ControlPlane) -> None:
    kubectl = control_plane.kubectl
    kubectl("create", "namespace", "rbac")
    kubectl("create", "serviceaccount", "reader", "--namespace=rbac")
    reader = control_plane.kubeconfig_for("rbac", "reader")
    start = control_plane.audit.position()
    with pytest.raises(KubectlError, match="cannot list resource"):
        kubectl("get", "configmaps", kubeconfig=reader)
    user = "system:serviceaccount:rbac:reader"
    refused = eventually(lambda: control_plane.audit.forbidden(user=user, since=start))
    assert [(each.verb, each.resource, each.namespace) for each in refused] == [
        ("list", "configmaps", "rbac")
    ]

    kubectl("create", "role", "reader", "--namespace=rbac", "--verb=list", "--resource=configmaps")
    kubectl(
        "create", "rolebinding", "reader", "--namespace=rbac", "--role=reader",
        "--serviceaccount=rbac:reader",
    )  # fmt: skip
    assert "kube-root-ca.crt" in kubectl("get", "configmaps", kubeconfig=reader)
    with pytest.raises(KubectlError, match="cannot delete resource"):
        kubectl("delete", "configmap", "kube-root-ca.crt", kubeconfig=reader)


def test_a_deleted_namespace_goes_away_with_its_content(control_plane: ControlPlane) -> None:
    control_plane.kubectl("create", "namespace", "short-lived")
    control_plane.kubectl("create", "configmap", "content", "--namespace=short-lived")
    control_plane.kubectl("delete", "namespace", "short-lived", "--timeout=120s")
    assert "short-lived" not in control_plane.kubectl("get", "namespaces", "--output=name")


def test_dependents_are_collected_with_their_owner(control_plane: ControlPlane) -> None:
    kubectl = control_plane.kubectl
    kubectl("create", "configmap", "owner")
    owner = json.loads(kubectl("get", "configmap", "owner", "--output=json"))["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner}
    dependent = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "dependent", "ownerReferences": [reference]},
    }
    kubectl("apply", "--filename=-", input=json.dumps(dependent))
    kubectl("delete", "configmap", "owner")
    kubectl("wait", "--for=delete", "configmap/dependent", "--timeout=120s")


def test_the_audit_log_tells_who_wrote_what(control_plane: ControlPlane) -> None:
    start = control_plane.audit.position()
    control_plane.kubectl("create", "configmap", "counted", "--from-literal=a=b")
    control_plane.kubectl("get", "configmap", "counted")
    control_plane.kubectl("delete", "configmap", "counted")

    def admin_writes() -> list[AuditEvent]:
        return control_plane.audit.writes(user="admin", since=start)

    eventually(lambda: len(admin_writes()) == 2)
    assert [
        (
            each.verb,
            each.group,
            each.resource,
            each.subresource,
            each.namespace,
            each.name,
            each.code,
        )
        for each in admin_writes()
    ] == [
        ("create", "", "configmaps", "", "default", "counted", 201),
        ("delete", "", "configmaps", "", "default", "counted", 200),
    ]


def test_audit_tells_a_subresource_from_its_object(control_plane: ControlPlane) -> None:
    start = control_plane.audit.position()
    token = control_plane.token_for("default", "default")
    assert token.count(".") == 2
    written = eventually(lambda: control_plane.audit.writes(user="admin", since=start))
    assert [(each.resource, each.subresource) for each in written] == [("serviceaccounts", "token")]


def test_objects_survive_a_restart_of_the_api_server(control_plane: ControlPlane) -> None:
    control_plane.kubectl("create", "configmap", "survivor")
    before = control_plane.process_ids[API_SERVER]
    control_plane.restart_apiserver()
    assert control_plane.process_ids[API_SERVER] != before
    assert not is_running(before)
    assert "survivor" in control_plane.kubectl("get", "configmaps", "--output=name")
    control_plane.kubectl("delete", "configmap", "survivor")


def test_nothing_is_left_when_the_launcher_is_killed(control_plane: ControlPlane) -> None:
    launcher = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", LAUNCH],
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY / "tools"),
            "KUBEBUILDER_ASSETS": str(control_plane.programs),
        },
    )
    assert launcher.stdout is not None
    try:
        started = json.loads(launcher.stdout.readline())
        processes: dict[str, int] = started["process_ids"]
        assert len(processes) == 4
        assert all(map(is_running, processes.values()))
    finally:
        launcher.kill()
        launcher.wait()
        launcher.stdout.close()
    assert eventually(lambda: not any(map(is_running, processes.values())))
    assert eventually(lambda: not Path(started["home"]).exists())


def test_a_program_that_dies_is_named_with_the_end_of_its_log(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    for name in ("kube-apiserver", "kube-controller-manager", "kubectl"):
        (tmp_path / name).symlink_to(control_plane.programs / name)
    broken = tmp_path / ETCD
    broken.write_text("#!/bin/sh\necho the disk is full >&2\nexit 3\n")
    broken.chmod(0o755)
    plane = ControlPlane(tmp_path)
    with pytest.raises(ControlPlaneError, match=r"etcd exited with 3(.|\n)*the disk is full"):
        plane.start()
    with pytest.raises(ControlPlaneError, match="not running"):
        plane.kubectl("version")


@pytest.fixture(scope="module")
def unlucky(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """Return a control plane of this module's own, whose programs failed at first.

    etcd found its port taken, and a hook of the API server gave up.
    """
    programs = tmp_path_factory.mktemp("programs")
    failures = {
        ETCD: "bind: address already in use",
        API_SERVER: 'F1130 hooks.go:203] PostStartHook "repair" failed: unable to check',
    }
    for name in ("kube-controller-manager", "kubectl"):
        (programs / name).symlink_to(control_plane.programs / name)
    for name, words in failures.items():
        (programs / name).write_text(
            "#!/bin/sh\n"
            f"if mkdir {programs}/{name}-tried; then echo {shlex.quote(words)}; exit 255; fi\n"
            f'exec {control_plane.programs / name} "$@"\n'
        )
        (programs / name).chmod(0o755)
    with ControlPlane(programs) as plane:
        yield plane


def test_a_failure_that_passes_costs_only_another_try(unlucky: ControlPlane) -> None:
    assert {path.name for path in unlucky.programs.glob("*-tried")} == {
        f"{ETCD}-tried",
        f"{API_SERVER}-tried",
    }
    assert "default" in unlucky.kubectl("get", "namespaces", "--output=name")


def test_the_programs_do_not_outlive_their_supervisor(unlucky: ControlPlane) -> None:
    home, processes = unlucky.home, unlucky.process_ids
    os.kill(processes["supervisor"], signal.SIGKILL)
    assert eventually(lambda: not any(map(is_running, processes.values())))
    with pytest.raises(ControlPlaneError, match="supervisor of the control plane died"):
        unlucky.restart_apiserver()
    unlucky.stop()
    assert not home.exists()
