"""Every Pod of the chart: security, resources, probes, and what values change about it."""

import json
from typing import Any

import pytest

from agentrun_operator import __version__
from agentrun_operator.core.settings import Settings
from agentrun_operator.ending import END_SECONDS
from chart.rendering import (
    EVERYTHING,
    FULLNAME,
    NAMESPACE,
    container_of,
    environment_of,
    installed,
    manifests,
    of_kind,
    one,
    pod_of,
    pods,
)

PODS = pods(manifests(*EVERYTHING))
SELECTOR = {"app.kubernetes.io/name": "agentrun-operator", "app.kubernetes.io/instance": "chart"}


def test_all_pods_are_looked_at() -> None:
    assert sorted(PODS) == [
        f"Deployment/{FULLNAME}",
        f"Deployment/{FULLNAME}-simulator",
        f"Job/{FULLNAME}-guard",
        f"Pod/{FULLNAME}-test",
    ]


@pytest.mark.parametrize("name", PODS)
class TestEveryPod:
    """What a linter of manifests asks for, for each of our Pods."""

    def test_it_meets_the_restricted_standard(self, name: str) -> None:
        security = PODS[name]["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in PODS[name]["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }

    def test_it_shares_nothing_with_its_node(self, name: str) -> None:
        spec = PODS[name]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        for volume in spec.get("volumes", ()):
            assert set(volume) - {"name"} <= {"configMap", "emptyDir", "projected"}
        for container in spec["containers"]:
            assert all("hostPort" not in port for port in container.get("ports", ()))

    def test_it_asks_for_what_it_needs_and_has_a_limit_of_memory(self, name: str) -> None:
        for container in PODS[name]["containers"]:
            resources = container["resources"]
            assert set(resources["requests"]) == {"cpu", "memory"}
            assert "memory" in resources["limits"]
            # Reasoned exception: a CPU limit would only delay start-up.
            assert "cpu" not in resources["limits"]

    def test_its_image_is_pinned_to_a_version(self, name: str) -> None:
        for container in PODS[name]["containers"]:
            tag = container["image"].rpartition(":")[2]
            assert tag not in ("", "latest")

    def test_only_who_talks_to_the_cluster_holds_a_token(self, name: str) -> None:
        spec = PODS[name]
        is_ours = not name.endswith("-simulator")
        assert spec["automountServiceAccountToken"] is is_ours
        assert ("serviceAccountName" in spec) is is_ours

    def test_no_secret_stands_in_plain_text(self, name: str) -> None:
        for container in PODS[name]["containers"]:
            for variable in container.get("env", ()):
                if "SECRET" in variable["name"] or "TOKEN" in variable["name"]:
                    is_setting = variable["name"].startswith("AGENTRUN_OPERATOR_SECRET_")
                    assert is_setting or "value" not in variable


def test_every_deployment_selects_its_own_pods() -> None:
    for deployment in of_kind(manifests(*EVERYTHING), "Deployment"):
        labels = deployment["spec"]["template"]["metadata"]["labels"].items()
        assert deployment["spec"]["selector"]["matchLabels"].items() <= labels


def test_every_service_account_that_a_pod_names_exists() -> None:
    accounts = {m["metadata"]["name"] for m in of_kind(manifests(*EVERYTHING), "ServiceAccount")}
    assert {
        spec["serviceAccountName"] for spec in PODS.values() if "serviceAccountName" in spec
    } == (accounts)


def test_no_rule_has_a_wildcard_and_nobody_may_create_pods() -> None:
    found = manifests(*EVERYTHING)
    for role in of_kind(found, "ClusterRole") + of_kind(found, "Role"):
        for rule in role["rules"]:
            assert not any("*" in part for part in rule.values())
            assert not {"pods", "deployments", "jobs"} & set(rule["resources"])


@pytest.mark.parametrize("name", [n for n in PODS if n.startswith("Deployment/")])
def test_what_runs_for_ever_is_probed(name: str) -> None:
    for container in PODS[name]["containers"]:
        assert {"livenessProbe", "readinessProbe"} <= set(container)


def test_probes_ask_the_port_that_the_operator_is_told_to_bind() -> None:
    found = container_of(installed())
    assert found["ports"] == [{"name": "http", "containerPort": 8080}]
    assert environment_of(installed())["AGENTRUN_OPERATOR_BIND_PORT"] == "8080"
    assert found["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert found["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert found["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_the_grace_period_is_longer_than_the_drain() -> None:
    grace = pod_of(installed())["spec"]["terminationGracePeriodSeconds"]
    assert grace > Settings().drain_seconds + END_SECONDS


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("leaderElection=true", {"maxSurge": 1, "maxUnavailable": 0}),
        ("leaderElection=false", None),
    ],
)
def test_two_operators_overlap_only_under_a_lease(value: str, expected: Any) -> None:
    strategy = one(installed(value), "Deployment")["spec"]["strategy"]
    assert strategy.get("rollingUpdate") == expected
    assert strategy["type"] == ("RollingUpdate" if expected else "Recreate")


def test_replicas() -> None:
    assert one(installed(), "Deployment")["spec"]["replicas"] == 1
    assert one(installed("replicaCount=2"), "Deployment")["spec"]["replicas"] == 2


def test_an_image_digest_wins_over_the_tag() -> None:
    digest = "sha256:" + 64 * "a"
    found = installed(f'image={{"repository":"r/o","tag":"1","digest":"{digest}"}}')
    assert container_of(found)["image"] == f"r/o@{digest}"
    assert container_of(installed('image.tag="1"'))["image"] == "agentrun-operator:1"
    found = manifests('image.registry="registry.example:5000/team"', "simulator.enabled=true")
    for name, spec in pods(found).items():
        image = "agentrun-simulator" if name.endswith("-simulator") else "agentrun-operator"
        assert spec["containers"][0]["image"] == f"registry.example:5000/team/{image}:{__version__}"


POD_FIELDS = {
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "k", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "priorityClassName": "high",
    "runtimeClassName": "sandboxed",
    "hostUsers": False,
    "imagePullSecrets": [{"name": "pull"}],
    "terminationGracePeriodSeconds": 60,
}


@pytest.mark.parametrize("field", POD_FIELDS)
def test_a_field_of_the_pod_comes_from_the_value_of_its_name(field: str) -> None:
    expected = POD_FIELDS[field]
    spec = pod_of(installed(f"{field}={json.dumps(expected)}"))["spec"]
    assert spec[field] == expected


def test_unset_fields_of_the_pod_are_left_out() -> None:
    spec = pod_of(installed())["spec"]
    optional = set(POD_FIELDS) - {"terminationGracePeriodSeconds"}
    assert not optional & set(spec)
    assert "topologySpreadConstraints" not in spec


def test_a_spread_without_selector_spreads_our_pods() -> None:
    one_each = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    found = installed(
        'topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"},'
        '{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule",'
        '"labelSelector":{"matchLabels":{"a":"b"}}}]'
    )
    assert pod_of(found)["spec"]["topologySpreadConstraints"] == [
        {**one_each, "labelSelector": {"matchLabels": SELECTOR}},
        {**one_each, "labelSelector": {"matchLabels": {"a": "b"}}},
    ]


def test_labels_and_annotations() -> None:
    found = installed(
        'podLabels={"l":"1"}',
        'podAnnotations={"release":"{{ .Release.Name }}"}',
        'commonLabels={"team":"platform"}',
    )
    metadata = pod_of(found)["metadata"]
    assert metadata["labels"]["l"] == "1"
    assert metadata["annotations"]["release"] == "chart"
    for manifest in found:
        assert manifest["metadata"]["labels"]["team"] == "platform"
    selector = one(found, "Deployment")["spec"]["selector"]["matchLabels"]
    assert selector == SELECTOR


def test_extra_environment_and_volumes_may_be_templates() -> None:
    found = installed(
        'extraEnv=[{"name":"A","value":"{{ .Release.Namespace }}"}]',
        'extraEnvFrom=[{"secretRef":{"name":"{{ .Release.Name }}-env"}}]',
        'extraArgs=["--x={{ .Chart.Name }}"]',
        'extraVolumes=[{"name":"ca","configMap":{"name":"ca"}}]',
        'extraVolumeMounts=[{"name":"ca","mountPath":"/ca"}]',
    )
    container = container_of(found)
    assert environment_of(found)["A"] == NAMESPACE
    assert container["envFrom"] == [{"secretRef": {"name": "chart-env"}}]
    assert container["args"] == ["run", "--x=agentrun-operator"]
    assert {"name": "ca", "mountPath": "/ca"} in container["volumeMounts"]
    assert {"name": "ca", "configMap": {"name": "ca"}} in pod_of(found)["spec"]["volumes"]


def test_extra_objects_are_objects_or_text() -> None:
    found = installed(
        'extraObjects=[{"apiVersion":"v1","kind":"ConfigMap",'
        '"metadata":{"name":"{{ .Release.Name }}-a"}},'
        '"apiVersion: v1\\nkind: ConfigMap\\nmetadata:\\n  name: b-{{ .Release.Name }}"]'
    )
    names = [m["metadata"]["name"] for m in of_kind(found, "ConfigMap")]
    assert sorted(names) == ["b-chart", "chart-a", "chart-agentrun-operator-logging"]
