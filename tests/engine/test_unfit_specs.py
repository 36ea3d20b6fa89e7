"""Objects that admission would refuse today, stored before the rule that they break."""

import pytest

from agentrun_operator.reconcile.ports import Json
from engine.specs import SERVICE
from fakes.cloud import MAIN
from fakes.lab import Lab, account_spec


@pytest.mark.parametrize(
    ("spoilt", "path"),
    [
        ({"credentials": {"secretRef": "keys"}}, "spec.credentials.secretRef"),
        ({"credentials": []}, "spec.credentials"),
        ({"requestsPerSecond": "fast"}, "spec.requestsPerSecond"),
        ({"accountId": None}, "spec.accountId"),
        ({"compatibility": "yes"}, "spec.compatibility"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_account_that_makes_no_sense_says_which_field(spoilt: Json, path: str) -> None:
    lab = Lab()
    key = lab.cluster.apply("Account", "default", {**account_spec("keys"), **spoilt})
    await lab.elapse(120)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert path in lab.message(key)
    assert lab.calls.names == ["add_finalizer", "write_status"]


async def test_such_an_account_disturbs_no_namesake_elsewhere() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": "t"})
    lab.cluster.apply("Account", "broken", {"region": "cn-hangzhou"})
    older = {**SERVICE, "externalName": "shared", "accountRef": {"name": "broken"}}
    lab.cluster.apply("ModelService", "older", older)
    key = lab.cluster.apply("ModelService", "younger", {**SERVICE, "externalName": "shared"})
    await lab.elapse(30)
    assert lab.ready(key) == ("True", "Available")
    assert MAIN.account_id == lab.get(key).status["account"]["accountId"]


@pytest.mark.parametrize(
    "spoilt",
    [{"credentials": []}, {"accountId": None}, {"region": 5}, {"compatibility": "yes"}],
    ids=lambda value: next(iter(value)),
)
async def test_an_account_that_was_spoilt_under_its_users_ends_nothing(
    spoilt: Json, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Lab()
    account = await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": "t"})
    users = [lab.cluster.apply("ModelService", f"svc-{n}", SERVICE) for n in range(6)]
    await lab.elapse(120)
    assert {lab.ready(key) for key in users} == {("True", "Available")}
    lab.cluster.edit(account, spec={**lab.get(account).spec, **spoilt})
    await lab.elapse(180)
    assert lab.ready(account) == ("False", "InvalidParameter")
    lab.cluster.delete(users[0])
    await lab.elapse(60)
    assert capsys.readouterr().out == "", "nothing is logged as an error"
    assert {lab.ready(key)[1] for key in users[1:]} == {"DependencyNotReady"}


@pytest.mark.parametrize(
    "default",
    [
        pytest.param("NaN", id="no number"),
        pytest.param("-Infinity", id="infinity"),
        pytest.param("1e999", id="infinity by its size"),
        pytest.param("9" * 4096, id="thousands of digits"),
        pytest.param('"\\ud800"', id="half a character"),
        pytest.param("[" * 100 + "]" * 100, id="too deep for who compares it"),
        pytest.param("[" * 2000 + "]" * 2000, id="too deep for the parser"),
    ],
)
async def test_a_default_that_no_request_can_hold_as_json_is_a_text(default: str) -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": "t"})
    rules = [{"name": "temperature", "default": default}]
    models = [{"name": "m-1", "parameterRules": rules}]
    key = lab.cluster.apply("ModelService", "it", {**SERVICE, "models": models})
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    lab.calls.take()
    await lab.elapse(300)
    assert "UpdateModelService" not in lab.calls.names


async def test_a_login_that_no_request_can_hold_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lab = Lab()
    await lab.ready_account()
    login = '{"auths": {"registry.example.com": {"username": "u", "password": "\\ud800-hunter2"}}}'
    lab.cluster.put_secret("pull", {".dockerconfigjson": login})
    container = {"image": "registry.example.com/agent:v1", "pullSecretRef": {"name": "pull"}}
    key = lab.cluster.apply("AgentRuntime", "it", {"container": container})
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "InvalidParameter"), lab.message(key)
    assert "hunter2" not in str(lab.cluster.raw(key))
    assert capsys.readouterr().out == "", "nothing is logged as an error"


async def test_a_document_with_too_many_fields_is_not_created() -> None:
    lab = Lab()
    await lab.ready_account()
    document = {"settings": {f"key-{n:0100}": "v" for n in range(9000)}}
    spec = {"type": "CodeInterpreter", "templateConfiguration": document}
    key = lab.cluster.apply("SandboxTemplate", "it", spec)
    await lab.elapse(10)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert "more fields than the status" in lab.message(key)
    assert lab.resources("Template") == []
    lab.cluster.delete(key)
    await lab.elapse(10)
    assert lab.cluster.raw(key) is None


@pytest.mark.parametrize("kind", ["AgentRuntime", "SandboxTemplate"])
async def test_a_secret_of_too_many_keys_is_refused_before_any_call(kind: str) -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("many", {f"KEY_{n}": f"value-{n}" for n in range(200)})
    container = {"image": "registry.example.com/agent:v1"}
    spec = {"container": container, "envFrom": [{"secretRef": {"name": "many"}}]}
    spec |= {"type": "CustomImage"} if kind == "SandboxTemplate" else {}
    key = lab.cluster.apply(kind, "it", spec)
    lab.calls.take()
    await lab.elapse(10)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert "200 variables, at most 128" in lab.message(key)
    assert not [name for name in lab.calls.names if "Create" in name]
    lab.cluster.put_secret("many", {"KEY": "value"})
    await lab.elapse(30)
    assert lab.ready(key) == ("True", "Available")
