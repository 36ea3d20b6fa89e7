"""What a raw spec refers to, valid or not."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.dependencies import Dependency, dependencies
from unit.core.sample_kind import FULL, KIND, json_values, specs

TABLE = [
    pytest.param({}, [], id="nothing"),
    pytest.param(
        {"credentialRef": {"name": "in"}}, [("Credential", "in", "credentialRef")], id="our object"
    ),
    pytest.param({"credentialRef": {"externalName": "x"}}, [], id="in AgentRun only: not watched"),
    pytest.param(
        {"upstreams": [{"name": "a"}, {"name": "b", "serviceRef": {"name": "qwen"}}]},
        [("ModelService", "qwen", "upstreams[1].serviceRef")],
        id="in an item of a list",
    ),
    pytest.param(
        {"token": {"secretKeyRef": {"name": "keys", "key": "k"}}},
        [("Secret", "keys", "token.secretKeyRef")],
        id="key of a Secret",
    ),
    pytest.param(
        {"token": {"configMapKeyRef": {"name": "conf", "key": "k"}}},
        [("ConfigMap", "conf", "token.configMapKeyRef")],
        id="key of a ConfigMap",
    ),
    pytest.param(
        {"envFrom": [{"configMapRef": {"name": "conf"}}]},
        [("ConfigMap", "conf", "envFrom[0].configMapRef")],
        id="whole ConfigMap, in a field that is ours alone",
    ),
    pytest.param(
        {"env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a"}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "b"}}},
        ]},
        [("Secret", "keys", "env[0].valueFrom.secretKeyRef")],
        id="the same Secret twice counts once, where it stands first",
    ),
    pytest.param(
        {"accountRef": {"name": "prod"}}, [], id="the account is bound, not referred to"
    ),
    pytest.param(
        {"port": "not a number", "credentialRef": {"name": "in"}},
        [("Credential", "in", "credentialRef")],
        id="an invalid field elsewhere changes nothing",
    ),
    pytest.param({"credentialRef": "in"}, [], id="text for a reference"),
    pytest.param({"credentialRef": {"name": 7}}, [], id="number for a name"),
    pytest.param({"credentialRef": {"name": ""}}, [], id="empty name"),
    pytest.param({"upstreams": {"serviceRef": {"name": "x"}}}, [], id="object for a list"),
    pytest.param({"upstreams": [None, 7, []]}, [], id="anything in a list"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "found"), TABLE)
def test_dependencies(spec: Mapping[str, Any], found: list[tuple[str, str, str]]) -> None:
    assert [(d.kind, d.name, d.path) for d in dependencies(KIND, spec)] == found


def test_a_full_spec() -> None:
    assert set(dependencies(KIND, FULL)) == {
        Dependency("ModelService", "qwen", "upstreams[0].serviceRef"),
        Dependency("Credential", "in", "credentialRef"),
        Dependency("Secret", "keys", "token.secretKeyRef"),
    }


@given(specs, st.sampled_from([*FULL, "envFrom"]), json_values)
def test_no_broken_spec_breaks_it(spec: dict[str, Any], name: str, junk: Any) -> None:
    found = dependencies(KIND, {**spec, name: junk})
    assert len({(d.kind, d.name) for d in found}) == len(found)
    assert all(d.name and d.path for d in found)


@given(json_values)
def test_no_json_breaks_it(junk: Any) -> None:
    dependencies(KIND, junk if isinstance(junk, dict) else dict.fromkeys([*FULL, "envFrom"], junk))
