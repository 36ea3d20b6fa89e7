"""Two operators, one leader: the others stand by, and nobody writes who might be deposed."""

import json
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from controlplane.audit import WRITE_VERBS
from controlplane.processes import Supervisor
from integration.fleet import FAMILIES, Tenant, family_of_each, template
from rig import NAMESPACE, Rig, eventually
from rig.rig import free_port

SECOND = "agentrun-second"
"""A ServiceAccount with the first one's rights, so that the audit log tells the two apart."""
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
OTHER_LEASE = "agentrun-other"
LEASE_SECONDS = 15.0
SETS = 4


class Contenders:
    """Operator processes that compete; a context manager."""

    def __init__(self, rig: Rig) -> None:
        """Use the chart's command and environment, as a Pod would."""
        self.rig = rig
        self._home = Path(tempfile.mkdtemp(prefix="agentrun-contenders-"))
        self._supervisor = Supervisor(self._home)
        self.pids: dict[str, int] = {}

    def start(self, name: str, *, account: str | None = None, **settings: str) -> None:
        """Start an operator under its own name, and return when it leads or stands by."""
        environ = self.rig.operator_environ() | {
            "AGENTRUN_OPERATOR_IDENTITY": name,
            "AGENTRUN_OPERATOR_BIND_PORT": str(free_port()),
        }
        if account is not None:
            environ["KUBECONFIG"] = str(self.rig.plane.kubeconfig_for(NAMESPACE, account))
        self.pids[name] = self._supervisor.start(
            name, self.rig.operator_command(), self._home / f"{name}.log", env=environ | settings
        )
        eventually(lambda: self.says(name, "leading") or self.says(name, "standing"), name)

    def says(self, name: str, words: str) -> bool:
        """Return whether an operator's log has these words in a message."""
        lines = (self._home / f"{name}.log").read_text().splitlines()
        return any(words in str(json.loads(line).get("msg")) for line in lines if line[:1] == "{")

    def log(self, name: str) -> str:
        """Return an operator's log."""
        return (self._home / f"{name}.log").read_text()

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pids[name], number)

    def wait_for_end(self, name: str) -> int:
        """Wait until an operator has ended and return its exit code."""
        eventually(lambda: self._supervisor.exit_code(name) is not None, f"{name} to end")
        return self._supervisor.exit_code(name) or 0

    def close(self) -> None:
        """Kill all."""
        self._supervisor.close()


@pytest.fixture
def contenders(fleet: Rig) -> Iterator[Contenders]:
    """Return the means to start operators, while the fleet's own is down."""
    _grant(fleet)
    fleet.stop_operator()
    contenders = Contenders(fleet)
    try:
        yield contenders
    finally:
        contenders.close()
        fleet.kubectl("delete", "lease", "--all", f"--namespace={NAMESPACE}")
        fleet.start_operator()


def _grant(rig: Rig) -> None:
    """Give a second ServiceAccount what the first one has, and another Lease."""
    subjects = [{"kind": "ServiceAccount", "name": SECOND, "namespace": NAMESPACE}]
    meta = {"name": SECOND, "namespace": NAMESPACE}
    made: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}]
    found = rig.kubectl("get", "clusterrolebindings,rolebindings", "-A", "--output=json")
    for each in json.loads(found)["items"]:
        if each.get("subjects", [{}])[0].get("name") != rig.operator_user.rpartition(":")[2]:
            continue
        metadata = {**each["metadata"], "name": f"{each['metadata']['name']}-second"}
        kept = {k: v for k, v in metadata.items() if k in ("name", "namespace")}
        made.append({**each, "metadata": kept, "subjects": subjects})
    rule = {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "create", "update", "patch"],
    }
    api = "rbac.authorization.k8s.io"
    role = {"apiGroup": api, "kind": "Role", "name": SECOND}
    made += [
        {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": meta, "rules": [rule]},
        {
            "apiVersion": f"{api}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": role,
            "subjects": subjects,
        },
    ]
    rig.apply(made)


def _lease(tenant: Tenant, lease: str) -> dict[str, Any]:
    """Return what stands in a Lease."""
    spec: dict[str, Any] = tenant.view.read(f"{LEASES}/{lease}")["spec"]
    return spec


def _wait_for_leader(tenant: Tenant, lease: str, name: str) -> datetime:
    """Wait until somebody leads; return since when."""
    eventually(lambda: _lease(tenant, lease).get("holderIdentity") == name, f"{name} to lead")
    return datetime.fromisoformat(_lease(tenant, lease)["acquireTime"])


def _writes(tenant: Tenant, account: str, since: int = 0) -> list[tuple[str, str]]:
    """Return what a ServiceAccount wrote, Leases too."""
    user = f"system:serviceaccount:{NAMESPACE}:{account}"
    writes = tenant.rig.plane.audit.writes(user=user, since=since)
    return [(each.verb, each.resource) for each in writes]


def _sent_and_taken(tenant: Tenant, account: str, after: float) -> set[tuple[str, str]]:
    """Return the writes of a ServiceAccount that the server began to read after a moment, and took.

    A process can be frozen in the middle of a request; that one was sent while it led.
    """
    user = f"system:serviceaccount:{NAMESPACE}:{account}"
    found = set()
    for line in tenant.rig.plane.audit_log.read_text().splitlines():
        event = json.loads(line) if line.endswith("}") else {}
        if event.get("stage") != "ResponseComplete" or event["user"]["username"] != user:
            continue
        received = datetime.fromisoformat(event["requestReceivedTimestamp"]).timestamp()
        code = (event.get("responseStatus") or {}).get("code", 0)
        if event["verb"] in WRITE_VERBS and received > after and code < HTTPStatus.BAD_REQUEST:
            found.add((event["verb"], event["objectRef"]["resource"]))
    return found


def test_only_a_leader_writes(tenant: Tenant, contenders: Contenders) -> None:
    """SIGTERM hands over at once; SIGKILL and SIGSTOP when the lease has run out."""
    lease = contenders.rig.operator_environ()["AGENTRUN_OPERATOR_LEASE_NAME"]
    _hand_over(tenant, contenders, lease)
    taken_over = _fall_silent(tenant, contenders, lease)
    contenders.send("second", signal.SIGCONT)
    assert contenders.wait_for_end("second") != 0
    assert "Traceback" not in contenders.log("second")
    tenant.edit("Account", "default", requestsPerSecond=200)
    tenant.wait_ready()
    # Events that were waiting tell what was true; the other leader renews its Lease.
    assert _sent_and_taken(tenant, SECOND, taken_over) <= {
        ("patch", "leases"),
        ("create", "events"),
    }
    creates = [each["action"] for each in tenant.cloud_writes() if each["status"] == 200]
    assert len(creates) == len(FAMILIES) * SETS + 1, Counter(creates)
    assert {e: len(items) for e, items in tenant.resources().items()} == {
        **dict.fromkeys(tenant.resources(), SETS),
        "Template": SETS + 1,
    }


def _hand_over(tenant: Tenant, contenders: Contenders, lease: str) -> None:
    """Let `second` take over from `first`, which ends in order."""
    contenders.start("first")
    contenders.start("second", account=SECOND)
    assert contenders.says("second", "standing by")
    tenant.apply(template("tpl"))
    tenant.wait_ready()
    assert _writes(tenant, SECOND) == []

    contenders.send("second", signal.SIGSTOP)  # or it would have the Lease before we look
    contenders.send("first", signal.SIGTERM)
    assert contenders.wait_for_end("first") == 0
    assert not _lease(tenant, lease).get("holderIdentity"), "nobody has to wait for its end"
    contenders.send("second", signal.SIGCONT)
    _wait_for_leader(tenant, lease, "second")


def _fall_silent(tenant: Tenant, contenders: Contenders, lease: str) -> float:
    """Freeze one leader and kill another; return when those that stood by had both taken over."""
    other = {
        "AGENTRUN_OPERATOR_LEASE_NAME": OTHER_LEASE,
        "AGENTRUN_OPERATOR_CONTROLLER_CLASS": "other",
    }
    contenders.start("other-first", account=SECOND, **other)
    contenders.start("other-second", account=SECOND, **other)
    contenders.start("third")
    tenant.edit("Account", "default", requestsPerSecond=10)  # so that there is work left
    tenant.wait_ready()
    objects = [each for n in range(SETS) for each in family_of_each(f"-{n}")]
    tenant.apply(*objects)
    tenant.wait(lambda: len(tenant.cloud_writes()) > SETS, "work to have begun")
    contenders.send("second", signal.SIGSTOP)
    contenders.send("other-first", signal.SIGKILL)
    heirs = {lease: "third", OTHER_LEASE: "other-second"}
    renewed = {each: datetime.fromisoformat(_lease(tenant, each)["renewTime"]) for each in heirs}
    for each, name in heirs.items():
        waited = _wait_for_leader(tenant, each, name) - renewed[each]
        assert waited > timedelta(seconds=LEASE_SECONDS), "a deposed leader may still write"
    return time.time()
