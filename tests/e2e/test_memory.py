"""Memory of the operator beside a cluster full of things that are none of its business."""

import base64
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from rig import Rig

FLEET = 100
SECRETS = 1000
SECRET_BYTES = 100_000
CONFIG_MAPS = 300
ANNOTATION_BYTES = 250_000
LIMIT_MIB = 120
CLIENTS = 8


@pytest.fixture
def crowd(rig: Rig) -> None:
    """Secrets as Helm leaves them behind, one per revision of a release; and large annotations.

    They stay: they go with the control plane, and are none of any other test's business.
    """
    name = "test-helm-releases"
    rig.create_namespace(name)
    path = f"/api/v1/namespaces/{name}/secrets"
    maps = f"/api/v1/namespaces/{name}/configmaps"
    with rig.api() as api, ThreadPoolExecutor(CLIENTS) as pool:

        def create(number: int) -> None:
            payload = base64.b64encode(os.urandom(SECRET_BYTES * 3 // 4)).decode()
            body = {
                "metadata": {"name": f"sh.helm.release.v1.release.v{number}"},
                "type": "helm.sh/release.v1",
                "data": {"release": payload},
            }
            api.post(path, json=body).raise_for_status()

        def annotate(number: int) -> None:
            text = base64.b64encode(os.urandom(ANNOTATION_BYTES * 3 // 4)).decode()
            metadata = {"name": f"map-{number}", "annotations": {"example.com/big": text}}
            api.post(maps, json={"metadata": metadata}).raise_for_status()

        list(pool.map(create, range(SECRETS)))
        list(pool.map(annotate, range(CONFIG_MAPS)))


def fleet(namespace: str, account: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield an account with a large budget, and objects of four kinds that need nothing else."""
    account["spec"]["requestsPerSecond"] = 500
    yield account
    specs: dict[str, dict[str, Any]] = {
        "AgentRuntime": {"container": {"image": "registry.example.com/agent:v1"}},
        "ModelService": {
            "modelType": "llm",
            "provider": "tongyi",
            "providerSettings": {"modelNames": ["qwen-max"]},
        },
        "SandboxTemplate": {"type": "CodeInterpreter"},
        "Credential": {
            "purpose": "OutboundTool",
            "apiKey": {"valueFrom": {"secretKeyRef": {"name": "keys", "key": "key"}}},
        },
    }
    for number in range(FLEET):
        kind, spec = list(specs.items())[number % len(specs)]
        yield {
            "apiVersion": "agentrun.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": f"object-{number}", "namespace": namespace},
            "spec": spec,
        }


def peak_mib(pid: int) -> float:
    """Return the largest resident memory a process has had; where unknown, what it has now."""
    status = Path(f"/proc/{pid}/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) / 1024
    return float(psutil.Process(pid).memory_info().rss) / 2**20


@pytest.mark.slow
@pytest.mark.usefixtures("crowd")
def test_what_others_have_costs_no_memory(
    rig: Rig, namespace: str, account: dict[str, Any]
) -> None:
    rig.stop_operator()  # its start lists everything: that is the peak
    keys = {"apiVersion": "v1", "kind": "Secret", "stringData": {"key": "value"}}
    rig.apply([{**keys, "metadata": {"name": "keys", "namespace": namespace}}])
    rig.apply(fleet(namespace, account))
    rig.start_operator()
    assert len(rig.wait_ready(namespace)) == FLEET + 1
    assert rig.operator_pid is not None
    assert peak_mib(rig.operator_pid) < LIMIT_MIB
