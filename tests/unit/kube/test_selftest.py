"""What a self-test looks at, and that it tells each failure apart."""

from collections.abc import AsyncIterator

import pytest

from agentrun_operator.core.identity import API_VERSION
from agentrun_operator.kinds.account import KIND as ACCOUNT
from agentrun_operator.kube.selftest import PROBE_ATTEMPTS, SAMPLE, run_checks
from agentrun_operator.reconcile.ports import ClusterUnavailable, Json
from agentrun_operator.telemetry.health import HealthServer
from unit.kube.scripted_cluster import Answer, ScriptedClient

SERVED: Json = {"resources": [{"name": "accounts"}]}


class Probes:
    """A health server whose answers a test can change."""

    def __init__(self) -> None:
        self.alive: str | None = None
        self.ready: str | None = None
        self.metrics = b"# HELP workqueue_depth Depth.\n"
        self.asked = 0

    def is_ready(self) -> str | None:
        self.asked += 1
        return self.ready


@pytest.fixture
async def probes() -> AsyncIterator[tuple[Probes, str]]:
    state = Probes()
    server = HealthServer(
        host="127.0.0.1",
        port=0,
        alive=lambda: state.alive,
        ready=state.is_ready,
        metrics=lambda _accept: (state.metrics, "text/plain"),
    )
    async with server:
        yield state, f"http://127.0.0.1:{server.port}"


async def failures(url: str, *answers: Answer) -> dict[str, str]:
    client = ScriptedClient(*(answers or (SERVED, SAMPLE)))
    findings = [
        finding
        async for finding in run_checks(
            client, (ACCOUNT,), url=url, namespace="agentrun-system", pause_seconds=0
        )
    ]
    assert [f.check for f in findings] == [
        "alive",
        "ready",
        "metrics",
        "CRDs are served",
        "a sample passes admission",
    ]
    if not answers:
        method, path, _ = client.asked[-1]
        assert (method, path) == (
            "POST",
            f"/apis/{API_VERSION}/namespaces/agentrun-system/accounts",
        )
    return {f.check: f.problem for f in findings if f.problem is not None}


async def test_a_good_installation_passes(probes: tuple[Probes, str]) -> None:
    assert await failures(probes[1]) == {}


async def test_an_unready_operator_is_asked_again_then_reported(
    probes: tuple[Probes, str],
) -> None:
    state, url = probes
    state.ready = "waiting for the first lists"
    found = await failures(url)
    assert list(found) == ["ready"]
    assert "503" in found["ready"]
    assert "waiting for the first lists" in found["ready"]
    assert state.asked == PROBE_ATTEMPTS


async def test_missing_series_are_reported(probes: tuple[Probes, str]) -> None:
    probes[0].metrics = b""
    assert list(await failures(probes[1])) == ["metrics"]


async def test_nobody_at_the_address_is_reported() -> None:
    found = await failures("http://127.0.0.1:9")
    assert list(found) == ["alive", "ready", "metrics"]
    assert "no answer from http://127.0.0.1:9/healthz" in found["alive"]


async def test_missing_crds_and_a_refused_sample_are_reported(probes: tuple[Probes, str]) -> None:
    refused = ClusterUnavailable("POST …: HTTP 422: spec.region: Required value")
    found = await failures(probes[1], {"resources": []}, refused)
    assert "accounts.agentrun.dev" in found["CRDs are served"]
    assert "spec.region" in found["a sample passes admission"]
