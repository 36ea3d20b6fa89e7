"""The chart's own life with Helm 3 and 4: its Pods are admitted and Ready, its CRDs stay."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agentrun_operator.kinds import catalogue
from kwok.release import Helm, Released, restricted_namespace
from rig.chart import CHART
from rig.samples import manifests, secret

NAME = "second"
"""A release beside the one that the operator runs under; it watches nothing but its namespace."""

MINIMAL: dict[str, Any] = {"crds": {"install": False}, "watchNamespaces": [NAME]}
EVERYTHING: dict[str, Any] = {
    **MINIMAL,
    "replicaCount": 2,
    "podDisruptionBudget": {"enabled": True},
    "networkPolicy": {"enabled": True},
    "simulator": {"enabled": True},
}
VALUES = {"minimal": MINIMAL, "everything": EVERYTHING}


@pytest.fixture(params=[3, 4], ids=["helm 3", "helm 4"])
def helm(released: Released, request: pytest.FixtureRequest) -> Iterator[Helm]:
    """Helm, and a namespace that admits restricted Pods only."""
    helm = Helm(released.plane, request.param)
    restricted_namespace(released, NAME)
    yield helm
    helm.run("uninstall", NAME, f"--namespace={NAME}", "--ignore-not-found", "--wait")
    released.kubectl("delete", "namespace", NAME)


def run(helm: Helm, verb: str, *arguments: str, values: dict[str, Any] | None = None) -> str:
    common = (f"--namespace={NAME}", "--wait", "--timeout=90s")
    return helm(verb, NAME, *arguments, *common, values=values).output


def pods(released: Released) -> list[dict[str, Any]]:
    """Return the Pods that are not on their way out."""
    text = released.kubectl("get", "pods", f"--namespace={NAME}", "--output=json")
    found: list[dict[str, Any]] = json.loads(text)["items"]
    return [each for each in found if "deletionTimestamp" not in each["metadata"]]


def is_pod_ready(pod: dict[str, Any]) -> bool:
    conditions = {each["type"]: each["status"] for each in pod["status"]["conditions"]}
    return conditions.get("Ready") == "True"


def crd_names(released: Released) -> set[str]:
    output = "--output=jsonpath={.items[*].metadata.name}"
    return {
        name
        for name in released.kubectl("get", "customresourcedefinitions", output).split()
        if name.endswith(".agentrun.dev")
    }


@pytest.mark.parametrize("extent", VALUES)
def test_install_upgrade_rollback(released: Released, helm: Helm, extent: str) -> None:
    said = run(helm, "install", str(CHART), values=VALUES[extent])
    assert "violate PodSecurity" not in said
    first = pods(released)
    assert len(first) >= VALUES[extent].get("replicaCount", 1)
    assert all(map(is_pod_ready, first))

    run(helm, "upgrade", str(CHART), values={**VALUES[extent], "podLabels": {"round": "2"}})
    labels = [each["metadata"]["labels"].get("round") for each in pods(released)]
    assert "2" in labels
    assert all(map(is_pod_ready, pods(released)))

    helm("rollback", NAME, "1", f"--namespace={NAME}", "--wait", "--timeout=90s")
    assert {each["metadata"]["labels"].get("round") for each in pods(released)} == {None}

    run(helm, "uninstall")
    left = "deployments,services,serviceaccounts,roles,rolebindings,poddisruptionbudgets"
    listed = released.kubectl("get", left, f"--namespace={NAME}", "--output=name").split()
    assert [each for each in listed if not each.endswith("/default")] == []


def test_a_second_upgrade_changes_nothing(released: Released, helm: Helm) -> None:
    run(helm, "install", str(CHART), values=EVERYTHING)

    def generations() -> str:
        kinds = "deployments,services,networkpolicies,poddisruptionbudgets,roles,rolebindings"
        output = "--output=jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid} "
        output += "{.metadata.generation}{'\\n'}{end}"
        return released.kubectl("get", kinds, f"--namespace={NAME}", output)

    before = generations()
    run(helm, "upgrade", str(CHART), values=EVERYTHING)
    assert generations() == before


def test_a_pod_that_asks_for_more_is_refused(released: Released, helm: Helm) -> None:
    """The namespaces of these tests do enforce what they say."""
    del helm
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "greedy", "namespace": NAME},
        "spec": {"containers": [{"name": "x", "image": "x"}]},
    }
    with pytest.raises(Exception, match="violates PodSecurity"):
        released.apply([pod])


def test_uninstall_with_objects_present() -> None:
    """CRDs and objects stay, the cloud keeps what it has, and a new install goes on with it.

    The chart's guard, whose Pod would refuse this, is a Job: on a fake node it always succeeds, as
    if somebody had switched it off.
    """
    with Released() as released:
        namespace = "stays"
        samples = manifests(namespace, released.cloud.url)
        account = next(each for each in samples if each["kind"] == "Account")
        service = next(each for each in samples if each["metadata"]["name"] == "deepseek")
        keys = released.account
        values = {"accessKeyId": keys.access_key_id, "accessKeySecret": keys.access_key_secret}
        released.create_namespace(namespace)
        released.apply(
            [
                secret(namespace, "agentrun-keys", values),
                secret(namespace, "chat-keys", {"openai": "sk-0"}),
                account,
                service,
            ]
        )
        released.wait_ready(namespace)
        before = {each["metadata"]["uid"] for each in released.objects(namespace)}
        since = released.cloud.position()
        released.stop_operator()
        released.uninstall()
        assert crd_names(released) == {f"{k.plural}.agentrun.dev" for k in catalogue().values()}
        assert {each["metadata"]["uid"] for each in released.objects(namespace)} == before

        released.release("install", released.chart)
        released.start_operator()
        released.wait_ready(namespace)
        assert released.cloud.writes(since=since) == []
        released.delete_all(namespace)
        assert "ModelService" not in released.cloud.resources()
