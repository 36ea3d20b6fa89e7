"""What the chart's hooks run, as processes with the rights that the chart gives them."""

import subprocess
import sys
from typing import Any

from rig import Rig
from rig.chart import RELEASE
from rig.rig import NAMESPACE
from rig.samples import KEYS_SECRET
from rig.waiting import eventually

Manifest = dict[str, Any]


def run(rig: Rig, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "agentrun_operator", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=rig.operator_environ() | environ,
        timeout=60,
    )


def test_helm_test_passes_with_the_rights_of_its_pod(rig: Rig) -> None:
    access = str(rig.plane.kubeconfig_for(NAMESPACE, f"{RELEASE}-test"))
    done = run(rig, "selftest", rig.operator_url, KUBECONFIG=access)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "ok: alive",
        "ok: ready",
        "ok: metrics",
        "ok: CRDs are served",
        "ok: a sample passes admission",
    ]
    assert rig.kubectl("get", "accounts", f"--namespace={NAMESPACE}", "--output=name") == ""


def test_the_operator_itself_may_create_no_object(rig: Rig) -> None:
    done = run(rig, "selftest", rig.operator_url)
    assert done.returncode == 1
    assert "FAILED: a sample passes admission" in done.stdout
    assert "403" in done.stdout


def test_the_guard_holds_the_operator_until_nothing_needs_it(
    rig: Rig, namespace: str, account: Manifest
) -> None:
    credential: Manifest = {
        "apiVersion": "agentrun.dev/v1alpha1",
        "kind": "Credential",
        "metadata": {"name": "guarded", "namespace": namespace},
        "spec": {
            "purpose": "Inbound",
            "apiKey": {
                "headerName": "X-Key",
                "valueFrom": {"secretKeyRef": {"name": KEYS_SECRET, "key": "accessKeySecret"}},
            },
        },
    }
    rig.apply([account, credential])

    def refused() -> bool:
        done = run(rig, "guard-uninstall", AGENTRUN_OPERATOR_NAMESPACES=namespace)
        # The Account is claimed first, and the guard refuses from then on.
        return done.returncode == 1 and f"Credential {namespace}/guarded" in done.stdout

    eventually(refused, "the guard to refuse for the Credential")

    rig.kubectl("delete", "credential", "guarded", f"--namespace={namespace}")
    rig.kubectl("delete", "account", "default", f"--namespace={namespace}")
    done = run(rig, "guard-uninstall", AGENTRUN_OPERATOR_NAMESPACES=namespace)
    assert (done.returncode, done.stdout) == (0, "nothing needs the operator any more\n"), done


def test_the_guard_of_another_class_is_not_concerned(
    rig: Rig, namespace: str, account: Manifest
) -> None:
    rig.apply([account])
    environ = {
        "AGENTRUN_OPERATOR_NAMESPACES": namespace,
        "AGENTRUN_OPERATOR_CONTROLLER_CLASS": "another",
    }
    assert run(rig, "guard-uninstall", **environ).returncode == 0
