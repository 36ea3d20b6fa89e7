"""Spec → wire."""

from collections.abc import Mapping
from typing import Annotated, Any

import pytest
from hypothesis import given

from agentrun_operator.core.errors import ReferenceNotFound
from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.fields import ApiName, ObservedModel
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.policies import ResourceSpec
from agentrun_operator.core.wire import applied_paths, field_rules, update_extras
from unit.core.sample_kind import (
    FULL,
    KIND,
    RESOLUTION,
    SECRET_VALUE,
    SampleSpec,
    body_of,
    specs,
)

ENCODED = [
    pytest.param({}, {}, id="an empty spec sends nothing"),
    pytest.param({"port": 0}, {"port": 0}, id="zero is a value"),
    pytest.param({"enabled": False}, {"enabled": False}, id="false is a value"),
    pytest.param({"description": ""}, {"description": ""}, id="empty text is a value"),
    pytest.param({"tags": []}, {"tags": []}, id="a written empty list is a value"),
    pytest.param(
        {"network": {"vswitchIds": []}},
        {"network": {"vswitchIds": []}},
        id="a written empty list below an object is a value",
    ),
    pytest.param({"cpu": "500m"}, {"cpu": 0.5}, id="millicores become cores"),
    pytest.param({"cpu": 2}, {"cpu": 2.0}, id="unquoted cores"),
    pytest.param({"memory": "4Gi"}, {"memory": 4096}, id="memory becomes MB"),
    pytest.param({"affinity": "Cookie"}, {"affinity": "GENERATED_COOKIE"}, id="our word"),
    pytest.param(
        {"network": {"mode": "Private"}}, {"network": {"networkMode": "PRIVATE"}}, id="word below"
    ),
    pytest.param({"workspace": {"id": "ws"}}, {"workspaceId": "ws"}, id="inline object"),
    pytest.param(
        {"credentialRef": {"name": "in"}},
        {"credentialName": "in-external"},
        id="our object's external name",
    ),
    pytest.param(
        {"credentialRef": {"externalName": "theirs"}},
        {"credentialName": "theirs"},
        id="a name in AgentRun only",
    ),
    pytest.param(
        {"upstreams": [{"name": "a", "serviceRef": {"name": "qwen"}}]},
        {"upstreams": [{"upstreamName": "a", "modelServiceName": "qwen-external"}]},
        id="reference in an item",
    ),
    pytest.param(
        {"token": {"secretKeyRef": {"name": "keys", "key": "token"}}},
        {"accessToken": SECRET_VALUE},
        id="value of a Secret",
    ),
    pytest.param(
        {"token": {"configMapKeyRef": {"name": "settings", "key": "level"}}},
        {"accessToken": "info"},
        id="value of a ConfigMap",
    ),
    pytest.param(
        {"env": [{"name": "A", "value": "1"}]},
        {"environmentVariables": {"A": "1"}},
        id="derived field",
    ),
    pytest.param({"env": []}, {}, id="derived field says not set"),
    pytest.param(
        {"traceLevel": "debug", "traceSink": "sls"},
        {"tracing": {"level": "debug", "sink": {"name": "sls"}}},
        id="fields gathered in an object of the API",
    ),
    pytest.param({"schedule": ["a", "b"]}, {"schedule": "a;b"}, id="computed value"),
    pytest.param({"evict": True}, {}, id="what belongs to updates only is not desired state"),
    pytest.param({"deletionPolicy": "Retain", "externalName": "n"}, {}, id="policies stay here"),
    pytest.param({"document": {"a": [1, {}]}}, {"document": {"a": [1, {}]}}, id="document as is"),
]


@pytest.mark.parametrize(("spec", "body"), ENCODED)
def test_encode(spec: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    assert body_of(spec) == body


@given(specs)
def test_encode_sends_what_was_written_and_nothing_else(spec: dict[str, Any]) -> None:
    local = {"env", "evict"}
    empty_derived = {"schedule"} if not spec.get("schedule") else set()
    written = set(spec) - local - empty_derived
    top = {rule.path.partition(".")[0]: rule.api for rule in _leaves_and_objects()}
    assert set(body_of(spec)) - {"environmentVariables"} == {top[name] for name in written}


def _leaves_and_objects() -> list[FieldRule]:
    found = []
    for rule in field_rules(KIND):
        if rule.is_group:
            found += [
                FieldRule(attribute="", path=p, api=rule.api, reads=(rule.api,))
                for p in ("traceLevel", "traceSink")
            ]
        else:
            found.append(rule)
    return found


def test_update_extras_accompany_updates() -> None:
    assert update_extras(KIND, SampleSpec.model_validate({"evict": True}), RESOLUTION) == {
        "forceEvict": True
    }


def test_a_missing_secret_key_is_named() -> None:
    with pytest.raises(ReferenceNotFound, match=r"Secret 'keys' has no key 'nope'"):
        body_of({"token": {"secretKeyRef": {"name": "keys", "key": "nope"}}})


def _rule(path: str) -> FieldRule:
    def walk(rules: tuple[FieldRule, ...]) -> FieldRule | None:
        for rule in rules:
            found = rule if rule.path == path else walk(rule.children)
            if found is not None:
                return found
        return None

    rule = walk(field_rules(KIND))
    assert rule is not None, path
    return rule


CLEARED = [
    pytest.param("description", "", id="text"),
    pytest.param("port", None, id="a number has none"),
    pytest.param("cpu", None, id="a quantity has none"),
    pytest.param("verbose", False, id="a switch goes off"),
    pytest.param("enabled", True, id="a switch goes to the server's default"),
    pytest.param("concurrency", 1, id="a number goes to the server's default"),
    pytest.param("affinity", "NONE", id="a choice goes to the server's default word"),
    pytest.param("network.mode", None, id="a choice without a default has no empty word"),
    pytest.param("edition", "standard", id="declared"),
    pytest.param("mounts", [], id="list"),
    pytest.param("headers", {}, id="map"),
    pytest.param("document", {}, id="document"),
    pytest.param("credentialRef", "", id="reference"),
]


@pytest.mark.parametrize(("path", "value"), CLEARED)
def test_clear_value(path: str, value: Any) -> None:
    found = _rule(path).clear
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("path", ["frozen.perSecond", "frozen.note", "workspace.id", "size"])
def test_immutability_holds_below_its_object(path: str) -> None:
    assert _rule(path).immutable


@pytest.mark.parametrize("path", ["registry.auth.password", "registry.insecure", "token"])
def test_sensitivity_holds_below_its_object(path: str) -> None:
    assert _rule(path).sensitive


@pytest.mark.parametrize("path", ["description", "network.mode", "upstreams.weight"])
def test_markers_do_not_spread_sideways(path: str) -> None:
    rule = _rule(path)
    assert not any((rule.sensitive, rule.immutable, rule.write_only))


def test_applied_paths_of_a_full_spec() -> None:
    paths = applied_paths(KIND, body_of(FULL))
    assert paths == tuple(sorted(set(paths)))
    assert {
        "description",
        "network.mode",
        "policies.limits.note",
        "workspace.id",
        "upstreams",
        "upstreams.a.weight",
        "upstreams.b.serviceRef",
        "mounts.0.readOnly",
        "mounts.1.server",
        "document",
        "document.outer.inner",
        "document.list.1",
        "headers",
        "env",
        "traceSink",
        "scaling.perSecond",
        "licenseKey",
    } <= set(paths)
    assert "mounts.1.readOnly" not in paths
    assert "headers.X-A" not in paths, "maps are compared key for key"
    assert "network" not in paths


def test_applied_paths_show_no_value() -> None:
    assert SECRET_VALUE not in repr(applied_paths(KIND, body_of(FULL)))


@given(specs)
def test_applied_paths_depend_on_presence_only(spec: dict[str, Any]) -> None:
    body = body_of(spec)
    assert applied_paths(KIND, body) == applied_paths(KIND, body_of(spec))
    assert all(path and not path.startswith(".") for path in applied_paths(KIND, body))


def test_two_fields_cannot_claim_one_api_field() -> None:
    class Twice(ResourceSpec):
        first: Annotated[str | None, ApiName("same")] = None
        second: Annotated[str | None, ApiName("same")] = None

    kind = ResourceKind("Twice", "twices", (), "Wrong.", spec=Twice, observed=ObservedModel)
    with pytest.raises(ValueError, match="'same' is claimed twice"):
        field_rules(kind)
