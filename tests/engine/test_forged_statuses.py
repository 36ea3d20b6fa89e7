"""Statuses that somebody wrote by hand, `boundTo` included: what is another's stays its own."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import (
    CREDENTIAL,
    ENDPOINT,
    PROXY,
    RUNTIME,
    SAMPLES,
    SANDBOX,
    SERVICE,
    TEMPLATE,
    Sample,
    base,
    cloud_key,
    ids,
    keys,
    lab_for,
    made,
    ready,
)
from engine.test_copies import OTHER_NAMESPACE, account_in
from engine.test_old_status import status_of, undated
from fakes.lab import Lab

GOOD = ("True", "Available")
kinds = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
restarts = pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
lives = pytest.mark.parametrize("at_once", [False, True], ids=["lives on", "deleted at once"])
looks = pytest.mark.parametrize("others", [0, 5], ids=["read alone", "read by LIST"])
BELOW_ANOTHER: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Sandbox": ("SandboxTemplate", TEMPLATE),
    "AgentRuntimeEndpoint": ("AgentRuntime", RUNTIME),
    "FlowEndpoint": ("Flow", SAMPLES["Flow"].spec),
}
"""What has to exist in the other namespace."""


async def apply_thief(lab: Lab, sample: Sample, namespace: str, name: str) -> ObjectKey:
    """Return an object of the same kind that has a resource of its own."""
    if namespace != "team-a":
        await account_in(lab, namespace)
        if sample.kind in BELOW_ANOTHER:
            kind, spec = BELOW_ANOTHER[sample.kind]
            lab.cluster.apply(kind, "base", {**spec, "externalName": "base2"}, namespace=namespace)
            await lab.elapse(15)
    spec = {**sample.spec, "deletionPolicy": "Delete"}
    thief = lab.cluster.apply(sample.kind, name, spec, namespace=namespace)
    await lab.elapse(30)
    assert lab.ready(thief) == GOOD, lab.message(thief)
    return thief


async def lets_the_victim_live(
    lab: Lab,
    sample: Sample,
    victim: ObjectKey,
    thief: ObjectKey,
    *,
    restarted: bool,
    at_once: bool,
) -> None:
    since = lab.simulator.requests()[-1]["seq"]
    ident = cloud_key(lab, victim)
    if restarted:
        lab.restart()
    if not at_once:
        await lab.elapse(60)
        is_served = lab.ready(thief) == GOOD
        assert not is_served or ident_of(lab, thief) != ident_of(lab, victim)
    lab.cluster.delete(thief)
    await lab.elapse(60)
    deleted = [r["path"] for r in lab.cloud_writes(since) if r["action"].startswith("Delete")]
    assert not [path for path in deleted if path.endswith(f"/{ident}")]
    assert ident_of(lab, victim) in ids(lab, sample)
    assert lab.ready(victim) == GOOD, lab.message(victim)
    assert lab.cluster.raw(thief) is None


def ident_of(lab: Lab, key: ObjectKey) -> str:
    ident = lab.get(key).external_id
    assert ident
    return ident


@lives
@restarts
@pytest.mark.parametrize("namespace", ["team-a", OTHER_NAMESPACE])
@kinds
async def test_a_record_that_names_another_object_proves_nothing(
    sample: Sample, namespace: str, *, restarted: bool, at_once: bool
) -> None:
    lab, victim = await ready(sample)
    thief = await apply_thief(lab, sample, namespace, "thief")
    bound = status_of(lab, thief)["boundTo"]
    lab.cluster.put_status(thief, {**status_of(lab, victim), "boundTo": bound})
    await lets_the_victim_live(lab, sample, victim, thief, restarted=restarted, at_once=at_once)


@lives
@restarts
@kinds
async def test_nor_is_one_that_keeps_the_name_and_steals_the_id(
    sample: Sample, *, restarted: bool, at_once: bool
) -> None:
    lab, victim = await ready(sample)
    thief = await apply_thief(lab, sample, "team-a", "thief")
    stolen = {k: v for k, v in status_of(lab, victim).items() if k in ("externalId", "parentId")}
    lab.cluster.put_status(thief, {**status_of(lab, thief), **stolen})
    await lets_the_victim_live(lab, sample, victim, thief, restarted=restarted, at_once=at_once)


@lives
@restarts
@looks
@kinds
async def test_nor_is_that_of_an_older_object(
    sample: Sample, others: int, *, restarted: bool, at_once: bool
) -> None:
    lab = await lab_for(sample)
    thief = await apply_thief(lab, sample, "team-a", "thief")
    for name in ("victim", *(f"other-{n}" for n in range(others))):
        lab.cluster.apply(sample.kind, name, sample.spec)
    await lab.elapse(60)
    victim = ObjectKey(sample.kind, "team-a", "victim")
    stolen = {k: v for k, v in status_of(lab, victim).items() if k in ("externalId", "parentId")}
    lab.cluster.put_status(thief, {**status_of(lab, thief), **stolen})
    await lets_the_victim_live(lab, sample, victim, thief, restarted=restarted, at_once=at_once)


@lives
@restarts
async def test_an_older_thief_below_another_parent_gets_no_namesake(
    *, restarted: bool, at_once: bool
) -> None:
    sample = SAMPLES["AgentRuntimeEndpoint"]
    lab = Lab()
    await lab.ready_account()
    await base(lab, "AgentRuntime", RUNTIME)
    thief = await apply_thief(lab, sample, OTHER_NAMESPACE, "it")
    victim = lab.cluster.apply("AgentRuntimeEndpoint", "it", ENDPOINT)
    await lab.elapse(30)
    bound = status_of(lab, thief)["boundTo"]
    lab.cluster.put_status(thief, {**status_of(lab, victim), "boundTo": bound})
    await lets_the_victim_live(lab, sample, victim, thief, restarted=restarted, at_once=at_once)


@lives
@restarts
async def test_nobody_inherits_from_an_object_that_lives(*, restarted: bool, at_once: bool) -> None:
    sample = SAMPLES["Sandbox"]
    lab, victim = await ready(sample)
    thief = await apply_thief(lab, sample, "team-a", "thief")
    bound = {**status_of(lab, thief)["boundTo"], "uid": lab.get(victim).uid}
    record: dict[str, Any] = {"creation": {"startedAt": "2026-01-05T09:00:00Z"}}
    lab.cluster.put_status(thief, {"observedGeneration": 1, "boundTo": bound, **record})
    await lets_the_victim_live(lab, sample, victim, thief, restarted=restarted, at_once=at_once)


@restarts
async def test_a_status_of_another_kind_tells_nothing(*, restarted: bool) -> None:
    lab = Lab()
    await lab.ready_account()
    await keys(lab)
    specs: dict[str, Mapping[str, Any]] = {
        "AgentRuntime": RUNTIME,
        "AgentRuntimeEndpoint": ENDPOINT,
        "SandboxTemplate": TEMPLATE,
        "Sandbox": SANDBOX,
        "ModelService": SERVICE,
        "ModelProxy": PROXY,
        "Credential": CREDENTIAL,
    }
    objects = [lab.cluster.apply(kind, "base", spec) for kind, spec in specs.items()]
    await lab.elapse(60)
    before = {key: status_of(lab, key) for key in objects}
    for place, key in enumerate(objects):
        lab.cluster.put_status(key, before[objects[place - 1]])
    if restarted:
        lab.restart()
    await lab.elapse(60)
    assert [(lab.ready(key), lab.message(key)) for key in objects if lab.ready(key) != GOOD] == []
    told = ("externalId", "adopted", "boundTo")
    assert {k: [status_of(lab, k)[f] for f in told] for k in objects} == {
        k: [before[k][f] for f in told] for k in objects
    }


async def test_who_only_observes_has_no_right_to_what_another_adopted() -> None:
    sample = SAMPLES["ModelProxy"]
    lab, key = await ready(sample)
    heir = lab.cluster.apply(sample.kind, "heir", {**sample.spec, "externalName": "it"})
    await lab.elapse(5)
    assert lab.ready(heir) == ("False", "ExternalNameConflict")
    lab.edit(key, managementPolicy="Observe")
    await lab.elapse(30)
    assert lab.ready(heir) == GOOD, lab.message(heir)
    before = status_of(lab, heir)
    lab.annotate(heir, reconcile_requested_at="now")
    await lab.elapse(5)
    assert undated(status_of(lab, heir)) == {**undated(before), "lastRequest": "now"}


async def test_who_only_observes_may_see_what_is_another_ones() -> None:
    sample = SAMPLES["ModelProxy"]
    lab, key = await ready(sample)
    lab.edit(key, managementPolicy="Observe")
    heir = lab.cluster.apply(sample.kind, "heir", {**sample.spec, "externalName": "it"})
    await lab.elapse(30)
    lab.simulator.remove(sample.family, "it")
    seen = []
    for _ in range(200):
        await lab.elapse(1)
        ready_now = lab.get(key).condition("Ready") or {}
        seen.append((ready_now["status"], ready_now["lastTransitionTime"]))
    assert ident_of(lab, heir) == ident_of(lab, key)
    flips = sum(one[0] != two[0] for one, two in itertools.pairwise(seen))
    assert len({time for _, time in seen}) == flips + 1, "and no time moves without a flip"


async def test_a_record_that_counts_for_nothing_moves_no_times() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    late = lab.cluster.apply("ModelProxy", "late", {**PROXY, "externalName": "it"})
    await lab.elapse(20)
    assert lab.ready(late) == ("False", "ExternalNameConflict")

    def times() -> dict[str, str]:
        conditions = lab.get(late).status["conditions"]
        return {c["type"]: c["lastTransitionTime"] for c in conditions}

    before = times()
    forged = {name: lab.get(key).status[name] for name in ("externalId", "externalName", "adopted")}
    lab.cluster.put_status(late, {**lab.get(late).status, **forged})
    await lab.elapse(60)
    assert "externalId" not in lab.get(late).status
    assert times() == before


@restarts
@pytest.mark.parametrize("at_once", [False, True], ids=["lives on", "deleted at once"])
async def test_a_parent_that_somebody_wrote_down_is_not_believed(
    *, restarted: bool, at_once: bool
) -> None:
    sample = SAMPLES["AgentRuntimeEndpoint"]
    lab, key = await ready(sample)
    status = status_of(lab, key)
    lab.cluster.put_status(key, {**status, "parentId": "another"})
    if restarted:
        lab.restart()
    if not at_once:
        await lab.elapse(60)
        assert undated(status_of(lab, key)) == undated(status)
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert made(lab, sample) == []
    assert lab.cluster.events[-1].reason == "Deleted"
