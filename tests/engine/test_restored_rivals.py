"""A restored object, and another one that waits for its external name: who had it, has it."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.shared import EVERYTHING, GOOD, REF, shared_lab
from engine.specs import SAMPLES, ids, made, ready
from engine.test_copies import backup, last_event
from fakes.lab import Lab

CONFLICT = ("False", "ExternalNameConflict")
kinds = pytest.mark.parametrize("kind", ["Flow", "Workspace", "ModelProxy", "AgentRuntime"])
restarts = pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])


async def rivals(kind: str, **more: Any) -> tuple[Lab, ObjectKey, ObjectKey]:
    """Return a lab with `it`, and `a-rival`, which wants the same name and is told so."""
    lab, key = await ready(SAMPLES[kind])
    spec = {**SAMPLES[kind].spec, "externalName": "it", "description": "rival", **more}
    rival = lab.cluster.apply(kind, "a-rival", spec)
    await lab.elapse(20)
    assert lab.ready(rival) == CONFLICT
    return lab, key, rival


@restarts
@kinds
async def test_an_older_rival_takes_nothing_of_a_restored_one(
    kind: str, *, restarted: bool
) -> None:
    lab, key, rival = await rivals(kind, deletionPolicy="Delete")
    before, raw = ids(lab, SAMPLES[kind]), backup(lab, key)
    since = lab.simulator.requests()[-1]["seq"]
    lab.clock.advance(100)
    lab.cluster.put_back(key, raw)
    if restarted:
        lab.restart()
    await lab.elapse(60)
    assert (lab.ready(key), lab.ready(rival)) == (GOOD, CONFLICT), lab.message(key)
    lab.cluster.delete(rival)
    await lab.elapse(60)
    assert lab.ready(key) == GOOD
    assert lab.get(key).status["adopted"] is False
    assert ids(lab, SAMPLES[kind]) == before
    assert lab.writes_to_cloud(since) == []


@pytest.mark.parametrize("gap", [0, 2])
async def test_a_restored_namespace_keeps_who_had_the_name(gap: int) -> None:
    lab, key, rival = await rivals("Flow")
    backups = [(k, backup(lab, k)) for k in (rival, key)]
    for k, _ in backups:
        lab.cluster.vanish(k)
    lab.clock.advance(300)
    for k, raw in backups:
        lab.cluster.put_back(k, raw)
        lab.clock.advance(gap)
    since = lab.simulator.requests()[-1]["seq"]
    lab.restart()
    await lab.elapse(60)
    assert (lab.ready(key), lab.ready(rival)) == (GOOD, CONFLICT)
    assert lab.writes_to_cloud(since) == []


async def test_no_neighbour_takes_what_a_restored_one_has() -> None:
    lab, sample = await shared_lab(EVERYTHING), SAMPLES["MemoryCollection"]
    spec = {**sample.spec, **REF}
    key = lab.cluster.apply(sample.kind, "it", spec)
    await lab.elapse(30)
    rival = lab.cluster.apply(sample.kind, "it", spec, namespace="team-b")
    await lab.elapse(20)
    raw = backup(lab, key)
    lab.clock.advance(100)
    lab.cluster.put_back(key, raw)
    lab.restart()
    await lab.elapse(60)
    assert (lab.ready(key), lab.ready(rival)) == (GOOD, CONFLICT)
    assert len(made(lab, sample)) == 1


@restarts
async def test_a_restored_announcement_comes_before_a_rival(*, restarted: bool) -> None:
    lab, sample = Lab(), SAMPLES["ModelProxy"]
    await lab.ready_account()
    fault = {"action": "Create.*", "effect": "drop-after", "times": 1}
    lab.simulator.inject(Fault.model_validate(fault))
    key = lab.cluster.apply(sample.kind, "it", sample.spec)
    await lab.drain()
    raw = backup(lab, key)
    assert "creation" in raw["status"]
    spec = {**sample.spec, "externalName": "it", "description": "rival"}
    rival = lab.cluster.apply(sample.kind, "a-rival", spec)
    lab.clock.advance(5)
    lab.cluster.put_back(key, raw)
    if restarted:
        lab.restart()
    await lab.elapse(120)
    assert (lab.ready(key), lab.ready(rival)) == (GOOD, CONFLICT), lab.message(key)
    assert len(made(lab, sample)) == 1


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
@pytest.mark.parametrize("kind", ["Flow", "Workspace", "ModelProxy"])
async def test_what_a_rival_took_meanwhile_is_its_own(kind: str, policy: str) -> None:
    lab, key, rival = await rivals(kind, deletionPolicy=policy)
    raw = backup(lab, key)
    lab.cluster.vanish(key)
    await lab.elapse(30)
    assert lab.ready(rival) == GOOD
    lab.clock.advance(100)
    lab.cluster.put_back(key, raw)
    await lab.elapse(60)
    assert (lab.ready(key), lab.ready(rival)) == (CONFLICT, GOOD)
    # Its record stays for the day on which nobody has more right to it.
    kept = ("externalId", "adopted", "boundTo", "account", "applied")
    assert {n: lab.get(key).status.get(n) for n in kept} == {n: raw["status"][n] for n in kept}
    lab.cluster.delete(rival)
    await lab.elapse(100)
    assert len(made(lab, SAMPLES[kind])) == 1
    assert lab.ready(key) == GOOD, lab.message(key)


@kinds
async def test_a_restored_one_that_is_deleted_leaves_it_to_the_rival(kind: str) -> None:
    lab, key, rival = await rivals(kind)
    raw = backup(lab, key)
    lab.cluster.vanish(key)
    lab.edit(rival, adoptionPolicy="Adopt")
    lab.annotate(rival, adopt="force")
    await lab.elapse(60)
    assert lab.ready(rival) == GOOD, lab.message(rival)
    lab.cluster.put_back(key, raw)
    lab.cluster.delete(key)
    since = lab.simulator.requests()[-1]["seq"]
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert last_event(lab, key)[0] == "Retained"
    assert lab.writes_to_cloud(since) == []


@pytest.mark.parametrize(
    ("is_lost", "restarted"),
    # With neither record nor memory left, who may write a status could bind it to itself as well.
    [(False, False), (False, True), (True, False)],
    ids=["on record", "restarted", "status lost"],
)
@kinds
async def test_a_made_up_record_goes_before_no_owner(
    kind: str, *, is_lost: bool, restarted: bool
) -> None:
    lab, key, rival = await rivals(kind, deletionPolicy="Delete")
    before = ids(lab, SAMPLES[kind])
    status = backup(lab, key)["status"]
    bound = {**status["boundTo"], "name": rival.name, "uid": "made-up"}
    lab.cluster.put_status(rival, {**status, "boundTo": bound})
    if is_lost:
        lab.cluster.reset_status(key)
    if restarted:
        lab.restart()
    await lab.elapse(60)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert lab.ready(rival)[0] == "False"
    lab.cluster.delete(rival)
    await lab.elapse(60)
    assert ids(lab, SAMPLES[kind]) == before
    assert lab.ready(key) == GOOD, lab.message(key)
