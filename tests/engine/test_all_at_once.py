"""Whatever is wrong with one object is told in one message, so that it is corrected in one edit."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Json
from engine.shared import PLAIN_RUNTIME, REF, apply, made_by_a, shared_lab
from engine.specs import CREDENTIAL, PROXY, RUNTIME
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


LOST = {
    "mode": "Multi",
    "credentialRef": {"name": "no-credential"},
    "endpoints": [
        {"modelServiceRef": {"name": "no-service"}},
        {"modelServiceRef": {"externalName": "qwen"}},
    ],
}
LOST_PROBLEMS = (
    "spec.credentialRef names Credential 'no-credential'",
    "spec.endpoints[0].modelServiceRef names ModelService 'no-service'",
)


async def crowded(lab: Lab, spec: Json) -> ObjectKey:
    """Return an object whose external name an older one has."""
    lab.cluster.apply("ModelProxy", "old", {**PROXY, "externalName": "taken"})
    await lab.elapse(20)
    lab.calls.take()
    return lab.cluster.apply("ModelProxy", "it", {**spec, "externalName": "taken"})


async def test_a_taken_name_hides_no_missing_reference() -> None:
    lab = Lab()
    await lab.ready_account()
    key = await crowded(lab, LOST)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "ExternalNameConflict")
    assert lab.condition(key, "Stalled") == ("True", "ExternalNameConflict")
    assert lab.condition(key, "ReferencesResolved") == ("False", "ExternalNameConflict")
    assert lab.message(key).startswith("3 problems: (1) ModelProxy team-a/old came first")
    for problem in LOST_PROBLEMS:
        assert problem in lab.message(key)
    assert lab.calls.take() == ["write_status"]
    await lab.elapse(60)
    assert "write_status" not in lab.calls.take(), "the same message again is no news"
    lab.edit(key, **PROXY, credentialRef=None)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "ExternalNameConflict")
    assert lab.message(key).startswith("ModelProxy team-a/old came first")


async def test_a_taken_name_hides_no_unfit_reference() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": "t"})
    lab.cluster.apply("Credential", "c", {**CREDENTIAL, "purpose": "OutboundModel"})
    key = await crowded(lab, {**PROXY, "credentialRef": {"name": "c"}})
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "ExternalNameConflict")
    assert "spec.credentialRef names Credential 'c' with purpose" in lab.message(key)


async def test_a_taken_name_hides_nothing_that_waits() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.apply("Credential", "unready", {**CREDENTIAL})
    key = await crowded(lab, {**PROXY, "credentialRef": {"name": "unready"}})
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "ExternalNameConflict")
    assert lab.condition(key, "ReferencesResolved") == ("False", "ExternalNameConflict")
    assert "Credential team-a/unready is not Ready" in lab.message(key)


async def test_a_field_that_makes_no_sense_hides_no_taken_name() -> None:
    lab = Lab()
    await lab.ready_account()
    key = await crowded(lab, {**LOST, "cpu": True})
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "InvalidParameter")
    for problem in ("spec.cpu: ", "ModelProxy team-a/old came first", *LOST_PROBLEMS):
        assert problem in lab.message(key)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        pytest.param({}, "AccessDenied", id="valid"),
        pytest.param({"cpu": True}, "InvalidParameter", id="invalid"),
    ],
)
async def test_a_refusing_account_hides_no_missing_reference(more: Json, reason: str) -> None:
    lab = await shared_lab()
    key = lab.cluster.apply("ModelProxy", "it", {**LOST, **REF, **more}, namespace="team-z")
    await lab.elapse(5)
    assert lab.ready(key) == ("False", reason)
    assert lab.condition(key, "ReferencesResolved") == ("False", reason)
    for problem in ("does not allow namespace 'team-z'", *LOST_PROBLEMS):
        assert problem in lab.message(key)


async def test_a_taken_name_hides_no_grant_and_shows_no_stranger() -> None:
    lab = await shared_lab()
    await made_by_a(lab, "AgentRuntime", "old", {**PLAIN_RUNTIME, "externalName": "taken"})
    await made_by_a(lab, "Credential", "a-key", {**CREDENTIAL, "purpose": "OutboundModel"})
    spec = {**PLAIN_RUNTIME, "externalName": "taken", "credentialRef": {"externalName": "a-key"}}
    key = await apply(lab, "AgentRuntime", "it", spec)
    assert lab.ready(key) == ("False", "ExternalNameConflict")
    assert "spec.credentialRef names what no object of its namespace made" in lab.message(key)
    assert "purpose" not in lab.message(key)
    assert lab.message(key).count("team-a") == 1, "who has the name, as ever"


async def test_the_place_in_a_list_is_told_as_everywhere() -> None:
    lab = Lab()
    await lab.ready_account()
    env = [{"name": "A", "value": "x"}, {"name": 7, "value": "y"}]
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "env": env})
    await lab.elapse(5)
    assert "spec.env[1].name: " in lab.message(key)
