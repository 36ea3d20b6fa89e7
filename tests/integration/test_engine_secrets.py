"""Planted values: wherever one shows up outside a Secret and the cloud, a secret leaked."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentrun_operator.core.identity import API_VERSION
from agentrun_operator.kinds import catalogue
from drift.filled import given_fields
from fakes.examples import (
    CLOUD_KINDS,
    CONFIG_MAPS,
    INBOUND,
    OUTBOUND_TOOL,
    examples,
    referring,
)
from fakes.secret_fields import referring_fields
from integration.cluster_view import Body
from integration.fleet import (
    CANARY,
    VALUES,
    Tenant,
    canary,
    credential,
    endpoint,
    family_of_each,
    manifest,
    proxy,
    runtime,
    service,
    template,
)
from integration.otlp import Collector
from rig import NAMESPACE
from rig.samples import secret as secret_manifest
from rig.waiting import condition

MARKS = (CANARY, base64.b64encode(CANARY[:6].encode()).decode())
"""As it is, and as the data of a Secret shows it; letters and a dash are the same in URLs."""


def _from(key: str) -> dict[str, Any]:
    return {"secretKeyRef": {"name": VALUES, "key": key}}


def _without(own: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiKey": None, **own}


def _everything_secret(tenant: Tenant) -> list[Body]:
    """Apply every field that takes a secret, and every way to use one."""
    auth = base64.b64encode(f"u:{canary()}".encode()).decode()
    hosts = ("registry.example.com", "r.example.com")
    login = {"auths": {host: {"password": canary(), "username": "u"} for host in hosts}}
    tenant.secret(
        VALUES, basic=canary(), ak=canary(), header=canary(), arms=canary(), jwks=canary()
    )
    tenant.secret("pull", **{".dockerconfigjson": json.dumps(login | {"note": auth})})
    tenant.secret("tls", **{"tls.crt": canary(), "tls.key": canary()})
    tenant.secret("whole", A=canary(), B=canary())
    image = {"image": "registry.example.com/agent:v1", "pullSecretRef": {"name": "pull"}}
    whole = [{"secretRef": {"name": "whole"}}]
    arms = {"enabled": True, "licenseKeyFrom": _from("arms")}
    key = {"accessKeyId": "AK", "secretFrom": _from("ak")}
    tool = {"purpose": "OutboundTool"}
    custom = {"provider": "custom", "parameters": [_header()]}
    variables = [{"name": "KEY", "valueFrom": _from("basic")}]
    manifests = [
        *family_of_each(),
        credential(INBOUND, **_without({"basic": {"users": [_user()]}})),
        credential(OUTBOUND_TOOL, **_without({"accessKey": key}), **tool),
        credential("header", **_without({"customHeader": {"headers": [_header()]}}), **tool),
        credential("jwt", **_without({"jwt": {"jwksFrom": _from("jwks")}})),
        credential("custom", **_without({"accessKey": custom}), **tool),
        proxy("arms", "svc", arms=arms),
        runtime("whole", container=image, envFrom=whole, arms=arms),
        template("whole", envFrom=whole, env=variables, arms=arms),
        template("image", type="CustomImage", container=image),
        runtime("report", driftPolicy="Report"),
        credential("report", driftPolicy="Report"),
        service("bad", providerSettings={"baseUrl": "https://m", "apiKeyFrom": _from("absent")}),
    ]
    manifests += _of_other_kinds(tenant, manifests)
    tenant.apply(*manifests)
    return manifests


def _of_other_kinds(tenant: Tenant, manifests: list[Body]) -> list[Body]:
    """Return the examples of each kind of which the manifests leave out a secret.

    They refer to what is there; the ids of their workspaces are not.
    """
    settings = {"name": "settings", "namespace": tenant.namespace}
    data = dict(CONFIG_MAPS["settings"])
    tenant.view.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": settings, "data": data}
    )
    names = {each["kind"]: each["metadata"]["name"] for each in reversed(manifests)}
    del names["Credential"]  # each purpose has its own, with the name that examples give it
    found = []
    for kind in CLOUD_KINDS:
        if not referring_fields(catalogue()[kind]) <= _planted(manifests, kind):
            for name, example in examples()[kind].all():
                spec = referring(kind, example.spec, names)
                spec.pop("workspace", None)
                found.append(manifest(kind, f"{kind}-{name}".lower(), spec))
    return found


def _user() -> dict[str, Any]:
    return {"username": "u", "passwordFrom": _from("basic")}


def _header() -> dict[str, Any]:
    return {"name": "X-Key", "valueFrom": _from("header")}


def _planted(manifests: list[Body], kind: str) -> set[str]:
    """Return the paths of all fields that the manifests of a kind set."""
    return {p for each in manifests if each["kind"] == kind for p in given_fields(each["spec"])}


def _lend(tenant: Tenant) -> Body:
    """Lend a ClusterAccount whose Secret lives in the operator's namespace; return it."""
    keys = {"accessKeyId": tenant.account.access_key_id, "accessKeySecret": canary()}
    tenant.view.create(secret_manifest(NAMESPACE, "lent-keys", keys))
    spec = {
        "accountId": tenant.account.account_id,
        "region": tenant.account.region,
        "endpoint": tenant.rig.cloud.url,
        "credentials": {"secretRef": {"name": "lent-keys"}},
        "allowedNamespaces": {"names": [tenant.namespace]},
    }
    metadata = {"name": f"lent-to-{tenant.namespace}"}
    body = {"apiVersion": API_VERSION, "kind": "ClusterAccount", "metadata": metadata, "spec": spec}
    tenant.view.create(body)
    return body


def _quote(tenant: Tenant, action: str, value: str, **more: Any) -> None:
    """Let the next call of a kind fail with a message that quotes a value."""
    said = f"refused {value!r}, {json.dumps(value)}, {base64.b64encode(value.encode()).decode()}"
    tenant.fault("error", action=action, status=500, code="ERR_INTERNAL", message=said, **more)


def test_no_secret_is_ever_told(tenant: Tenant, collector: Collector) -> None:
    """Created, drifted, rotated, refused, quoted, failed and deleted, at debug level."""
    tenant.fault("error", action="CreateTemplate", name="whole", status=400, code="ERR_BAD_REQUEST")
    tenant.fault("create-failed", action="CreateAgentRuntime", name="whole")
    manifests = _everything_secret(tenant)
    for name, kind in catalogue().items():
        if kind.namespaced:
            own = {"credentials.secretRef"} if name == "Account" else _planted(manifests, name)
            assert referring_fields(kind) <= own, name
    tenant.wait_reason("AgentRuntime", "whole", "ProviderFailed")
    tenant.wait_reason("SandboxTemplate", "whole", "InvalidParameter")
    tenant.wait_reason("ModelService", "bad", "ReferenceNotFound")
    tenant.edit("AgentRuntime", "whole", description="another try")
    tenant.edit("SandboxTemplate", "whole", description="another try")
    tenant.secret(VALUES, absent=canary())
    tenant.wait_ready()
    _drift(tenant)
    for quoting in QUOTING:
        _rotate_in_vain(tenant, quoting)
    tenant.secret(VALUES, basic=canary(), ak=canary())
    tenant.login(accessKeySecret=canary())
    tenant.wait_reason("Account", "default", "CredentialsInvalid")
    tenant.login()
    tenant.apply(endpoint("last", "rt"))
    # The rotation has sent its variable alone; what was added beside it stays under Report.
    tenant.wait_reason("AgentRuntime", "report", "DriftDetected")
    tenant.edit("AgentRuntime", "report", driftPolicy="Correct")
    tenant.wait_ready()
    assert json.dumps(tenant.resources()).count(CANARY) > 10  # they did get where they belong
    shown = _shown(tenant)
    for each in tenant.objects():
        tenant.delete(each["kind"], each["metadata"]["name"])
    tenant.wait_gone()
    told = shown | _kept(tenant) | {"traces": collector.text()}
    assert _leaks(told) == []
    assert "(differs)" in told["objects"]
    public = told["objects"] + told["metrics"] + told["traces"]
    assert tenant.account.access_key_id not in public


def test_no_secret_of_a_cluster_account_is_ever_told(tenant: Tenant) -> None:
    body = _lend(tenant)
    assert referring_fields(catalogue()["ClusterAccount"]) <= _planted([body], "ClusterAccount")
    lent = ("ClusterAccount", "", body["metadata"]["name"])
    tenant.wait(lambda: _reason(tenant.view.get(lent)) == "CredentialsInvalid", "wrong keys")
    told = _shown(tenant) | _kept(tenant)
    tenant.view.delete(lent)
    assert _leaks(told) == []
    assert tenant.account.access_key_id not in told["objects"] + told["metrics"]


def test_a_failed_deletion_tells_no_secret_that_the_cloud_quotes(tenant: Tenant) -> None:
    value = canary()
    encoded = base64.b64encode(value.encode()).decode()
    tenant.secret(VALUES, env=value)
    tenant.apply(runtime("rt"))
    tenant.wait_ready(("AgentRuntime", "rt"))
    reason = f"hook refused {value}, {encoded} and {value.upper()[3:16]}"
    tenant.fault("delete-failed", action="DeleteAgentRuntime", name="rt", reason=reason, times=2)
    tenant.delete("AgentRuntime", "rt")
    tenant.wait_gone(("AgentRuntime", "rt"))
    said = [condition(version.body, "Ready").get("message", "") for version in tenant.versions()]
    assert any("AgentRun says: hook refused (secret), (secret)" in message for message in said)
    told = _kept(tenant)
    assert _leaks(told) == []
    assert value.upper()[3:16] not in str(told)


QUOTING = (
    ("Credential", "cred", "UpdateCredential", "inbound"),
    ("AgentRuntime", "rt", "UpdateAgentRuntime", "env"),
    ("ModelService", "svc", "UpdateModelService", "provider"),
    ("ModelProxy", "arms", "UpdateModelProxy", "arms"),
)
"""Objects, the call of each that fails, and the value that the failure quotes."""


def _rotate_in_vain(tenant: Tenant, quoting: tuple[str, str, str, str]) -> None:
    """Rotate a value while the call that carries it fails, until its object has told so.

    One object at a time: failures of several objects in a row are told as the account's, and say
    nothing of the call. No fixed number of times: it is for the operator to say how often it tries.
    """
    _, name, action, value = quoting
    new = canary()
    _quote(tenant, action, new, name=name, times=None)
    tenant.secret(VALUES, **{value: new})
    tenant.wait(lambda: _has_said(tenant, quoting), f"the failure of {action} to be told")
    tenant.rig.cloud.clear_faults()


def _has_said(tenant: Tenant, quoting: tuple[str, str, str, str]) -> bool:
    """Whether an object has told of the failure of its call."""
    kind, name, action, _ = quoting
    said = [
        condition(version.body, "Ready").get("message", "")
        for version in tenant.versions()
        if (version.body["kind"], version.body["metadata"]["name"]) == (kind, name)
    ]
    return any(action in message for message in said)


def _reason(body: Body | None) -> str:
    return str(condition(body or {}, "Ready").get("reason"))


def _drift(tenant: Tenant) -> None:
    """Let secrets differ, and be reported."""
    variables = {"KEY": canary(), "ANOTHER": canary()}
    tenant.tamper("AgentRuntime", "report", {"environmentVariables": variables})
    tenant.tamper("Credential", "report", {"credentialSecret": canary()})
    tenant.tamper("AgentRuntime", "rt", {"environmentVariables": variables})
    for kind in ("AgentRuntime", "Credential"):
        tenant.wait_reason(kind, "report", "DriftDetected")


def _shown(tenant: Tenant) -> dict[str, str]:
    """Return what the operator shows of itself: command line, environment and metrics."""
    home = Path(f"/proc/{tenant.rig.operator_pid}")
    return {
        "argv": (home / "cmdline").read_text(),
        "environment": (home / "environ").read_text(),
        "metrics": tenant.rig.metrics(),
    }


def _kept(tenant: Tenant) -> dict[str, str]:
    """Return what is left of everything that the operator has said."""
    return {
        "log": tenant.rig.operator_log,
        "objects": json.dumps([v.body for v in tenant.view.versions()]),
        "events": json.dumps(tenant.view.read("/api/v1/events")),
        "config maps": json.dumps(tenant.view.read("/api/v1/configmaps")),
        "audit log": tenant.rig.plane.audit_log.read_text(),
    }


def _leaks(told: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return where something was told of a planted value; nowhere may be empty."""
    assert all(told.values())
    return [(where, m) for where, text in told.items() for m in MARKS if m in text]
