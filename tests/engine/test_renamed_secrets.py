"""A tool gives a Secret another name with each content: the reference moves, the resource stays."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import CREDENTIAL, RUNTIME, SAMPLES, SERVICE, TEMPLATE, made, updates
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab, account_spec

FIRST, SECOND = "keys-9t7hhkh4f6", "keys-bct287fm49"


def referring(kind: str, secret: str) -> dict[str, Any]:
    """Return the spec of a kind that takes a value from a Secret of that name."""
    source = {"secretKeyRef": {"name": secret, "key": "token"}}
    env: dict[str, Any] = {
        "env": [{"name": "TOKEN", "valueFrom": source}],
        "envFrom": [{"configMapRef": MAP}],
    }
    settings: dict[str, Any] = {
        "baseUrl": "https://dashscope.example/v1",
        "modelNames": ["qwen-max"],
        "apiKeyFrom": source,
    }
    specs: dict[str, dict[str, Any]] = {
        "Credential": {**CREDENTIAL, "apiKey": {"headerName": "X", "valueFrom": source}},
        "ModelService": {**SERVICE, "providerSettings": settings},
        "AgentRuntime": {**RUNTIME, **env},
        "SandboxTemplate": {**TEMPLATE, **env},
    }
    return specs[kind]


MAP = {"name": "settings"}
KINDS = ("AgentRuntime", "Credential", "ModelService", "SandboxTemplate")


async def standing(kind: str) -> tuple[Lab, ObjectKey]:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_config_map("settings", {"LEVEL": "info"})
    lab.cluster.put_secret(FIRST, {"token": "canary-1"})
    key = lab.cluster.apply(kind, "it", referring(kind, FIRST))
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    lab.calls.take()
    return lab, key


@pytest.mark.parametrize("comes", ["secret first", "object first", "old one pruned"])
@pytest.mark.parametrize("kind", KINDS)
async def test_the_value_changes_and_nothing_is_made_anew(kind: str, comes: str) -> None:
    lab, key = await standing(kind)
    before = lab.get(key).external_id
    if comes == "object first":
        lab.edit(key, **referring(kind, SECOND))
        await lab.elapse(5)
        assert lab.ready(key)[1] == "ReferenceNotFound"
    lab.cluster.put_secret(SECOND, {"token": "canary-2"})
    lab.edit(key, **referring(kind, SECOND))
    if comes == "old one pruned":
        lab.cluster.delete_secret(FIRST)
    await lab.elapse(40)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert lab.get(key).external_id == before
    assert updates(lab) == 1
    [found] = made(lab, SAMPLES[kind])
    assert "canary-2" in str(found)
    assert "canary-1" not in str(found)
    assert not {name for name in lab.calls.names if name.startswith(("Create", "Delete"))}


async def test_the_keys_of_an_account_move_and_its_objects_stay() -> None:
    lab, key = await standing("Credential")
    account = ObjectKey("Account", "team-a", "default")
    lab.cluster.put_secret(SECOND, keys_of(MAIN))
    lab.cluster.edit(account, spec=account_spec(SECOND))
    lab.cluster.delete_secret("default-keys")
    await lab.elapse(60)
    assert lab.ready(account) == ("True", "Available")
    assert lab.ready(key) == ("True", "Available")
    assert updates(lab) == 0
