"""What the cloud answers where that is no echo of what was sent, and what counts as drift there."""

from typing import Any

import pytest

from agentrun_operator.core.drift import clearing_values, find_drift, find_removed
from agentrun_operator.core.kind import Phase
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.core.wire import applied_paths, encode
from agentrun_operator.kinds import catalogue

LOGIN = '{"auths": {"r.example.com": {"username": "u", "password": "p"}}}'
RESOLUTION = Resolution(
    references={("ModelService", "a"): "a", ("ModelService", "b"): "b"},
    secrets={"pull": {".dockerconfigjson": LOGIN}},
)


def body(kind: str, **spec: Any) -> dict[str, Any]:
    declared = catalogue()[kind]
    return encode(declared, declared.spec.model_validate(spec), RESOLUTION)


def drifted(kind: str, desired: dict[str, Any], observed: dict[str, Any]) -> list[str]:
    found = find_drift(catalogue()[kind], desired, observed, partial=False)
    return [drift.path for drift in found]


PROXY = body(
    "ModelProxy",
    mode="Multi",
    endpoints=[
        {"modelServiceRef": {"name": "a"}, "modelNames": ["m", "n"], "weight": 50},
        {"modelServiceRef": {"name": "b"}, "weight": 50},
    ],
    policies={"numRetries": 2, "requestTimeoutSeconds": 60},
)
ENDPOINT: dict[str, Any] = {"runtimeRef": {"externalName": "rt-1"}}
SCALED = {"minInstances": 2, "scheduledPolicies": []}


def test_the_order_of_a_proxys_endpoints_and_models_is_no_drift() -> None:
    first, second = PROXY["proxyConfig"]["endpoints"]
    endpoints = [second, {**first, "modelNames": ["n", "m"]}]
    config = {**PROXY["proxyConfig"], "endpoints": endpoints}
    assert drifted("ModelProxy", PROXY, {**PROXY, "proxyConfig": config}) == []


def test_one_policy_of_a_proxy_drifts_alone() -> None:
    policies = {**PROXY["proxyConfig"]["policies"], "numRetries": 5}
    config = {**PROXY["proxyConfig"], "policies": policies}
    assert drifted("ModelProxy", PROXY, {**PROXY, "proxyConfig": config}) == ["policies.numRetries"]


def test_a_masked_registry_password_is_no_drift() -> None:
    desired = body(
        "AgentRuntime",
        container={"image": "r.example.com/a:1", "pullSecretRef": {"name": "pull"}},
    )
    masked = {"authConfig": {"userName": "u", "password": "p***"}}
    container = {**desired["containerConfiguration"], "registryConfig": masked}
    observed = {**desired, "containerConfiguration": container}
    assert drifted("AgentRuntime", desired, observed) == []
    container["image"] = "r.example.com/a:2"
    assert drifted("AgentRuntime", desired, observed) == ["container.image"]


def test_a_provider_key_that_no_read_returns_is_no_drift() -> None:
    key = {"secretKeyRef": {"name": "pull", "key": ".dockerconfigjson"}}
    settings = {"apiKeyFrom": key, "baseUrl": "https://models"}
    desired = body("ModelService", providerSettings=settings)
    for echo in ({}, {"apiKey": "sk-***"}):
        observed = {"providerSettings": {"baseUrl": "https://models", **echo}}
        assert drifted("ModelService", desired, observed) == []
    observed = {"providerSettings": {"baseUrl": "https://other"}}
    assert drifted("ModelService", desired, observed) == ["providerSettings.baseUrl"]


def test_an_archive_that_no_read_returns_is_no_drift() -> None:
    desired = body("AgentRuntime", code={"language": "python3.12", "zipFile": "UEsDBA=="})
    observed = {**desired, "codeConfiguration": {"language": "python3.12"}}
    assert drifted("AgentRuntime", desired, observed) == []


def test_numbers_as_text_and_live_counters_are_no_drift() -> None:
    desired = body(
        "SandboxTemplate",
        type="Browser",
        sandboxIdleTimeoutSeconds=1800,
        scaling={"minInstances": 2},
    )
    observed = {name: value for name, value in desired.items() if name != "scalingConfig"}
    observed["sandboxIdleTimeoutInSeconds"] = "1800"
    observed["scalingStatus"] = {**SCALED, "currentInstances": 1, "targetInstances": 2}
    assert drifted("SandboxTemplate", desired, observed) == []
    observed["scalingStatus"]["minInstances"] = 1
    assert drifted("SandboxTemplate", desired, observed) == ["scaling.minInstances"]


def test_a_sandbox_is_read_under_the_other_spelling() -> None:
    desired = body("Sandbox", templateRef={"externalName": "t"}, idleTimeoutSeconds=600)
    observed = {"templateName": "t", "sandboxIdleTimeoutSeconds": 600, "status": "READY"}
    assert drifted("Sandbox", desired, observed) == []


def test_weights_of_an_endpoint_are_compared_by_version() -> None:
    routing = [{"version": "1", "weightPercent": 33}, {"version": "2", "weightPercent": 67}]
    desired = body("AgentRuntimeEndpoint", **ENDPOINT, routing=routing)
    weights = [{"version": "2", "weight": 0.67}, {"version": "1", "weight": 0.33}]
    observed = {"routingConfiguration": {"versionWeights": weights}}
    assert drifted("AgentRuntimeEndpoint", desired, observed) == []


@pytest.mark.parametrize(
    ("gone", "observed", "update"),
    [
        pytest.param(
            {"scaling": {"minInstances": 2}},
            {"scalingStatus": {**SCALED, "currentInstances": 2}},
            {"deleteScalingConfig": True},
            id="scaling-leaves-by-a-field-of-its-own",
        ),
        pytest.param(
            {"routing": [{"version": "1", "weightPercent": 100}]},
            {"routingConfiguration": {"versionWeights": [{"version": "1", "weight": 1.0}]}},
            {"routingConfiguration": {"versionWeights": []}},
            id="routing-is-emptied",
        ),
        pytest.param(
            {"targetVersion": "3"}, {"targetVersion": "3"}, {"targetVersion": ""}, id="target"
        ),
    ],
)
def test_what_left_an_endpoint_is_cleared(
    gone: dict[str, Any], observed: dict[str, Any], update: dict[str, Any]
) -> None:
    kind = catalogue()["AgentRuntimeEndpoint"]
    applied = applied_paths(kind, body("AgentRuntimeEndpoint", **ENDPOINT, **gone))
    desired = body("AgentRuntimeEndpoint", **ENDPOINT)
    removed = find_removed(kind, applied, desired, observed)
    assert clearing_values(kind, removed, desired) == update


def test_removed_scaling_is_gone_once_only_counters_show() -> None:
    kind = catalogue()["AgentRuntimeEndpoint"]
    applied = applied_paths(
        kind, body("AgentRuntimeEndpoint", **ENDPOINT, scaling={"minInstances": 2})
    )
    observed = {"scalingStatus": {"currentInstances": 1, "minInstances": 0}}
    desired = body("AgentRuntimeEndpoint", **ENDPOINT)
    assert find_removed(kind, applied, desired, observed) == ()


@pytest.mark.parametrize(
    ("kind", "word", "phase"),
    [
        ("Sandbox", "PAUSED", Phase.IDLE),
        ("Sandbox", "TERMINATED", Phase.ENDED),
        ("Sandbox", "CREATING", Phase.PROGRESSING),
        ("AgentRuntimeEndpoint", "ACTIVE", Phase.READY),
        ("AgentRuntime", "FAILED", Phase.CREATE_FAILED),
        ("SandboxTemplate", "ERROR", Phase.CREATE_FAILED),
        ("Credential", "", Phase.READY),
        ("ModelProxy", "SLEEPY", Phase.UNKNOWN),
    ],
)
def test_lifecycle_words(kind: str, word: str, phase: Phase) -> None:
    assert catalogue()[kind].phase_of({"status": word}) is phase
