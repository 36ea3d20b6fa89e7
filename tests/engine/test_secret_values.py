"""Secrets that cannot be sent: the condition names the Secret and the key, and what is wrong."""

import pytest

from agentrun_simulator.faults import Fault
from engine.specs import CREDENTIAL, RUNTIME, SAMPLES, SECRET_VALUE, SERVICE, made
from fakes.examples import MINIMAL
from fakes.lab import Lab

SPECS = {"Credential": CREDENTIAL, "ModelService": SERVICE}
TOKEN = {"secretKeyRef": {"name": "keys", "key": "token"}}
every = pytest.mark.parametrize("kind", SPECS)


@pytest.mark.parametrize(
    ("data", "unreadable", "problem"),
    [
        ({"token": ""}, (), "key 'token' of Secret 'keys' is empty"),
        ({}, ("token",), "key 'token' of Secret 'keys' is no UTF-8 text"),
        ({}, (), "Secret 'keys' has no key 'token'"),
        ({"token": "\r\n"}, (), "key 'token' of Secret 'keys' is empty"),
        ({"token": " \n"}, (), "key 'token' of Secret 'keys' is empty"),
        ({"token": "sk\x00-1"}, (), "key 'token' of Secret 'keys' holds a null character"),
        ({"token": "sk-1\nsk-2"}, (), "key 'token' of Secret 'keys' holds a line break"),
    ],
    ids=[
        "empty",
        "binary",
        "missing",
        "only a line break",
        "only a blank",
        "null character",
        "two lines",
    ],
)
@every
async def test_what_cannot_be_sent(
    kind: str, data: dict[str, str], unreadable: tuple[str, ...], problem: str
) -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", data, unreadable=unreadable)
    key = lab.cluster.apply(kind, "it", SPECS[kind])
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "ReferenceNotFound")
    assert lab.condition(key, "ReferencesResolved") == ("False", "ReferenceNotFound")
    assert problem in lab.message(key)
    assert lab.calls.take() == ["write_status"]
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    await lab.elapse(10)
    assert lab.ready(key) == ("True", "Available")


async def test_a_trailing_line_break_is_not_sent() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": f"{SECRET_VALUE}\r\n"})
    key = lab.cluster.apply("Credential", "it", CREDENTIAL)
    await lab.elapse(10)
    assert lab.ready(key) == ("True", "Available")
    (credential,) = made(lab, SAMPLES["Credential"])
    assert credential["credentialSecret"] == SECRET_VALUE
    before = len(lab.writes_to_cloud())
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    await lab.elapse(60)
    assert len(lab.writes_to_cloud()) == before


@pytest.mark.parametrize(
    ("kind", "spec", "path"),
    [
        ("Credential", {"purpose": "Inbound", "jwt": {"jwksFrom": TOKEN}}, "spec.jwt.jwksFrom"),
        ("Tool", {**MINIMAL["Tool"], "protocolSpecFrom": TOKEN}, "spec.protocolSpecFrom"),
    ],
)
@pytest.mark.parametrize("text", ["", " \n"], ids=["nothing", "blanks"])
async def test_a_document_is_not_empty(
    kind: str, spec: dict[str, object], path: str, text: str
) -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": text})
    key = lab.cluster.apply(kind, "it", spec)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "ReferenceNotFound")
    assert f"{path}: key 'token' of Secret 'keys' is empty; fill it in" in lab.message(key)
    lab.cluster.put_secret("keys", {"token": '{"keys": []}'})
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")


async def test_an_empty_variable_is_as_good_as_any() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": ""})
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}]
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "env": env})
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")


async def test_binary_keys_of_an_account_are_named() -> None:
    lab = Lab()
    account = await lab.ready_account()
    lab.cluster.put_secret("default-keys", {"accessKeyId": "x"}, unreadable=("accessKeySecret",))
    await lab.drain()
    assert lab.ready(account) == ("False", "CredentialsInvalid")
    assert "accessKeySecret of Secret 'default-keys'" in lab.message(account)
    assert "no UTF-8 text" in lab.message(account)


async def test_a_lost_create_is_deleted_without_its_env_secret() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    fault = {"action": "Create.*", "effect": "drop-after", "times": 1}
    lab.simulator.inject(Fault.model_validate(fault))
    spec = {**RUNTIME, "envFrom": [{"secretRef": {"name": "keys"}}]}
    key = lab.cluster.apply("AgentRuntime", "it", spec)
    await lab.drain()
    lab.cluster.delete_secret("keys")
    lab.cluster.delete(key)
    lab.restart()
    await lab.elapse(150)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["AgentRuntime"]) == []
