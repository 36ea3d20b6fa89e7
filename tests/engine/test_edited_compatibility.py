"""Under Report and Ignore an edit of an account's `compatibility` shows drift, writes nothing."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from drift.filled import VARIANTS
from drift.stage import Stage

DEFAULT = ObjectKey("Account", "team-a", "default")
ROUTED = next(v for v in VARIANTS if v.title == "AgentRuntimeEndpoint-routing")
TOLD = {"Report": ("False", "DriftDetected"), "Ignore": ("True", "Available")}
ORDERS = ("living", "restarted after", "restarted before")


def weights(stage: Stage) -> list[float]:
    return [route["weight"] for route in stage.stored["routingConfiguration"]["versionWeights"]]


@pytest.mark.parametrize("policy", TOLD)
@pytest.mark.parametrize("order", ORDERS)
async def test_another_spelling_is_written_when_it_is_edited(policy: str, order: str) -> None:
    stage = await Stage.ready(ROUTED, driftPolicy=policy)
    lab, before, since = stage.lab, weights(stage), stage.mark()
    if order == "restarted before":
        lab.restart()
        await lab.elapse(60)
    lab.edit(DEFAULT, compatibility={"endpointWeights": "Percent"})
    if order == "restarted after":
        lab.restart()
    await lab.elapse(300)
    assert stage.writes(since) == []
    assert weights(stage) == before
    assert lab.ready(stage.key) == TOLD[policy]
    routing = [dict(route) for route in lab.get(stage.key).spec["routing"]]
    shares = [100 - 7 * (len(routing) - 1), *[7] * (len(routing) - 1)]
    for route, share in zip(routing, shares, strict=True):
        route["weightPercent"] = share
    lab.edit(stage.key, routing=routing)
    await lab.elapse(120)
    assert len(stage.writes(since)) == 1
    assert weights(stage) == shares
    assert lab.ready(stage.key) == ("True", "Available")
