"""The chart's own life with Helm 3 and 4: its Pods are admitted and Ready, its CRDs stay."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agentrun_operator.kinds import catalogue
from kwok.release import Helm, Released, restricted_namespace
from rig import NAMESPACE
from rig.chart import CHART, RELEASE
from rig.samples import manifests, secret

NAME = "second"
"""A release beside the one that the operator runs under; it watches nothing but its namespace."""
STAYS = "stays"
"""Where the objects live that an uninstall would strand."""

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


def pods(released: Released, namespace: str = NAME) -> list[dict[str, Any]]:
    """Return the Pods that are not on their way out."""
    text = released.kubectl("get", "pods", f"--namespace={namespace}", "--output=json")
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


@pytest.fixture
def own() -> Iterator[Released]:
    """A release of the test's own, to be uninstalled."""
    with Released() as released:
        yield released


def bring(released: Released) -> set[str]:
    """Have an account and a service, Ready; return their uids."""
    samples = manifests(STAYS, released.cloud.url)
    keys = released.account
    values = {"accessKeyId": keys.access_key_id, "accessKeySecret": keys.access_key_secret}
    released.create_namespace(STAYS)
    released.apply(
        [
            secret(STAYS, "agentrun-keys", values),
            secret(STAYS, "chat-keys", {"openai": "sk-0"}),
            next(each for each in samples if each["kind"] == "Account"),
            next(each for each in samples if each["metadata"]["name"] == "deepseek"),
        ]
    )
    released.wait_ready(STAYS)
    return uids(released)


def uids(released: Released) -> set[str]:
    return {each["metadata"]["uid"] for each in released.objects(STAYS)}


def test_uninstall_with_objects_present(own: Released) -> None:
    """The guard refuses; forced, objects and CRDs stay, and a new install goes on with them."""
    before = bring(own)
    since = own.cloud.position()
    refused = own.uninstall()
    assert refused.code != 0, refused.output
    assert "agentrun-operator-guard not ready. status: Failed" in refused.output
    (guard,) = (each for each in pods(own, NAMESPACE) if "-guard" in each["metadata"]["name"])
    (container,) = guard["status"]["containerStatuses"]
    said = container["state"]["terminated"]["message"]
    assert f"ModelService {STAYS}/deepseek" in said
    assert "delete them" in said
    assert own.helm("status", RELEASE, f"--namespace={NAMESPACE}").code == 0
    deployment = own.kubectl("get", "deployment", RELEASE, f"--namespace={NAMESPACE}")
    assert "1/1" in deployment

    own.stop_operator()
    assert own.uninstall("--no-hooks").code == 0
    assert crd_names(own) == {f"{k.plural}.agentrun.dev" for k in catalogue().values()}
    assert uids(own) == before

    own.release("install", own.chart)
    own.start_operator()
    own.wait_ready(STAYS)
    assert own.cloud.writes(since=since) == []
    own.delete_all(STAYS)
    assert "ModelService" not in own.cloud.resources()
    done = own.uninstall()
    assert done.code == 0, done.output


def test_helm_test(released: Released) -> None:
    """What the hook's Pod is for runs, under its ServiceAccount; its failure is the command's."""
    command = ("test", RELEASE, f"--namespace={NAMESPACE}", "--timeout=60s")
    assert "Succeeded" in released.helm(*command).output
    released.stop_operator()
    failed = released.helm.run(*command)
    assert failed.code != 0, failed.output
    released.start_operator()
