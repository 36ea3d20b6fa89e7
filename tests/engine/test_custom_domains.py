"""A domain names runtimes and endpoints by name, and takes its certificate from a Secret."""

from collections.abc import Mapping
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.shared import (
    GOOD,
    PLAIN_RUNTIME,
    a_runtime,
    apply,
    entry,
    grant,
    refuses,
    shared_lab,
)
from engine.specs import ENDPOINT, RUNTIME, updates
from fakes.lab import Lab

DOMAIN = "agents.example.com"
SECURE = {
    "protocol": "HTTPS",
    "certificate": {"name": "agents", "secretRef": {"name": "agents-tls"}},
}


def pem(text: str) -> dict[str, str]:
    """Return the data of a Secret of type kubernetes.io/tls."""
    return {
        "tls.crt": f"-----BEGIN CERTIFICATE-----\n{text}-chain\n-----END CERTIFICATE-----\n",
        "tls.key": f"-----BEGIN PRIVATE KEY-----\n{text}-secret\n-----END PRIVATE KEY-----\n",
    }


def held(data: Mapping[str, str]) -> dict[str, str]:
    """Return what AgentRun has of such a Secret."""
    return {
        "certName": "agents",
        "certificate": data["tls.crt"],
        "privateKey": data["tls.key"],
    }


async def _lab() -> Lab:
    lab = Lab()
    await lab.ready_account()
    return lab


async def _secured(data: Mapping[str, str], **more: Any) -> tuple[Lab, ObjectKey]:
    lab = await _lab()
    lab.cluster.put_secret("agents-tls", data)
    key = lab.cluster.apply("CustomDomain", DOMAIN, {**SECURE, **more})
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    lab.calls.take()
    return lab, key


def _domain(lab: Lab) -> dict[str, Any]:
    (found,) = lab.resources("CustomDomain")
    return found


@pytest.mark.parametrize("policy", ["Correct", "Report"])
async def test_a_renewed_certificate_reaches_the_cloud_with_its_key(policy: str) -> None:
    lab, key = await _secured(pem("first"), driftPolicy=policy)
    assert _domain(lab)["certConfig"] == held(pem("first"))
    lab.cluster.put_secret("agents-tls", pem("second"))
    await lab.elapse(20)
    assert _domain(lab)["certConfig"] == held(pem("second"))
    assert updates(lab) == 1
    await lab.elapse(600)
    assert updates(lab) == 1
    assert lab.ready(key) == GOOD


async def test_what_a_read_shows_of_a_certificate_is_not_compared() -> None:
    lab, key = await _secured(pem("first"))
    masked = {"certName": "agents", "certificate": "another", "privateKey": "***"}
    lab.simulator.edit("CustomDomain", DOMAIN, {"certConfig": masked})
    await lab.elapse(200)
    assert updates(lab) == 0
    assert lab.ready(key) == GOOD


@pytest.mark.parametrize("missing", ["tls.crt", "tls.key"])
async def test_half_a_certificate_is_not_sent(missing: str) -> None:
    lab, key = await _secured(pem("first"))
    half = {name: text for name, text in pem("second").items() if name != missing}
    lab.cluster.put_secret("agents-tls", half)
    await lab.elapse(20)
    assert lab.condition(key, "ReferencesResolved") == ("False", "ReferenceNotFound")
    assert f"spec.certificate: Secret 'agents-tls' has no key {missing!r}" in lab.message(key)
    assert updates(lab) == 0
    lab.cluster.put_secret("agents-tls", pem("second"))
    await lab.elapse(20)
    assert _domain(lab)["certConfig"] == held(pem("second"))


async def test_routes_name_runtime_and_endpoint_by_their_names() -> None:
    lab = await _lab()
    runtime = lab.cluster.apply("AgentRuntime", "base", {**RUNTIME, "externalName": "chat_v2"})
    await lab.elapse(20)
    live = lab.cluster.apply("AgentRuntimeEndpoint", "live", {**ENDPOINT, "externalName": "Live"})
    await lab.elapse(20)
    route = {"path": "/*", "runtimeRef": {"name": "base"}, "endpointRef": {"name": "live"}}
    key = lab.cluster.apply("CustomDomain", DOMAIN, {"protocol": "HTTP", "routes": [route]})
    await lab.elapse(20)
    assert lab.ready(runtime) == lab.ready(live) == lab.ready(key) == GOOD, lab.message(key)
    sent = {
        "path": "/*",
        "resourceType": "runtime",
        "resourceName": "chat_v2",
        "agentRuntimeEndpointName": "Live",
    }
    assert _domain(lab)["routeConfig"] == {"routes": [sent]}
    lab.cluster.delete(live)
    await lab.elapse(20)
    assert lab.ready(live) == ("False", "DeletionBlocked")


async def test_a_route_waits_for_its_flow_and_holds_it() -> None:
    lab = await _lab()
    route = {"path": "/*", "flowRef": {"name": "faq"}, "compatibleProtocol": "Native"}
    key = lab.cluster.apply("CustomDomain", DOMAIN, {"protocol": "HTTP", "routes": [route]})
    await lab.elapse(20)
    assert lab.ready(key) == ("False", "ReferenceNotFound")
    flow = lab.cluster.apply("Flow", "faq", {"externalName": "team_faq"})
    await lab.elapse(20)
    assert lab.ready(flow) == lab.ready(key) == GOOD, lab.message(key)
    sent = {
        "path": "/*",
        "resourceType": "flow",
        "resourceName": "team_faq",
        "compatibleProtocol": "native",
    }
    assert _domain(lab)["routeConfig"] == {"routes": [sent]}
    lab.cluster.delete(flow)
    await lab.elapse(20)
    assert lab.ready(flow) == ("False", "DeletionBlocked")
    lab.cluster.delete(key)
    await lab.elapse(40)
    assert lab.resources("Flow") == []


async def test_a_route_names_an_endpoint_of_its_flow_and_holds_it() -> None:
    lab = await _lab()
    flow = lab.cluster.apply("Flow", "faq", {"externalName": "team_faq"})
    route = {"path": "/*", "flowRef": {"name": "faq"}, "compatibleProtocol": "Native"}
    route |= {"flowEndpointRef": {"name": "live"}}
    key = lab.cluster.apply("CustomDomain", DOMAIN, {"protocol": "HTTP", "routes": [route]})
    await lab.elapse(20)
    assert lab.ready(key) == ("False", "ReferenceNotFound")
    spec = {"flowRef": {"name": "faq"}, "externalName": "Live"}
    live = lab.cluster.apply("FlowEndpoint", "live", spec)
    await lab.elapse(20)
    assert lab.ready(flow) == lab.ready(live) == lab.ready(key) == GOOD, lab.message(key)
    sent = {
        "path": "/*",
        "resourceType": "flow",
        "resourceName": "team_faq",
        "flowEndpointName": "Live",
        "compatibleProtocol": "native",
    }
    assert _domain(lab)["routeConfig"] == {"routes": [sent]}
    lab.cluster.delete(live)
    await lab.elapse(20)
    assert lab.ready(live) == ("False", "DeletionBlocked")


# ------------------------------------------------ in an account that is lent

TO_RUNTIME = {"path": "/*", "runtimeRef": {"externalName": "a_agent"}}
TO_FLOW = {"path": "/*", "flowRef": {"externalName": "faq"}, "compatibleProtocol": "Native"}
TO_ANYTHING = {"path": "/*", "resource": {"type": "runtime", "name": "a_agent"}}


async def test_a_runtime_of_another_namespace_needs_a_grant_by_name() -> None:
    lab = await shared_lab()
    await a_runtime(lab)
    spec = {"protocol": "HTTP", "routes": [TO_RUNTIME]}
    key = await apply(lab, "CustomDomain", DOMAIN, spec)
    where = "spec.routes[0].runtimeRef"
    assert refuses(lab, key, "externalReferences", where, "AgentRuntime 'a_agent'")
    assert lab.resources("CustomDomain") == []
    grant(lab, entry("externalReferences", kinds=["AgentRuntime"], names=["a_*"]))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)


async def test_a_runtime_of_the_own_namespace_is_reached_by_its_name() -> None:
    lab = await shared_lab()
    await apply(lab, "AgentRuntime", "own", {**PLAIN_RUNTIME, "externalName": "a_agent"})
    spec = {"protocol": "HTTP", "routes": [TO_RUNTIME]}
    key = await apply(lab, "CustomDomain", DOMAIN, spec)
    assert lab.ready(key) == GOOD, lab.message(key)


async def test_a_flow_of_the_own_namespace_is_reached_by_its_name() -> None:
    lab = await shared_lab()
    key = await apply(lab, "CustomDomain", DOMAIN, {"protocol": "HTTP", "routes": [TO_FLOW]})
    assert refuses(lab, key, "externalReferences", "spec.routes[0].flowRef", "Flow 'faq'")
    await apply(lab, "Flow", "own", {"externalName": "faq"})
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)


async def test_what_no_object_is_looked_up_for_needs_a_grant() -> None:
    lab = await shared_lab()
    await a_runtime(lab)
    key = await apply(lab, "CustomDomain", DOMAIN, {"protocol": "HTTP", "routes": [TO_ANYTHING]})
    assert refuses(lab, key, "externalReferences", "routes[0].resource.name")
    assert lab.resources("CustomDomain") == []
    grant(lab, entry("externalReferences", kinds=["CustomDomain"], names=["a_agent"]))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)


async def test_a_domain_is_on_record_with_the_time_of_its_creation() -> None:
    lab = await _lab()
    key = lab.cluster.apply("CustomDomain", DOMAIN, {"protocol": "HTTP"})
    await lab.elapse(20)
    [found] = lab.resources("CustomDomain")
    assert lab.get(key).external_id == f"{DOMAIN}@{found['createdAt']}"
