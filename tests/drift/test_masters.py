"""Somebody else corrects us: told, and with an end to the writing."""

from dataclasses import replace
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.world import World
from drift.filled import VARIANTS, Variant
from drift.stage import Stage, prepared
from fakes.cluster import FakeCluster
from fakes.lab import Lab

HOUR = 3600.0
ROUND = 30.0
MAX_CORRECTIONS = 24
"""Of both sides in the first hour: five each, then ever rarer."""
MASTERS = [v for v in VARIANTS if v.title in ("ModelProxy", "ModelService", "SandboxTemplate")]
"""Of kinds without marks: where there are some, force ends the fight."""
MARKED = next(v for v in VARIANTS if v.title == "AgentRuntime-code")


class OtherLab(Lab):
    """A second cluster with an operator of its own, on the first one's cloud and time."""

    def __init__(self, first: Lab) -> None:
        super().__init__()
        self.clock, self.calls, self.cloud = first.clock, first.calls, first.cloud
        self.cluster = FakeCluster(self.clock, self.calls)
        self.restart()

    def _world(self) -> World:
        return replace(super()._world(), cluster_id="cluster-2")


async def _fight(variant: Variant) -> tuple[Lab, Lab, ObjectKey]:
    stage = await Stage.ready(variant)
    other = OtherLab(stage.lab)
    await prepared(other, variant.kind)
    spec: dict[str, Any] = {**stage.lab.get(stage.key).spec, "description": "the other's"}
    force = {"agentrun.dev/adopt": "force"}
    other.cluster.apply(variant.kind, "it", spec, annotations=force)
    return stage.lab, other, stage.key


async def _both(one: Lab, other: Lab, seconds: float) -> set[str]:
    """Let time pass for both clusters; return the reasons that Ready had meanwhile."""
    reasons = set()
    end = one.clock.monotonic() + seconds
    while one.clock.monotonic() < end:
        for lab in (one, other):
            await lab.elapse(ROUND)
            reasons |= {lab.ready(key)[1] for key in lab.cluster.keys() if key.name == "it"}  # noqa: SIM118
    return reasons


@pytest.mark.parametrize("variant", MASTERS, ids=lambda v: v.title)
async def test_two_clusters_that_correct_each_other_end_contested(variant: Variant) -> None:
    one, other, key = await _fight(variant)
    assert "Contested" in await _both(one, other, HOUR)
    first = one.simulator.requests()[-1]["seq"]
    assert len(one.writes_to_cloud()) <= MAX_CORRECTIONS
    await _both(one, other, 4 * HOUR)
    assert len(one.writes_to_cloud(first)) <= 6
    contested = [lab for lab in (one, other) if lab.ready(key) == ("False", "Contested")]
    assert contested
    for lab in contested:
        (said,) = lab.get(key).status["drift"]
        assert said["path"] == "description"
        assert {said["desired"], said["observed"]} >= {"the other's"}
        assert lab.message(key).startswith("description was corrected")
        assert lab.condition(key, "Stalled")[0] == "True"


async def test_a_new_owner_is_not_corrected_by_the_former_one() -> None:
    one, other, key = await _fight(MARKED)
    await _both(one, other, HOUR)
    assert one.writes_to_cloud().count("UpdateAgentRuntime") == 2, "the mark, then the spec"
    assert other.ready(key) == ("True", "Available")
    assert one.ready(key) == ("False", "AlreadyExistsNotOwned")
    assert "team-a/it of cluster 'cluster-2'" in one.message(key)
    first = one.simulator.requests()[-1]["seq"]
    await _both(one, other, HOUR)
    assert one.writes_to_cloud(first) == []


async def test_the_former_owner_may_take_the_mark_back() -> None:
    one, other, key = await _fight(MARKED)
    await _both(one, other, HOUR)
    one.cluster.edit(key, annotations={"agentrun.dev/adopt": "force"})
    await _both(one, other, HOUR)
    assert one.ready(key) == ("True", "Available")
    assert other.ready(key) == ("False", "AlreadyExistsNotOwned")
    first = one.simulator.requests()[-1]["seq"]
    await _both(one, other, HOUR)
    assert one.writes_to_cloud(first) == []


async def test_peace_returns_when_one_of_them_gives_in() -> None:
    one, other, key = await _fight(MASTERS[0])
    await _both(one, other, HOUR)
    other.edit(key, description=one.get(key).spec["description"])
    await _both(one, other, HOUR)
    assert one.ready(key) == other.ready(key) == ("True", "Available")
    since = max(r["seq"] for r in one.simulator.requests())
    await _both(one, other, HOUR)
    assert one.writes_to_cloud(since) == []


async def test_ineffective_updates_are_not_sent_for_ever() -> None:
    """An update that is taken and changes nothing is sent twice, then told."""
    proxy = next(v for v in VARIANTS if v.kind == "AgentRuntime")
    stage = await Stage.ready(proxy)
    stage.lab.simulator.configure({"switches": {"nestedPut": "merge"}})
    stage.tamper(environmentVariables={**stage.desired["environmentVariables"], "ADDED": "1"})
    writes = await stage.settle(HOUR)
    assert len(writes) == 2
    assert stage.lab.ready(stage.key) == ("False", "UnexpectedEcho")
    assert [d["path"] for d in stage.drift] == ["env"]
    stage.lab.annotate(stage.key, reconcile_requested_at="now")
    assert len(await stage.settle(HOUR)) == 2
    variables = stage.desired["environmentVariables"]
    stage.tamper(environmentVariables=variables)
    assert await stage.settle(HOUR) == []
    assert stage.is_calm
