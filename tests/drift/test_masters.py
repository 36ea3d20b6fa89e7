"""Two clusters correct each other: told, and with an end to the writing.

Of kinds without marks: where there are some, force ends it (`tests/engine/test_force.py`).
"""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from drift.filled import VARIANTS, Variant
from drift.stage import Stage, prepared
from fakes.lab import Lab

HOUR = 3600.0
ROUND = 30.0
MAX_CORRECTIONS = 24
"""Of both sides in the first hour: five each, then ever rarer."""
MASTERS = [
    next(v for v in VARIANTS if v.kind == kind)
    for kind in ("ModelProxy", "ModelService", "SandboxTemplate")
]


async def _fight(variant: Variant) -> tuple[Lab, Lab, ObjectKey]:
    stage = await Stage.ready(variant)
    other = Lab(cluster_id="cluster-2", beside=stage.lab)
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


@pytest.mark.parametrize("variant", MASTERS, ids=lambda v: v.kind)
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


async def test_peace_returns_when_one_of_them_gives_in() -> None:
    one, other, key = await _fight(MASTERS[0])
    await _both(one, other, HOUR)
    other.edit(key, description=one.get(key).spec["description"])
    await _both(one, other, HOUR)
    assert one.ready(key) == other.ready(key) == ("True", "Available")
    since = max(r["seq"] for r in one.simulator.requests())
    await _both(one, other, HOUR)
    assert one.writes_to_cloud(since) == []
