"""An API server whose storage was put back to a backup: the operator starts anew by itself."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane import ControlPlane
from controlplane.processes import Supervisor
from rig import NAMESPACE, Rig, eventually
from rig.rig import free_port
from rig.samples import KEYS_SECRET, key_secret

TEAM = "restored"
WRITES = 300

PROCESSES = {
    # The Lease tells within seconds.
    "leader": {"AGENTRUN_OPERATOR_LEADER_ELECTION": "true"},
    # Without one the resync does; this one serves no object, and knows the others' as foreign.
    "alone": {
        "AGENTRUN_OPERATOR_LEADER_ELECTION": "false",
        "AGENTRUN_OPERATOR_RESYNC_SECONDS": "1",
        "AGENTRUN_OPERATOR_CONTROLLER_CLASS": "nobody",
    },
}


@pytest.fixture
def old_rig(spare_plane: ControlPlane) -> Iterator[Rig]:
    with Rig(spare_plane, with_operator=False) as running:
        yield running


def account(rig: Rig, name: str) -> dict[str, object]:
    spec = {
        "accountId": rig.account.account_id,
        "region": rig.account.region,
        "endpoint": rig.cloud.url,
        "credentials": {"secretRef": {"name": KEYS_SECRET}},
    }
    meta = {"name": name, "namespace": TEAM}
    version = "agentrun.dev/v1alpha1"
    return {"apiVersion": version, "kind": "Account", "metadata": meta, "spec": spec}


def let_time_pass(rig: Rig) -> None:
    """Write as much as a cluster does between two backups, on a small scale."""
    with rig.api() as client:
        for number in range(WRITES):
            body = {"metadata": {"name": f"filler-{number}"}}
            client.post(f"/api/v1/namespaces/{TEAM}/configmaps", json=body).raise_for_status()
        before = holder_stamp(rig)
        eventually(lambda: holder_stamp(rig) != before, "the Lease to be renewed")


def holder_stamp(rig: Rig) -> str:
    path = "--output=jsonpath={.items[*].spec.renewTime}"
    return rig.kubectl("get", "lease", f"--namespace={NAMESPACE}", path)


class Processes:
    """Operators beside the rig's own, which is down."""

    def __init__(self, rig: Rig, home: Path) -> None:
        self._rig = rig
        self._supervisor = Supervisor(home / "supervised")
        self._logs = {name: home / f"{name}.log" for name in PROCESSES}

    def start(self, name: str) -> None:
        own = {"AGENTRUN_OPERATOR_BIND_PORT": str(free_port()), **PROCESSES[name]}
        environ = self._rig.operator_environ() | own
        command = self._rig.operator_command()
        self._supervisor.start(name, command, self._logs[name], env=environ)

    def wait_complete(self, name: str, *, times: int = 1) -> None:
        """Wait until an operator serves, for so many times over all its starts."""
        log = self._logs[name]
        eventually(lambda: log.read_text().count("start-up: complete") >= times, f"{name} serves")

    def last_words(self, name: str) -> str:
        """Wait until an operator has failed and return its last line."""
        eventually(lambda: self._supervisor.exit_code(name) == 1, f"end of {name}")
        return self._logs[name].read_text().splitlines()[-1]

    def close(self) -> None:
        self._supervisor.close()


@pytest.fixture
def processes(old_rig: Rig, tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(old_rig, tmp_path)
    try:
        yield processes
    finally:
        processes.close()


def test_a_restored_backup_ends_processes_and_new_ones_serve(
    old_rig: Rig, processes: Processes
) -> None:
    rig = old_rig
    rig.create_namespace(TEAM)
    rig.apply([key_secret(TEAM, rig.account), account(rig, "early")])
    for name in PROCESSES:
        processes.start(name)
    for name in PROCESSES:
        processes.wait_complete(name)
    rig.wait_ready(TEAM)
    backup = rig.plane.back_up()
    rig.apply([account(rig, "late")])
    rig.wait_ready(TEAM)
    let_time_pass(rig)
    rig.plane.restore(backup)
    # A slow machine loses the Lease meanwhile, which ends the leader as well.
    assert re.search("put back|lease", processes.last_words("leader"))
    assert "put back" in processes.last_words("alone")
    processes.start("leader")
    processes.wait_complete("leader", times=2)
    rig.apply([account(rig, "new")])
    rig.wait_ready(TEAM)
    rig.delete_all(TEAM)
