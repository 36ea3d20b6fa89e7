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


class Item(dict[str, Any]):
    """An item of a list that counts how often any of them is read."""

    reads = 0

    def get(self, key: str, default: Any = None) -> Any:
        Item.reads += 1
        return super().get(key, default)


@pytest.mark.parametrize("below", ["parameterRules.p{n}.max", "parameterRules.p{n}.nothing"])
def test_many_paths_read_no_item_more_often_than_one(below: str) -> None:
    """Both lists go through a watch event, and nobody else is served meanwhile."""
    rules = [Item(name=f"p{n}") for n in range(64)]
    models = [Item(name=f"m{n}", parameterRules=rules) for n in range(64)]

    def reads(count: int) -> int:
        Item.reads = 0
        paths = [f"models.m{n}.{below.format(n=n)}" for n in range(count)]
        unknown_paths(KINDS["ModelService"], {"models": models, "ignoreFields": paths})
        return Item.reads

    assert reads(64) == reads(1) <= 2 * 64 * 65


@pytest.mark.parametrize(
    "listed", [["cpu"] * 64 + ["cpus"], ["." * 257], [".".join("x" * 100_000)] * 100]
)
def test_what_the_parser_refuses_is_not_judged(listed: list[str]) -> None:
    assert unknown_paths(KINDS["AgentRuntime"], {"ignoreFields": listed}) == []


def test_every_declared_path_is_known() -> None:
    for kind in KINDS.values():
        if kind.rest is None:
            continue
        paths = [rule.path for rule in field_rules(kind) if rule.path]
        for path in paths:
            assert unknown_paths(kind, {"ignoreFields": [path]}) == []


@pytest.mark.parametrize("listed", [None, "cpus", {"a": 1}, [1, None, {}]])
def test_what_was_stored_before_the_schema_breaks_nothing(listed: Any) -> None:
    assert unknown_paths(KINDS["AgentRuntime"], {"ignoreFields": listed}) == []
