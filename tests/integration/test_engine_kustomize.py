"""A kustomization with generated Secrets, applied and applied again with other contents."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from integration.conftest import TenantFactory
from integration.fleet import (
    KEYS,
    VALUES,
    Tenant,
    canary,
    credential,
    proxy,
    runtime,
    service,
    template,
)

PUBLISHED = Path(__file__).parents[2] / "docs" / "kustomize" / "agentrun.yaml"
PREFIX = "dev-"
SECRET_FIELDS = {
    ("Account", "default"): "credentials.secretRef.name",
    ("Credential", "cred"): "apiKey.valueFrom.secretKeyRef.name",
    ("ModelService", "svc"): "providerSettings.apiKeyFrom.secretKeyRef.name",
    ("AgentRuntime", "rt"): "env.0.valueFrom.secretKeyRef.name",
    ("SandboxTemplate", "tpl"): "envFrom.0.secretRef.name",
}
"""Objects that name a generated Secret, and where."""
UPDATES = ["UpdateAgentRuntime", "UpdateCredential", "UpdateModelService", "UpdateTemplate"]
"""What a rotation sends: to whom a value goes, once each."""


class Kustomization:
    """A folder as users have it; `kubectl apply --kustomize` is what they do with it."""

    def __init__(self, tenant: Tenant, folder: Path) -> None:
        self.tenant = tenant
        self.folder = folder
        account = {
            "accountId": tenant.account.account_id,
            "region": tenant.account.region,
            "endpoint": tenant.rig.cloud.url,
            "credentials": {"secretRef": {"name": KEYS}},
        }
        here: dict[str, Any] = {"accountRef": {"name": "default"}}
        cred: dict[str, Any] = {"credentialRef": {"name": "cred"}}
        objects = [
            {**credential("default"), "kind": "Account", "spec": account},
            credential("cred", **here),
            service("svc", **here),
            proxy("proxy", "svc", **here, **cred),
            runtime("rt", **here, **cred),
            template("tpl", envFrom=[{"secretRef": {"name": VALUES}}], **here),
        ]
        self.names = [(each["kind"], PREFIX + each["metadata"]["name"]) for each in objects]
        (folder / PUBLISHED.name).write_text(PUBLISHED.read_text())
        (folder / "objects.yaml").write_text(yaml.safe_dump_all(objects))

    def apply(self, values: Mapping[str, str], **keys: str) -> None:
        """Apply it with these contents of the generated Secrets."""
        login = {
            "accessKeyId": self.tenant.account.access_key_id,
            "accessKeySecret": self.tenant.account.access_key_secret,
        }
        contents = {KEYS: {**login, **keys}, VALUES: values}
        kustomization = {
            "namespace": self.tenant.namespace,
            "namePrefix": PREFIX,
            "resources": ["objects.yaml"],
            "configurations": [PUBLISHED.name],
            "secretGenerator": [
                {"name": name, "literals": [f"{key}={value}" for key, value in data.items()]}
                for name, data in contents.items()
            ],
        }
        (self.folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        self.tenant.rig.kubectl("apply", f"--kustomize={self.folder}")


def secret_names(tenant: Tenant) -> dict[tuple[str, str], str]:
    """Return which Secret each object names now."""
    found = {}
    for (kind, name), path in SECRET_FIELDS.items():
        node: Any = tenant.get(kind, PREFIX + name)["spec"]
        for step in path.split("."):
            node = node[int(step)] if step.isdecimal() else node[step]
        found[kind, name] = str(node)
    return found


def identities(tenant: Tenant) -> dict[str, list[str]]:
    """Return the resources of an account by family, as what tells one made anew apart."""
    return {
        family: sorted(str(each["createdAt"]) for each in items)
        for family, items in tenant.resources().items()
    }


def have_answered(tenant: Tenant, names: list[tuple[str, str]], token: str) -> bool:
    return all(tenant.get(*each)["status"].get("lastRequest") == token for each in names)


def values() -> dict[str, str]:
    return {"inbound": canary(), "provider": canary(), "env": canary()}


def test_a_generated_secret_is_rotated_by_its_name(tenants: TenantFactory, tmp_path: Path) -> None:
    """The objects name the new Secret, each resource is updated once, the old Secret may go."""
    tenant = tenants(bare=True)
    kustomization = Kustomization(tenant, tmp_path)
    kustomization.apply(values())
    tenant.wait_ready(*kustomization.names)
    first, made = secret_names(tenant), identities(tenant)
    since = tenant.rig.cloud.position()

    new = values()
    kustomization.apply(new, note="other contents with the same keys")
    for name in set(first.values()):
        tenant.view.delete(("Secret", tenant.namespace, name))
    tenant.wait(lambda: arrived(tenant, new), "the new values to arrive")
    assert not set(secret_names(tenant).values()) & set(first.values())
    # A pass that is asked for reads the Secrets once more, and finds nothing to do.
    for kind, name in kustomization.names:
        tenant.annotate(kind, name, "reconcile-requested-at", "now")
    tenant.wait(lambda: have_answered(tenant, kustomization.names, "now"), "a pass over each")
    tenant.wait_ready(*kustomization.names)
    assert sorted(each["action"] for each in tenant.cloud_writes(since=since)) == UPDATES
    assert identities(tenant) == made


def arrived(tenant: Tenant, new: Mapping[str, str]) -> bool:
    """Whether the account has each new value, and every resource that uses one."""
    families = ("Credential", "ModelService", "AgentRuntime", "Template")
    found = {family: json.dumps(tenant.resources().get(family)) for family in families}
    expected = dict(zip(families, ("inbound", "provider", "env", "env"), strict=True))
    return all(new[key] in found[family] for family, key in expected.items())
