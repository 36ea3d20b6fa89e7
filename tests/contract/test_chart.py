"""The chart as Helm renders it: roles, Pod security, scopes, and values that are refused."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentrun_operator.crdgen import custom_resource_definition
from agentrun_operator.crdgen.rbac import (
    Permission,
    SecretAccess,
    cluster_permissions,
    namespaced_permissions,
    own_permissions,
)
from agentrun_operator.kinds import catalogue
from controlplane.binaries import HELM, ensure

CHART = Path(__file__).resolve().parents[2] / "charts" / "agentrun-operator"
KINDS = tuple(catalogue().values())
NAMESPACE = "agentrun-system"

Manifest = Mapping[str, Any]
Helm = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def helm() -> Helm:
    program = ensure(HELM) / "helm"

    def run(*values: str, name: str = "chart") -> subprocess.CompletedProcess[str]:
        sets = [argument for value in values for argument in ("--set-json", value)]
        return subprocess.run(  # noqa: S603 - our own build, our own arguments
            [program, "template", name, CHART, f"--namespace={NAMESPACE}", *sets],
            check=False,
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture(scope="module")
def render(helm: Helm) -> Callable[..., list[Manifest]]:
    def run(*values: str) -> list[Manifest]:
        done = helm(*values)
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    return run


Render = Callable[..., list[Manifest]]


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [m for m in manifests if m["kind"] == kind]


def container(manifests: list[Manifest]) -> Any:
    (deployment,) = of_kind(manifests, "Deployment")
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return found


def environment(manifests: list[Manifest]) -> dict[str, Any]:
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container(manifests)["env"]}


def as_rules(*permissions: Permission) -> list[Any]:
    return [p.rule() for p in permissions]


def test_the_default_renders_one_of_each(render: Render) -> None:
    kinds = [m["kind"] for m in render() if m["kind"] != "CustomResourceDefinition"]
    assert sorted(kinds) == [
        "ClusterRole",
        "ClusterRoleBinding",
        "Deployment",
        "Role",
        "RoleBinding",
        "ServiceAccount",
    ]


def test_the_crds_of_the_chart_are_the_generated_ones(render: Render) -> None:
    rendered = {m["metadata"]["name"]: m for m in of_kind(render(), "CustomResourceDefinition")}
    generated = [custom_resource_definition(kind) for kind in KINDS]
    assert sorted(rendered) == sorted(crd["metadata"]["name"] for crd in generated)
    for crd in generated:
        assert rendered[crd["metadata"]["name"]]["spec"] == crd["spec"]


def test_crds_are_kept_on_uninstall_unless_told_otherwise(render: Render) -> None:
    for crd in of_kind(render(), "CustomResourceDefinition"):
        assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    for crd in of_kind(render("crds.keep=false"), "CustomResourceDefinition"):
        assert "annotations" not in crd["metadata"]


def test_crds_can_be_left_to_somebody_else(render: Render) -> None:
    assert not of_kind(render("crds.install=false"), "CustomResourceDefinition")


@pytest.mark.parametrize("access", ["watch", "get"])
def test_the_cluster_role_is_what_the_code_declares(render: Render, access: SecretAccess) -> None:
    (role,) = of_kind(render(f'secretAccess="{access}"'), "ClusterRole")
    assert role["rules"] == as_rules(
        *namespaced_permissions(KINDS, access), *cluster_permissions(KINDS)
    )


def test_a_namespaced_install_gets_roles_and_nothing_cluster_wide(render: Render) -> None:
    manifests = render('watchNamespaces=["team-a","team-b"]')
    roles = {role["metadata"]["namespace"]: role for role in of_kind(manifests, "Role")}
    own = roles.pop(NAMESPACE)
    assert own["rules"] == as_rules(*own_permissions("chart-agentrun-operator"))
    assert list(roles) == ["team-a", "team-b"]
    for role in roles.values():
        assert role["rules"] == as_rules(*namespaced_permissions(KINDS, "watch"))
    assert not of_kind(manifests, "ClusterRole")
    assert not of_kind(manifests, "ClusterRoleBinding")
    assert environment(manifests)["AGENTRUN_OPERATOR_NAMESPACES"] == "team-a,team-b"


def test_the_lease_is_the_one_that_the_operator_is_told_to_hold(render: Render) -> None:
    manifests = render()
    (own,) = of_kind(manifests, "Role")
    lease = environment(manifests)["AGENTRUN_OPERATOR_LEASE_NAME"]
    assert own["rules"] == as_rules(*own_permissions(lease))
    assert environment(manifests)["AGENTRUN_OPERATOR_LEADER_ELECTION"] == "true"


def test_without_leader_election_nothing_is_granted_for_it(render: Render) -> None:
    manifests = render("leaderElection=false")
    assert not of_kind(manifests, "Role")
    assert environment(manifests)["AGENTRUN_OPERATOR_LEADER_ELECTION"] == "false"


def test_every_binding_names_the_service_account_of_the_pod(render: Render) -> None:
    for values in ((), ('watchNamespaces=["team-a"]',)):
        manifests = render(*values)
        (account,) = of_kind(manifests, "ServiceAccount")
        (deployment,) = of_kind(manifests, "Deployment")
        name = account["metadata"]["name"]
        assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == name
        bindings = of_kind(manifests, "ClusterRoleBinding") + of_kind(manifests, "RoleBinding")
        for binding in bindings:
            assert binding["subjects"] == [
                {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}
            ]


def test_the_pod_meets_the_restricted_standard(render: Render) -> None:
    manifests = render()
    (deployment,) = of_kind(manifests, "Deployment")
    pod = deployment["spec"]["template"]["spec"]["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert pod["runAsUser"] > 0
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(manifests)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert deployment["spec"]["template"]["spec"]["volumes"] == [{"name": "tmp", "emptyDir": {}}]


def test_one_replica_that_never_overlaps_its_successor(render: Render) -> None:
    (deployment,) = of_kind(render(), "Deployment")
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_probes_ask_the_port_that_the_operator_is_told_to_bind(render: Render) -> None:
    manifests = render()
    found = container(manifests)
    assert found["ports"] == [{"name": "http", "containerPort": 8080}]
    assert environment(manifests)["AGENTRUN_OPERATOR_BIND_PORT"] == "8080"
    assert found["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert found["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_the_operators_own_keys_come_from_a_secret_and_nowhere_else(render: Render) -> None:
    manifests = render(
        'account={"id":"1234567890","region":"cn-hangzhou"}', 'credentials.existingSecret="keys"'
    )
    found = environment(manifests)
    assert found["AGENTRUN_OPERATOR_ACCOUNT_ID"] == "1234567890"
    assert found["AGENTRUN_OPERATOR_REGION"] == "cn-hangzhou"
    for name, key in (("ID", "accessKeyId"), ("SECRET", "accessKeySecret")):
        source = found[f"AGENTRUN_ACCESS_KEY_{name}"]
        assert source == {"secretKeyRef": {"name": "keys", "key": key}}


def test_an_image_digest_wins_over_the_tag(render: Render) -> None:
    digest = "sha256:" + 64 * "a"
    manifests = render(f'image={{"repository":"r/o","tag":"1","digest":"{digest}"}}')
    assert container(manifests)["image"] == f"r/o@{digest}"
    assert container(render('image.tag="1"'))["image"] == "agentrun-operator:1"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("replicas=2", "additional properties 'replicas' not allowed"),
        ("crds.instal=false", "additional properties 'instal' not allowed"),
        ('watchNamespaces="team-a"', "got string, want array"),
        ('watchNamespaces=["Team_A"]', "does not match pattern"),
        ('secretAccess="list"', "value must be one of 'watch', 'get'"),
        ("account.id=1234567890", "got number, want string"),
        ('logging.level="verbose"', "value must be one of"),
        ("requestsPerSecond=0", "exclusiveMinimum"),
        ('endpointAllowList=["agentrun.example.com"]', "does not match pattern"),
        ('image.digest="latest"', "does not match pattern"),
        ('account.id="1234567890"', "account.region is needed with account.id"),
        ("serviceAccount.create=false", "serviceAccount.name is needed"),
    ],
)
def test_a_wrong_value_is_refused_with_its_reason(helm: Helm, value: str, complaint: str) -> None:
    done = helm(value)
    assert done.returncode != 0
    assert complaint in done.stderr


def test_names_follow_the_release_without_repeating_it(helm: Helm) -> None:
    for release, expected in (("mine", "mine-agentrun-operator"), ("agentrun-operator", None)):
        done = helm(name=release)
        (deployment,) = of_kind(list(yaml.safe_load_all(done.stdout)), "Deployment")
        assert deployment["metadata"]["name"] == (expected or release)
