"""Whose a resource is: adoption, other owners, observing, claims of one name."""

from typing import Any

import pytest

from engine.specs import (
    BOT,
    CREDENTIAL,
    PROXY,
    RUNTIME,
    SAMPLES,
    SECRET_VALUE,
    cloud_key,
    made,
    ready,
)
from engine.strangers import (
    BOT_BODY,
    CREDENTIAL_BODY,
    DOMAIN_BODY,
    PROXY_BODY,
    RUNTIME_BODY,
    by_hand,
)
from fakes.lab import Lab

NAMED_BY_US = {
    "ModelProxy": PROXY_BODY,
    "Credential": CREDENTIAL_BODY,
    "CustomDomain": DOMAIN_BODY,
}


async def lab_with(kind: str, body: dict[str, Any]) -> Lab:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    await by_hand(lab, kind, body)
    return lab


# ------------------------------------------------ adoption


async def test_what_exists_is_adopted_updated_and_kept_on_delete() -> None:
    lab = await lab_with("ModelProxy", PROXY_BODY)
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(10)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert lab.get(key).status["adopted"] is True
    assert made(lab, SAMPLES["ModelProxy"])[0]["description"] == "first"
    assert "CreateModelProxy" not in lab.calls.names
    assert [e.reason for e in lab.cluster.events if e.key == key].count("Adopted") == 1
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1, "adopted, so left alone"


async def test_what_was_adopted_is_deleted_if_the_policy_says_so() -> None:
    lab = await lab_with("ModelProxy", PROXY_BODY)
    key = lab.cluster.apply("ModelProxy", "it", {**PROXY, "deletionPolicy": "Delete"})
    await lab.elapse(10)
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert made(lab, SAMPLES["ModelProxy"]) == []


@pytest.mark.parametrize(
    ("kind", "body", "spec"),
    [
        ("ModelProxy", PROXY_BODY, {**PROXY, "adoptionPolicy": "Never"}),
        ("Credential", CREDENTIAL_BODY, CREDENTIAL),
        ("IMBot", BOT_BODY, BOT),
    ],
    ids=["asked for", "default of Credential", "default of IMBot"],
)
async def test_never_adopting_stalls(kind: str, body: dict[str, Any], spec: dict[str, Any]) -> None:
    lab = await lab_with(kind, body)
    before = made(lab, SAMPLES[kind])
    key = lab.cluster.apply(kind, "it", spec)
    await lab.elapse(100)
    assert lab.ready(key) == ("False", "AlreadyExistsNotOwned")
    assert lab.condition(key, "Stalled") == ("True", "AlreadyExistsNotOwned")
    assert len(lab.writes_to_cloud()) == 1, "what stood there before"
    lab.cluster.delete(key)
    await lab.elapse(10)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES[kind]) == before


async def test_a_tool_of_the_same_vendor_is_nobody() -> None:
    lab = await lab_with("AgentRuntime", {**RUNTIME_BODY, "systemTags": ["x-agentrun-cli"]})
    key = lab.cluster.apply("AgentRuntime", "it", RUNTIME)
    await lab.elapse(10)
    assert lab.ready(key) == ("True", "Available")
    assert lab.get(key).status["adopted"] is True


@pytest.mark.parametrize("loses_status", [True, False])
async def test_what_was_adopted_is_never_taken_for_made(*, loses_status: bool) -> None:
    """Adopting it once more leaves it as much a stranger's as the first time."""
    lab = await lab_with("AgentRuntime", RUNTIME_BODY)
    key = lab.cluster.apply("AgentRuntime", "it", RUNTIME)
    await lab.elapse(20)
    assert made(lab, SAMPLES["AgentRuntime"])[0]["description"] == "first"
    if loses_status:
        lab.cluster.reset_status(key)
        lab.restart()
    else:
        lab.cluster.delete(key)
        await lab.elapse(20)
        lab.cluster.apply("AgentRuntime", "it", RUNTIME)
    await lab.elapse(20)
    assert lab.get(key).status["adopted"] is True
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES["AgentRuntime"])) == 1


async def test_our_tag_survives_the_loss_of_our_status() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    raw = lab.cluster.raw(key)
    assert raw is not None
    lab.cluster.reset_status(key)
    lab.restart()
    await lab.elapse(20)
    assert lab.ready(key) == ("True", "Available")
    assert len(made(lab, SAMPLES["AgentRuntime"])) == 1
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert made(lab, SAMPLES["AgentRuntime"]) == [], "ours by its tag, so deleted"


@pytest.mark.parametrize("kind", ["ModelProxy", "AgentRuntime"])
async def test_a_stranger_under_our_name_is_adopted_not_assumed(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    first = lab.get(key).external_id
    lab.simulator.remove(SAMPLES[kind].family, cloud_key(lab, key))
    body = PROXY_BODY if kind == "ModelProxy" else RUNTIME_BODY
    await by_hand(lab, kind, body)
    await lab.elapse(90)
    assert lab.get(key).external_id != first
    assert lab.get(key).status["adopted"] is True
    assert lab.ready(key) == ("True", "Available")


@pytest.mark.parametrize(("kind", "body"), NAMED_BY_US.items())
@pytest.mark.parametrize("is_seen", [False, True])
async def test_deleting_spares_a_stranger_under_our_name(
    kind: str, body: dict[str, Any], *, is_seen: bool
) -> None:
    # Once seen it would be adopted by default, and then be ours to retain.
    lab, key = await ready(SAMPLES[kind], **({"adoptionPolicy": "Never"} if is_seen else {}))
    lab.simulator.remove(SAMPLES[kind].family, "it")
    await by_hand(lab, kind, body)
    if is_seen:
        await lab.elapse(90)
        assert lab.ready(key) == ("False", "AlreadyExistsNotOwned")
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES[kind])) == 1


async def test_adopting_sends_what_cannot_be_read_once() -> None:
    settings = {"baseUrl": "https://dashscope.example/v1", "modelNames": ["qwen-max"]}
    body = {
        "modelServiceName": "it",
        "modelType": "llm",
        "provider": "tongyi",
        "providerSettings": {**settings, "apiKey": "by-hand"},
    }
    lab = await lab_with("ModelService", body)
    key = lab.cluster.apply("ModelService", "it", SAMPLES["ModelService"].spec)
    await lab.elapse(200)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert lab.get(key).status["adopted"] is True
    assert SECRET_VALUE in str(lab.resources("ModelService"))
    assert lab.calls.names.count("UpdateModelService") == 1


# ------------------------------------------------ observing


async def test_observing_never_writes_to_the_cloud() -> None:
    lab = await lab_with("ModelProxy", PROXY_BODY)
    since = lab.simulator.requests()[-1]["seq"]
    key = lab.cluster.apply("ModelProxy", "it", {**PROXY, "managementPolicy": "Observe"})
    await lab.elapse(10)
    assert lab.ready(key) == ("True", "Available")
    assert lab.get(key).status["atProvider"]["endpoint"]
    assert not lab.get(key).is_claimed
    lab.simulator.edit("ModelProxy", "it", {"status": "UPDATE_FAILED", "statusReason": "broken"})
    await lab.elapse(70)
    assert lab.ready(key) == ("False", "ProviderFailed")
    lab.simulator.remove("ModelProxy", "it")
    await lab.elapse(500)
    assert lab.ready(key) == ("False", "ExternalResourceMissing")
    assert lab.writes_to_cloud(since) == []
    lab.cluster.delete(key)
    assert lab.cluster.raw(key) is None


async def test_an_observed_object_can_be_referred_to() -> None:
    lab = await lab_with("Credential", CREDENTIAL_BODY)
    lab.cluster.apply("Credential", "it", {**CREDENTIAL, "managementPolicy": "Observe"})
    user = lab.cluster.apply("ModelProxy", "user", {**PROXY, "credentialRef": {"name": "it"}})
    await lab.elapse(40)
    assert lab.ready(user) == ("True", "Available"), lab.message(user)


@pytest.mark.parametrize("kind", ["ModelProxy", "Credential"])
async def test_managing_what_was_observed_is_an_adoption(kind: str) -> None:
    body, spec = (PROXY_BODY, PROXY) if kind == "ModelProxy" else (CREDENTIAL_BODY, CREDENTIAL)
    lab = await lab_with(kind, body)
    since = lab.simulator.requests()[-1]["seq"]
    key = lab.cluster.apply(kind, "it", {**spec, "managementPolicy": "Observe"})
    await lab.elapse(10)
    lab.edit(key, managementPolicy="Manage")
    await lab.elapse(20)
    if kind == "Credential":
        assert lab.ready(key) == ("False", "AlreadyExistsNotOwned"), "never adopted unasked"
        assert lab.writes_to_cloud(since) == []
    else:
        assert lab.ready(key) == ("True", "Available")
        assert lab.get(key).status["adopted"] is True
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES[kind])) == 1, "it was there before us"


async def test_observing_what_we_made_lets_go_of_it() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.edit(key, managementPolicy="Observe")
    await lab.elapse(5)
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1
