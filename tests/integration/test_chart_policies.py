"""What the chart's admission policies and roles let through, on a real API server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentrun_operator.core.identity import API_VERSION, FIELD_MANAGER, MANAGED_BY_LABEL
from controlplane import ControlPlane, KubectlError
from rig import eventually, samples
from rig.chart import CRDS, render
from rig.cluster import administrator

SYSTEM, TENANT = "least-system", "least-tenant"
AT = f"--namespace={TENANT}"
NAMED = {"fullnameOverride": "least"}
POLICY = "ValidatingAdmissionPolicy"
OURS = {MANAGED_BY_LABEL: FIELD_MANAGER}
PROXY = {
    "apiVersion": API_VERSION,
    "kind": "ModelProxy",
    "metadata": {"name": "chat", "namespace": TENANT},
    "spec": {
        "mode": "Single",
        "executionRoleArn": "acs:ram::1234567890:role/agentrun",
        "endpoints": [{"modelServiceRef": {"name": "qwen"}, "modelNames": ["qwen-max"]}],
    },
}
RELABELLED = json.dumps({"metadata": {"labels": OURS}, "data": {"a": "2"}})
Labels = dict[str, str]
Owner = dict[str, str]


class Someone:
    """What one user may do with ConfigMaps."""

    def __init__(self, plane: ControlPlane, kubeconfig: Path | None = None) -> None:
        self._plane = plane
        self._kubeconfig = kubeconfig

    def create(self, name: str, labels: Labels | None = None, *owners: Any) -> None:
        metadata = {"name": name, "labels": labels or {}, "ownerReferences": list(owners)}
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        self._run("create", "--filename=-", input=json.dumps({**document, "data": {"a": "1"}}))

    def patch(self, name: str, patch: str = '{"data":{"a":"2"}}') -> None:
        self._run("patch", "configmap", name, "--type=merge", f"--patch={patch}")

    def delete(self, name: str) -> None:
        self._run("delete", "configmap", name)

    def _run(self, *arguments: str, input: str | None = None) -> None:  # noqa: A002 - as kubectl
        self._plane.kubectl(*arguments, AT, input=input, kubeconfig=self._kubeconfig)


@pytest.fixture(scope="module")
def owner(control_plane: ControlPlane, operator: Someone) -> Owner:  # noqa: ARG001 - makes the namespace
    """An owner that exists, or the garbage collector takes its ConfigMaps away at once."""
    plane, crds = control_plane, f"--filename={CRDS}"
    plane.kubectl("apply", "--server-side", crds)
    plane.kubectl("wait", "--for=condition=Established", "--timeout=120s", crds)
    plane.kubectl("create", "--filename=-", input=json.dumps(PROXY))
    uid = plane.kubectl("get", "modelproxy", "chat", "--output=jsonpath={.metadata.uid}", AT)
    return {"apiVersion": API_VERSION, "kind": "ModelProxy", "name": "chat", "uid": uid}


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane) -> Someone:
    return Someone(control_plane)


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane) -> Iterator[Someone]:
    """The operator's ServiceAccount with all that the chart grants, the policy in force."""
    plane = control_plane
    items = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        for name in (SYSTEM, TENANT)
    ]
    rendering = render(SYSTEM, NAMED)
    rights = json.dumps(samples.as_list(rendering.rights))
    plane.kubectl("apply", "--filename=-", input=json.dumps(samples.as_list(items)))
    plane.kubectl("apply", "--filename=-", input=rights)
    someone = Someone(plane, plane.kubeconfig_for(SYSTEM, rendering.service_account))
    admin = Someone(plane)
    eventually(lambda: is_refused(someone, admin), "the policy to be in force")
    yield someone
    plane.kubectl("delete", "--filename=-", input=rights)
    plane.kubectl("delete", "namespace", SYSTEM, TENANT, "--wait=false")


def is_refused(someone: Someone, admin: Someone) -> bool:
    """Try what is to be refused, and clear it away where it is not yet.

    The administrator clears it away: the policy may come into force in between.
    """
    try:
        someone.create("probe")
    except KubectlError:
        return True
    admin.delete("probe")
    return False


def refused(pattern: str) -> Any:
    return pytest.raises(KubectlError, match=f"(?s)Forbidden.*{pattern}")


def test_what_carries_our_label_is_created_changed_and_deleted(
    operator: Someone, owner: Owner
) -> None:
    operator.create("published", OURS, owner)
    operator.patch("published")
    operator.delete("published")


def test_a_map_without_our_label_is_not_created(operator: Someone) -> None:
    with refused("only ConfigMaps with the label"):
        operator.create("unlabelled")
    with refused("only ConfigMaps with the label"):
        operator.create("strange", {MANAGED_BY_LABEL: "Helm"})


def test_a_map_of_somebody_else_is_neither_changed_nor_deleted(
    operator: Someone, admin: Someone
) -> None:
    admin.create("theirs", {"app": "web"})
    with refused("only ConfigMaps with the label"):
        operator.patch("theirs")
    with refused("only ConfigMaps that it published"):
        operator.patch("theirs", RELABELLED)
    with refused("only ConfigMaps that it published"):
        operator.delete("theirs")
    with refused("only ConfigMaps"):
        operator.patch("kube-root-ca.crt")
    admin.patch("theirs")
    admin.delete("theirs")


def test_a_published_map_keeps_its_label(operator: Someone, owner: Owner) -> None:
    operator.create("kept", OURS, owner)
    with refused("only ConfigMaps with the label"):
        operator.patch("kept", json.dumps({"metadata": {"labels": {MANAGED_BY_LABEL: None}}}))
    operator.delete("kept")


def test_a_published_map_that_lost_its_label_gets_it_back(
    operator: Someone, admin: Someone, owner: Owner
) -> None:
    admin.create("bare", {}, owner)
    operator.patch("bare", RELABELLED)
    operator.delete("bare")
    admin.create("bare", {}, owner)
    operator.delete("bare")


class Writer:
    """Somebody who writes to the ModelProxy `chat`; kubectl would read the status first."""

    def __init__(self, plane: ControlPlane, user: tuple[str, str] | None = None) -> None:
        """Be the user of a namespace and a ServiceAccount, or an administrator."""
        self._plane = plane
        token = None if user is None else plane.token_for(*user)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def patch(self, part: str, **fields: str) -> str:
        """Return what a refused write was answered, and nothing for one that was taken."""
        at = f"/apis/{API_VERSION}/namespaces/{TENANT}/modelproxies/chat"
        path, body = (f"{at}/status", "status") if part == "status" else (at, "spec")
        headers = {**self._headers, "Content-Type": "application/merge-patch+json"}
        with administrator(self._plane) as http:
            answer = http.patch(path, json={body: fields}, headers=headers)
        return "" if answer.is_success else f"{answer.status_code} {answer.json()['message']}"


@pytest.fixture(scope="module")
def tenant(control_plane: ControlPlane, owner: Owner) -> Writer:  # noqa: ARG001 - the object to write
    """A user with a role that allows everything of ours in one namespace, as many are."""
    about = {"name": "dev", "namespace": TENANT}
    rule = {"apiGroups": ["agentrun.dev"], "resources": ["*"], "verbs": ["*"]}
    group = "rbac.authorization.k8s.io"
    items: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about},
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": about, "rules": [rule]},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": about,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "dev"},
            "subjects": [{"kind": "ServiceAccount", **about}],
        },
    ]
    plane = control_plane
    plane.kubectl("apply", "--filename=-", input=json.dumps(samples.as_list(items)))
    writer = Writer(plane, (TENANT, "dev"))
    eventually(lambda: writer.patch("status", externalId="probe"), "statuses to be refused")
    return writer


def test_a_tenant_writes_specs_and_no_status(tenant: Writer) -> None:
    assert tenant.patch("spec", description="mine") == ""
    told = tenant.patch("status", externalId="somebody-elses")
    assert told.startswith("403 ")
    assert "a status of agentrun.dev is written by the operator" in told


def test_operators_and_backups_write_a_status(
    control_plane: ControlPlane,
    operator: Someone,  # noqa: ARG001 - whose rights are in force
    tenant: Writer,  # noqa: ARG001 - when the policy is
) -> None:
    plane = control_plane
    other = {"fullnameOverride": "other", "rbac": {"statusPolicy": "never"}}
    rights = json.dumps(samples.as_list(render(SYSTEM, other).rights))
    plane.kubectl("apply", "--filename=-", input=rights)
    try:
        for user in ((SYSTEM, "least"), (SYSTEM, "other"), None):
            assert Writer(plane, user).patch("status", externalId="as-it-is") == "", user
    finally:
        plane.kubectl("delete", "--filename=-", input=rights)


def all_checked(policy: dict[str, Any]) -> dict[str, Any]:
    """Return a policy whose variables and conditions stand among its validations as well.

    The server checks the types of validations alone, and takes no resource for `*/status`: what
    that policy asks of types stays unchecked.
    """
    spec = policy["spec"]
    others = [*spec.get("variables", ()), *spec["matchConditions"]]
    more = [{"expression": f"size([{each['expression']}]) == 1"} for each in others]
    return {**policy, "spec": {**spec, "validations": [*spec["validations"], *more]}}


def test_the_server_finds_no_fault_in_the_policies(
    control_plane: ControlPlane,
    owner: Owner,  # noqa: ARG001 - the CRDs are served: types are looked up once per policy
) -> None:
    """A policy that does not fit its types is stored all the same; only its status tells so."""
    plane = control_plane
    rights = render(SYSTEM, {"fullnameOverride": "checked"}).rights
    ours = [all_checked(each) for each in rights if each["kind"] == POLICY]
    policies = json.dumps(samples.as_list(ours))

    def statuses() -> list[dict[str, Any]]:
        listed = json.loads(plane.kubectl("get", "--filename=-", "--output=json", input=policies))
        found = [each.get("status", {}) for each in listed["items"]]
        return found if all("typeChecking" in each for each in found) else []

    plane.kubectl("apply", "--warnings-as-errors", "--filename=-", input=policies)
    try:
        found = eventually(statuses, "the policies to be type-checked")
        assert [each["typeChecking"] for each in found] == [{}, {}]
    finally:
        plane.kubectl("delete", "--filename=-", input=policies)
