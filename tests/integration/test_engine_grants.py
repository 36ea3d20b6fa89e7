"""Two tenants in one ClusterAccount, on a real API server."""

from typing import Any

from agentrun_operator.core.identity import API_VERSION
from integration.cluster_view import Body
from integration.conftest import TenantFactory
from integration.fleet import VALUES, Tenant, canary, credential, runtime
from rig import NAMESPACE
from rig.samples import secret as secret_manifest


def lend(tenant: Tenant, namespaces: list[str]) -> tuple[str, str, str]:
    """Lend the cloud account of a tenant; returns the place of the ClusterAccount."""
    keys = {
        "accessKeyId": tenant.account.access_key_id,
        "accessKeySecret": tenant.account.access_key_secret,
    }
    name = f"lent-by-{tenant.namespace}"
    tenant.view.create(secret_manifest(NAMESPACE, f"{name}-keys", keys))
    spec = {
        "accountId": tenant.account.account_id,
        "region": tenant.account.region,
        "endpoint": tenant.rig.cloud.url,
        "credentials": {"secretRef": {"name": f"{name}-keys"}},
        "allowedNamespaces": {"names": namespaces},
    }
    metadata = {"name": name}
    tenant.view.create(
        {"apiVersion": API_VERSION, "kind": "ClusterAccount", "metadata": metadata, "spec": spec}
    )
    return "ClusterAccount", "", name


def lent(body: Body, to: str, **more: Any) -> Body:
    """Return a manifest that names the lent account."""
    ref = {"kind": "ClusterAccount", "name": to}
    return {**body, "spec": {**body["spec"], "accountRef": ref, **more}}


def test_a_tenant_reaches_what_it_was_granted(tenants: TenantFactory) -> None:
    """Refused with all that is missing, by name; granted, and there within moments."""
    first, second = tenants(bare=True), tenants(bare=True)
    place = lend(first, [first.namespace, second.namespace])
    for tenant in (first, second):
        tenant.secret(VALUES, inbound=canary(), env=canary())
    first.apply(lent(credential("shared-key"), place[2]))
    first.wait_ready(("Credential", "shared-key"))
    role = "acs:ram::1001:role/second"
    reaching = {"credentialRef": {"externalName": "shared-key"}, "executionRoleArn": role}
    second.apply(lent(runtime("agent"), place[2], **reaching))
    told = second.wait_reason("AgentRuntime", "agent", "NotGranted", says="2 problems")
    for word in ("externalReferences", "executionRoles", "spec.credentialRef", role):
        assert word in told["message"]
    assert second.resources().get("AgentRuntime", []) == []
    allow = [
        {
            "namespaces": [second.namespace],
            "grants": ["externalReferences"],
            "kinds": ["Credential"],
            "names": ["shared-*"],
        },
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": second.namespace}},
            "grants": ["executionRoles"],
            "names": ["acs:ram::*:role/second"],
        },
    ]
    first.view.patch(place, {"spec": {"allow": allow}})
    second.wait_ready(("AgentRuntime", "agent"))
