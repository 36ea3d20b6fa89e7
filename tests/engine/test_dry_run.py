"""`managementPolicy: Observe` before an adoption: what differs, and what would become of it."""

from collections.abc import Mapping
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import RUNTIME, SAMPLES, SECRET_VALUE, cloud_key, ready
from fakes.lab import Lab


async def observing(
    kind: str, changes: Mapping[str, Any], spec: Mapping[str, Any], **policies: Any
) -> tuple[Lab, ObjectKey]:
    """Return a lab in which an object observes a resource that was there before."""
    sample = SAMPLES[kind]
    lab, first = await ready(sample, deletionPolicy="Retain")
    lab.simulator.edit(sample.family, cloud_key(lab, first), {"systemTags": [], **changes})
    lab.cluster.delete(first)
    await lab.drain()
    observe = {"externalName": "it", "managementPolicy": "Observe", "adoptionPolicy": "Adopt"}
    key = lab.cluster.apply(kind, "next", {**sample.spec, **spec, **observe, **policies})
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    lab.calls.take()
    return lab, key


def told(lab: Lab, key: ObjectKey) -> dict[str, tuple[str, str]]:
    return {
        d["path"]: (d["desired"], d["observed"]) for d in lab.get(key).status.get("drift") or ()
    }


KEY = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}
CHANGED = {"cpu": 1.0, "memory": 2048, "networkConfiguration": {"networkMode": "PRIVATE"}}
WANTED = {"cpu": "500m", "memory": "4096Mi", "network": {"mode": "Public"}}


async def test_it_shows_both_values_in_the_units_of_the_spec() -> None:
    lab, key = await observing("AgentRuntime", CHANGED, WANTED)
    assert told(lab, key) == {
        "cpu": ("500m", "1"),
        "memory": ("4096Mi", "2Gi"),
        "network.mode": ("Public", "Private"),
    }
    assert "cpu, memory" in lab.message(key)
    assert lab.writes_to_cloud()[1:] == []


async def test_it_is_told_once_and_again_when_it_changes() -> None:
    lab, key = await observing("AgentRuntime", CHANGED, WANTED)
    await lab.elapse(900)
    assert "write_status" not in lab.calls.take(), "a quiet object causes no write"
    since = lab.get(key).status["drift"][0]["since"]
    sample = SAMPLES["AgentRuntime"]
    lab.simulator.edit(sample.family, lab.get(key).external_id or "", {"memory": 8192})
    await lab.elapse(70)
    assert told(lab, key)["memory"] == ("4096Mi", "8Gi")
    assert lab.get(key).status["drift"][0]["since"] == since
    assert lab.calls.take().count("write_status") == 1
    lab.simulator.edit(sample.family, lab.get(key).external_id or "", {**CHANGED, "memory": 4096})
    await lab.elapse(70)
    assert set(told(lab, key)) == {"cpu", "network.mode"}


async def test_a_secret_is_hidden() -> None:
    lab, key = await observing("AgentRuntime", {}, {"env": [{"name": "KEY", "value": "plain"}]})
    assert told(lab, key) == {"env": ("(differs)", "(differs)")}
    credential = await observing("Credential", {"credentialSecret": "canary-console"}, {})
    assert set(told(*credential).values()) == {("(differs)", "(differs)")}
    shown = str(credential[0].cluster.raw(credential[1]))
    assert "canary-console" not in shown
    assert SECRET_VALUE not in shown


async def test_it_names_what_no_read_returns() -> None:
    lab, key = await observing("ModelService", {}, {})
    assert told(lab, key) == {}
    assert "providerSettings.apiKeyFrom" in lab.message(key)
    lab.edit(key, driftPolicy="Report")
    await lab.elapse(30)
    assert "providerSettings.apiKeyFrom" not in lab.message(key), "then it is not sent"


@pytest.mark.parametrize("policy", ["Correct", "Report", "Ignore"])
async def test_the_adoption_does_what_was_told(policy: str) -> None:
    lab, key = await observing("AgentRuntime", CHANGED, WANTED, driftPolicy=policy)
    before = set(told(lab, key))
    assert policy == "Correct" or policy in lab.message(key)
    seen = len(lab.cloud_writes())
    lab.edit(key, managementPolicy="Manage")
    await lab.elapse(90)
    bodies = [r["body"] for r in lab.cloud_writes()[seen:]]
    if policy == "Correct":
        (body,) = bodies
        assert set(body) == {"cpu", "memory", "networkConfiguration", "systemTags"}
        assert told(lab, key) == {}
    else:
        assert bodies == []
        assert set(told(lab, key)) == (before if policy == "Report" else set())


async def test_what_is_gone_differs_in_nothing() -> None:
    lab, key = await observing("AgentRuntime", CHANGED, WANTED)
    lab.simulator.remove("AgentRuntime", lab.get(key).external_id or "")
    await lab.elapse(300)
    assert lab.ready(key) == ("False", "ExternalResourceMissing")
    assert told(lab, key) == {}


async def test_a_default_of_the_create_is_not_told() -> None:
    bare = dict.fromkeys(("cpu", "memory", "port", "description"))
    sample = SAMPLES["AgentRuntime"]
    lab, first = await ready(sample, deletionPolicy="Retain")
    lab.simulator.edit(sample.family, cloud_key(lab, first), CHANGED)
    lab.cluster.delete(first)
    spec = {k: v for k, v in RUNTIME.items() if k not in bare}
    observe = {"externalName": "it", "managementPolicy": "Observe"}
    key = lab.cluster.apply("AgentRuntime", "next", {**spec, **observe})
    await lab.elapse(60)
    assert told(lab, key) == {}


async def test_a_part_of_a_long_value_shows_no_part_of_a_secret() -> None:
    """The cut must not fall into a secret that AgentRun quotes before anybody knows it as one."""
    for before in range(20, 160, 10):
        quoted = f"{'x' * before}{SECRET_VALUE}{'y' * 200}"
        lab = Lab()
        await lab.ready_account()
        lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
        wanted = {"description": "x" * 200, "env": [KEY]}
        spec = {**RUNTIME, **wanted, "driftPolicy": "Report"}
        key = lab.cluster.apply("AgentRuntime", "it", spec)
        await lab.elapse(15)
        lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": quoted})
        await lab.elapse(70)
        ((_, observed),) = told(lab, key).values()
        assert not any(SECRET_VALUE[n : n + 4] in observed for n in range(len(SECRET_VALUE) - 3))
