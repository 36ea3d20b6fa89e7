"""Traces of real parts: API server, engine, client and simulated cloud.

Some are held by the SDK's in-memory exporter, in this process; those of the fleet's operator, a
process that was configured by the chart, went to a collector.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest

from agentrun_operator import __version__
from agentrun_operator.app import Operator
from agentrun_operator.core.settings import Polling, Settings
from agentrun_operator.kube.access import ClusterAccess
from controlplane import ControlPlane
from fakes.traces import MemoryTraces, ids, rows, told
from integration.conftest import TenantFactory
from integration.fleet import (
    CANARY,
    KEYS,
    SECRET_KEYS,
    VALUES,
    Tenant,
    canary,
    credential,
    manifest,
    runtime,
)
from integration.otlp import Collector, attributes_of
from rig.waiting import HANG_SECONDS

CLASS = "traced"
"""The fleet's operator leaves objects of another class alone."""
TRACED_SERIES = (
    "controller_runtime_reconcile_time_seconds_bucket",
    "agentrun_api_request_duration_seconds_bucket",
)
SETTINGS = Settings(
    controller_class=CLASS,
    leader_election=False,
    cluster_id=CLASS,
    endpoint_allow_list=("http://127.0.0.1:*",),
    polling=Polling(transition_seconds=0.4, steady_seconds=1.0),
    absence_confirm_seconds=0.4,
    bind_host="127.0.0.1",
    bind_port=0,
)
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}


@asynccontextmanager
async def traced(
    plane: ControlPlane, tenant: Tenant, traces: MemoryTraces
) -> AsyncIterator[Operator]:
    """Run an operator of one namespace in this process."""
    settings = replace(SETTINGS, namespaces=(tenant.namespace,))
    access = ClusterAccess.load(plane.kubeconfig)
    operator = Operator(settings, access, {}, tracer=traces.tracer)
    stop = asyncio.Event()
    running = asyncio.create_task(operator.run(stop))
    try:
        yield operator
    finally:
        stop.set()
        await running


@pytest.fixture
def traces() -> MemoryTraces:
    """Return what holds the spans of an operator in this process."""
    return MemoryTraces()


@pytest.fixture
def stranger(tenants: TenantFactory) -> Tenant:
    """Return a namespace with an account of the traced class."""
    tenant = tenants(bare=True)
    tenant.secret(VALUES, **{name: canary() for name in SECRET_KEYS})
    tenant.login()
    spec = {
        "accountId": tenant.account.account_id,
        "region": tenant.account.region,
        "endpoint": tenant.rig.cloud.url,
        "credentials": {"secretRef": {"name": KEYS}},
        "controllerClass": CLASS,
    }
    tenant.apply(manifest("Account", "default", spec))
    return tenant


async def test_a_pass_and_its_calls_are_one_trace(
    control_plane: ControlPlane, stranger: Tenant, traces: MemoryTraces
) -> None:
    """A signature that did not bear the header with the trace would have been refused."""
    async with traced(control_plane, stranger, traces):
        stranger.apply(credential("cred", controllerClass=CLASS))
        await asyncio.to_thread(stranger.wait_ready)
        stranger.delete("Credential", "cred")
        await asyncio.to_thread(stranger.wait_gone)
    passes = traces.passes(kind="Credential", namespace=stranger.namespace, name="cred")
    (creating,) = [each for each in passes if "absent" in rows(each)]
    body = next(v.body for v in stranger.versions() if v.body["kind"] == "Credential")
    assert told(creating)["agentrun.uid"] == body["metadata"]["uid"]
    calls = {call.name: told(call) for call in traces.calls(creating)}
    (asked,) = stranger.requests(action="CreateCredential")
    assert calls["CreateCredential"]["agentrun.request_id"] == asked["requestId"]
    assert calls["CreateCredential"]["http.response.status_code"] == asked["status"] == 200
    assert {"GET secrets", "PATCH credentials", "PATCH credentials/status"} <= calls.keys()
    audited = control_plane.audit_log.read_text()
    for name, attributes in calls.items():
        if attributes["peer.service"] == "Kubernetes":
            assert str(attributes["agentrun.request_id"]) in audited, name
    assert CANARY not in traces.shown()


async def test_the_metrics_name_traces_where_openmetrics_is_asked_for(
    control_plane: ControlPlane, stranger: Tenant, traces: MemoryTraces
) -> None:
    async with traced(control_plane, stranger, traces) as operator:
        await asyncio.to_thread(stranger.wait_ready)
        assert operator.health is not None
        url = f"http://127.0.0.1:{operator.health.port}/metrics"
        async with aiohttp.ClientSession() as session:
            text = ""
            async with asyncio.timeout(HANG_SECONDS):
                # A pass is counted after its status was written.
                while not all(_with_traces(text, series) for series in TRACED_SERIES):
                    async with session.get(url, headers=OPENMETRICS) as answer:
                        text = await answer.text()
            async with session.get(url) as answer:
                plain = await answer.text()
    known = {f"{ids(span)[0]:032x}" for span in traces.spans()}
    for series in TRACED_SERIES:
        named = _with_traces(text, series)
        assert {line.split('trace_id="')[1][:32] for line in named} <= known
    assert " # {" not in plain


def _with_traces(text: str, series: str) -> list[str]:
    """Return the lines of a series that name a trace."""
    return [line for line in text.splitlines() if line.startswith(series) and " # {" in line]


def test_a_process_sends_its_traces_to_the_collector(tenant: Tenant, collector: Collector) -> None:
    """The whole way: values of the chart, variables, OTLP, and the official protobuf."""
    tenant.apply(runtime("rt"))
    tenant.wait_ready()
    (asked,) = tenant.requests(action="CreateAgentRuntime")
    tenant.wait(
        lambda: asked["requestId"] in collector.text(), "the call that created it to be told"
    )
    spans = collector.spans()
    (create,) = [
        s for s in spans if attributes_of(s).get("agentrun.request_id") == asked["requestId"]
    ]
    assert create.name == "CreateAgentRuntime"
    over = next(span for span in spans if span.span_id == create.parent_span_id)
    attributes = attributes_of(over)
    assert attributes["agentrun.namespace"] == tenant.namespace
    assert attributes["agentrun.name"] == "rt"
    resource = collector.resource()
    assert resource["service.name"] == "agentrun-operator"
    assert resource["service.version"] == __version__
    assert {"k8s.namespace.name", "k8s.pod.name"} <= resource.keys()
