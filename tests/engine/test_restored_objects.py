"""Objects that a backup brought back into their own place: what they had is theirs again."""

import pytest

from engine.specs import PROXY, SAMPLES, Sample, cloud_key, ids, keys, made, ready
from engine.test_copies import OTHER_NAMESPACE, account_in, at, backup, kinds, named
from fakes.lab import Lab


@pytest.mark.parametrize("lives", [True, False], ids=["lives first", "deleted at once"])
@kinds
async def test_an_object_restored_into_its_own_place_has_its_resource(
    sample: Sample, *, lives: bool
) -> None:
    lab, key = await ready(sample)
    raw = backup(lab, key)
    lab.clock.advance(100)
    lab.cluster.put_back(key, raw)
    since = lab.simulator.requests()[-1]["seq"]
    if lives:
        lab.restart()
        await lab.elapse(30)
        assert lab.ready(key) == ("True", "Available"), lab.message(key)
        assert lab.get(key).status["boundTo"]["uid"] == lab.get(key).uid
        assert lab.get(key).status["adopted"] is False
        assert lab.writes_to_cloud(since) == []
    assert len(made(lab, sample)) == 1
    lab.cluster.delete(key)
    if not lives:
        lab.restart()
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []


@pytest.mark.parametrize("lives", [True, False], ids=["lives first", "deleted at once"])
async def test_a_restored_object_leaves_what_another_object_holds(*, lives: bool) -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    raw = backup(lab, key)
    lab.cluster.vanish(key)
    heir = lab.cluster.apply("ModelProxy", "heir", {**PROXY, "externalName": "it"})
    await lab.elapse(30)
    assert lab.ready(heir) == ("True", "Available")
    lab.clock.advance(100)
    lab.cluster.put_back(key, raw)
    lab.restart()
    if lives:
        await lab.elapse(30)
        assert lab.ready(key) == ("False", "ExternalNameConflict")
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1
    assert lab.ready(heir) == ("True", "Available")


@named
async def test_a_restored_object_has_its_resource_before_an_older_copy(kind: str) -> None:
    sample = SAMPLES[kind]
    lab, key = await ready(sample)
    raw = backup(lab, key)
    await account_in(lab, OTHER_NAMESPACE)
    copied = lab.cluster.put_back(at(key), raw)
    lab.cluster.vanish(key)
    await lab.elapse(60)
    assert lab.ready(copied) == ("False", "AlreadyExistsNotOwned"), lab.message(copied)
    lab.cluster.put_back(key, raw)
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert lab.ready(copied)[0] == "False"
    assert raw["status"]["externalId"] in ids(lab, sample)
    (before,) = _made_when(lab, sample)
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert before not in _made_when(lab, sample)


def _made_when(lab: Lab, sample: Sample) -> list[tuple[str, str | None]]:
    """Return id and time of creation: where the id is the name, what follows has the same one."""
    times = [resource.get("createdAt") for resource in made(lab, sample)]
    return list(zip(ids(lab, sample), times, strict=True))


@pytest.mark.parametrize(
    ("kind", "has_status"), [("AgentRuntime", True), ("AgentRuntime", False), ("ModelProxy", True)]
)
async def test_a_restored_object_has_what_its_mark_or_record_names(
    kind: str, *, has_status: bool
) -> None:
    sample = SAMPLES[kind]
    lab, key = await ready(sample)
    raw = backup(lab, key)
    lab.cluster.vanish(key)
    claims = {**sample.spec, "externalName": "it", "adoptionPolicy": "Never"}
    older = lab.cluster.apply(kind, "older", claims)
    await lab.elapse(30)
    assert lab.ready(older) == ("False", "AlreadyExistsNotOwned")
    if not has_status:
        raw["status"] = {"observedGeneration": -1}
    lab.cluster.put_back(key, raw)
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert lab.ready(older)[0] == "False"
    assert len(made(lab, sample)) == 1
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None


async def test_a_restored_ready_is_not_confirmed_for_another_id() -> None:
    sample = SAMPLES["AgentRuntime"]
    lab, key = await ready(sample)
    raw = backup(lab, key)
    lab.simulator.remove(sample.family, cloud_key(lab, key))
    await lab.elapse(120)
    lab.edit(key, description="newer")
    await lab.elapse(30)
    [there] = ids(lab, sample)
    assert there != raw["status"]["externalId"]
    lab.cluster.put_back(key, raw)
    lab.restart()
    await lab.elapse(30)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    uid = lab.get(key).uid
    own = [s for s in lab.cluster.server.statuses(key) if s["boundTo"]["uid"] == uid]
    assert own[0]["externalId"] == there
    [told] = [c for c in own[0]["conditions"] if c["type"] == "Ready"]
    assert told["status"] == "Unknown", told


@pytest.mark.parametrize("policy", ["Correct", "Report", "Ignore"])
async def test_a_create_after_a_restore_sends_all_of_it(policy: str) -> None:
    sample = SAMPLES["ModelService"]
    lab, key = await ready(sample, driftPolicy=policy)
    raw = backup(lab, key)
    lab.cluster.vanish(key)
    lab.simulator.remove(sample.family, "it")
    await keys(lab, value="canary-rotated")
    lab.restart()
    lab.cluster.put_back(key, raw)
    since = lab.simulator.requests()[-1]["seq"]
    await lab.elapse(60)
    assert lab.writes_to_cloud(since) == ["CreateModelService"]
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
