"""Order does not matter, what is missing is named, and what is in use is held."""

import json
import random

import pytest

from fakes.kstatus import CURRENT, IN_PROGRESS, TERMINATING, kstatus
from integration.conftest import TenantFactory
from integration.fleet import (
    FAMILIES,
    VALUES,
    Tenant,
    canary,
    credential,
    family_of_each,
    proxy,
    runtime,
    service,
    template,
)
from rig import RigError
from rig.waiting import condition

"""What wakes an object is an event; a retry alone would come later."""


def test_any_order_will_do(tenants: TenantFactory) -> None:
    """Everything before its Account and its Secrets, shuffled; then these."""
    tenant = tenants(bare=True)
    objects = [each for n in range(3) for each in family_of_each(f"-{n}")]
    random.shuffle(objects)
    tenant.apply(*objects)
    for kind, name in (("Credential", "cred-0"), ("Sandbox", "box-2")):
        ready = tenant.wait_reason(
            kind, name, "CredentialsNotFound", says="Account named 'default'"
        )
        assert ready["status"] == "False"
        assert kstatus(tenant.get(kind, name)) == IN_PROGRESS
    assert tenant.requests() == []
    tenant.open()
    tenant.wait_ready()
    assert all(kstatus(each) == CURRENT for each in tenant.objects())


def test_what_is_missing_is_named_and_its_arrival_seen(tenant: Tenant) -> None:
    """A Secret, a key of one, an object, an object that is not Ready, an account."""
    late = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "late", "key": "env"}}}
    other = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": VALUES, "key": "absent"}}}
    tenant.apply(
        runtime("no-secret", env=[late]),
        runtime("no-key", env=[other]),
        service("no-object", credentialRef={"name": "late"}),
        proxy("not-ready", "no-object"),
        template("no-account", accountRef={"name": "late"}),
    )
    told = (
        ("AgentRuntime", "no-secret", "ReferenceNotFound", "Secret 'late'"),
        ("AgentRuntime", "no-key", "ReferenceNotFound", "absent"),
        ("ModelService", "no-object", "ReferenceNotFound", "Credential 'late'"),
        ("ModelProxy", "not-ready", "DependencyNotReady", "no-object"),
        ("SandboxTemplate", "no-account", "CredentialsNotFound", "Account 'late'"),
    )
    for kind, name, reason, words in told:
        tenant.wait_reason(kind, name, reason, says=words)
        body = tenant.get(kind, name)
        resolved = condition(body, "ReferencesResolved").get("status")
        assert resolved == (None if name == "no-account" else "False"), body["status"]
        assert condition(body, "Reconciling")["status"] == "True"
        assert kstatus(body) == IN_PROGRESS
    assert tenant.cloud_writes() == []

    tenant.secret("late", env=canary())
    tenant.secret(VALUES, absent=canary())
    tenant.apply(credential("late", purpose="OutboundModel"))
    account = tenant.get("Account", "default")
    tenant.apply({**account, "metadata": {"name": "late"}, "status": {}})
    tenant.wait_ready()


def test_what_is_in_use_is_held(tenant: Tenant) -> None:
    """Everything is deleted in the worst order; each waits for its users and names them."""
    tenant.fault("slow", action="Delete.*", seconds=1, times=None)
    tenant.apply(*family_of_each())
    tenant.wait_ready()
    tenant.delete("Account", "default")
    tenant.wait_reason("Account", "default", "DeletionBlocked", says="in use by")
    tenant.delete("Credential", "cred")
    blocked = tenant.wait_reason("Credential", "cred", "DeletionBlocked", says="in use by")
    for name in ("proxy", "rt", "tpl"):
        assert f"/{name}" in blocked["message"], blocked
    assert kstatus(tenant.get("Credential", "cred")) == TERMINATING
    for kind, name, user in (
        ("AgentRuntime", "rt", "ep"),
        ("SandboxTemplate", "tpl", "box"),
        ("ModelService", "svc", "proxy"),
    ):
        tenant.delete(kind, name)
        tenant.wait_reason(kind, name, "DeletionBlocked", says=f"/{user}")
    assert [each["method"] for each in tenant.cloud_writes()] == ["POST"] * len(FAMILIES)
    for each in tenant.objects():
        if "deletionTimestamp" not in each["metadata"]:
            tenant.delete(each["kind"], each["metadata"]["name"])
    tenant.wait_gone()
    tenant.wait(lambda: not tenant.view.objects(tenant.namespace), "the Account to be gone")
    assert tenant.resources() == {}
    # Nothing was refused: each delete came when its turn had come.
    assert {each["status"] for each in tenant.cloud_writes()} == {200}


def test_a_namespace_takes_everything_along(tenant: Tenant) -> None:
    """Secrets included, which go while resources still need them to be deleted."""
    tenant.apply(*(each for n in range(3) for each in family_of_each(f"-{n}")))
    tenant.wait_ready()
    tenant.rig.kubectl("delete", "namespace", tenant.namespace, "--wait=false")
    tenant.wait_gone()
    assert tenant.resources() == {}
    tenant.wait(lambda: not _exists(tenant), "the namespace to be gone")


def _exists(tenant: Tenant) -> bool:
    found = tenant.rig.kubectl("get", "namespace", tenant.namespace, "--ignore-not-found")
    return bool(found.strip())


def test_a_foreground_deletion_ends(tenant: Tenant) -> None:
    """The garbage collector waits for what an object owns, and we for nothing of its."""
    connection = {"configMap": {"name": "address"}}
    tenant.apply(service("svc"), proxy("proxy", "svc", writeConnectionTo=connection))
    tenant.wait_ready()
    path = f"/api/v1/namespaces/{tenant.namespace}/configmaps/address"
    assert all(url.startswith("https://") for url in tenant.view.read(path)["data"].values())
    where = f"--namespace={tenant.namespace}"
    names = ("modelproxy/proxy", "modelservice/svc")
    # The garbage collector looks every 30 s for kinds that it has not seen yet.
    tenant.rig.kubectl("delete", where, "--cascade=foreground", "--timeout=120s", *names)
    assert tenant.resources() == {}

    def is_gone() -> bool:
        try:
            tenant.view.read(path)
        except RigError:
            return True
        return False

    tenant.wait(is_gone, "the ConfigMap to be gone")


def test_a_refused_address_is_told(tenant: Tenant) -> None:
    """A quota stands in the way of the ConfigMap, and the object says so until it is lifted."""
    where = f"--namespace={tenant.namespace}"
    tenant.rig.kubectl("create", where, "quota", "none", "--hard=configmaps=0")
    connection = {"configMap": {"name": "address"}}
    tenant.apply(service("svc"), proxy("proxy", "svc", writeConnectionTo=connection))
    tenant.wait_reason("ModelProxy", "proxy", "AccessDenied", says="ConfigMap 'address'")
    tenant.rig.kubectl("delete", where, "quota", "none")
    tenant.annotate("ModelProxy", "proxy", "reconcile-requested-at", "now")
    tenant.wait_ready()


@pytest.mark.parametrize(
    "change",
    [
        '{"data":{"url":"https://else.where"},"immutable":true}',
        '{"data":{"url":null},"binaryData":{"url":"eA==","more":"eA=="}}',
        '{"data":null,"metadata":{"labels":null,"annotations":null}}',
        '{"metadata":{"ownerReferences":null,"labels":{"else":"1"}}}',
        '{"metadata":{"ownerReferences":null},"data":{"url":"https://else.where"}}',
    ],
)
def test_whatever_somebody_makes_of_an_address_is_put_right(tenant: Tenant, change: str) -> None:
    connection = {"configMap": {"name": "address"}}
    tenant.apply(service("svc"), proxy("proxy", "svc", writeConnectionTo=connection))
    tenant.wait_ready()
    before = _address(tenant)
    where = f"--namespace={tenant.namespace}"
    manager = "--field-manager=somebody"
    tenant.rig.kubectl(
        "patch", "configmap", "address", where, manager, "--type=merge", "-p", change
    )
    tenant.wait(lambda: _address(tenant) == before, "the address to be as it was")
    tenant.rig.kubectl("delete", "configmap", "address", where)
    tenant.wait(lambda: _address(tenant) == before, "the address to be back")


def _address(tenant: Tenant) -> dict[str, object] | None:
    where = f"--namespace={tenant.namespace}"
    found = tenant.rig.kubectl("get", "configmap", where, "--output=json")
    for item in json.loads(found)["items"]:
        if item["metadata"]["name"] == "address":
            meta = item["metadata"]
            signs = {n: meta.get(n) for n in ("annotations", "ownerReferences")}
            ours = "app.kubernetes.io/managed-by"
            label = (meta.get("labels") or {}).get(ours)
            return {**signs, ours: label, **{n: item.get(n) for n in ("data", "binaryData")}}
    return None
