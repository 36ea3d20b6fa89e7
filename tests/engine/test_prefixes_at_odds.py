"""Prefixes where a status is lost or copied, an account gone, or a name no name or another's."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.shared import EVERYTHING, REF, SHARED, shared_lab
from engine.specs import PROXY, SAMPLES, TEMPLATE, made
from engine.test_name_prefixes import (
    CONFLICT,
    DEFAULT,
    GOOD,
    lab_with,
    name,
    names,
    proxy,
    recorded,
)

TAKEN = ("False", "AlreadyExistsNotOwned")


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("before", ["p-", None])
@pytest.mark.parametrize("kind", ["AgentRuntime", "ModelProxy", "SandboxTemplate", "Credential"])
async def test_a_lost_status_leads_to_the_former_name(
    kind: str, before: str | None, *, restarted: bool
) -> None:
    sample = SAMPLES[kind]
    lab = await lab_with(before)
    await sample.prepare(lab)
    key = lab.cluster.apply(kind, "it", {**sample.spec, "adoptionPolicy": "Adopt"})
    await lab.elapse(30)
    assert lab.ready(key) == GOOD, lab.message(key)
    name(lab, "q-")
    await lab.elapse(5)
    lab.cluster.reset_status(key)
    if restarted:
        lab.restart()
    await lab.elapse(60)
    assert len(made(lab, sample)) == 1, "and no second one by the name of today"
    if before is None and restarted and kind != "AgentRuntime":
        # Nothing tells it from a stranger's: no mark, no memory, and the account says no such name.
        assert lab.ready(key) == TAKEN, lab.message(key)
        lab.edit(key, externalName="it")
        await lab.elapse(60)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert len(made(lab, sample)) == 1
    assert recorded(lab, key) == (f"{before or ''}it", before)
    is_marked = kind == "AgentRuntime"
    assert lab.get(key).status["adopted"] is (restarted and not is_marked)


@pytest.mark.parametrize("kind", ["AgentRuntime", "ModelProxy"])
async def test_a_lost_status_has_nothing_deleted_by_a_former_name(kind: str) -> None:
    sample = SAMPLES[kind]
    lab = await lab_with("p-")
    key = lab.cluster.apply(kind, "it", {**sample.spec, "deletionPolicy": "Delete"})
    await lab.elapse(30)
    name(lab, "q-")
    await lab.elapse(5)
    lab.cluster.reset_status(key)
    lab.restart()
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    # Its mark proves a runtime; of another kind nothing tells whose it is.
    assert len(made(lab, sample)) == (0 if kind == "AgentRuntime" else 1)


async def test_a_former_name_that_another_object_has_is_left_to_it() -> None:
    lab = await lab_with("p-")
    owner = await proxy(lab, "owner", externalName="p-it")
    name(lab, "q-")
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    lab.deliver()
    await lab.elapse(20)
    lab.cluster.reset_status(key)
    lab.restart()
    await lab.elapse(60)
    assert lab.ready(owner) == lab.ready(key) == GOOD, lab.message(key)
    assert names(lab) == ["p-it", "q-it"]
    lab.cluster.delete(owner)
    await lab.elapse(30)
    assert names(lab) == ["q-it"]


async def test_without_a_former_prefix_nothing_more_is_asked() -> None:
    counts = []
    for prefix in (None, "p-"):
        lab = await lab_with(prefix)
        lab.calls.take()
        key = await proxy(lab)
        lab.cluster.delete(key)
        # Before the first routine look, whose time chance spreads.
        await lab.elapse(20)
        assert lab.cluster.raw(key) is None
        counts.append(lab.calls.take())
    assert counts[0] == counts[1]


async def test_two_namespaces_may_come_to_one_name_all_the_same() -> None:
    lab = await shared_lab(EVERYTHING, allowed=("a", "a-b", "team-a", "team-b"))
    name(lab, "{namespace}-", SHARED)
    await lab.elapse(5)
    spec = {**TEMPLATE, **REF}
    first = lab.cluster.apply("SandboxTemplate", "b-c", spec, namespace="a")
    await lab.elapse(20)
    second = lab.cluster.apply("SandboxTemplate", "c", spec, namespace="a-b")
    await lab.elapse(20)
    assert (lab.ready(first), lab.ready(second)) == (GOOD, CONFLICT)
    assert "'a-b-c'" in lab.message(second)
    assert "set another spec.externalName here" in lab.message(second)
    lab.cluster.delete(second)
    await lab.elapse(30)
    assert lab.ready(first) == GOOD
    lab.edit(first, externalName="a-b-c")
    await lab.elapse(30)
    assert lab.ready(first) == GOOD, lab.message(first)


async def test_what_a_neighbour_left_is_not_taken_by_a_prefixed_name() -> None:
    lab = await shared_lab(allowed=("a", "a-b", "team-a", "team-b"))
    name(lab, "{namespace}-", SHARED)
    await lab.elapse(5)
    spec = {**TEMPLATE, **REF}
    left = {**spec, "deletionPolicy": "Retain"}
    theirs = lab.cluster.apply("SandboxTemplate", "b-c", left, namespace="a")
    await lab.elapse(20)
    lab.cluster.delete(theirs)
    await lab.elapse(20)
    key = lab.cluster.apply("SandboxTemplate", "c", spec, namespace="a-b")
    await lab.elapse(30)
    assert lab.ready(key)[1] in ("NotGranted", "AlreadyExistsNotOwned"), lab.message(key)
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert len(made(lab, SAMPLES["SandboxTemplate"])) == 1


@pytest.mark.parametrize("space", ["1team", "t" * 63], ids=["begins with a digit", "is long"])
async def test_a_namespace_that_makes_no_name_is_told_at_once(space: str) -> None:
    lab = await shared_lab(EVERYTHING, allowed=(space, "team-a", "team-b"))
    name(lab, "{namespace}-", SHARED)
    await lab.elapse(5)
    key = lab.cluster.apply("SandboxTemplate", "it", {**TEMPLATE, **REF}, namespace=space)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "InvalidParameter"), lab.message(key)
    assert "spec.defaults.namePrefix of ClusterAccount shared" in lab.message(key)
    assert lab.message(key).endswith("set spec.externalName")
    assert lab.writes_to_cloud() == []
    lab.edit(key, externalName="mine")
    await lab.elapse(30)
    assert lab.ready(key) == GOOD, lab.message(key)


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_external_name_set_before_the_create_wins(*, restarted: bool) -> None:
    lab = await lab_with("p-")
    lacking = {"endpoints": [{"modelServiceRef": {"name": "none"}, "modelNames": ["x"]}]}
    key = lab.cluster.apply("ModelProxy", "it", {**PROXY, **lacking})
    await lab.elapse(20)
    lab.edit(key, externalName="mine", endpoints=PROXY["endpoints"])
    if restarted:
        lab.restart()
    await lab.elapse(30)
    assert names(lab) == ["mine"]
    assert recorded(lab, key) == ("mine", None)
    # A prefix that comes later makes no name of it.
    name(lab, "mine-")
    await lab.elapse(60)
    assert lab.ready(key) == GOOD
    assert names(lab) == ["mine"]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_restored_object_keeps_the_name_on_record(*, restarted: bool) -> None:
    lab = await lab_with("p-")
    key = await proxy(lab)
    raw = lab.cluster.raw(key)
    assert raw is not None
    name(lab, "q-")
    await lab.elapse(5)
    lab.clock.advance(100)
    lab.cluster.put_back(key, raw)
    if restarted:
        lab.restart()
    await lab.elapse(60)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert (recorded(lab, key), names(lab)) == (("p-it", "p-"), ["p-it"])
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert names(lab) == []


async def test_a_copy_elsewhere_touches_nothing_of_the_original() -> None:
    lab = await shared_lab(EVERYTHING)
    name(lab, "{namespace}-", SHARED)
    await lab.elapse(5)
    key = lab.cluster.apply("SandboxTemplate", "it", {**TEMPLATE, **REF}, namespace="team-a")
    await lab.elapse(20)
    raw = lab.cluster.raw(key)
    assert raw is not None
    copy = ObjectKey("SandboxTemplate", "team-b", "it")
    lab.cluster.put_back(copy, raw)
    await lab.elapse(30)
    assert (lab.ready(key), lab.ready(copy)) == (GOOD, GOOD), lab.message(copy)
    assert recorded(lab, copy) == ("team-b-it", "team-b-")
    lab.cluster.delete(copy)
    await lab.elapse(30)
    [left] = made(lab, SAMPLES["SandboxTemplate"])
    assert left["templateName"] == "team-a-it"


async def test_drift_is_corrected_under_a_prefix_as_without() -> None:
    lab = await lab_with("p-")
    await proxy(lab)
    name(lab, "q-")
    await lab.elapse(5)
    lab.simulator.edit("ModelProxy", "p-it", {"description": "theirs"})
    await lab.elapse(400)
    assert [r["description"] for r in lab.resources("ModelProxy")] == ["first"]
    assert names(lab) == ["p-it"]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_deletion_waits_for_its_account_and_goes_by_its_name(*, restarted: bool) -> None:
    lab = await lab_with("p-")
    key, spec = await proxy(lab), lab.get(DEFAULT).spec
    lab.cluster.vanish(DEFAULT)
    lab.restart()
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    assert names(lab) == ["p-it"]
    defaults = {"namePrefix": "q-", "formerNamePrefixes": ["p-"]}
    lab.cluster.apply("Account", "default", {**spec, "defaults": defaults})
    if restarted:
        lab.restart()
    await lab.elapse(100)
    assert lab.cluster.raw(key) is None, lab.message(key)
    assert names(lab) == []
