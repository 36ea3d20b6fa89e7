"""An account that nobody calls costs nothing, and tells an outage once somebody does."""

import pytest

from engine.specs import SAMPLES, ready
from engine.test_outages import DEFAULT, DOWN, inject


@pytest.mark.parametrize("kind", ["ModelProxy", "AgentRuntime"])
async def test_an_outage_is_told_once_somebody_calls(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    kept = lab.cluster.keys()
    for each in kept:
        if each.kind not in ("Account", "ClusterAccount"):
            lab.annotate(each, paused="true")
    await lab.elapse(60)
    inject(lab, DOWN)
    lab.calls.take()
    asked = len(lab.simulator.requests(0))
    await lab.elapse(3600)
    assert lab.simulator.requests(asked) == []
    assert lab.calls.take() == []
    assert (lab.ready(DEFAULT), lab.ready(key)) == (("True", "Available"),) * 2
    lab.annotate(key, paused="false")
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == ("False", "ProviderUnavailable")
