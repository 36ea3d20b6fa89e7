"""The chart's roles are exactly what the operator uses: nothing refused, nothing to spare."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from controlplane import AuditEvent, ControlPlane
from rig import Rig, eventually, samples
from rig.chart import RELEASE, render
from rig.cluster import SAMPLES_NAMESPACE
from rig.rig import CHART_VALUES, NAMESPACE
from rig.samples import KEYS_SECRET, key_secret

TENANT = "team-a"
GROUP = "agentrun.dev"

Right = tuple[str, str, str]
"""API group, resource (with its subresource), verb."""

SCOPES: Mapping[str, Mapping[str, Any]] = {
    "cluster": {},
    "few secrets": {"secretNamespaces": [SAMPLES_NAMESPACE, TENANT]},
    "namespaced": {
        "watchNamespaces": [SAMPLES_NAMESPACE, TENANT],
        "secretAccess": "get",
        "clusterId": "test",
    },
}


@dataclass(frozen=True)
class Use:
    """What a life of the operator under the chart's roles needed.

    Attributes:
        granted: What the roles allow.
        used: What was asked for.
        forbidden: What was refused.
    """

    granted: frozenset[Right]
    used: frozenset[Right]
    forbidden: list[AuditEvent]


@pytest.fixture(scope="module", params=SCOPES)
def use(request: pytest.FixtureRequest, spare_plane: ControlPlane) -> Use:
    """Everything that needs a right of its own, in one life of the operator."""
    values, plane = SCOPES[request.param], spare_plane
    prepare(plane)
    since = plane.audit.position()
    with Rig(plane, chart_values=values, transition_seconds=0.2) as rig:
        live(rig, is_cluster_wide="watchNamespaces" not in values)
        user, events = rig.operator_user, plane.audit.events(since=since)
        return Use(
            granted=granted(values),
            used=frozenset(right(e) for e in events if e.user == user and e.resource),
            forbidden=plane.audit.forbidden(user=user, since=since),
        )


def prepare(plane: ControlPlane) -> None:
    """Make the namespaces, and remove what another life left: its rights, and what it created."""
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        for name in (NAMESPACE, SAMPLES_NAMESPACE, TENANT)
    ]
    plane.kubectl("apply", "--filename=-", input=json.dumps(samples.as_list(namespaces)))
    plane.kubectl("delete", "lease", "--all", f"--namespace={NAMESPACE}")
    plane.kubectl("delete", "configmap", "--all", f"--namespace={SAMPLES_NAMESPACE}")
    for values in SCOPES.values():
        rights = render(NAMESPACE, {**CHART_VALUES, **values}).rights
        document = json.dumps(samples.as_list(rights))
        plane.kubectl("delete", "--ignore-not-found", "--filename=-", input=document)


def live(rig: Rig, *, is_cluster_wide: bool) -> None:
    """Create all kinds, change what is published, use a shared account, delete everything."""
    rig.apply_samples()
    if is_cluster_wide:
        rig.apply([key_secret(NAMESPACE, rig.account), shared_account(rig)])
        rig.apply([service("ClusterAccount", "shared")])
    else:
        rig.apply([key_secret(TENANT, rig.account), own_account(rig)])
        rig.apply([service("Account", "default")])
    rig.wait_ready()
    rig.wait_ready(TENANT)
    spoil = '{"data": {"spoilt": "yes"}}'
    where = f"--namespace={SAMPLES_NAMESPACE}"
    rig.kubectl("patch", "configmap", "chat-proxy", where, "--type=merge", f"--patch={spoil}")
    eventually(
        lambda: "spoilt" not in rig.get("configmap", "chat-proxy")["data"],
        "the connection to be put right",
    )
    for name in ("chat-proxy", "chat-endpoint"):
        rig.kubectl("delete", "configmap", name, where)
        eventually(lambda name=name: name in maps(rig), f"{name} to be restored")  # type: ignore[misc]
    moved = '{"spec": {"writeConnectionTo": {"configMap": {"name": "moved"}}}}'
    rig.kubectl("patch", "modelproxy", "chat", where, "--type=merge", f"--patch={moved}")
    eventually(lambda: {"moved", "chat-proxy"} & maps(rig) == {"moved"}, "the address to move")
    rig.delete_all(TENANT, SAMPLES_NAMESPACE)
    if is_cluster_wide:
        rig.kubectl("delete", "clusteraccount", "shared", "--timeout=120s")
    rig.stop_operator()


def maps(rig: Rig) -> set[str]:
    """Return the names of the ConfigMaps beside the samples."""
    names = "--output=jsonpath={.items[*].metadata.name}"
    return set(rig.kubectl("get", "configmaps", f"--namespace={SAMPLES_NAMESPACE}", names).split())


def own_account(rig: Rig) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "Account",
        "metadata": {"name": "default", "namespace": TENANT},
        "spec": {
            "accountId": rig.account.account_id,
            "region": rig.account.region,
            "endpoint": rig.cloud.url,
            "credentials": {"secretRef": {"name": KEYS_SECRET}},
        },
    }


def shared_account(rig: Rig) -> dict[str, Any]:
    account = own_account(rig)
    selector = {"matchLabels": {"kubernetes.io/metadata.name": TENANT}}
    return {
        **account,
        "kind": "ClusterAccount",
        "metadata": {"name": "shared"},
        "spec": {**account["spec"], "allowedNamespaces": {"selector": selector}},
    }


def service(kind: str, name: str) -> dict[str, Any]:
    """Return an object that uses the given account."""
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": "shared", "namespace": TENANT},
        "spec": {
            "accountRef": {"kind": kind, "name": name},
            "modelType": "llm",
            "provider": "tongyi",
            "providerSettings": {
                "baseUrl": "https://models.example.com/v1",
                "modelNames": ["qwen-max"],
            },
        },
    }


def granted(values: Mapping[str, Any]) -> frozenset[Right]:
    """Return what the roles that are bound to the operator allow."""
    rights = render(NAMESPACE, {**CHART_VALUES, **values}).rights
    bound = {
        (m["roleRef"]["kind"], m["roleRef"]["name"])
        for m in rights
        if m["kind"].endswith("RoleBinding") and m["subjects"][0]["name"] == RELEASE
    }
    roles = (m for m in rights if (m["kind"], m["metadata"]["name"]) in bound)
    return frozenset(expanded(rule for role in roles for rule in role["rules"]))


def expanded(rules: Iterable[Mapping[str, Any]]) -> Iterator[Right]:
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield group, resource, verb


def right(event: AuditEvent) -> Right:
    below = f"/{event.subresource}" if event.subresource else ""
    return event.group, f"{event.resource}{below}", event.verb


def is_reserve(needed: Right) -> bool:
    """Say which rights may stay unused: reading one object of ours is the cure of a lost event."""
    group, resource, verb = needed
    return group == GROUP and "/" not in resource and verb == "get"


def test_nothing_is_refused(use: Use) -> None:
    assert use.forbidden == []


def test_nothing_is_granted_that_is_not_used(use: Use) -> None:
    assert {r for r in use.granted - use.used if not is_reserve(r)} == set()


def test_nothing_is_used_that_is_not_granted(use: Use) -> None:
    """What everybody may ask, such as which kinds are served, has no resource."""
    assert use.used - use.granted == set()
