"""What a raw spec refers to, valid or not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.dependencies import Dependency, dependencies, versions_named
from agentrun_operator.core.fields import Ref, Reference, SpecModel, VersionOf
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


class Share(SpecModel):
    of: Annotated[str, VersionOf("agentRef")]


class Serving(SpecModel):
    agent_ref: Annotated[Reference | None, Ref("Agent")] = None
    version: Annotated[str | None, VersionOf("agentRef")] = None
    shares: tuple[Share, ...] = ()


SERVING = replace(KIND, spec=Serving, derived=(), rest=None)


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"version": "1"}, [], id="of nothing"),
        pytest.param(
            {"agentRef": {"name": "chat"}, "version": 7},
            [("version", "chat", "", "7")],
            id="a number without quotes",
        ),
        pytest.param(
            {"agentRef": {"externalName": "a-1"}, "shares": [{"of": "1"}, {"of": "LATEST"}]},
            [("shares[0].of", "", "a-1", "1"), ("shares[1].of", "", "a-1", "LATEST")],
            id="in items of a list, of what is in AgentRun only",
        ),
        pytest.param({"agentRef": "chat", "version": []}, [], id="of another shape"),
    ],
)
def test_versions_that_a_spec_names(
    spec: Mapping[str, Any], named: list[tuple[str, str, str, str]]
) -> None:
    found = versions_named(SERVING, spec)
    assert [(v.path, v.name, v.external_name, v.version) for v in found] == named
    assert {(v.reference, v.kind) for v in found} <= {("agentRef", "Agent")}


def test_a_number_is_told_from_the_newest_and_from_other_words() -> None:
    of = {"agentRef": {"name": "chat"}}
    words = ("3", "Published", "LATEST")
    found = [versions_named(SERVING, {**of, "version": word})[0] for word in words]
    assert [(v.has_number, v.is_newest) for v in found] == [
        (True, False),
        (False, True),
        (False, False),
    ]
