"""An upgrade that tightens a schema must not lock existing objects up.

Before Kubernetes 1.33 a new rule did keep the status from being written; docs/upgrade.md says so.
"""

import copy
from collections.abc import Callable, Iterator

import pytest

from agentrun_operator.core.identity import FINALIZER
from agentrun_operator.crdgen import custom_resource_definition
from agentrun_operator.kinds import catalogue
from fakes.examples import MINIMAL
from integration.admission.objects import NAMESPACE, manifest
from integration.admission.server import Json, Refused, Server, eventually

UPGRADED = "upgraded.example.com"
PROXIES = f"/apis/{UPGRADED}/v1alpha1/namespaces/{NAMESPACE}/modelproxies"
CRD = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/modelproxies.{UPGRADED}"

RULE = {"rule": "self.driftPolicy == 'Ignore'", "message": "tightened by an upgrade"}


def add_rule(schema: Json) -> None:
    schema["properties"]["spec"].setdefault("x-kubernetes-validations", []).append(RULE)


def shorten_description(schema: Json) -> None:
    schema["properties"]["spec"]["properties"]["description"]["maxLength"] = 3


def drop_word(schema: Json) -> None:
    schema["properties"]["spec"]["properties"]["driftPolicy"]["enum"] = ["Correct", "Ignore"]


def require_field(schema: Json) -> None:
    schema["properties"]["spec"]["required"] = ["litellmVersion"]


def add_root_rule(schema: Json) -> None:
    rule = {**RULE, "rule": RULE["rule"].replace("self.", "self.spec.")}
    schema["x-kubernetes-validations"].append(rule)


Upgrade = Callable[[Callable[[Json], None]], None]


@pytest.fixture(scope="module")
def released(server: Server) -> Iterator[Json]:
    """ModelProxy in a group of its own, so that an upgrade disturbs nobody else."""
    crd: Json = copy.deepcopy(custom_resource_definition(catalogue()["ModelProxy"]))
    crd["metadata"]["name"] = f"modelproxies.{UPGRADED}"
    crd["spec"]["group"] = UPGRADED
    crd["spec"]["names"] |= {"shortNames": [], "categories": []}
    server.create(CRD.rpartition("/")[0], crd)
    yield crd
    server.delete(CRD)


def drop_transitions(schema: Json) -> None:
    rules = schema["x-kubernetes-validations"]
    schema["x-kubernetes-validations"] = [r for r in rules if "oldSelf" not in r["rule"]]


STORED: dict[str, Json] = {
    "nothing": {},
    "a create is announced": {"creation": {"startedAt": "2026-01-05T10:00:00Z"}},
    "it exists": {"externalId": "id-1"},
    "it existed": {"externalId": None, "creation": None},
}


@pytest.mark.parametrize("state", STORED)
def test_rules_that_compare_with_before_may_come_at_the_root(
    server: Server, upgrade: Upgrade, released: Json, state: str
) -> None:
    """Whatever is stored: a status write and a release leave the spec as it is."""
    upgrade(accept_anything)
    server.patch(f"{PROXIES}/old/status", {"status": STORED[state]})
    server.patch(f"{PROXIES}/old", {"spec": {"memory": "lots", "mode": None, "cpu": True}})
    install(server, released)
    new = {"spec": {"memory": "more"}}
    eventually(lambda: is_refused(lambda: server.patch(f"{PROXIES}/old", new, dry_run=True)))
    for status in ({"observedGeneration": 7}, *STORED.values(), {"externalId": "id-2"}):
        server.patch(f"{PROXIES}/old/status", {"status": status})
    server.json_patch(f"{PROXIES}/old/status", [{"op": "remove", "path": "/status"}])
    server.patch(f"{PROXIES}/old", {"metadata": {"annotations": {"a": "b"}}})
    server.patch(f"{PROXIES}/old", {"metadata": {"finalizers": None}})
    assert "finalizers" not in server.read(f"{PROXIES}/old")["metadata"]


def test_what_was_stored_before_a_rule_is_edited_and_released(
    server: Server, upgrade: Upgrade, released: Json
) -> None:
    """The API server lets an unchanged value pass, and refuses the next one that breaks a rule."""
    upgrade(accept_anything)
    role = "acs:ram::1234567890:role/my role"
    old = {"memory": "64Mi", "cpu": "32", "executionRoleArn": role}
    network = {"vpcId": "nope", "vswitchIds": ["a"], "securityGroupId": "b"}
    service = {"modelServiceRef": {"name": "qwen"}, "baseUrl": "https://a b"}
    spec = {**old, "network": network, "endpoints": [service], "mode": "Single"}
    server.patch(f"{PROXIES}/old", {"spec": spec})
    install(server, released)
    new = {"spec": {"network": {"vpcId": "other"}}}
    eventually(lambda: is_refused(lambda: server.patch(f"{PROXIES}/old", new, dry_run=True)))
    server.patch(f"{PROXIES}/old", {"spec": {"policies": {"numRetries": 1}}})
    server.patch(f"{PROXIES}/old/status", {"status": {"externalId": "id-1"}})
    server.patch(f"{PROXIES}/old", {"spec": {"driftPolicy": "Ignore"}})
    server.patch(f"{PROXIES}/old", {"metadata": {"finalizers": None}})
    server.delete(f"{PROXIES}/old")
    spec = {**MINIMAL["ModelProxy"], "description": "long enough"}
    document = manifest(catalogue()["ModelProxy"], "old", spec)
    document["apiVersion"] = f"{UPGRADED}/v1alpha1"
    server.create(PROXIES, document)


def accept_anything(schema: Json) -> None:
    """Go back to a release that guarded nothing, so that any nonsense can be stored."""
    drop_transitions(schema)
    spec = schema["properties"]["spec"]
    spec.pop("x-kubernetes-validations")
    for _, node in nodes(spec):
        node.pop("x-kubernetes-validations", None)
        node.pop("pattern", None)
    shorten_description(schema)  # the sign that this schema is served


def nodes(schema: Json) -> Iterator[tuple[str, Json]]:
    for name, node in schema.get("properties", {}).items():
        yield name, node
        yield from nodes(node)
    if "items" in schema:
        yield "items", schema["items"]
        yield from nodes(schema["items"])


@pytest.fixture
def upgrade(server: Server, released: Json) -> Iterator[Upgrade]:
    """Installs the released CRD with one object, and replaces it on demand."""
    spec = {**MINIMAL["ModelProxy"], "description": "long enough", "driftPolicy": "Report"}
    document = manifest(catalogue()["ModelProxy"], "old", spec)
    document["apiVersion"] = f"{UPGRADED}/v1alpha1"
    document["metadata"]["finalizers"] = [FINALIZER]
    eventually(lambda: not is_refused(lambda: server.create(PROXIES, document)))

    def replace(tighten: Callable[[Json], None]) -> None:
        crd = copy.deepcopy(released)
        tighten(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
        install(server, crd)
        new = {**document, "metadata": {"name": "new"}}
        eventually(lambda: is_refused(lambda: server.create(PROXIES, new, dry_run=True)))

    yield replace
    install(server, released)
    no_finalizer = {"metadata": {"finalizers": None}}
    eventually(lambda: not is_refused(lambda: server.patch(f"{PROXIES}/old", no_finalizer)))
    server.delete(f"{PROXIES}/old")


def install(server: Server, crd: Json) -> None:
    version = server.read(CRD)["metadata"]["resourceVersion"]
    server.replace(CRD, {**crd, "metadata": {**crd["metadata"], "resourceVersion": version}})


def is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except Refused:
        return True
    return False


@pytest.mark.parametrize("tighten", [add_rule, shorten_description, drop_word, require_field])
def test_a_tighter_schema_never_blocks_status_or_finalizer(
    server: Server, upgrade: Upgrade, tighten: Callable[[Json], None]
) -> None:
    upgrade(tighten)
    found = server.patch(f"{PROXIES}/old/status", {"status": {"observedGeneration": 1}})
    assert found["status"]["observedGeneration"] == 1
    server.patch(f"{PROXIES}/old", {"metadata": {"finalizers": None}})
    assert "finalizers" not in server.read(f"{PROXIES}/old")["metadata"]


def test_a_rule_at_the_root_would_block_both(server: Server, upgrade: Upgrade) -> None:
    """If the API server learns to tolerate this, the generator may use it."""
    upgrade(add_root_rule)
    for path, change in (
        (f"{PROXIES}/old/status", {"status": {"observedGeneration": 1}}),
        (f"{PROXIES}/old", {"metadata": {"finalizers": None}}),
    ):
        with pytest.raises(Refused, match=RULE["message"]):
            server.patch(path, change)
