"""Which paths in `ignoreFields` lead to a field."""

from typing import Any

import pytest

from agentrun_operator.core.known_paths import unknown_paths
from agentrun_operator.core.wire import field_rules
from agentrun_operator.kinds import catalogue

KINDS = catalogue()
SPECS: dict[str, dict[str, Any]] = {
    "AgentRuntime": {"nas": {"mountPoints": [{"mountDir": "/mnt/a.b", "serverAddr": "x:/y"}]}},
    "ModelProxy": {"endpoints": [{"weight": 1}, {"weight": 2}]},
    "ModelService": {"models": [{"name": "qwen", "parameterRules": [{"name": "top"}]}]},
}


def unknown(kind: str, *paths: str) -> list[str]:
    spec = {**SPECS.get(kind, {}), "ignoreFields": list(paths)}
    return unknown_paths(KINDS[kind], spec)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("AgentRuntime", "cpu"),
        ("AgentRuntime", "network"),
        ("AgentRuntime", "network.mode"),
        ("AgentRuntime", "workspace"),
        ("AgentRuntime", "env.LEVEL"),
        ("AgentRuntime", "env.with.dots"),
        ("AgentRuntime", "container.registryConfig.cert.insecure"),
        ("AgentRuntime", "container.registryConfig"),
        ("AgentRuntime", "nas.mountPoints.serverAddr"),
        ("AgentRuntime", "nas.mountPoints./mnt/a.b"),
        ("AgentRuntime", "nas.mountPoints./mnt/a.b.serverAddr"),
        ("ModelProxy", "endpoints.weight"),
        ("ModelProxy", "endpoints.1.weight"),
        ("ModelProxy", "policies.cache"),
        ("ModelService", "models.qwen.features.vision"),
        ("ModelService", "models.qwen.parameterRules.top.max"),
        ("ModelService", "models.parameterRules.max"),
        ("SandboxTemplate", "templateConfiguration.any.thing"),
        ("SandboxTemplate", "credentialRef"),
        ("AgentRuntimeEndpoint", "routing.weightPercent"),
    ],
)
def test_a_path_of_a_field_is_known(kind: str, path: str) -> None:
    assert unknown(kind, path) == []


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("AgentRuntime", "cpus"),
        ("AgentRuntime", "CPU"),
        ("AgentRuntime", "spec.cpu"),
        ("AgentRuntime", ""),
        ("AgentRuntime", "net"),
        ("AgentRuntime", "network."),
        ("AgentRuntime", "network.mod"),
        ("AgentRuntime", "cpu.cores"),
        ("AgentRuntime", "container.imag"),
        ("AgentRuntime", "nas.mountPoints./elsewhere.serverAddr"),
        ("AgentRuntime", "nas.mountPoints./mnt/a.b.server"),
        ("ModelProxy", "endpoints.wieght"),
        ("ModelProxy", "endpoints.2.weight"),
        ("ModelProxy", "policies.caches"),
        ("ModelService", "models.qwen.parameterRules.bottom.max"),
        ("ModelService", "accountRef"),
        ("SandboxTemplate", "environmentVariables"),
        ("AgentRuntimeEndpoint", "runtimeRef"),
    ],
)
def test_a_path_of_no_field_is_not_known(kind: str, path: str) -> None:
    assert unknown(kind, "description", path) == [path]


def test_every_declared_path_is_known() -> None:
    for kind in KINDS.values():
        if kind.rest is None:
            continue
        paths = [rule.path for rule in field_rules(kind) if rule.path]
        assert unknown_paths(kind, {"ignoreFields": paths}) == []


@pytest.mark.parametrize("listed", [None, "cpus", {"a": 1}, [1, None, {}]])
def test_what_was_stored_before_the_schema_breaks_nothing(listed: Any) -> None:
    assert unknown_paths(KINDS["AgentRuntime"], {"ignoreFields": listed}) == []
