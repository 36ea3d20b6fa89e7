"""Planted values: wherever one shows up outside a Secret and the cloud, a secret leaked."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from integration.fleet import (
    CANARY,
    VALUES,
    Tenant,
    canary,
    credential,
    endpoint,
    family_of_each,
    proxy,
    runtime,
    service,
    template,
)

MARKS = (CANARY, base64.b64encode(CANARY[:6].encode()).decode())
"""As it is, and as the data of a Secret shows it."""


def _from(key: str) -> dict[str, Any]:
    return {"secretKeyRef": {"name": VALUES, "key": key}}


def _without(own: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiKey": None, **own}


def _everything_secret(tenant: Tenant) -> None:
    """Apply every field that takes a secret, and every way to use one."""
    auth = base64.b64encode(f"u:{canary()}".encode()).decode()
    login = {"auths": {"registry.example.com": {"password": canary(), "username": "u"}}}
    tenant.secret(
        VALUES, basic=canary(), ak=canary(), header=canary(), arms=canary(), jwks=canary()
    )
    tenant.secret("pull", **{".dockerconfigjson": json.dumps(login | {"note": auth})})
    tenant.secret("whole", A=canary(), B=canary())
    image = {"image": "registry.example.com/agent:v1", "pullSecretRef": {"name": "pull"}}
    whole = [{"secretRef": {"name": "whole"}}]
    key = {"accessKeyId": "AK", "secretFrom": _from("ak")}
    tool = {"purpose": "OutboundTool"}
    tenant.apply(
        *family_of_each(),
        credential("basic", **_without({"basic": {"users": [_user()]}})),
        credential("key", **_without({"accessKey": key}), **tool),
        credential("header", **_without({"customHeader": {"headers": [_header()]}}), **tool),
        credential("jwt", **_without({"jwt": {"jwksFrom": _from("jwks")}})),
        proxy("arms", "svc", arms={"enabled": True, "licenseKeyFrom": _from("arms")}),
        runtime("whole", container=image, envFrom=whole),
        template("whole", envFrom=whole),
        runtime("report", driftPolicy="Report"),
        credential("report", driftPolicy="Report"),
        service("bad", providerSettings={"baseUrl": "https://m", "apiKeyFrom": _from("absent")}),
    )


def _user() -> dict[str, Any]:
    return {"username": "u", "passwordFrom": _from("basic")}


def _header() -> dict[str, Any]:
    return {"name": "X-Key", "valueFrom": _from("header")}


def test_no_secret_is_ever_told(tenant: Tenant) -> None:
    """Created, drifted, rotated, refused, failed and deleted, at debug level."""
    tenant.fault("error", action="CreateTemplate", name="whole", status=400, code="ERR_BAD_REQUEST")
    tenant.fault("create-failed", action="CreateAgentRuntime", name="whole")
    _everything_secret(tenant)
    tenant.wait_reason("AgentRuntime", "whole", "ProviderFailed")
    tenant.wait_reason("SandboxTemplate", "whole", "InvalidParameter")
    tenant.wait_reason("ModelService", "bad", "ReferenceNotFound")
    tenant.edit("AgentRuntime", "whole", description="another try")
    tenant.edit("SandboxTemplate", "whole", description="another try")
    tenant.secret(VALUES, absent=canary())
    tenant.wait_ready(seconds=40)
    _drift(tenant)
    tenant.secret(VALUES, inbound=canary(), provider=canary(), env=canary(), basic=canary())
    tenant.login(accessKeySecret=canary())
    tenant.wait_reason("Account", "default", "CredentialsInvalid")
    tenant.login()
    tenant.apply(endpoint("last", "rt"))
    tenant.wait_ready(seconds=40)
    assert json.dumps(tenant.resources()).count(CANARY) > 10  # they did get where they belong
    (argv, environ), metrics = _process(tenant), tenant.rig.metrics()
    for each in tenant.objects():
        tenant.delete(each["kind"], each["metadata"]["name"])
    tenant.wait_gone(seconds=40)
    told = {
        "log": tenant.rig.operator_log,
        "objects": json.dumps([v.body for v in tenant.view.versions()]),
        "events": json.dumps(tenant.view.read("/api/v1/events")),
        "config maps": json.dumps(tenant.view.read("/api/v1/configmaps")),
        "audit log": tenant.rig.plane.audit_log.read_text(),
        "argv": argv,
        "environment": environ,
        "metrics": metrics,
    }
    assert all(told.values())
    assert [(where, m) for where, text in told.items() for m in MARKS if m in text] == []
    assert "(differs)" in told["objects"]
    assert tenant.account.access_key_id not in told["objects"] + told["metrics"]


def _drift(tenant: Tenant) -> None:
    """Let secrets differ, and be reported."""
    variables = {"KEY": canary(), "ANOTHER": canary()}
    tenant.tamper("AgentRuntime", "report", {"environmentVariables": variables})
    tenant.tamper("Credential", "report", {"credentialSecret": canary()})
    tenant.tamper("AgentRuntime", "rt", {"environmentVariables": variables})
    for kind in ("AgentRuntime", "Credential"):
        tenant.wait_reason(kind, "report", "DriftDetected")


def _process(tenant: Tenant) -> tuple[str, str]:
    """Return command line and environment of the operator, as other users might read them."""
    home = Path(f"/proc/{tenant.rig.operator_pid}")
    return (home / "cmdline").read_text(), (home / "environ").read_text()
