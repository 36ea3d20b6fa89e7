"""What keeps the operator from starting: one line that says what to do, no traceback."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from controlplane import ControlPlane
from rig import Rig, eventually
from rig.rig import free_port
from rig.waiting import HANG_SECONDS


def environ(rig: Rig, changes: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the rig's operator with some variables changed."""
    port = {"AGENTRUN_OPERATOR_BIND_PORT": str(free_port())}
    return {**rig.operator_environ(), **port, **changes}


def start(rig: Rig, changes: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run the operator as the rig does, with some variables changed, until it ends."""
    return subprocess.run(  # noqa: S603 - our own program
        rig.operator_command(),
        check=False,
        capture_output=True,
        text=True,
        env=environ(rig, changes),
        timeout=HANG_SECONDS,
    )


def complaint(done: "subprocess.CompletedProcess[str]") -> str:
    """Return the one line on standard error after the log."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" not in done.stdout
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def changed_kubeconfig(source: Path, target: Path, *, server: str = "", token: str = "") -> str:
    """Write a kubeconfig with another server or token and return its path."""
    content = yaml.safe_load(source.read_text())
    if server:
        content["clusters"][0]["cluster"]["server"] = server
    if token:
        content["users"][0]["user"]["token"] = token
    target.write_text(yaml.safe_dump(content))
    return str(target)


@pytest.fixture
def bare_plane(spare_plane: ControlPlane) -> ControlPlane:
    """A cluster that does not know us."""
    spare_plane.kubectl("delete", "crd", "--all", "--timeout=120s")
    return spare_plane


def test_crds_that_are_not_installed(rig: Rig, bare_plane: ControlPlane) -> None:
    said = complaint(start(rig, {"KUBECONFIG": str(bare_plane.kubeconfig)}))
    assert "agentrun.dev" in said
    assert "CRD" in said or "CustomResourceDefinition" in said


def test_a_cluster_that_cannot_be_reached(rig: Rig, tmp_path: Path) -> None:
    server = f"https://127.0.0.1:{free_port()}"
    kubeconfig = changed_kubeconfig(rig.plane.kubeconfig, tmp_path / "k", server=server)
    assert server in complaint(start(rig, {"KUBECONFIG": kubeconfig}))


def test_a_token_that_the_cluster_refuses(rig: Rig, tmp_path: Path) -> None:
    kubeconfig = changed_kubeconfig(rig.plane.kubeconfig, tmp_path / "k", token="not-a-token")
    said = complaint(start(rig, {"KUBECONFIG": kubeconfig}))
    assert "401" in said or "nauthorized" in said or "token" in said
    assert "not-a-token" not in said


def test_a_serviceaccount_without_rights(rig: Rig, tmp_path: Path) -> None:
    """Rights may still be granted, so the process waits; its log says which one is missing."""
    kubeconfig = str(rig.plane.kubeconfig_for("default", "default"))
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            rig.operator_command(),
            stdout=output,
            stderr=output,
            env=environ(rig, {"KUBECONFIG": kubeconfig}),
        )
        try:
            eventually(lambda: "forbidden" in log.read_text(), "the missing right in the log")
            assert process.poll() is None
        finally:
            process.terminate()
            code = process.wait(HANG_SECONDS)
    assert code == 0
    assert "system:serviceaccount:default:default" in log.read_text()
    assert "RBAC" in log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"KUBECONFIG": "/does/not/exist"}, "/does/not/exist", id="no kubeconfig"),
        pytest.param(
            {"AGENTRUN_OPERATOR_WORKERS": "many"}, "AGENTRUN_OPERATOR_WORKERS", id="no number"
        ),
        pytest.param(
            {"AGENTRUN_OPERATOR_SECRET_ACCESS": "all"},
            "AGENTRUN_OPERATOR_SECRET_ACCESS",
            id="no such choice",
        ),
        pytest.param(
            {"AGENTRUN_OPERATOR_ENDPOINT_ALLOW_LIST": "http//x"},
            "AGENTRUN_OPERATOR_ENDPOINT_ALLOW_LIST",
            id="no pattern",
        ),
        pytest.param({"AGENTRUN_OPERATOR_LOG_LEVEL": "loud"}, "loud", id="no such level"),
    ],
)
def test_a_setting_that_cannot_be_used(rig: Rig, changes: Mapping[str, str], said: str) -> None:
    assert said in complaint(start(rig, changes))


def test_a_port_that_is_taken(rig: Rig) -> None:
    port = rig.cloud.url.rpartition(":")[2]
    assert port in complaint(start(rig, {"AGENTRUN_OPERATOR_BIND_PORT": port}))
