"""An install that watches namespaces by name: one that is deleted takes our Role along."""

from collections.abc import Iterator
from typing import Any

import pytest

from kwok.release import Released
from rig import NAMESPACE, eventually
from rig.chart import CHART, RELEASE
from rig.samples import chat_secret, key_secret, manifests

GOING, STAYING = "team-going", "team-staying"
VALUES = {"watchNamespaces": [GOING, STAYING], "clusterId": "test"}
RESCUE = ("clusterrole", "clusterrolebinding")

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def released() -> Iterator[Released]:
    """A namespaced release, with an account and a service in each of its namespaces."""
    with Released(chart_values=VALUES) as released:
        for namespace in (GOING, STAYING):
            secrets = [key_secret(namespace, released.account), chat_secret(namespace)]
            released.apply([*secrets, *objects(released, namespace)])
            released.wait_ready(namespace)
        yield released


def objects(released: Released, namespace: str) -> list[Manifest]:
    found = manifests(namespace, released.cloud.url)
    chosen = [each for each in found if each["metadata"]["name"] in ("default", "deepseek")]
    for each in chosen:
        if each["kind"] != "Account":
            each["spec"]["externalName"] = namespace
    return chosen


def names(released: Released) -> set[str]:
    return {each["modelServiceName"] for each in released.cloud.resources()["ModelService"]}


def test_a_deleted_namespace_is_rescued_and_stops_nobody(released: Released) -> None:
    """As the guide to uninstalling says."""
    assert names(released) == {GOING, STAYING}
    released.kubectl("delete", "namespace", GOING, "--wait=false")
    rights = released.helm(
        "template",
        RELEASE,
        str(CHART),
        f"--namespace={NAMESPACE}",
        "--show-only=templates/rbac.yaml",
    ).output
    released.kubectl("apply", "--filename=-", input=rights)
    where = ("get", "namespace", GOING, "--ignore-not-found", "--output=name")
    eventually(lambda: not released.kubectl(*where), "the namespace to be gone", seconds=90)
    assert names(released) == {STAYING}

    for kind in RESCUE:
        released.kubectl("delete", kind, RELEASE)
    released.stop_operator()
    released.start_operator()
    (service,) = (e for e in objects(released, STAYING) if e["kind"] == "ModelService")
    service["spec"]["description"] = "served"
    released.apply([service])
    released.wait_ready(STAYING)
    (resource,) = released.cloud.resources()["ModelService"]
    assert resource["description"] == "served"
    assert "refuses us" in released.operator_log
