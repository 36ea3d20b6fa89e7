"""What annotations ask for: a pause, a pass now, an interval; and the connection ConfigMap."""

from datetime import timedelta

import pytest

from engine.specs import PROXY, SAMPLES, cloud_key, made, ready
from fakes.lab import Lab

PROXIES = SAMPLES["ModelProxy"]


# ------------------------------------------------ pause


async def test_a_pause_holds_everything_as_it_is() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    before = lab.get(key)
    lab.annotate(key, paused="true")
    lab.edit(key, description="second")
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"cpu": 8})
    await lab.elapse(300)
    assert lab.condition(key, "Paused") == ("True", "Paused")
    assert lab.ready(key) == ("True", "Available")
    assert lab.get(key).observed_generation == before.observed_generation
    assert [n for n in lab.calls.names if n != "write_status"] == []
    lab.annotate(key, paused="false")
    await lab.elapse(10)
    assert lab.condition(key, "Paused") == ("", "")
    assert made(lab, SAMPLES["AgentRuntime"])[0]["description"] == "second"
    assert made(lab, SAMPLES["AgentRuntime"])[0]["cpu"] == 2
    assert lab.get(key).observed_generation == lab.get(key).generation


async def test_a_pause_changes_no_other_condition() -> None:
    spec = {**PROXY, "credentialRef": {"externalName": "x"}}
    lab, key = await ready(PROXIES, **spec)
    lab.cluster.put_secret("keys", {"token": "x"})
    lab.cluster.apply("Credential", "c", SAMPLES["Credential"].spec)
    lab.edit(key, credentialRef={"name": "c"})
    await lab.elapse(10)
    before = [dict(c) for c in lab.get(key).status["conditions"]]
    assert lab.condition(key, "ReferencesResolved") == ("True", "Available")
    lab.annotate(key, paused="true")
    await lab.elapse(10)
    kept = [dict(c) for c in lab.get(key).status["conditions"] if c["type"] != "Paused"]
    assert kept == before


async def test_a_pause_ends_by_itself() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    end = (lab.clock.now() + timedelta(minutes=10)).isoformat()
    lab.annotate(key, paused=end)
    lab.edit(key, description="second")
    await lab.elapse(590)
    assert made(lab, SAMPLES["AgentRuntime"])[0]["description"] == "first"
    await lab.elapse(30)
    assert made(lab, SAMPLES["AgentRuntime"])[0]["description"] == "second"
    assert lab.condition(key, "Paused") == ("", "")


@pytest.mark.parametrize("value", ["yes", "TRUE", "tomorrow", "2020-01-01T00:00:00Z"])
async def test_a_typo_does_not_pause(value: str) -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    lab.annotate(key, paused=value)
    lab.edit(key, description="second")
    await lab.elapse(10)
    assert made(lab, SAMPLES["AgentRuntime"])[0]["description"] == "second"


async def test_an_object_born_paused_waits() -> None:
    lab = Lab()
    await lab.ready_account()
    key = lab.cluster.apply("ModelProxy", "it", PROXY, annotations={"agentrun.dev/paused": "true"})
    await lab.elapse(30)
    assert lab.ready(key)[0] == "Unknown"
    assert lab.calls.take() == ["write_status"]
    assert not lab.get(key).is_claimed
    lab.cluster.delete(key)
    assert lab.cluster.raw(key) is None


# ------------------------------------------------ a pass now


async def test_a_request_token_is_echoed_after_a_look() -> None:
    lab, key = await ready(PROXIES)
    lab.annotate(key, reconcile_requested_at="one")
    await lab.drain()
    assert lab.get(key).status["lastRequest"] == "one"
    assert lab.calls.take() == ["GetModelProxy", "write_status"]
    await lab.drain()
    lab.annotate(key, reconcile_requested_at="two")
    await lab.drain()
    assert lab.get(key).status["lastRequest"] == "two"


async def test_a_token_is_not_echoed_while_paused() -> None:
    lab, key = await ready(PROXIES)
    lab.annotate(key, paused="true", reconcile_requested_at="one")
    await lab.elapse(5)
    assert "lastRequest" not in lab.get(key).status


async def test_a_foreign_annotation_is_no_reason_for_a_pass() -> None:
    lab, key = await ready(PROXIES)
    lab.cluster.edit(key, annotations={"argocd.argoproj.io/tracking-id": "x"})
    assert await lab.drain() == 0


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [("20", 12, 31), ("1", 48, 130), ("x", 4, 11), ("-5", 4, 11), ("²", 4, 11), ("9" * 400, 0, 11)],
)
async def test_the_poll_interval_is_asked_for(asked: str, least: int, most: int) -> None:
    lab, key = await ready(PROXIES)
    lab.annotate(key, poll_interval=asked)
    await lab.drain()
    lab.calls.take()
    await lab.elapse(300)
    assert least <= len(lab.calls.take()) <= most
    assert lab.ready(key) == ("True", "Available")


# ------------------------------------------------ the connection ConfigMap


@pytest.mark.parametrize("kind", ["ModelProxy", "AgentRuntimeEndpoint"])
async def test_the_address_is_published_once(kind: str) -> None:
    sample = SAMPLES[kind]
    lab, key = await ready(sample, writeConnectionTo={"configMap": {"name": "address"}})
    [(at, data)] = lab.cluster.connections.items()
    assert at == ("team-a", "address")
    assert data["url"].startswith("https://")
    await lab.elapse(300)
    assert "publish" not in lab.calls.names
    lab.cluster.reference_changed = lambda *_where: None
    lab.cluster.delete_config_map("address")
    await lab.elapse(70)
    assert lab.cluster.connections, "somebody deleted it"
    assert lab.ready(key) == ("True", "Available")


async def test_a_foreign_config_map_is_never_touched() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_config_map("address", {"url": "theirs"})
    spec = {**PROXY, "writeConnectionTo": {"configMap": {"name": "address"}}}
    key = lab.cluster.apply("ModelProxy", "it", spec)
    await lab.elapse(10)
    assert lab.ready(key) == ("False", "AlreadyExistsNotOwned")
    assert "address" in lab.message(key)
    kept = await lab.cluster.config_map("team-a", "address")
    assert kept is not None
    assert kept.data == {"url": "theirs"}
