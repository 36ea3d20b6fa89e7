"""What we publish is what we watch: a ConfigMap that others delete or change is put right."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.kinds import catalogue
from engine.specs import PROXY, SAMPLES, ready
from fakes.lab import Lab, quick

PUBLISHING = sorted(name for name, kind in catalogue().items() if kind.connection)
AT = ("team-a", "address")
SECONDS = 3.0
"""Within which a map is put right: well below a poll interval."""


def to(name: str) -> dict[str, Any]:
    return {"configMap": {"name": name}}


async def published(kind: str) -> tuple[Lab, ObjectKey]:
    lab, key = await ready(SAMPLES[kind], writeConnectionTo=to("address"))
    await lab.elapse(60)
    assert AT in lab.cluster.connections
    lab.calls.take()
    return lab, key


@pytest.mark.parametrize("kind", PUBLISHING)
async def test_a_deleted_map_is_restored_within_seconds(kind: str) -> None:
    lab, key = await published(kind)
    before = lab.cluster.connections[AT]
    lab.cluster.delete_config_map("address")
    await lab.elapse(SECONDS)
    assert lab.cluster.connections[AT] == before
    assert lab.ready(key) == ("True", "Available")


@pytest.mark.parametrize("kind", PUBLISHING)
@pytest.mark.parametrize("data", [{}, {"url": "https://else.where"}, {"url": "x", "more": "y"}])
async def test_an_edited_map_is_put_right_within_seconds(kind: str, data: dict[str, str]) -> None:
    lab, _ = await published(kind)
    before = lab.cluster.connections[AT]
    lab.cluster.put_config_map("address", data)
    await lab.elapse(SECONDS)
    assert lab.cluster.connections[AT] == before
    assert lab.writes_to_cloud(len(lab.simulator.requests(0))) == []


@pytest.mark.parametrize("kind", PUBLISHING)
async def test_it_is_seen_without_a_watch_of_secrets_as_well(kind: str) -> None:
    lab = Lab(quick(secret_access="get"))
    sample = SAMPLES[kind]
    await lab.ready_account()
    await sample.prepare(lab)
    key = lab.cluster.apply(kind, "it", {**sample.spec, "writeConnectionTo": to("address")})
    await lab.elapse(90)
    assert lab.ready(key) == ("True", "Available")
    lab.cluster.delete_config_map("address")
    await lab.elapse(SECONDS)
    assert AT in lab.cluster.connections


@pytest.mark.parametrize("kind", PUBLISHING)
async def test_the_echo_of_our_own_write_wakes_nobody(kind: str) -> None:
    lab, _ = await published(kind)
    lab.cluster.delete_config_map("address")
    await lab.elapse(SECONDS)
    assert lab.calls.names.count("publish") == 1
    lab.calls.take()
    asked = len(lab.simulator.requests(0))
    # Not elapse(): a poll may be due in any second.
    await lab.drain()
    assert lab.calls.take() == []
    assert lab.simulator.requests(asked) == []
    assert len(lab.engine.queue) == 0


async def test_other_config_maps_of_the_namespace_wake_nobody() -> None:
    lab, _ = await published("ModelProxy")
    for number in range(20):
        lab.engine.reference_changed("ConfigMap", "team-a", "leader-lock", str(9000 + number))
    assert len(lab.engine.queue) == 0
    await lab.drain()
    assert lab.calls.take() == []


async def test_somebody_who_keeps_changing_it_gets_no_hot_loop() -> None:
    lab, _ = await published("ModelProxy")
    for _ in range(60):
        if lab.cluster.connections.get(AT) != {"url": "theirs"}:
            lab.cluster.put_config_map("address", {"url": "theirs"})
        await lab.elapse(1)
    assert 5 <= lab.calls.names.count("publish") <= 20


@pytest.mark.parametrize("kind", PUBLISHING)
@pytest.mark.parametrize("wanted", ["elsewhere", None], ids=["changed", "removed"])
@pytest.mark.parametrize("restarted", [False, True], ids=["living", "restarted"])
async def test_a_map_that_is_no_longer_wanted_goes(
    kind: str, wanted: str | None, *, restarted: bool
) -> None:
    lab, key = await published(kind)
    data = lab.cluster.connections[AT]
    lab.edit(key, writeConnectionTo=to(wanted) if wanted else None)
    if restarted:
        lab.restart()
    await lab.elapse(10)
    expected = {("team-a", wanted): data} if wanted else {}
    assert lab.cluster.connections == expected
    assert lab.get(key).status.get("connection") == ({"configMap": wanted} if wanted else None)
    assert lab.ready(key) == ("True", "Available")


async def test_two_objects_that_name_one_map_leave_it_to_the_first() -> None:
    lab, first = await published("ModelProxy")
    data = lab.cluster.connections[AT]
    spec = {**PROXY, "externalName": "second", "writeConnectionTo": to("address")}
    second = lab.cluster.apply("ModelProxy", "a-second", spec)
    await lab.elapse(10)
    for _ in range(5):
        lab.cluster.delete_config_map("address")
        await lab.elapse(20)
        assert lab.cluster.connections == {AT: data}
        assert lab.ready(first) == ("True", "Available")
        assert lab.ready(second) == ("False", "AlreadyExistsNotOwned")
    lab.edit(first, writeConnectionTo=None)
    await lab.elapse(10)
    assert lab.ready(second) == ("True", "Available")
    assert lab.cluster.connections.keys() == {AT}


async def test_the_next_one_gets_the_map_when_the_first_is_gone() -> None:
    lab, first = await published("ModelProxy")
    spec = {**PROXY, "externalName": "second", "writeConnectionTo": to("address")}
    second = lab.cluster.apply("ModelProxy", "a-second", spec)
    await lab.elapse(10)
    lab.cluster.delete(first)
    await lab.elapse(60)
    assert lab.cluster.raw(first) is None
    assert lab.ready(second) == ("True", "Available")
    assert AT in lab.cluster.connections


@pytest.mark.parametrize("count", [2, 3])
async def test_objects_that_exchange_their_maps_all_get_one(count: int) -> None:
    lab, first = await published("ModelProxy")
    others = [
        lab.cluster.apply("ModelProxy", f"p{n}", {**PROXY, "writeConnectionTo": to(f"map-{n}")})
        for n in range(1, count)
    ]
    await lab.elapse(30)
    objects = [first, *others]
    before = {at[1]: data for at, data in lab.cluster.connections.items()}
    names = ["address", *(f"map-{n}" for n in range(1, count))]
    assert before.keys() == {*names}
    for n, key in enumerate(objects):
        lab.edit(key, writeConnectionTo=to(names[(n + 1) % count]))
    await lab.elapse(400)
    after = {at[1]: data for at, data in lab.cluster.connections.items()}
    assert [after[names[(n + 1) % count]] for n in range(count)] == [before[n] for n in names]
    assert {lab.ready(key) for key in objects} == {("True", "Available")}


async def test_a_map_stays_while_a_paused_object_wants_it() -> None:
    lab, key = await published("ModelProxy")
    data = lab.cluster.connections[AT]
    other = {**PROXY, "writeConnectionTo": to("map-1")}
    paused = lab.cluster.apply("ModelProxy", "p1", other)
    await lab.elapse(30)
    lab.annotate(paused, paused="true")
    lab.edit(paused, writeConnectionTo=to("address"))
    lab.edit(key, writeConnectionTo=to("map-1"))
    await lab.elapse(100)
    assert lab.ready(key) == ("False", "AlreadyExistsNotOwned")
    assert lab.cluster.connections[AT] == data


async def test_a_map_stays_while_nobody_else_wants_it() -> None:
    lab, key = await published("ModelProxy")
    data = lab.cluster.connections[AT]
    lab.cluster.put_config_map("theirs", {"url": "theirs"})
    lab.edit(key, writeConnectionTo=to("theirs"))
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "AlreadyExistsNotOwned")
    assert lab.cluster.connections == {AT: data}


@pytest.mark.parametrize("kind", PUBLISHING)
async def test_an_older_object_gets_its_record_in_one_write(kind: str) -> None:
    lab, key = await published(kind)
    raw = lab.cluster.raw(key)
    assert raw is not None
    status = {k: v for k, v in raw["status"].items() if k != "connection"}
    lab.cluster.put_status(key, status)
    lab.restart()
    asked = len(lab.simulator.requests(0))
    await lab.elapse(60)
    assert lab.get(key).status["connection"] == {"configMap": "address"}
    assert lab.calls.names.count("write_status") == 1
    assert lab.writes_to_cloud(asked) == []


async def test_a_deposed_leader_publishes_nothing() -> None:
    lab, _ = await published("ModelProxy")
    lab.leadership.holds = False
    lab.cluster.delete_config_map("address")
    with pytest.raises(Exception, match="lease"):
        await lab.elapse(SECONDS)
    assert lab.cluster.connections == {}
