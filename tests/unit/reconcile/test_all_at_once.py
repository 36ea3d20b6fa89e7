"""Whatever is wrong with one object is told in one message, so that it is corrected in one edit."""

from agentrun_operator.reconcile.ports import Json
from fakes.lab import Lab
from unit.reconcile.specs import RUNTIME

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
