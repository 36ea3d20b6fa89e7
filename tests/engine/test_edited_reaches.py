"""An edit in a shared account: what a resource has under another meaning is no leave."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.shared import GOOD, PLAIN_RUNTIME, apply, entry, grant, made_by_a, refuses, shared_lab
from engine.specs import ENDPOINT, PROXY
from fakes.lab import Lab

DOMAIN = "agents.example.com"
REFS = "externalReferences"
Route = dict[str, Any]


def runtime(name: str, **more: Any) -> Route:
    return {"path": "/*", "runtimeRef": {"externalName": name}, **more}


def flow(name: str, **more: Any) -> Route:
    return {
        "path": "/*",
        "flowRef": {"externalName": name},
        "compatibleProtocol": "OpenAI",
        **more,
    }


def named(kind: str, name: str) -> Route:
    return {"path": "/*", "resource": {"type": kind, "name": name}}


async def two_tenants(*names: str) -> Lab:
    """Return a lab where each has a runtime and a flow: the other's flow is a namesake of it."""
    lab = await shared_lab()
    mine, theirs = names
    for made, name, spec in (("AgentRuntime", mine, PLAIN_RUNTIME), ("Flow", theirs, {})):
        key = await apply(lab, made, f"b-{name}", {**spec, "externalName": name})
        assert lab.ready(key) == GOOD, lab.message(key)
    await made_by_a(lab, "AgentRuntime", f"a-{theirs}", {**PLAIN_RUNTIME, "externalName": theirs})
    await made_by_a(lab, "Flow", f"a-{mine}", {"externalName": mine})
    return lab


async def routed(lab: Lab, *routes: Route) -> ObjectKey:
    spec = {"protocol": "HTTP", "routes": list(routes)}
    key = await apply(lab, "CustomDomain", DOMAIN, spec)
    assert lab.ready(key) == GOOD, lab.message(key)
    return key


def sent(lab: Lab) -> list[tuple[str, str]]:
    [found] = lab.resources("CustomDomain")
    return [(r["resourceType"], r["resourceName"]) for r in found["routeConfig"]["routes"]]


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        (runtime("mine"), flow("mine"), "flowRef"),
        (flow("yours"), runtime("yours"), "runtimeRef"),
        (runtime("mine"), named("flow", "mine"), "resource.name"),
        (flow("yours"), named("runtime", "yours"), "resource.name"),
    ],
    ids=["to a flow", "to a runtime", "to a flow by its type", "to a runtime by its type"],
)
@pytest.mark.parametrize("is_added", [False, True])
async def test_a_namesake_of_another_type_needs_its_own_grant(
    before: Route, after: Route, where: str, *, is_added: bool
) -> None:
    lab = await two_tenants("mine", "yours")
    key = await routed(lab, before)
    there = sent(lab)
    lab.edit(key, routes=[before, {**after, "path": "/x"}] if is_added else [after])
    await lab.elapse(30)
    assert refuses(lab, key, REFS, f"spec.routes[{int(is_added)}].{where}")
    assert sent(lab) == there


async def test_names_that_change_places_are_namesakes_of_others() -> None:
    lab = await two_tenants("mine", "yours")
    key = await routed(lab, runtime("mine"), flow("yours", path="/x"))
    there = sent(lab)
    lab.edit(key, routes=[flow("mine"), runtime("yours", path="/x")])
    await lab.elapse(30)
    assert refuses(lab, key, REFS, "spec.routes[0].flowRef", "spec.routes[1].runtimeRef")
    assert sent(lab) == there


PARENTS = {"AgentRuntime": ("runtimeRef", "endpointRef"), "Flow": ("flowRef", "flowEndpointRef")}
PARENT = pytest.mark.parametrize("kind", PARENTS)


async def with_endpoint(lab: Lab, kind: str, name: str, namespace: str) -> None:
    """Let a namespace make a runtime or flow that has an endpoint `live`."""
    reference, _ = PARENTS[kind]
    spec = PLAIN_RUNTIME if kind == "AgentRuntime" else {}
    more = ENDPOINT if kind == "AgentRuntime" else {}
    below = {**more, reference: {"name": name}, "externalName": "live"}
    for made, of, body in ((kind, name, spec), (f"{kind}Endpoint", f"{name}-live", below)):
        key = await apply(lab, made, of, body, namespace=namespace)
        assert lab.ready(key) == GOOD, lab.message(key)


def to_endpoint(kind: str, parent: str) -> Route:
    reference, endpoint = PARENTS[kind]
    route = runtime(parent) if reference == "runtimeRef" else flow(parent)
    return {**route, endpoint: {"externalName": "live"}}


@PARENT
async def test_a_granted_endpoint_is_none_below_another_parent(kind: str) -> None:
    both = entry(REFS, kinds=[kind], names=["one", "two"])
    lab = await shared_lab(both, entry(REFS, kinds=[f"{kind}Endpoint"]))
    for name in ("one", "two"):
        await with_endpoint(lab, kind, name, "team-a")
    key = await routed(lab, to_endpoint(kind, "one"))
    there = sent(lab)
    grant(lab, both)
    lab.edit(key, routes=[to_endpoint(kind, "two")])
    await lab.elapse(30)
    assert refuses(lab, key, REFS, f"spec.routes[0].{PARENTS[kind][1]}")
    assert sent(lab) == there


@PARENT
@pytest.mark.parametrize("is_edit", [False, True])
async def test_an_own_endpoint_lends_nothing_below_another_parent(
    kind: str, *, is_edit: bool
) -> None:
    lab = await shared_lab(entry(REFS, kinds=[kind], names=["one"]))
    await with_endpoint(lab, kind, "one", "team-a")
    await with_endpoint(lab, kind, "two", "team-b")
    routes = [to_endpoint(kind, "one")]
    if is_edit:
        key = await routed(lab, to_endpoint(kind, "two"))
        lab.edit(key, routes=routes)
        await lab.elapse(30)
    else:
        key = await apply(lab, "CustomDomain", DOMAIN, {"protocol": "HTTP", "routes": routes})
    assert refuses(lab, key, REFS, f"spec.routes[0].{PARENTS[kind][1]}", f"{kind}Endpoint 'live'")
    assert "one" not in str(lab.resources("CustomDomain"))


@pytest.mark.parametrize("reference", [{"name": "b-live"}, {"externalName": "live"}])
@pytest.mark.parametrize("parent", ["one", "two"])
async def test_an_own_endpoint_is_known_below_a_strange_parent(
    parent: str, reference: dict[str, str]
) -> None:
    lab = await shared_lab(entry(REFS, kinds=["AgentRuntime"]))
    runtimes = [
        await made_by_a(lab, "AgentRuntime", name, PLAIN_RUNTIME) for name in ("one", "two")
    ]
    below = {"runtimeRef": {"externalName": lab.get(runtimes[0]).external_id}}
    own = {**ENDPOINT, **below, "externalName": "live"}
    endpoint = await apply(lab, "AgentRuntimeEndpoint", "b-live", own)
    assert lab.ready(endpoint) == GOOD, lab.message(endpoint)
    routes = [runtime(parent, endpointRef=reference)]
    key = await apply(lab, "CustomDomain", DOMAIN, {"protocol": "HTTP", "routes": routes})
    if parent == "one":
        assert lab.ready(key) == GOOD, lab.message(key)
    else:
        assert refuses(lab, key, REFS, "endpointRef", "AgentRuntimeEndpoint 'live'")
        assert lab.resources("CustomDomain") == []


# ------------------------------------------------ what is in place stays


def service(name: str, **more: Any) -> dict[str, Any]:
    return {"modelServiceRef": {"externalName": name}, "modelNames": ["m"], **more}


async def test_a_withdrawn_grant_adds_no_second_item() -> None:
    lab = await shared_lab(entry(REFS, "executionRoles"))
    spec = {**PROXY, "mode": "Multi", "endpoints": [service("a"), service("b")]}
    key = await apply(lab, "ModelProxy", "b", spec)
    assert lab.ready(key) == GOOD, lab.message(key)
    grant(lab, entry("executionRoles"))
    lab.edit(key, endpoints=[service("b", modelNames=["n"]), service("a")])
    await lab.elapse(30)
    assert lab.ready(key) == GOOD, "neither order nor another field of an item is news"
    lab.edit(key, endpoints=[service("b"), service("a"), service("a")])
    await lab.elapse(30)
    assert refuses(lab, key, REFS, "spec.endpoints[2].modelServiceRef")
    [proxy] = lab.resources("ModelProxy")
    assert [e["modelServiceName"] for e in proxy["proxyConfig"]["endpoints"]] == ["b", "a"]


@pytest.mark.parametrize("route", [runtime("it"), flow("it"), named("runtime", "it")])
async def test_a_route_without_grant_takes_edits_of_its_own(route: Route) -> None:
    lab = await shared_lab(entry(REFS))
    key = await routed(lab, route)
    grant(lab)
    lab.edit(key, routes=[{**route, "methods": ["POST"]}])
    await lab.elapse(30)
    assert lab.ready(key) == GOOD, lab.message(key)
    [found] = lab.resources("CustomDomain")
    assert found["routeConfig"]["routes"][0]["methods"] == ["POST"]
