"""What people are told of a resource although all is well."""

import pytest

from agentrun_operator.kinds import catalogue
from engine.specs import CREDENTIAL, RUNTIME, SECRET_VALUE
from fakes.examples import MINIMAL
from fakes.lab import Lab

FROM_BOTH = {
    "envFrom": [
        {"prefix": "A_", "secretRef": {"name": "keys"}},
        {"configMapRef": {"name": "settings"}},
    ]
}
WITH_VARIABLES = [n for n, kind in catalogue().items() if "env_from" in kind.spec.model_fields]


def warnings(lab: Lab, reason: str = "Unprotected") -> list[str]:
    return [e.message for e in lab.cluster.events if e.reason == reason]


async def test_a_runtime_that_anybody_may_call_says_so_once() -> None:
    lab = Lab()
    await lab.ready_account()
    key = lab.cluster.apply("AgentRuntime", "it", RUNTIME)
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")
    assert "without credentialRef" in lab.message(key)
    assert len(warnings(lab)) == 1
    version = lab.get(key).resource_version
    lab.restart()
    await lab.elapse(500)
    assert len(warnings(lab)) == 1
    assert lab.get(key).resource_version == version


@pytest.mark.parametrize(
    "spec",
    [
        {"credentialRef": {"name": "c"}},
        {"network": {"mode": "Private", "vpcId": "vpc-1"}},
        {"managementPolicy": "Observe"},
    ],
    ids=["credential", "private", "observed"],
)
async def test_one_that_asks_for_a_credential_or_is_private_is_fine(
    spec: dict[str, object],
) -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    lab.cluster.apply("Credential", "c", CREDENTIAL)
    lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, **spec})
    await lab.elapse(30)
    assert warnings(lab) == []


@pytest.mark.parametrize("kind", WITH_VARIABLES)
async def test_a_value_that_can_be_no_variable_is_told(kind: str) -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE}, unreadable=("store", "A"))
    lab.cluster.put_config_map("settings", {"LEVEL": "info"})
    key = lab.cluster.apply(
        kind, "it", {**MINIMAL[kind], **FROM_BOTH, "env": [{"name": "A_A", "value": "x"}]}
    )
    await lab.elapse(15)
    said = "spec.envFrom leaves out 'store' of Secret 'keys', whose values are no UTF-8 text"
    assert lab.ready(key) == ("True", "Available")
    assert said in lab.message(key)
    [told] = warnings(lab, "LeftOut")
    assert said in told
    lab.restart()
    await lab.elapse(500)
    assert warnings(lab, "LeftOut") == [told]
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    await lab.elapse(15)
    assert "envFrom" not in lab.message(key)
