"""A small run of `make bench ARGS=--real`: the harness itself works, and its counts add up."""

import pytest

from bench.page import rendered
from bench.real.run import measure
from bench.real.stage import Options

OBJECTS = 6


@pytest.mark.slow
def test_a_small_fleet_is_measured_from_nothing_to_nothing() -> None:
    families = ("ModelService", "ModelProxy", "AgentRuntime")
    options = Options(families=families, transition_seconds=0.5, edits=2)
    phases = ("ready", "restart", "deletion")
    result = measure(options, [OBJECTS], lambda _: None, phases=phases)
    (figures,) = result["sizes"]
    ready, deletion = figures["ready"], figures["deletion"]
    assert ready["calls"]["Create"] == deletion["calls"]["Delete"] == OBJECTS
    assert ready["calls_per_object"] * OBJECTS == pytest.approx(ready["calls"]["all"], abs=0.01)
    assert ready["kubernetes_writes"]["agentruntimes/status"] >= 2
    assert min(ready["cpu_seconds"], ready["rss_peak_mib"], ready["api_server_cpu_seconds"]) > 0
    assert ready["curves"]["ready"][-1][1] == ready["curves"]["cloud"][-1][1] == OBJECTS
    assert figures["restart"]["calls"]["Update"] >= options.edits
    page, pictures = rendered([result], "real")
    assert f"agentrun-operator, {OBJECTS}" in page
    assert set(pictures) == {"real-1-ready-6.svg", "real-1-deletion-6.svg"}
