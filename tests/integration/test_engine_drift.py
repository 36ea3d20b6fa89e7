"""What the cloud says and the spec does not: corrected, reported or left, and never overdone."""

from typing import Any

import pytest

from integration.fleet import (
    BELOW,
    VALUES,
    Tenant,
    canary,
    credential,
    family_of_each,
    proxy,
    runtime,
    service,
    template,
    usual,
)

PULL = "pull"


def _docker_config(password: str) -> str:
    return f'{{"auths": {{"registry.example.com": {{"username": "u", "password": "{password}"}}}}}}'


@pytest.fixture
def converged(tenant: Tenant) -> Tenant:
    """Return a tenant with one Ready object of each kind."""
    described = {"description": "wanted"}
    tenant.apply(
        credential("cred", **described),
        service("svc", **described),
        proxy("proxy", "svc", **described),
        runtime("rt", **described),
        template("tpl", **described),
        *(e for e in family_of_each() if e["kind"] in ("AgentRuntimeEndpoint", "Sandbox")),
    )
    tenant.edit("AgentRuntimeEndpoint", "ep", **described)
    tenant.wait_ready()
    return tenant


DESCRIBED = (
    ("Credential", "cred"),
    ("ModelService", "svc"),
    ("ModelProxy", "proxy"),
    ("AgentRuntime", "rt"),
    ("AgentRuntimeEndpoint", "ep"),
    ("SandboxTemplate", "tpl"),
)


def test_an_edit_behind_our_back_is_undone_by_one_small_put(converged: Tenant) -> None:
    """Each kind that can be updated: one PUT, with the field and what the API insists on."""
    since = converged.rig.cloud.position()
    for kind, name in DESCRIBED:
        converged.tamper(kind, name, {"description": "tampered"})
    converged.wait(
        lambda: all(converged.resource(*e).get("description") == "wanted" for e in DESCRIBED),
        "every description to be restored",
    )
    converged.wait_ready()
    # The API refuses to touch an endpoint while its runtime is being updated.
    writes = [each for each in converged.cloud_writes(since=since) if each["status"] == 200]
    only = {"description": "wanted"}
    assert sorted((each["action"], each["body"]) for each in writes) == [
        ("UpdateAgentRuntime", {**only, "cpu": 2.0}),
        ("UpdateAgentRuntimeEndpoint", only),
        ("UpdateCredential", only),
        ("UpdateModelProxy", only),
        ("UpdateModelService", only),
        ("UpdateTemplate", only),
    ]


def test_what_vanished_is_made_again(converged: Tenant) -> None:
    """Every kind comes back under its old name, children along with their parents.

    As a whole it is a mass absence, so the account allows as much.
    """
    converged.edit("Account", "default", massAbsence={"percent": 100})
    converged.wait_ready()
    before = {e["kind"]: e["status"]["externalId"] for e in converged.objects()}
    for each in converged.objects():
        if each["kind"] not in BELOW:  # gone with their parents
            converged.remove(each["kind"], each["metadata"]["name"])

    def is_back() -> bool:
        alive = {e["kind"] for e in converged.objects() if _resource(converged, e)}
        return alive == set(before)

    converged.wait(is_back, "every resource to be back")
    converged.wait_ready()
    after = {e["kind"]: e["status"]["externalId"] for e in converged.objects()}
    assert all(after[kind] != before[kind] for kind in ("AgentRuntime", "AgentRuntimeEndpoint"))


def _resource(tenant: Tenant, body: dict[str, Any]) -> dict[str, Any]:
    return tenant.resource(body["kind"], body["metadata"]["name"])


def test_report_and_ignore_send_edits_alone(tenant: Tenant) -> None:
    """Nor do keys that come back send anything, or a request for another look."""
    names = ("report", "ignore")
    tenant.apply(
        template("report", description="wanted", memory="4Gi", driftPolicy="Report"),
        template("ignore", description="wanted", memory="4Gi", driftPolicy="Ignore"),
    )
    tenant.wait_ready()
    for name in names:
        record = tenant.get("SandboxTemplate", name)["status"]["actedOn"]
        assert {"description", "memory", "type"} <= record["values"].keys()
        tenant.tamper("SandboxTemplate", name, {"memory": 8192})
    tenant.wait_reason("SandboxTemplate", "report", "DriftDetected", says="memory")
    (drift,) = tenant.get("SandboxTemplate", "report")["status"]["drift"]
    assert (drift["desired"], drift["observed"]) == ("4Gi", "8Gi")
    since = tenant.rig.cloud.position()
    tenant.login(accessKeySecret=canary())
    tenant.wait_reason("SandboxTemplate", "report", "CredentialsInvalid")
    tenant.login()
    tenant.wait_reason("SandboxTemplate", "report", "DriftDetected", says="memory")
    tenant.wait_ready(("SandboxTemplate", "ignore"))
    for name in names:
        tenant.annotate("SandboxTemplate", name, "reconcile-requested-at", "now")
        tenant.edit("SandboxTemplate", name, description="edited")
    tenant.wait(lambda: len(tenant.cloud_writes(since=since)) >= len(names), "the edits to be sent")
    tenant.wait_reason("SandboxTemplate", "report", "DriftDetected", says="memory")
    tenant.wait_ready(("SandboxTemplate", "ignore"))
    bodies = [write["body"] for write in tenant.cloud_writes(since=since)]
    assert bodies == [{"description": "edited"}] * len(names)


def test_what_leaves_the_spec_leaves_the_cloud(tenant: Tenant) -> None:
    """A field, a variable and a whole group are cleared, each by one PUT."""
    variables = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    tenant.apply(
        service("svc"),
        proxy("proxy", "svc", policies={"numRetries": 3, "cache": True}),
        runtime("rt", description="wanted", env=variables),
        template("tpl", description="wanted"),
    )
    tenant.wait_ready()
    since = tenant.rig.cloud.position()
    tenant.edit("AgentRuntime", "rt", env=variables[:1], description=None)
    tenant.edit("ModelProxy", "proxy", policies={"numRetries": None})
    tenant.edit("SandboxTemplate", "tpl", description=None)
    tenant.wait_ready()
    runtime_now = tenant.resource("AgentRuntime", "rt")
    assert runtime_now["environmentVariables"] == {"A": "1"}
    assert not runtime_now.get("description")
    assert not tenant.resource("SandboxTemplate", "tpl").get("description")
    policies = tenant.resource("ModelProxy", "proxy")["proxyConfig"]["policies"]
    assert not policies.get("numRetries")
    assert policies["cache"] is True
    assert len(tenant.cloud_writes(since=since)) == 3, tenant.cloud_writes(since=since)


def test_a_rotated_secret_reaches_its_users_and_nobody_else(tenant: Tenant) -> None:
    """A variable, a credential's value, a registry login and a provider's key."""
    tenant.secret("other", env=canary())
    tenant.secret(PULL, **{".dockerconfigjson": _docker_config(canary())})
    other = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "other", "key": "env"}}}
    image = {"image": "registry.example.com/agent:v1", "pullSecretRef": {"name": PULL}}
    tenant.apply(
        credential("cred"),
        service("svc"),
        runtime("rt"),
        runtime("other", env=[other]),
        runtime("pulling", container=image, env=[]),
        template("tpl"),
    )
    tenant.wait_ready()
    _values_reach_their_users(tenant)
    _a_login_reaches_its_user(tenant)
    _the_same_values_disturb_nobody(tenant)


def _values_reach_their_users(tenant: Tenant) -> None:
    since = tenant.rig.cloud.position()
    value, key, variable = canary(), canary(), canary()
    tenant.secret(VALUES, inbound=value, provider=key, env=variable)

    def arrived() -> bool:
        return (
            tenant.resource("Credential", "cred")["credentialSecret"],
            tenant.resource("ModelService", "svc")["providerSettings"]["apiKey"],
            tenant.resource("AgentRuntime", "rt")["environmentVariables"]["KEY"],
        ) == (value, key, variable)

    tenant.wait(arrived, "the new values in the cloud")
    tenant.wait_ready()
    changed = [(each["action"], each["path"]) for each in tenant.cloud_writes(since=since)]
    ident = tenant.get("AgentRuntime", "rt")["status"]["externalId"]
    assert sorted(changed) == [
        ("UpdateAgentRuntime", f"/2025-09-10/agents/runtimes/{ident}"),
        ("UpdateCredential", "/2025-09-10/agents/credentials/cred"),
        ("UpdateModelService", "/2025-09-10/agents/model-services/svc"),
    ]


def _a_login_reaches_its_user(tenant: Tenant) -> None:
    since, login = tenant.rig.cloud.position(), canary()
    tenant.secret(PULL, **{".dockerconfigjson": _docker_config(login)})
    tenant.wait(lambda: tenant.cloud_writes(since=since), "the new login")
    tenant.wait_ready()
    ident = tenant.get("AgentRuntime", "pulling")["status"]["externalId"]
    (write,) = tenant.cloud_writes(since=since)
    assert write["path"].endswith(ident)


def _the_same_values_disturb_nobody(tenant: Tenant) -> None:
    """A Secret is written again: its version moves, and only another one's user is updated."""
    since = tenant.rig.cloud.position()
    tenant.view.patch(
        ("Secret", tenant.namespace, VALUES), {"metadata": {"labels": {"touched": "true"}}}
    )
    tenant.secret("other", env=(marker := canary()))
    tenant.wait(
        lambda: tenant.resource("AgentRuntime", "other")["environmentVariables"]["KEY"] == marker,
        "the other Secret's user",
    )
    tenant.wait_ready()
    assert len(tenant.cloud_writes(since=since)) == 1, tenant.cloud_writes(since=since)


def test_a_renewed_certificate_reaches_its_domain(tenant: Tenant) -> None:
    """As cert-manager renews it: both values of the Secret, in one write of the domain."""
    certificate, key = canary(), canary()
    tenant.secret("tls", **{"tls.crt": certificate, "tls.key": key})
    tenant.apply(
        usual(
            "CustomDomain",
            "agents.example.com",
            protocol="HTTPS",
            certificate={"secretRef": {"name": "tls"}},
        )
    )
    tenant.wait_ready()
    since, renewed, other = tenant.rig.cloud.position(), canary(), canary()
    tenant.secret("tls", **{"tls.crt": renewed, "tls.key": other})

    def held() -> Any:
        return tenant.resource("CustomDomain", "agents.example.com")["certConfig"]

    tenant.wait(
        lambda: held() == {"certificate": renewed, "privateKey": other}, "the new certificate"
    )
    tenant.wait_ready()
    assert len(tenant.cloud_writes(since=since)) == 1, tenant.cloud_writes(since=since)


def test_an_edited_config_map_reaches_its_users(tenant: Tenant) -> None:
    """Both by key and as a whole."""
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": tenant.namespace},
        "data": {"LEVEL": "info"},
    }
    tenant.view.create(settings)
    by_key = {"configMapKeyRef": {"name": "settings", "key": "LEVEL"}}
    tenant.apply(
        runtime("by-key", env=[{"name": "LEVEL", "valueFrom": by_key}]),
        runtime("whole", env=[], envFrom=[{"configMapRef": {"name": "settings"}}]),
    )
    tenant.wait_ready()
    tenant.view.create({**settings, "data": {"LEVEL": "debug"}})

    def arrived() -> bool:
        seen = [tenant.resource("AgentRuntime", name) for name in ("by-key", "whole")]
        return all(each["environmentVariables"] == {"LEVEL": "debug"} for each in seen)

    tenant.wait(arrived, "the new level")
    tenant.wait_ready()


def test_write_only_values_survive_a_restart_unsent(tenant: Tenant) -> None:
    """After a restart nobody knows what was sent, and still nothing is sent twice."""
    tenant.secret(PULL, **{".dockerconfigjson": _docker_config(canary())})
    image = {"image": "registry.example.com/agent:v1", "pullSecretRef": {"name": PULL}}
    tenant.apply(service("svc"), runtime("pulling", container=image), credential("cred"))
    tenant.wait_ready()
    since = tenant.rig.cloud.position()
    tenant.rig.kill_operator()
    tenant.rig.start_operator()
    looked_at = (("AgentRuntime", "pulling"), ("ModelService", "svc"))
    for kind, name in looked_at:
        tenant.annotate(kind, name, "reconcile-requested-at", "now")

    def told() -> bool:
        return all(tenant.get(*e)["status"].get("lastRequest") == "now" for e in looked_at)

    tenant.wait(told, "both to be looked at again")
    assert tenant.cloud_writes(since=since) == []
    login = canary()
    tenant.secret(PULL, **{".dockerconfigjson": _docker_config(login)})
    tenant.wait(lambda: tenant.cloud_writes(since=since), "the new login")
