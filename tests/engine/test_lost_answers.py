"""A lost answer of a create, and meanwhile something changes: whose is what is found then?"""

import json
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.specs import (
    CREDENTIAL,
    PROXY,
    RUNTIME,
    SAMPLES,
    SECRET_VALUE,
    SERVICE,
    lab_for,
    made,
    ready,
    updates,
)
from engine.strangers import CREDENTIAL_BODY, PROXY_BODY, RUNTIME_BODY, by_hand
from fakes.lab import Lab

SPECS: dict[str, dict[str, Any]] = {
    "ModelProxy": PROXY,
    "AgentRuntime": RUNTIME,
    "Credential": CREDENTIAL,
    "ModelService": SERVICE,
}
BODIES = {
    "ModelProxy": PROXY_BODY,
    "AgentRuntime": RUNTIME_BODY,
    "Credential": {**CREDENTIAL_BODY, "credentialAuthType": "jwt"},
}
every = pytest.mark.parametrize("kind", SPECS)


async def lost(kind: str, effect: str, **also: str) -> tuple[Lab, ObjectKey]:
    """Return a lab in which the answer of the create of `it` was lost a moment ago."""
    lab = await lab_for(SAMPLES[kind])
    fault = {"action": "Create.*", "effect": effect, "times": 1}
    lab.simulator.inject(Fault.model_validate(fault))
    key = lab.cluster.apply(kind, "it", {**SPECS[kind], **also})
    await lab.drain()
    assert lab.get(key).status["creation"]
    return lab, key


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarted"])
@every
async def test_what_left_the_spec_meanwhile_is_cleared(kind: str, *, restarts: bool) -> None:
    lab, key = await lost(kind, "drop-after", description="first")
    lab.edit(key, description=None)
    if restarts:
        lab.restart()
    await lab.elapse(150)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert [r.get("description") or "" for r in made(lab, SAMPLES[kind])] == [""]


async def test_what_a_lost_create_carried_clears_nothing_adopted() -> None:
    lab, key = await lost("ModelProxy", "drop-before", description="first")
    await by_hand(lab, "ModelProxy", {**PROXY_BODY, "description": "theirs"})
    lab.edit(key, description=None)
    await lab.elapse(300)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert lab.get(key).status["adopted"] is True
    assert [r["description"] for r in made(lab, SAMPLES["ModelProxy"])] == ["theirs"]


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarted"])
@every
async def test_an_edit_does_not_hide_what_is_ours(kind: str, *, restarts: bool) -> None:
    lab, key = await lost(kind, "drop-after")
    lab.edit(key, description="second")
    if restarts:
        lab.restart()
    await lab.elapse(150)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert lab.get(key).status["adopted"] is False
    assert [r["description"] for r in made(lab, SAMPLES[kind])] == ["second"]


@every
async def test_an_edit_between_two_creates_does_not_disown_the_second(kind: str) -> None:
    lab = await lab_for(SAMPLES[kind])
    lab.simulator.inject(
        Fault.model_validate({"action": "Create.*", "effect": "drop-before", "times": 1})
    )
    key = lab.cluster.apply(kind, "it", SPECS[kind])
    await lab.drain()
    lab.edit(key, description="second")
    await lab.elapse(150)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert lab.get(key).status["adopted"] is False


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ModelProxy", ("True", "Available")),
        ("AgentRuntime", ("True", "Available")),
        ("Credential", ("False", "AlreadyExistsNotOwned")),
    ],
)
async def test_an_edit_does_not_make_a_strangers_ours(kind: str, expected: tuple[str, str]) -> None:
    lab, key = await lost(kind, "drop-before")
    await by_hand(lab, kind, BODIES[kind])
    lab.edit(key, description="second")
    await lab.elapse(150)
    assert lab.ready(key) == expected, lab.message(key)
    assert lab.get(key).status.get("adopted", True) is True
    assert len(made(lab, SAMPLES[kind])) == 1
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES[kind])) == 1, "what was adopted stays"


async def test_what_follows_an_adopted_one_is_ours_to_delete() -> None:
    lab = await lab_for(SAMPLES["ModelProxy"])
    await by_hand(lab, "ModelProxy", PROXY_BODY)
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(15)
    assert lab.get(key).status["adopted"] is True
    lab.simulator.remove("ModelProxy", "it")
    fault = {"action": "Create.*", "effect": "drop-after", "times": 1}
    lab.simulator.inject(Fault.model_validate(fault))
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(20)
    assert lab.get(key).status["creation"]
    lab.cluster.delete(key)
    await lab.elapse(150)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["ModelProxy"]) == []


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarted"])
async def test_a_rotation_does_not_hide_what_is_ours(*, restarts: bool) -> None:
    lab, key = await lost("Credential", "drop-after")
    lab.cluster.put_secret("keys", {"token": f"{SECRET_VALUE}-2"})
    if restarts:
        lab.restart()
    await lab.elapse(150)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert lab.get(key).status["adopted"] is False
    assert made(lab, SAMPLES["Credential"])[0]["credentialSecret"] == f"{SECRET_VALUE}-2"


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarted"])
async def test_without_its_secret_ours_is_deleted_all_the_same(*, restarts: bool) -> None:
    lab, key = await lost("Credential", "drop-after")
    lab.cluster.delete_secret("keys")
    lab.cluster.delete(key)
    if restarts:
        lab.restart()
    await lab.elapse(150)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["Credential"]) == []


@pytest.mark.parametrize(
    ("seconds", "change"),
    [(1, {"credentialPublicConfig": {"headerKey": "Another"}}), (100, {})],
    ids=["at once, different", "later, alike"],
)
@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarted"])
async def test_without_its_secret_a_strangers_is_left(
    seconds: float, change: dict[str, object], *, restarts: bool
) -> None:
    lab, key = await lost("Credential", "drop-before")
    lab.cluster.delete_secret("keys")
    await lab.elapse(seconds)
    await by_hand(lab, "Credential", {**CREDENTIAL_BODY, **change})
    lab.cluster.delete(key)
    if restarts:
        lab.restart()
    await lab.elapse(150)
    assert lab.cluster.raw(key) is None
    assert len(made(lab, SAMPLES["Credential"])) == 1


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarted"])
async def test_a_rotation_reaches_what_no_read_shows(*, restarts: bool) -> None:
    """What was created has the old value, and nobody can see that it has."""
    lab, key = await lost("ModelService", "drop-after")
    lab.cluster.put_secret("keys", {"token": f"{SECRET_VALUE}-2"})
    if restarts:
        lab.restart()
    await lab.elapse(150)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    (service,) = lab.simulator.resources()["ModelService"]
    assert service["providerSettings"]["apiKey"] == f"{SECRET_VALUE}-2"


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarted"])
async def test_what_went_out_is_not_sent_again(*, restarts: bool) -> None:
    lab, key = await lost("ModelService", "drop-after")
    if restarts:
        lab.restart()
    await lab.elapse(150)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert updates(lab) == 0


async def test_a_rotation_reaches_a_resource_that_was_created_anew() -> None:
    """It was deleted in the cloud, and the answer of the next create got lost."""
    lab, key = await ready(SAMPLES["ModelService"])
    (service,) = lab.simulator.resources()["ModelService"]
    lab.simulator.remove("ModelService", service["modelServiceName"])
    fault = {"action": "CreateModelService", "effect": "drop-after", "times": 1}
    lab.simulator.inject(Fault.model_validate(fault))
    for _ in range(120):
        await lab.elapse(1)
        if lab.get(key).status.get("creation"):
            break
    lab.cluster.put_secret("keys", {"token": f"{SECRET_VALUE}-2"})
    await lab.elapse(150)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    (service,) = lab.simulator.resources()["ModelService"]
    assert service["providerSettings"]["apiKey"] == f"{SECRET_VALUE}-2"


def login(password: str) -> dict[str, str]:
    entry = {"registry.example.com": {"username": "robot", "password": password}}
    return {".dockerconfigjson": json.dumps({"auths": entry})}


async def test_a_late_create_has_not_got_what_a_refused_one_sent() -> None:
    """Both carry our mark; what no read shows is of the first."""
    lab = await lab_for(SAMPLES["AgentRuntime"])
    lab.cluster.put_secret("pull", login("first-password"))
    spec = SPECS["AgentRuntime"]
    container = {**spec["container"], "pullSecretRef": {"name": "pull"}}
    late = {"action": "Create.*", "effect": "drop-late", "seconds": 150, "times": 1}
    refused = {"action": "Create.*", "effect": "error", "status": 400, "code": "ERR", "times": 1}
    for fault in (late, refused):
        lab.simulator.inject(Fault.model_validate(fault))
    key = lab.cluster.apply("AgentRuntime", "it", {**spec, "container": container})
    await lab.drain()
    lab.cluster.put_secret("pull", login("second-password"))
    await lab.elapse(120)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert made(lab, SAMPLES["AgentRuntime"]) == []
    await lab.elapse(60)
    assert len(made(lab, SAMPLES["AgentRuntime"])) == 1
    await lab.elapse(10)
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(30)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    (runtime,) = made(lab, SAMPLES["AgentRuntime"])
    login_there = runtime["containerConfiguration"]["registryConfig"]["authConfig"]
    assert login_there["password"] == "sec***", "as answers show it"
    assert updates(lab) == 1


@every
async def test_a_lost_create_is_given_up_without_keys(kind: str) -> None:
    lab, key = await lost(kind, "drop-after")
    lab.cluster.delete_secret("default-keys")
    lab.restart()
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "DeletionBlocked"), lab.message(key)
    assert '{"deletionPolicy":"Retain"}' in lab.message(key)
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    told = [(e.type, e.reason, e.message) for e in lab.cluster.events if e.key == key][-1]
    assert told[:2] == ("Warning", "Retained")
    assert "look for 'it' in AgentRun" in told[2]
