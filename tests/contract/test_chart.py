"""The chart as Helm renders it by default: objects, roles, scopes, names."""

import pytest

from agentrun_operator.core.grants import Allowance
from agentrun_operator.core.identity import FIELD_MANAGER, MANAGED_BY_LABEL
from agentrun_operator.crdgen import custom_resource_definition
from agentrun_operator.crdgen.rbac import (
    SECRETS,
    Permission,
    SecretAccess,
    cluster_permissions,
    edit_permissions,
    namespaced_permissions,
    own_permissions,
    selftest_permissions,
    use_permissions,
    view_permissions,
)
from agentrun_operator.environment import PREFIX, settings_from
from agentrun_operator.kinds import catalogue
from chart.rendering import (
    CRD_CHART,
    EVERYTHING,
    FULLNAME,
    NAMESPACE,
    Manifest,
    container_of,
    environment_of,
    helm,
    hook_of,
    installed,
    manifests,
    of_kind,
    one,
    parsed,
    pod_of,
)

KINDS = tuple(catalogue().values())
POLICY = "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy"
CONFIG_MAP_POLICY = f"{FULLNAME}.{NAMESPACE}"
STATUS_POLICY = f"{FULLNAME}-status.{NAMESPACE}"
ALWAYS = ('rbac.configMapPolicy="always"', 'rbac.statusPolicy="always"')
NEVER = ('rbac.configMapPolicy="never"', 'rbac.statusPolicy="never"')
NAMED_AT_LENGTH = {
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}
"""Nothing repeats their names in a label."""


def as_rules(*permissions: Permission) -> list[object]:
    return [p.rule() for p in permissions]


def named(found: tuple[Manifest, ...], kind: str, name: str) -> Manifest:
    (only,) = (m for m in of_kind(found, kind) if m["metadata"]["name"] == name)
    return only


def test_the_default_renders_one_of_each() -> None:
    kinds = [m["kind"] for m in installed() if m["kind"] != "CustomResourceDefinition"]
    assert sorted(kinds) == [
        *["ClusterRole"] * 4,
        "ClusterRoleBinding",
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
        *["ValidatingAdmissionPolicy"] * 2,
        *["ValidatingAdmissionPolicyBinding"] * 2,
    ]


@pytest.mark.parametrize(
    ("chart", "prefix"), [(None, "crds."), (CRD_CHART, "")], ids=["operator", "crds"]
)
class TestCrds:
    """Both charts deliver the same CRDs by the same values."""

    def crds(self, chart: object, *values: str) -> list[Manifest]:
        found = manifests(*values, chart=CRD_CHART) if chart else manifests(*values)
        return of_kind(found, "CustomResourceDefinition")

    def test_they_are_the_generated_ones(self, chart: object, prefix: str) -> None:
        del prefix
        rendered = {m["metadata"]["name"]: m["spec"] for m in self.crds(chart)}
        generated = {
            crd["metadata"]["name"]: crd["spec"] for crd in map(custom_resource_definition, KINDS)
        }
        assert rendered == generated

    def test_they_are_kept_on_uninstall_unless_told_otherwise(
        self, chart: object, prefix: str
    ) -> None:
        for crd in self.crds(chart):
            assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
        for crd in self.crds(chart, f"{prefix}keep=false"):
            assert "annotations" not in crd["metadata"]

    def test_they_take_labels_and_annotations(self, chart: object, prefix: str) -> None:
        texts = f'{prefix}labels={{"l":"1"}}', f'{prefix}annotations={{"a":"1"}}'
        for crd in self.crds(chart, *texts):
            assert crd["metadata"]["labels"]["l"] == "1"
            assert crd["metadata"]["annotations"]["a"] == "1"
            assert "helm.sh/resource-policy" in crd["metadata"]["annotations"]


def test_crds_can_be_left_to_somebody_else() -> None:
    assert not of_kind(manifests("crds.install=false"), "CustomResourceDefinition")


@pytest.mark.parametrize("access", ["watch", "get"])
def test_the_cluster_role_is_what_the_code_declares(access: SecretAccess) -> None:
    role = named(installed(f'secretAccess="{access}"'), "ClusterRole", FULLNAME)
    assert role["rules"] == as_rules(
        *namespaced_permissions(KINDS, access), *cluster_permissions(KINDS)
    )


def test_people_have_the_same_rights_on_our_objects() -> None:
    view = named(installed(), "ClusterRole", f"{FULLNAME}-view")
    edit = named(installed(), "ClusterRole", f"{FULLNAME}-edit")
    aggregate = "rbac.authorization.k8s.io/aggregate-to-"
    assert view["rules"] == as_rules(*view_permissions(KINDS))
    assert edit["rules"] == as_rules(*edit_permissions(KINDS))
    assert view["metadata"]["labels"][f"{aggregate}view"] == "true"
    assert f"{aggregate}view" not in edit["metadata"]["labels"]
    for binding in of_kind(installed(), "ClusterRoleBinding"):
        assert binding["roleRef"]["name"] == FULLNAME


def test_accounts_can_be_left_to_namespace_administrators() -> None:
    aggregate = "rbac.authorization.k8s.io/aggregate-to-"
    usual, strict = installed(), installed('rbac.accountsFor="admin"')
    expected = {
        "usual": ({f"{aggregate}edit", f"{aggregate}admin"}, set[str]()),
        "strict": ({f"{aggregate}admin"}, {f"{aggregate}edit"}),
    }
    for found, (edit, use) in zip((usual, strict), expected.values(), strict=True):
        for name, wanted in (("edit", edit), ("use", use)):
            role = named(found, "ClusterRole", f"{FULLNAME}-{name}")
            labels = role["metadata"]["labels"]
            assert {label for label in labels if label.startswith(aggregate)} == wanted
    (rule,) = named(strict, "ClusterRole", f"{FULLNAME}-use")["rules"]
    assert [rule] == as_rules(*use_permissions(KINDS))
    assert "accounts" not in rule["resources"]
    assert {"accounts", *rule["resources"]} == {k.plural for k in KINDS if k.namespaced}


def test_the_operator_writes_only_its_own_config_maps() -> None:
    found = installed()
    policy = named(found, "ValidatingAdmissionPolicy", CONFIG_MAP_POLICY)["spec"]
    account = one(found, "ServiceAccount")["metadata"]["name"]
    (condition,) = policy["matchConditions"]
    assert f"'system:serviceaccount:{NAMESPACE}:{account}'" in condition["expression"]
    for validation in policy["validations"]:
        assert (
            f"[?'{MANAGED_BY_LABEL}'] == optional.of('{FIELD_MANAGER}')"
            in (validation["expression"])
        )


@pytest.mark.parametrize("values", [(), ('watchNamespaces=["team-a"]',)], ids=["wide", "narrow"])
def test_each_policy_is_in_force(values: tuple[str, ...]) -> None:
    found = installed(*values)
    for policy in of_kind(found, "ValidatingAdmissionPolicy"):
        name = policy["metadata"]["name"]
        binding = named(found, "ValidatingAdmissionPolicyBinding", name)["spec"]
        assert binding["policyName"] == name
        assert binding["validationActions"] == ["Deny"]


def test_the_status_policy_is_about_what_the_operator_serves() -> None:
    found = installed('watchNamespaces=["team-a"]', 'controllerClass="blue"')
    policy = named(found, "ValidatingAdmissionPolicy", STATUS_POLICY)["spec"]
    (selected,) = policy["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert selected["values"] == ["team-a"]
    operator, its_class = (each["expression"] for each in policy["matchConditions"])
    assert f"!= 'system:serviceaccount:{NAMESPACE}:{FULLNAME}'" in operator
    assert its_class.endswith('== "blue"')


@pytest.mark.parametrize("name", ["it's", "a: b", "a #b"])
def test_any_class_is_a_text_of_the_status_policy(name: str) -> None:
    policy = named(
        installed(f'controllerClass="{name}"'), "ValidatingAdmissionPolicy", STATUS_POLICY
    )["spec"]
    assert policy["matchConditions"][1]["expression"].endswith(f'== "{name}"')


@pytest.mark.parametrize(
    ("values", "options", "is_there"),
    [
        ((), (), True),
        ((), (f"--api-versions={POLICY}", "--api-versions=v1/ConfigMap"), True),
        ((), ("--api-versions=v1/ConfigMap",), False),
        (ALWAYS, ("--api-versions=v1/ConfigMap",), True),
        (NEVER, (), False),
        (("rbac.create=false",), (), False),
        (('watchNamespaces=["team-a"]',), (), True),
        (('watchNamespaces=["team-a"]', "crds.install=false"), (), False),
    ],
)
def test_the_policies_are_there_where_they_can_be(
    values: tuple[str, ...], options: tuple[str, ...], *, is_there: bool
) -> None:
    found = installed(*values, options=options)
    count = 2 if is_there else 0
    assert len(of_kind(found, "ValidatingAdmissionPolicy")) == count
    assert len(of_kind(found, "ValidatingAdmissionPolicyBinding")) == count


def test_a_namespaced_install_gets_nothing_cluster_wide() -> None:
    found = installed('watchNamespaces=["team-a","team-b"]', "crds.install=false")
    roles = {role["metadata"]["namespace"]: role for role in of_kind(found, "Role")}
    own = roles.pop(NAMESPACE)
    assert own["rules"] == as_rules(*own_permissions(FULLNAME))
    assert list(roles) == ["team-a", "team-b"]
    for role in roles.values():
        assert role["rules"] == as_rules(*namespaced_permissions(KINDS, "watch"))
    assert all("namespace" in m["metadata"] for m in found)
    assert environment_of(found)["AGENTRUN_OPERATOR_NAMESPACES"] == "team-a,team-b"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), {"team-a", "team-b", NAMESPACE}),
        (('watchNamespaces=["team-a","team-b","team-c"]',), {"team-a", "team-b"}),
    ],
    ids=["cluster", "namespaces"],
)
@pytest.mark.parametrize("access", ["watch", "get"])
def test_secrets_can_be_read_in_some_namespaces_only(
    access: SecretAccess, values: tuple[str, ...], expected: set[str]
) -> None:
    found = installed('secretNamespaces=["team-a","team-b"]', f'secretAccess="{access}"', *values)
    roles = [role for role in found if role["kind"] in ("Role", "ClusterRole")]
    readers = [r for r in roles if any("secrets" in rule["resources"] for rule in r["rules"])]
    assert {role["metadata"]["namespace"] for role in readers} == expected
    bound = {
        (b["metadata"]["namespace"], b["roleRef"]["name"]) for b in of_kind(found, "RoleBinding")
    }
    for role in readers:
        assert role["rules"] == as_rules(SECRETS[access])
        assert (role["metadata"]["namespace"], role["metadata"]["name"]) in bound
    variable = environment_of(found)["AGENTRUN_OPERATOR_SECRET_NAMESPACES"]
    assert variable == "team-a,team-b"


def test_the_lease_is_the_one_that_the_operator_is_told_to_hold() -> None:
    found = installed()
    lease = environment_of(found)["AGENTRUN_OPERATOR_LEASE_NAME"]
    assert one(found, "Role")["rules"] == as_rules(*own_permissions(lease))
    assert environment_of(found)["AGENTRUN_OPERATOR_LEADER_ELECTION"] == "true"


def test_without_leader_election_nothing_is_granted_for_it() -> None:
    found = installed("leaderElection=false")
    assert not of_kind(found, "Role")
    assert environment_of(found)["AGENTRUN_OPERATOR_LEADER_ELECTION"] == "false"


@pytest.mark.parametrize("values", [(), ('watchNamespaces=["team-a"]',)], ids=["cluster", "team"])
def test_every_binding_names_the_service_account_of_the_pod(values: tuple[str, ...]) -> None:
    found = installed(*values)
    name = one(found, "ServiceAccount")["metadata"]["name"]
    assert pod_of(found)["spec"]["serviceAccountName"] == name
    for binding in of_kind(found, "ClusterRoleBinding") + of_kind(found, "RoleBinding"):
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}
        ]


def test_roles_can_be_left_to_somebody_else() -> None:
    kinds = {m["kind"] for m in installed("rbac.create=false")}
    assert not kinds & {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}


def test_the_operator_understands_what_the_chart_sets() -> None:
    """A misspelt variable would be ignored: settings keep their default."""
    values = (
        *(v for v in EVERYTHING if not v.startswith("credentials")),
        'credentials={"mode":"ECSRole"}',
        'watchNamespaces=["team-a"]',
        'secretAccess="get"',
        'controllerClass="blue"',
        'clusterId="prod-1"',
        "polling.steadySeconds=61",
        "polling.transitionSeconds=6",
        "resyncSeconds=601",
        "requestsPerSecond=21",
        'account.allow=[{"namespaces":["team-a"],"grants":["executionRoles"]}]',
    )
    plain = {k: v for k, v in environment_of(installed(*values)).items() if isinstance(v, str)}
    settings = settings_from(plain | {f"{PREFIX}NAMESPACE": NAMESPACE, f"{PREFIX}IDENTITY": "pod"})
    assert settings.namespaces == ("team-a",)
    assert settings.secret_access == "get"
    assert settings.controller_class == "blue"
    assert settings.cluster_id == "prod-1"
    assert settings.polling.steady_seconds == 61
    assert settings.polling.transition_seconds == 6
    assert settings.resync_seconds == 601
    assert settings.requests_per_second == 21
    assert settings.instance_role is True
    assert settings.own_account is not None
    assert settings.own_account.allow == (
        Allowance(namespaces=("team-a",), grants=("executionRoles",)),
    )
    assert settings.lease_name == FULLNAME
    assert settings.endpoint_allow_list == (f"http://{FULLNAME}-simulator.{NAMESPACE}.svc:8080",)


def test_the_pod_of_helm_test_may_do_what_its_checks_do() -> None:
    found = [m for m in manifests() if hook_of(m) == "test"]
    assert {m["kind"] for m in found} == {"ServiceAccount", "Role", "RoleBinding", "Pod"}
    assert one(found, "Role")["rules"] == as_rules(*selftest_permissions())
    pod = one(found, "Pod")["spec"]
    assert pod["serviceAccountName"] == one(found, "ServiceAccount")["metadata"]["name"]
    assert pod["restartPolicy"] == "Never"
    (container,) = pod["containers"]
    assert container["args"] == ["selftest", f"http://{FULLNAME}.{NAMESPACE}.svc:8080"]
    assert container["image"] == container_of(installed())["image"]
    assert not [m for m in manifests("tests.enabled=false") if hook_of(m) == "test"]


def test_the_guard_asks_about_the_objects_of_this_installation() -> None:
    values = ('watchNamespaces=["team-a"]', 'controllerClass="blue"')
    found = manifests(*values)
    (job,) = (m for m in found if hook_of(m) == "pre-delete")
    annotations = job["metadata"]["annotations"]
    assert annotations["argocd.argoproj.io/hook"] == "Skip"
    assert "hook-failed" not in annotations["helm.sh/hook-delete-policy"]
    assert job["spec"]["backoffLimit"] == 0
    pod = job["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == pod_of(found)["spec"]["serviceAccountName"]
    (container,) = pod["containers"]
    assert container["args"] == ["guard-uninstall"]
    scope = {e["name"]: e.get("value") for e in container["env"]}
    assert scope["AGENTRUN_OPERATOR_NAMESPACES"] == "team-a"
    assert scope["AGENTRUN_OPERATOR_CONTROLLER_CLASS"] == "blue"
    assert not [m for m in manifests("uninstallGuard.enabled=false") if hook_of(m) == "pre-delete"]


def test_names_follow_the_release_without_repeating_it() -> None:
    for release, expected in (("mine", "mine-agentrun-operator"), ("agentrun-operator", None)):
        found = parsed(helm(name=release).stdout)
        (deployment,) = of_kind(found, "Deployment")
        assert deployment["metadata"]["name"] == (expected or release)


def test_two_releases_share_no_object_but_the_crds() -> None:
    def names(release: str) -> set[tuple[str, str]]:
        found = parsed(helm(*EVERYTHING, "crds.install=false", name=release).stdout)
        return {(m["kind"], m["metadata"]["name"]) for m in found}

    assert not names("blue") & names("green")


def test_long_names_stay_within_a_label() -> None:
    values = (*EVERYTHING, f'fullnameOverride="{"a" * 63}"', f'nameOverride="{"b" * 63}"')
    for manifest in manifests(*values):
        texts = (manifest["metadata"].get("labels") or {}).items()
        assert all(len(text) <= 63 for label, text in texts if label != "helm.sh/chart")
        if manifest["kind"] not in NAMED_AT_LENGTH:
            assert len(manifest["metadata"]["name"]) <= 63
