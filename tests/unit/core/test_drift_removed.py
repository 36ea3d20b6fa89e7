"""Which paths left the spec and still show a value."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given

from agentrun_operator.core.drift import clearing_values, find_drift, find_removed
from agentrun_operator.core.wire import applied_paths
from unit.core.drift_tools import paths_of, without
from unit.core.sample_kind import FULL, KIND, SECRET_VALUE, answer_to, body_of, specs


def _removed(before: Mapping[str, Any], after: Mapping[str, Any], answer: Any) -> list[str]:
    applied = applied_paths(KIND, body_of(before))
    return paths_of(find_removed(KIND, applied, body_of(after), answer))


REMOVALS = [
    pytest.param(("description",), ["description"], id="text"),
    pytest.param(("port",), ["port"], id="number"),
    pytest.param(("enabled",), ["enabled"], id="switch whose default is on"),
    pytest.param(("verbose",), ["verbose"], id="switch"),
    pytest.param(("network", "vpcId"), ["network.vpcId"], id="nested"),
    pytest.param(
        ("network",), ["network.mode", "network.vpcId", "network.vswitchIds"], id="whole object"
    ),
    pytest.param(("policies", "limits", "burst"), ["policies.limits.burst"], id="deep"),
    pytest.param(("upstreams", 0, "weight"), ["upstreams.a.weight"], id="in a keyed item"),
    pytest.param(("upstreams", 0, "modelNames"), ["upstreams.a.modelNames"], id="list in an item"),
    pytest.param(("mounts", 0, "readOnly"), ["mounts.0.readOnly"], id="in an item by place"),
    pytest.param(("peers", 1, "readOnly"), ["peers.1.readOnly"], id="in an item without a key"),
    pytest.param(("mounts",), ["mounts"], id="list"),
    pytest.param(("document", "outer"), ["document.outer.inner"], id="part of a document"),
    pytest.param(("document",), ["document"], id="document"),
    pytest.param(("headers",), ["headers"], id="map"),
    pytest.param(("scaling",), ["scaling.perSecond"], id="read elsewhere"),
    pytest.param(("quota",), ["quota"], id="object that leaves by a field of its own"),
    pytest.param(("traceSink",), ["traceSink"], id="gathered"),
    pytest.param(("schedule",), ["schedule"], id="computed"),
    pytest.param(("env",), ["env"], id="derived"),
    pytest.param(("credentialRef",), ["credentialRef"], id="reference"),
    pytest.param(("licenseKey",), [], id="write-only never shows"),
    pytest.param(("evict",), [], id="update-only was never applied"),
]


@pytest.mark.parametrize(("path", "left"), REMOVALS)
def test_what_left_the_spec_and_still_shows(path: tuple[Any, ...], left: list[str]) -> None:
    after = without(FULL, *path)
    found = find_removed(
        KIND,
        applied_paths(KIND, body_of(FULL)),
        body_of(after),
        answer_to(body_of(FULL)),
    )
    assert paths_of(found) == left
    assert all(d.clearing for d in found)
    assert SECRET_VALUE not in repr(found)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty text"),
        pytest.param([], id="empty list"),
        pytest.param({}, id="empty object"),
        pytest.param(0, id="zero"),
        pytest.param(False, id="false"),
        pytest.param(None, id="null"),
    ],
)
def test_an_empty_value_counts_as_cleared(value: Any) -> None:
    for name in ("description", "port", "mounts", "verbose", "document"):
        assert _removed(FULL, without(FULL, name), {name: value}) == []


@pytest.mark.parametrize(
    ("name", "seen", "left"),
    [
        pytest.param("enabled", True, [], id="switch at its default"),
        pytest.param("concurrency", "1", [], id="number at its default, as text"),
        pytest.param("enabled", False, ["enabled"], id="switch off, its default on"),
        pytest.param("enabled", None, [], id="switch absent"),
        pytest.param("concurrency", 5, ["concurrency"], id="number still as applied"),
        pytest.param("affinity", "NONE", [], id="choice at its default"),
        pytest.param("edition", "standard", [], id="text as cleared"),
    ],
)
def test_the_servers_default_counts_as_cleared(name: str, seen: Any, left: list[str]) -> None:
    assert _removed(FULL, without(FULL, name), {name: seen}) == left


@given(specs)
def test_what_was_never_applied_is_no_removed_field(spec: dict[str, Any]) -> None:
    assert find_removed(KIND, (), {}, answer_to(body_of(spec))) == ()


@given(specs)
def test_what_stays_in_the_spec_is_no_removed_field(spec: dict[str, Any]) -> None:
    body = body_of(spec)
    assert find_removed(KIND, applied_paths(KIND, body), body, answer_to(body)) == ()


@pytest.mark.parametrize(
    ("spec", "answer", "paths"),
    [
        pytest.param({"tags": []}, {"tags": ["x"]}, ["tags"], id="list"),
        pytest.param({"description": ""}, {"description": "x"}, ["description"], id="text"),
        pytest.param({"headers": {}}, {"headers": {"a": "1"}}, ["headers"], id="map"),
        pytest.param(
            {"network": {"vswitchIds": []}},
            {"network": {"vswitchIds": ["v"]}},
            ["network.vswitchIds"],
            id="nested list",
        ),
        pytest.param({"tags": []}, {}, [], id="nothing there"),
    ],
)
def test_an_empty_value_in_the_spec_asks_to_clear(
    spec: dict[str, Any], answer: dict[str, Any], paths: list[str]
) -> None:
    """It is a removed field, not drift: an API that ignores `[]` must not be asked for ever."""
    body = body_of(spec)
    assert find_drift(KIND, body, answer, partial=False) == ()
    found = find_removed(KIND, (), body, answer)
    assert paths_of(found) == paths
    assert clearing_values(KIND, found, body) == (body if paths else {})


def test_an_item_is_found_wherever_the_server_put_it() -> None:
    answer = answer_to(body_of(FULL))
    answer["peers"].reverse()
    assert find_drift(KIND, body_of(FULL), answer, partial=False) == ()
    assert _removed(FULL, without(FULL, "peers", 1, "readOnly"), answer) == ["peers.1.readOnly"]
