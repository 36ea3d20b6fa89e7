"""Two namespaces in one shared account: `team-a`, which made something, and `team-b`."""

from collections.abc import Mapping
from typing import Any

from agentrun_operator.core.grants import GRANTS, Allowance
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import ResourceKind
from engine.specs import CREDENTIAL, RUNTIME, SECRET_VALUE, TEMPLATE
from fakes.cloud import MAIN, keys_of
from fakes.lab import CLUSTER_ID, Lab, account_spec

SYSTEM = "agentrun-system"
SHARED = ObjectKey("ClusterAccount", "", "shared")
GOOD = ("True", "Available")
REFUSED = ("False", "NotGranted")
REF = {"accountRef": {"kind": "ClusterAccount", "name": "shared"}}
ALL = (Allowance(namespaces=("team-a", "team-b"), grants=GRANTS),)
EVERYTHING = {"namespaces": ["team-a", "team-b"], "grants": list(GRANTS)}
"""The same as an item of `spec.allow`."""
PLAIN_RUNTIME = {n: v for n, v in RUNTIME.items() if n != "executionRoleArn"}
"""A runtime that asks for nothing of others."""


def entry(*grants: str, **more: Any) -> dict[str, Any]:
    """Return an item of `spec.allow` for team-b."""
    return {"namespaces": ["team-b"], "grants": list(grants), **more}


async def shared_lab(
    *allow: Mapping[str, Any],
    allowed: tuple[str, ...] = ("team-a", "team-b"),
    cluster_id: str = CLUSTER_ID,
    beside: Lab | None = None,
    kinds: Mapping[str, ResourceKind] | None = None,
) -> Lab:
    """Return a lab with a ClusterAccount that is Ready, and the Secret of each namespace."""
    lab = Lab(kinds=kinds, cluster_id=cluster_id, beside=beside)
    lab.cluster.put_secret("shared", keys_of(MAIN), namespace=SYSTEM)
    for namespace in ("team-a", "team-b"):
        lab.cluster.put_secret("keys", {"token": SECRET_VALUE}, namespace=namespace)
    more: dict[str, Any] = {"allowedNamespaces": {"names": list(allowed)}, "allow": list(allow)}
    lab.cluster.apply("ClusterAccount", "shared", account_spec("shared", **more), namespace="")
    await lab.elapse(5)
    assert lab.ready(SHARED) == GOOD, lab.message(SHARED)
    return lab


def grant(lab: Lab, *allow: Mapping[str, Any]) -> None:
    """Replace what the account's owner grants."""
    lab.edit(SHARED, allow=list(allow))


async def apply(
    lab: Lab,
    kind: str,
    name: str,
    spec: Mapping[str, Any],
    *,
    namespace: str = "team-b",
    **more: Any,
) -> ObjectKey:
    """Apply an object of the shared account, and let it come to rest."""
    key = lab.cluster.apply(kind, name, {**spec, **REF}, namespace=namespace, **more)
    await lab.elapse(20)
    return key


async def made_by_a(lab: Lab, kind: str, name: str, spec: Mapping[str, Any]) -> ObjectKey:
    """Let team-a make something."""
    key = await apply(lab, kind, name, spec, namespace="team-a")
    assert lab.ready(key) == GOOD, lab.message(key)
    return key


async def a_credential(lab: Lab, name: str = "a-key") -> ObjectKey:
    """Let team-a make a Credential."""
    return await made_by_a(lab, "Credential", name, CREDENTIAL)


async def a_runtime(lab: Lab, name: str = "a_agent", **more: Any) -> ObjectKey:
    """Let team-a make a runtime."""
    return await made_by_a(lab, "AgentRuntime", name, {**PLAIN_RUNTIME, **more})


async def a_template(lab: Lab, name: str = "a-box") -> ObjectKey:
    """Let team-a make a template."""
    return await made_by_a(lab, "SandboxTemplate", name, TEMPLATE)


def refuses(lab: Lab, key: ObjectKey, *words: str) -> bool:
    """Whether an object says which grant is missing, and nothing was sent for it."""
    message = lab.message(key)
    assert lab.ready(key) == REFUSED, (lab.ready(key), message)
    assert lab.condition(key, "Stalled") == ("True", "NotGranted")
    assert "spec.allow" in message
    assert "team-b" in message
    return all(word in message for word in words)
