"""Objects of every kind on real parts: API server, operator process, simulated cloud.

One operator serves the whole run. Every test is a tenant of its own: a namespace, and an account
of the simulated cloud that nobody else uses, so that what is counted there is the test's.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from controlplane.audit import AuditEvent
from fakes.examples import (
    CLOUD_KINDS,
    FULL,
    INBOUND,
    MINIMAL,
    SECRETS,
    examples,
    referring,
    used_first,
)
from fakes.kstatus import CURRENT, kstatus
from fakes.rests import rest_of
from integration.cluster_view import Body, ClusterView, Version, conditions, key_of
from rig import CloudAccount, Rig, RigError, is_ready
from rig.cloud import is_default, is_write
from rig.samples import secret as secret_manifest
from rig.waiting import condition, described

KEYS = "agentrun-keys"
VALUES = "keys"
"""Secret with the values that the objects of a tenant refer to."""
SECRET_KEYS = ("inbound", "provider", "env", *SECRETS[VALUES])
"""Its keys: of the specs here, and of each kind's examples."""
CANARY = "canary-"
"""Every secret value begins with it: wherever it shows up, a secret leaked."""
TERMINATED = "TERMINATED"

FAMILIES = {kind: examples()[kind].family for kind in CLOUD_KINDS}
"""Kinds with a cloud resource, and what the simulator calls their family."""
NAMES = {
    "Credential": "cred",
    "ModelService": "svc",
    "ModelProxy": "proxy",
    "AgentRuntime": "rt",
    "AgentRuntimeEndpoint": "ep",
    "SandboxTemplate": "tpl",
    "Sandbox": "box",
}
"""What tests call the object of a kind; the others are called like their kind."""
BELOW = ("AgentRuntimeEndpoint", "FlowEndpoint", "Sandbox")
"""Kinds whose resources the simulator takes along with what they are made from."""


def canary() -> str:
    """Return a fresh secret value that can be searched for."""
    return CANARY + secrets.token_hex(8)


def _from(key: str) -> dict[str, Any]:
    return {"secretKeyRef": {"name": VALUES, "key": key}}


_RICHER: Mapping[str, Mapping[str, Any]] = {
    "ModelService": {
        "provider": "tongyi",
        "providerSettings": {
            "apiKeyFrom": _from("provider"),
            "baseUrl": "https://models.example.com/v1",
            "modelNames": ["m-1"],
        },
    },
    "AgentRuntime": {"env": [{"name": "KEY", "valueFrom": _from("env")}]},
    "Sandbox": {"idleTimeoutSeconds": 3600},
}
"""What objects say here beside the minimal spec: a value of their own that tests rotate."""


def usual(kind: str, name: str, to: Mapping[str, str] | None = None, **spec: Any) -> Body:
    """Return an object that refers to the objects `to`, by their kind."""
    base = referring(kind, {**MINIMAL[kind], **_RICHER.get(kind, {})}, to or {})
    return manifest(kind, name, {**base, **spec})


def credential(name: str, key: str = "inbound", **spec: Any) -> Body:
    """Return a Credential."""
    api_key = {"headerName": "X-API-Key", "valueFrom": _from(key)}
    return usual("Credential", name, **{"apiKey": api_key, **spec})


def service(name: str, **spec: Any) -> Body:
    """Return a ModelService that sends its own key."""
    return usual("ModelService", name, **spec)


def proxy(name: str, to: str, **spec: Any) -> Body:
    """Return a ModelProxy in front of one service."""
    return usual("ModelProxy", name, {"ModelService": to}, **spec)


def runtime(name: str, **spec: Any) -> Body:
    """Return an AgentRuntime with a variable from a Secret."""
    return usual("AgentRuntime", name, **spec)


def endpoint(name: str, of: str, **spec: Any) -> Body:
    """Return an AgentRuntimeEndpoint of a runtime."""
    return usual("AgentRuntimeEndpoint", name, {"AgentRuntime": of}, **spec)


def template(name: str, **spec: Any) -> Body:
    """Return a SandboxTemplate."""
    return usual("SandboxTemplate", name, **spec)


def sandbox(name: str, of: str, **spec: Any) -> Body:
    """Return a Sandbox of a template."""
    return usual("Sandbox", name, {"SandboxTemplate": of}, **spec)


def family_of_each(suffix: str = "") -> list[Body]:
    """Return one object of every kind, those that are referred to first."""
    names = {kind: f"{NAMES.get(kind, kind.lower())}{suffix}" for kind in CLOUD_KINDS}
    found = []
    for kind in used_first():
        guard = {"credentialRef": {"name": names["Credential"]}}
        is_guarded = FULL[kind].get("credentialRef", {}).get("name") == INBOUND
        body = usual(kind, names[kind], names, **(guard if is_guarded else {}))
        found.append(credential(names[kind]) if kind == "Credential" else body)
    return found


def manifest(kind: str, name: str, spec: Mapping[str, Any]) -> Body:
    """Return an object."""
    return {
        "apiVersion": "agentrun.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": dict(spec),
    }


class Tenant:
    """One test's namespace, with an Account `default`, and its account in the cloud."""

    def __init__(self, rig: Rig, view: ClusterView, namespace: str, account: CloudAccount) -> None:
        """Look at what exists; `open` makes it."""
        self.rig = rig
        self.view = view
        self.namespace = namespace
        self.account = account
        self._applied: set[tuple[str, str]] = set()

    def open(self) -> None:
        """Create the Secrets and the Account."""
        self.secret(VALUES, **{name: canary() for name in SECRET_KEYS})
        self.login()
        spec = {
            "accountId": self.account.account_id,
            "region": self.account.region,
            "endpoint": self.rig.cloud.url,
            "credentials": {"secretRef": {"name": KEYS}},
            "requestsPerSecond": 200,
        }
        self.apply(manifest("Account", "default", spec))

    def login(self, **wrong: str) -> None:
        """Write the Secret with the account's keys, or with wrong ones."""
        keys = {
            "accessKeyId": self.account.access_key_id,
            "accessKeySecret": self.account.access_key_secret,
        }
        self.secret(KEYS, **{**keys, **wrong})

    # ------------------------------------------------------------ the cluster

    def secret(self, name: str, **values: str) -> None:
        """Create a Secret, or change some of its values."""
        self.view.create(secret_manifest(self.namespace, name, values))

    def apply(self, *manifests: Body) -> None:
        """Create objects in this namespace, in the given order, or replace fields of their spec."""
        for each in manifests:
            metadata = {**each["metadata"], "namespace": self.namespace}
            self._applied.add((each["kind"], metadata["name"]))
            self.view.create({**each, "metadata": metadata})

    def edit(self, kind: str, name: str, **spec: Any) -> None:
        """Merge changes into the spec of an object; None removes a field."""
        self.view.patch((kind, self.namespace, name), {"spec": spec})

    def annotate(self, kind: str, name: str, annotation: str, value: str | None) -> None:
        """Set an annotation of ours, or remove it."""
        annotations = {f"agentrun.dev/{annotation}": value}
        self.view.patch((kind, self.namespace, name), {"metadata": {"annotations": annotations}})

    def delete(self, kind: str, name: str, *, propagation: str = "Background") -> None:
        """Ask for the deletion of an object."""
        self._applied.discard((kind, name))
        self.view.delete((kind, self.namespace, name), propagation=propagation)

    def get(self, kind: str, name: str) -> Body:
        """Return an object as last seen; empty conditions while it was not seen."""
        empty = {"kind": kind, "metadata": {"name": name, "generation": 0}}
        return self.view.get((kind, self.namespace, name)) or empty

    def objects(self) -> list[Body]:
        """Return the objects of kinds with a cloud resource."""
        return [each for each in self.view.objects(self.namespace) if each["kind"] in FAMILIES]

    def versions(self) -> list[Version]:
        """Return every version of every object of the namespace."""
        return self.view.versions(self.namespace)

    # ------------------------------------------------------------ waiting

    def wait(self, holds: Callable[[], object], what: str) -> None:
        """Wait until something holds.

        Raises:
            RigError: it did not come to hold; the message has every condition and the log's end.
        """
        try:
            self.view.wait(holds, what)
        except RigError as error:
            seen = self.view.objects(self.namespace)
            raise RigError("\n".join([str(error), *map(described, seen), self._log()])) from None

    def wait_ready(self, *names: tuple[str, str]) -> None:
        """Wait until the named objects, or all that were applied, are Ready."""

        def ready() -> bool:
            return all(is_ready(self.get(*each)) for each in names or self._applied)

        self.wait(ready, f"{names or 'everything'} to be Ready")

    def wait_reason(
        self, kind: str, name: str, reason: str, *, says: str = ""
    ) -> Mapping[str, Any]:
        """Wait until Ready has a reason, with words in its message; return the condition."""

        def holds() -> bool:
            ready = condition(self.get(kind, name), "Ready")
            return ready.get("reason") == reason and says in ready.get("message", "")

        self.wait(holds, f"{kind}/{name} to say {reason} {says!r}")
        return condition(self.get(kind, name), "Ready")

    def wait_gone(self, *names: tuple[str, str]) -> None:
        """Wait until the named objects, or all with a cloud resource, are gone."""

        def gone() -> bool:
            left = {key_of(each)[::2] for each in self.objects()}
            return not left & set(names) if names else not left

        self.wait(gone, f"{names or 'everything'} to be gone")

    # ------------------------------------------------------------ the cloud

    def resources(self) -> dict[str, list[dict[str, Any]]]:
        """Return what the account has by family, without its default workspace and ended boxes."""
        found = self.rig.cloud.resources(account=self.account.account_id)
        alive = {
            family: [each for each in items if is_alive(each)] for family, items in found.items()
        }
        return {family: items for family, items in alive.items() if items}

    def resource(self, kind: str, name: str) -> dict[str, Any]:
        """Return the one cloud resource of an object, empty when there is none."""
        wanted = self.get(kind, name)
        ident = wanted.get("status", {}).get("externalId")
        found = self.resources().get(FAMILIES[kind], [])
        named = [e for e in found if external_name(kind, e) in (name, ident)]
        assert len(named) <= 1, named
        return named[0] if named else {}

    def tamper(self, kind: str, name: str, changes: Mapping[str, Any]) -> None:
        """Change a cloud resource behind the operator's back."""
        self.rig.cloud.edit(
            FAMILIES[kind], self._key(kind, name), changes, account=self.account.account_id
        )

    def remove(self, kind: str, name: str) -> None:
        """Delete a cloud resource behind the operator's back."""
        self.rig.cloud.delete(
            FAMILIES[kind], self._key(kind, name), account=self.account.account_id
        )

    def fault(self, effect: str, **rule: Any) -> None:
        """Put a fault in force for this account."""
        self.rig.cloud.fault(effect, account=self.account.account_id, **rule)

    def requests(self, *, since: int = 0, action: str | None = None) -> list[dict[str, Any]]:
        """Return the requests that the account was asked since a position."""
        return self.rig.cloud.requests(since=since, action=action, account=self.account.account_id)

    def cloud_writes(self, *, since: int = 0) -> list[dict[str, Any]]:
        """Return those requests that ask for a change."""
        return [each for each in self.requests(since=since) if is_write(each)]

    def kube_writes(self, *, since: int = 0) -> list[AuditEvent]:
        """Return the operator's writes to objects of ours in the namespace."""
        writes = self.rig.plane.audit.writes(user=self.rig.operator_user, since=since)
        return [w for w in writes if w.group == "agentrun.dev" and w.namespace == self.namespace]

    def _key(self, kind: str, name: str) -> str:
        return external_name(kind, self.resource(kind, name))

    def _log(self) -> str:
        return self.rig.operator_log_tail()


def external_name(kind: str, resource: Mapping[str, Any]) -> str:
    """Return the name that the resource of a kind has in AgentRun; a sandbox has its id."""
    return str(resource.get(name_field(kind), ""))


def external_id(kind: str, resource: Mapping[str, Any]) -> str:
    """Return what a status has on record of the resource of a kind."""
    return rest_of(kind).external_id_of(resource)


def name_field(kind: str) -> str:
    """Return the wire field with the name that a resource has in AgentRun."""
    rest = rest_of(kind)
    return rest.name_field or rest.id_field


def _types(body: Body) -> list[str]:
    return [each["type"] for each in conditions(body)]


def _speaks_of(body: Body) -> set[int]:
    """Return the generations that the conditions speak of."""
    spoken = {each.get("observedGeneration") for each in conditions(body)}
    return {each for each in spoken if each is not None}


def contradictions(versions: Iterable[Version]) -> list[str]:
    """Return what no version of any object may ever say."""
    found = []
    for version in versions:
        body = version.body
        stated = {each["type"] for each in conditions(body) if each["status"] == "True"}
        types = _types(body)
        observed = body.get("status", {}).get("observedGeneration", -1)
        wrong = (
            ({"Reconciling", "Stalled"} <= stated, "is reconciling and stalled"),
            ({"Ready", "Stalled"} <= stated, "is Ready and stalled"),
            ({"Ready", "Reconciling"} <= stated, "is Ready and reconciling"),
            (len(types) != len(set(types)), "has a condition twice"),
            ("Ready" not in types, "has no Ready"),
            (observed > body["metadata"]["generation"], "observed what is not there yet"),
            (kstatus(body) == CURRENT and "Ready" not in stated, "looks done and is not Ready"),
            (_speaks_of(body) - {observed}, "has a condition that speaks of another generation"),
        )
        found += [f"{what}: {described(body)}" for is_so, what in wrong if is_so]
    return found


def restless(versions: Iterable[Version]) -> list[str]:
    """Return the conditions whose transition time moved although their status did not."""
    last: dict[tuple[str, str], tuple[str, str]] = {}
    found = []
    for version in versions:
        uid = version.body["metadata"].get("uid", "")
        bound = version.body.get("status", {}).get("boundTo") or {}
        if bound.get("uid", uid) != uid:
            # Another object's, which somebody copied here.
            continue
        for each in conditions(version.body):
            key = (uid, each["type"])
            status, since = last.get(key, (each["status"], each["lastTransitionTime"]))
            if status == each["status"] and since != each["lastTransitionTime"]:
                found.append(f"{each['type']} moved without a change: {described(version.body)}")
            last[key] = (each["status"], each["lastTransitionTime"])
        # One that was taken away begins anew when it comes back.
        standing = _types(version.body)
        last = {key: seen for key, seen in last.items() if key[0] != uid or key[1] in standing}
    return found


def is_alive(resource: Mapping[str, Any]) -> bool:
    """Whether somebody made a resource, which has not ended."""
    return resource.get("status") != TERMINATED and not is_default(resource)
