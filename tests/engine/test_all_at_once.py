"""Whatever is wrong with one object is told in one message, so that it is corrected in one edit."""

from agentrun_operator.reconcile.ports import Json
from engine.specs import RUNTIME
from fakes.lab import Lab

KEY = {"secretKeyRef": {"name": "keys", "key": "absent"}}


def runtime(**more: Json) -> Json:
    return {
        **RUNTIME,
        "container": {"image": "r.example.com/a", "pullSecretRef": {"name": "no-login"}},
        "env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "no-secret", "key": "k"}}},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "no-map", "key": "k"}}},
            {"name": "C", "valueFrom": KEY},
        ],
        "credentialRef": {"name": "no-credential"},
        **more,
    }


PROBLEMS = (
    "spec.credentialRef names Credential 'no-credential'",
    "spec.container.pullSecretRef names Secret 'no-login'",
    "spec.env[0].valueFrom.secretKeyRef names Secret 'no-secret'",
    "spec.env[1].valueFrom.configMapKeyRef names ConfigMap 'no-map'",
    "spec.env[2].valueFrom: Secret 'keys' has no key 'absent'",
)


async def test_every_reference_that_leads_nowhere_is_named() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": "t"})
    key = lab.cluster.apply("AgentRuntime", "it", runtime())
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "ReferenceNotFound")
    assert lab.condition(key, "ReferencesResolved") == ("False", "ReferenceNotFound")
    for problem in PROBLEMS:
        assert problem in lab.message(key)
    assert lab.message(key).startswith("5 problems: (1) spec.")
    assert lab.calls.take() == ["write_status"]
    await lab.elapse(60)
    assert lab.calls.take() == [], "the same message again is no news"


async def test_a_missing_account_hides_no_missing_reference() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": "t"})
    key = lab.cluster.apply("AgentRuntime", "it", runtime(accountRef={"name": "no-account"}))
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "CredentialsNotFound")
    for problem in ("'no-account'", *PROBLEMS):
        assert problem in lab.message(key)


async def test_an_account_that_becomes_ready_hides_what_waits_for_it() -> None:
    lab = Lab()
    lab.cluster.apply("Credential", "later", {"purpose": "Inbound"})
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "credentialRef": {"name": "later"}})
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "CredentialsNotFound")
    assert "later" not in lab.message(key)


async def test_what_is_missing_is_told_before_what_is_not_ready() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.apply(
        "ModelService", "unready", {"modelType": "llm", "credentialRef": {"name": "x"}}
    )
    spec = {
        "mode": "Multi",
        "endpoints": [
            {"modelServiceRef": {"name": "unready"}},
            {"modelServiceRef": {"name": "absent"}},
        ],
    }
    key = lab.cluster.apply("ModelProxy", "it", spec)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "ReferenceNotFound")
    assert "(1) spec.endpoints[1].modelServiceRef names ModelService 'absent'" in lab.message(key)
    assert "(2) ModelService team-a/unready is not Ready" in lab.message(key)


async def test_every_field_that_makes_no_sense_is_named() -> None:
    lab = Lab()
    await lab.ready_account()
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "port": "high", "cpu": [], "env": 7})
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "InvalidParameter")
    for field in ("spec.port", "spec.cpu", "spec.env"):
        assert field in lab.message(key)


async def test_a_field_that_makes_no_sense_hides_no_missing_reference() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": "t"})
    wrong = {"cpu": True, "port": "high", "accountRef": {"name": "no-account"}}
    spec = {**runtime(), **wrong}
    key = lab.cluster.apply("AgentRuntime", "it", spec)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "InvalidParameter")
    fields = ("spec.cpu: write cores from 0.05 to 16, such as 2, 0.5 or 500m", "spec.port: ")
    # Whether a key is in its Secret is asked of a spec that makes sense.
    for problem in (*fields, "Account 'no-account'", *PROBLEMS[:4]):
        assert problem in lab.message(key)
    assert lab.calls.take() == ["write_status"]
    await lab.elapse(60)
    assert lab.calls.take() == []


async def test_the_place_in_a_list_is_told_as_everywhere() -> None:
    lab = Lab()
    await lab.ready_account()
    env = [{"name": "A", "value": "x"}, {"name": 7, "value": "y"}]
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "env": env})
    await lab.elapse(5)
    assert "spec.env[1].name: " in lab.message(key)
