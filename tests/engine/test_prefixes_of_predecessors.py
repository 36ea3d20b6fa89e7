"""No second resource where no record of its own tells by which name an object's resource goes.

A backup puts a predecessor's status back, which names another prefix; or the status is lost.
"""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import SAMPLES, made
from engine.test_name_prefixes import GOOD, lab_with, name, recorded
from engine.test_prefixes_at_odds import TAKEN
from fakes.lab import Lab

NEVER = {"deletionPolicy": "Delete", "adoptionPolicy": "Never"}
restarts = pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
kinds = pytest.mark.parametrize("kind", ["AgentRuntime", "ModelProxy"])


async def followed(kind: str, before: str | None, now: str | None) -> tuple[Lab, ObjectKey, Any]:
    """Return a lab with an object whose predecessor had another prefix, and that one's status."""
    sample = SAMPLES[kind]
    lab = await lab_with(before)
    await sample.prepare(lab)
    key = lab.cluster.apply(kind, "it", {**sample.spec, **NEVER})
    await lab.elapse(30)
    old = lab.cluster.raw(key)
    assert old is not None
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert made(lab, sample) == []
    name(lab, now)
    await lab.elapse(5)
    lab.cluster.apply(kind, "it", {**sample.spec, **NEVER})
    await lab.elapse(60)
    assert lab.ready(key) == GOOD, lab.message(key)
    return lab, key, old["status"]


@kinds
@restarts
@pytest.mark.parametrize("later", ["q-", "r-"])
@pytest.mark.parametrize(("before", "now"), [("p-", "q-"), ("p-", None), (None, "q-")])
async def test_a_predecessors_prefix_is_corrected(
    kind: str, before: str | None, now: str | None, later: str, *, restarted: bool
) -> None:
    lab, key, old = await followed(kind, before, now)
    name(lab, later)
    await lab.elapse(5)
    lab.cluster.put_status(key, old)
    if restarted:
        lab.restart()
    await lab.elapse(100)
    assert len(made(lab, SAMPLES[kind])) == 1
    if now is None and restarted and kind == "ModelProxy":
        # A bare name without a mark may be anybody's, and the account never said it.
        assert lab.ready(key) == TAKEN, lab.message(key)
        return
    assert lab.ready(key) == GOOD, lab.message(key)
    assert recorded(lab, key) == (f"{now or ''}it", now)
    assert lab.get(key).status["adopted"] is False
    assert lab.get(key).is_observed
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert made(lab, SAMPLES[kind]) == []


@restarts
async def test_a_deletion_under_it_goes_by_what_is_known(*, restarted: bool) -> None:
    lab, key, old = await followed("AgentRuntime", "p-", "q-")
    lab.cluster.put_status(key, old)
    if restarted:
        lab.restart()
    lab.cluster.delete(key)
    await lab.elapse(100)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["AgentRuntime"]) == []


@pytest.mark.parametrize("is_lost", [True, False], ids=["lost", "a predecessor's"])
async def test_what_nothing_proves_is_told_and_not_made_twice(*, is_lost: bool) -> None:
    lab, key, old = await followed("ModelProxy", "p-", "q-")
    name(lab, "r-")
    await lab.elapse(5)
    # Nothing tells any more that it is as this object makes it.
    lab.simulator.edit("ModelProxy", "q-it", {"description": "theirs"})
    if is_lost:
        lab.cluster.reset_status(key)
    else:
        lab.cluster.put_status(key, old)
    lab.restart()
    for _ in range(3):
        await lab.elapse(200)
        assert len(made(lab, SAMPLES["ModelProxy"])) == 1
        assert lab.ready(key) == ("False", "AlreadyExistsNotOwned"), lab.message(key)
        assert "'q-it'" in lab.message(key)
        lab.restart()
    lab.edit(key, adoptionPolicy="Adopt")
    await lab.elapse(100)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert recorded(lab, key) == ("q-it", "q-")
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1


async def test_what_is_gone_under_all_names_is_made_anew() -> None:
    lab, key, old = await followed("ModelProxy", "p-", "q-")
    lab.simulator.remove("ModelProxy", "q-it")
    lab.cluster.put_status(key, old)
    lab.restart()
    await lab.elapse(300)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1
