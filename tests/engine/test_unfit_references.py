"""An object of the wrong purpose is refused by condition, wherever it is named."""

import copy
from collections.abc import Callable

import pytest

from agentrun_operator.core.fields import Ref
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.shapes import marker
from agentrun_operator.core.spec_fields import spec_fields, words_of
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.ports import Json
from engine.specs import BOT, CREDENTIAL, PROXY, RUNTIME, SECRET_VALUE, SERVICE, TEMPLATE
from engine.strangers import CREDENTIAL_BODY, by_hand
from fakes.cloud import OTHER, keys_of
from fakes.examples import MINIMAL, put
from fakes.lab import Lab, account_spec

MODEL_KEY = {**CREDENTIAL, "purpose": "OutboundModel"}
TOOL_KEY = {**CREDENTIAL, "purpose": "OutboundTool"}
BARE_SERVICE = {**SERVICE, "providerSettings": {"baseUrl": "https://api.example.com"}}

MYSQL = {"type": "mem0", "vectorStore": {"provider": "alibabacloud_mysql"}}
BASE, TOOL, MEMORY = MINIMAL["KnowledgeBase"], MINIMAL["Tool"], "vectorStore.mysql.credentialRef"
EITHER = "OutboundModel or OutboundTool"

UNFIT = [
    pytest.param("AgentRuntime", RUNTIME, MODEL_KEY, "Inbound", id="runtime-model"),
    pytest.param("AgentRuntime", RUNTIME, TOOL_KEY, "Inbound", id="runtime-tool"),
    pytest.param("ModelProxy", PROXY, MODEL_KEY, "Inbound", id="proxy-model"),
    pytest.param("SandboxTemplate", TEMPLATE, TOOL_KEY, "Inbound", id="template-tool"),
    pytest.param("ModelService", BARE_SERVICE, CREDENTIAL, "OutboundModel", id="service-inbound"),
    pytest.param("ModelService", BARE_SERVICE, TOOL_KEY, "OutboundModel", id="service-tool"),
    pytest.param("Tool", TOOL, CREDENTIAL, "OutboundTool", id="tool-inbound"),
    pytest.param("Tool", TOOL, MODEL_KEY, "OutboundTool", id="tool-model"),
    pytest.param("KnowledgeBase", BASE, CREDENTIAL, EITHER, id="knowledge-inbound"),
    pytest.param("MemoryCollection", MYSQL, CREDENTIAL, EITHER, id="memory-inbound"),
]


def path_of(kind: str) -> str:
    return MEMORY if kind == "MemoryCollection" else "credentialRef"


def naming(kind: str, spec: Json, reference: Json) -> Json:
    """Return a spec of a kind that has a reference to a Credential."""
    changed = copy.deepcopy(spec)
    put(changed, path_of(kind), reference)
    return changed


async def lab_with(credential: Json) -> Lab:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    lab.cluster.apply("Credential", "c", credential)
    await lab.elapse(5)
    lab.calls.take()
    return lab


@pytest.mark.parametrize(("kind", "spec", "credential", "legal"), UNFIT)
async def test_a_credential_of_another_purpose_is_refused(
    kind: str, spec: Json, credential: Json, legal: str
) -> None:
    lab = await lab_with(credential)
    before = len(lab.simulator.requests(0))
    key = lab.cluster.apply(kind, "it", naming(kind, spec, {"name": "c"}))
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert lab.condition(key, "Stalled") == ("True", "InvalidParameter")
    assert lab.condition(key, "ReferencesResolved") == ("False", "InvalidParameter")
    assert lab.message(key) == (
        f"spec.{path_of(kind)} names Credential 'c' with purpose {credential['purpose']}, which "
        f"does not fit there; name one with purpose {legal}"
    )
    assert lab.get(key).external_id is None
    assert [r["action"] for r in lab.simulator.requests(before) if "Create" in r["action"]] == []


FIT = [
    pytest.param(case.values[0], case.values[1], case.values[2], word, id=f"{case.id}-{word}")
    for case in (*UNFIT[::4], *UNFIT[6::2], UNFIT[9])
    for word in str(case.values[3]).split(" or ")
]


@pytest.mark.parametrize(("kind", "spec", "credential", "legal"), FIT)
async def test_naming_a_fit_one_helps_at_once(
    kind: str, spec: Json, credential: Json, legal: str
) -> None:
    lab = await lab_with(credential)
    key = lab.cluster.apply(kind, "it", naming(kind, spec, {"name": "c"}))
    lab.cluster.apply("Credential", "fit", {**CREDENTIAL, "purpose": legal})
    await lab.elapse(5)
    lab.edit(key, **naming(kind, spec, {"name": "fit"}))
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")


@pytest.mark.parametrize(("kind", "spec", "credential", "legal"), UNFIT)
async def test_a_name_in_the_cloud_is_judged_like_its_object(
    kind: str, spec: Json, credential: Json, legal: str
) -> None:
    lab = await lab_with({**credential, "externalName": "c_1"})
    key = lab.cluster.apply(kind, "it", naming(kind, spec, {"externalName": "c_1"}))
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert lab.condition(key, "Stalled") == ("True", "InvalidParameter")
    assert lab.message(key) == (
        f"spec.{path_of(kind)} leads by its externalName to Credential 'c' with purpose "
        f"{credential['purpose']}, which does not fit there; name one with purpose {legal}"
    )
    assert lab.get(key).external_id is None
    lab.cluster.apply("Credential", "fit", {**CREDENTIAL, "purpose": legal.split(maxsplit=1)[0]})
    await lab.elapse(5)
    lab.edit(key, **naming(kind, spec, {"externalName": "fit"}))
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")


OTHERS = [
    pytest.param({"namespace": "team-b"}, {}, id="another namespace"),
    pytest.param({}, {"managementPolicy": "Observe"}, id="who only observes"),
    pytest.param({}, {"accountRef": {"name": "other"}}, id="another account"),
    pytest.param({}, {"externalName": "c_2"}, id="another name"),
]


@pytest.mark.parametrize(("where", "more"), OTHERS)
async def test_nobody_else_is_asked_what_a_cloud_name_is(where: Json, more: Json) -> None:
    lab = Lab()
    await lab.ready_account()
    await lab.ready_account(namespace="team-b")
    lab.cluster.put_secret("other-keys", keys_of(OTHER))
    lab.cluster.apply("Account", "other", account_spec("other-keys", OTHER.account_id))
    for namespace in ("team-a", "team-b"):
        lab.cluster.put_secret("keys", {"token": SECRET_VALUE}, namespace=namespace)
    if "managementPolicy" in more:
        await by_hand(lab, "Credential", {**CREDENTIAL_BODY, "credentialName": "c_1"})
    spec = {**MODEL_KEY, "externalName": "c_1", **more}
    target = lab.cluster.apply("Credential", "c", spec, **where)
    await lab.elapse(10)
    assert lab.get(target).external_id, lab.message(target)
    key = lab.cluster.apply(
        "AgentRuntime", "it", {**RUNTIME, "credentialRef": {"externalName": "c_1"}}
    )
    await lab.elapse(20)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)


async def test_an_unfit_reference_is_told_along_with_the_missing_ones() -> None:
    lab = await lab_with(MODEL_KEY)
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "k"}}}]
    spec = {**RUNTIME, "credentialRef": {"name": "c"}, "env": env}
    key = lab.cluster.apply("AgentRuntime", "it", spec)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert "(1) spec.credentialRef names Credential 'c'" in lab.message(key)
    assert "(2) spec.env[0].valueFrom.secretKeyRef names Secret 'gone'" in lab.message(key)


async def test_an_unfit_credential_does_not_silence_the_warning() -> None:
    lab = await lab_with(MODEL_KEY)
    key = lab.cluster.apply("AgentRuntime", "it", RUNTIME)
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")
    lab.edit(key, credentialRef={"name": "c"})
    await lab.elapse(15)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert "anybody who knows the address of a public endpoint can call it" in lab.message(key)
    events = [e.message for e in lab.cluster.events if e.reason == "Unprotected"]
    assert len(events) == 1, "it was said before, and still stands"
    lab.calls.take()
    await lab.elapse(600)
    assert [c for c in lab.calls.take() if c == "write_status"] == []


async def test_a_credential_of_the_wrong_purpose_changes_nothing() -> None:
    """So it was accepted by the version before, and the runtime lives."""
    lab = await lab_with(MODEL_KEY)
    key = lab.cluster.apply("AgentRuntime", "it", RUNTIME)
    await lab.elapse(15)
    before = len(lab.writes_to_cloud())
    lab.edit(key, credentialRef={"name": "c"}, description="other")
    await lab.elapse(60)
    assert len(lab.writes_to_cloud()) == before
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None


def domain(runtime: Json, endpoint: Json) -> Json:
    route = {"path": "/*", "runtimeRef": runtime, "endpointRef": endpoint}
    return {"protocol": "HTTP", "routes": [{"path": "/b", "runtimeRef": runtime}, route]}


def bot(runtime: Json, endpoint: Json) -> Json:
    return {**BOT, "agent": {"runtimeRef": runtime, "endpointRef": endpoint}}


async def two_runtimes() -> tuple[Lab, dict[str, str]]:
    """Return a lab in which each of two runtimes has an endpoint, and the ids of all four."""
    lab = await lab_with(CREDENTIAL)
    keys = [lab.cluster.apply("AgentRuntime", n, {**RUNTIME, "externalName": n}) for n in RUNTIMES]
    await lab.elapse(20)
    for name in RUNTIMES:
        spec = {"runtimeRef": {"name": name}, "externalName": "Live"}
        keys.append(lab.cluster.apply("AgentRuntimeEndpoint", f"{name}-live", spec))
    await lab.elapse(20)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    return lab, {key.name: str(lab.get(key).external_id) for key in keys}


RUNTIMES = ("r1", "r2")
NAMED_BOTH = [
    pytest.param("CustomDomain", domain, "routes[1]", id="domain"),
    pytest.param("IMBot", bot, "agent", id="bot"),
]


@pytest.mark.parametrize("by", ["name", "externalName"])
@pytest.mark.parametrize(("kind", "spec", "place"), NAMED_BOTH)
async def test_an_endpoint_of_another_runtime_is_refused(
    kind: str, spec: Callable[[Json, Json], Json], place: str, by: str
) -> None:
    lab, ids = await two_runtimes()
    runtime = {"name": "r1"} if by == "name" else {by: ids["r1"] if kind == "IMBot" else "r1"}
    key = lab.cluster.apply(kind, "it", spec(runtime, {"name": "r2-live"}))
    await lab.elapse(20)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert lab.condition(key, "ReferencesResolved") == ("False", "InvalidParameter")
    assert lab.message(key) == (
        f"spec.{place}.endpointRef leads to AgentRuntimeEndpoint 'r2-live', which does not belong "
        f"to what spec.{place}.runtimeRef names; correct one of the two"
    )
    assert lab.resources(kind) == []
    lab.edit(key, **spec(runtime, {"name": "r1-live"}))
    await lab.elapse(20)
    assert lab.ready(key) == ("True", "Available")


@pytest.mark.parametrize("by", ["name", "externalName"])
async def test_an_endpoint_of_another_flow_is_refused(by: str) -> None:
    lab = await lab_with(CREDENTIAL)
    for name in ("f1", "f2"):
        lab.cluster.apply("Flow", name, {"description": name})
        spec = {"flowRef": {"name": name}, "externalName": "Live"}
        lab.cluster.apply("FlowEndpoint", f"{name}-live", spec)
    await lab.elapse(40)
    route = {"path": "/a", "flowRef": {by: "f1"}, "compatibleProtocol": "Native"}
    route |= {"flowEndpointRef": {"name": "f2-live"}}
    key = lab.cluster.apply("CustomDomain", "it", {"protocol": "HTTP", "routes": [route]})
    await lab.elapse(20)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert lab.message(key) == (
        "spec.routes[0].flowEndpointRef leads to FlowEndpoint 'f2-live', which does not belong to "
        "what spec.routes[0].flowRef names; correct one of the two"
    )
    lab.edit(key, routes=[{**route, "flowEndpointRef": {"name": "f1-live"}}])
    await lab.elapse(20)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)


async def test_an_endpoint_is_judged_by_its_id_too() -> None:
    lab, ids = await two_runtimes()
    key = lab.cluster.apply("IMBot", "it", bot({"name": "r1"}, {"externalName": ids["r2-live"]}))
    await lab.elapse(20)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert "AgentRuntimeEndpoint 'r2-live', which does not belong" in lab.message(key)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        # Each runtime may have an endpoint of that name.
        pytest.param("CustomDomain", domain({"name": "r1"}, {"externalName": "Live"}), id="a name"),
        pytest.param("IMBot", bot({"externalName": "x"}, {"externalName": "y"}), id="unknown ids"),
    ],
)
async def test_what_nobody_here_can_judge_is_sent(kind: str, spec: Json) -> None:
    lab, _ = await two_runtimes()
    key = lab.cluster.apply(kind, "it", spec)
    await lab.elapse(20)
    assert lab.ready(key) == ("True", "Available")


@pytest.mark.parametrize("kind", catalogue().values(), ids=lambda k: k.kind)
def test_a_parent_beside_a_reference_is_the_parent_of_its_target(kind: ResourceKind) -> None:
    for ref in refs_of(kind):
        if ref.below:
            rest = catalogue()[ref.kind].rest
            assert rest is not None
            assert rest.parent is not None


def refs_of(kind: ResourceKind) -> list[Ref]:
    refs = (marker(found.shape.markers, Ref) for found in spec_fields(kind.spec))
    return [ref for ref in refs if ref is not None]


@pytest.mark.parametrize("kind", catalogue().values(), ids=lambda k: k.kind)
def test_what_is_asked_of_a_target_is_something_that_it_can_be(kind: ResourceKind) -> None:
    for ref in refs_of(kind):
        for field, words in ref.where.items():
            known = words_of(catalogue()[ref.kind].spec, field)
            assert known is not None
            assert set(words) < set(known.words)


@pytest.mark.parametrize("kind", catalogue().values(), ids=lambda k: k.kind)
def test_every_reference_to_a_credential_says_for_what(kind: ResourceKind) -> None:
    assert all("purpose" in ref.where for ref in refs_of(kind) if ref.kind == "Credential")
