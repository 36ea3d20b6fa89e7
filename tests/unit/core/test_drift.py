"""Which paths differ."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.drift import Drift, find_drift, find_removed
from agentrun_operator.core.shown import HIDDEN, parted
from agentrun_operator.core.wire import applied_paths
from unit.core.drift_tools import merged, paths_of
from unit.core.sample_kind import FULL, KIND, SECRET_VALUE, answer_to, body_of, json_values, specs

Edit = Callable[[dict[str, Any]], None]


def _drift(
    spec: Mapping[str, Any], answer: Mapping[str, Any], *, partial: bool = False
) -> tuple[Drift, ...]:
    return find_drift(KIND, body_of(spec), answer, partial=partial)


@given(specs)
def test_a_faithful_answer_is_no_drift(spec: dict[str, Any]) -> None:
    assert _drift(spec, answer_to(body_of(spec))) == ()


@given(specs, st.dictionaries(st.text(min_size=1, max_size=4), json_values, max_size=3))
def test_fields_that_the_server_adds_are_no_drift(
    spec: dict[str, Any], extra: dict[str, Any]
) -> None:
    answer = answer_to(body_of(spec))
    answer.update({f"server-{name}": value for name, value in extra.items()})
    for item in answer.get("mounts", ()):
        item["serverId"] = "added"
    if "networkConfiguration" in answer:
        answer["networkConfiguration"]["added"] = True
    assert _drift(spec, answer) == ()


@given(specs, specs)
def test_what_the_user_left_unset_is_no_drift(spec: dict[str, Any], other: dict[str, Any]) -> None:
    """Fields of another spec that this one does not name may hold anything."""
    foreign = answer_to(body_of({k: v for k, v in other.items() if k not in spec}))
    answer = merged(foreign, answer_to(body_of(spec)))
    assert _drift(spec, answer) == ()


@given(specs, st.data())
def test_a_field_missing_from_a_list_item_is_no_drift(
    spec: dict[str, Any], data: st.DataObject
) -> None:
    answer = answer_to(body_of(spec))
    _drop_some(answer, data)
    assert _drift(spec, answer, partial=True) == ()


@pytest.mark.parametrize("field", ["mounts", "peers"])
def test_an_added_key_in_an_exact_map_of_an_item_is_drift(field: str) -> None:
    spec = {field: [{"server": "nas-1", "labels": ["a=b"]}, {"server": "nas-2"}]}
    answer = answer_to(body_of(spec))
    assert answer[field][0]["labels"] == {"a": "b"}
    assert _drift(spec, answer) == ()
    answer[field][0]["labels"]["added"] = "c"
    assert paths_of(_drift(spec, answer)) == [field]


def test_a_short_form_of_a_nested_item_is_no_drift() -> None:
    answer = {"mounts": [{"server": "nas-1"}, {"server": "nas-2"}]}
    assert _drift(FULL, answer, partial=True) == ()
    assert "mounts" in paths_of(_drift(FULL, answer))


def _drop_some(node: Any, data: st.DataObject) -> None:
    """Remove declared fields here and there, as a short form of the resource would."""
    for name in list(node):
        if name in ("environmentVariables", "headers", "document", "meta"):
            continue
        if data.draw(st.booleans()):
            del node[name]
        elif isinstance(node[name], dict):
            _drop_some(node[name], data)


@given(json_values, specs, st.booleans())
def test_no_answer_of_a_server_breaks_the_search(
    answer: Any,
    spec: dict[str, Any],
    partial: bool,  # noqa: FBT001
) -> None:
    body = body_of(spec)
    junk = dict.fromkeys([*answer_to(body), "meta"], answer)
    find_drift(KIND, body, junk, partial=partial)
    find_removed(KIND, applied_paths(KIND, body), {}, junk)


def _set(*steps: Any) -> Edit:
    """Return an edit that puts the last step at the path of the others."""
    *path, last, value = steps

    def edit(answer: dict[str, Any]) -> None:
        node: Any = answer
        for step in path:
            node = node[step]
        node[last] = value

    return edit


CHANGES = [
    pytest.param(_set("description", "other"), "description", "description", id="text"),
    pytest.param(_set("cpu", 2), "cpu", "cpu", id="quantity"),
    pytest.param(_set("memory", "2048"), "memory", "memory", id="quantity as text"),
    pytest.param(_set("enabled", "true"), "enabled", "enabled", id="switch off"),
    pytest.param(_set("verbose", None), "verbose", "verbose", id="switch on"),
    pytest.param(_set("affinity", "NONE"), "affinity", "affinity", id="choice"),
    pytest.param(_set("network", "networkMode", "PUBLIC"), "network.mode", "network", id="nested"),
    pytest.param(
        _set("network", "vswitchIds", ["vsw-1"]), "network.vswitchIds", "network", id="nested list"
    ),
    pytest.param(
        _set("policies", "limits", "burst", 1), "policies.limits.burst", "policies", id="deep"
    ),
    pytest.param(
        _set("policies", "limits", None),
        "policies.limits.perSecond policies.limits.burst policies.limits.note",
        "policies",
        id="a nested object gone",
    ),
    pytest.param(_set("workspaceId", "ws-2"), "workspace.id", "workspaceId", id="inline"),
    pytest.param(_set("upstreams", 0, "weight", 41), "upstreams", "upstreams", id="in an item"),
    pytest.param(
        _set("upstreams", 0, "modelNames", ["m1"]), "upstreams", "upstreams", id="list in a list"
    ),
    pytest.param(
        _set("upstreams", 1, "meta", {"title": "c"}), "upstreams", "upstreams", id="an item's key"
    ),
    pytest.param(_set("mounts", 0, "options", ["b", "a"]), "mounts", "mounts", id="order below"),
    pytest.param(_set("tags", ["x", "z"]), "tags", "tags", id="set"),
    pytest.param(_set("steps", ["two", "one"]), "steps", "steps", id="order"),
    pytest.param(_set("headers", "X-B", "2"), "headers", "headers", id="foreign key in a map"),
    pytest.param(
        _set("document", "outer", "inner", "w"), "document", "document", id="in a document"
    ),
    pytest.param(
        _set("registry", "auth", "password", "***"),
        "registry.auth.password",
        "registry",
        id="secret",
    ),
    pytest.param(
        _set("scalingStatus", "perSecond", 4),
        "scaling.perSecond",
        "scalingConfig",
        id="read elsewhere",
    ),
    pytest.param(_set("tracing", "sink", "name", "x"), "traceSink", "tracing", id="gathered"),
    pytest.param(_set("credentialName", "x"), "credentialRef", "credentialName", id="reference"),
    pytest.param(_set("accessToken", "x"), "token", "accessToken", id="value of a Secret"),
    pytest.param(
        _set("environmentVariables", "LEVEL", "debug"), "env", "environmentVariables", id="derived"
    ),
    pytest.param(
        _set("environmentVariables", "MORE", ""), "env", "environmentVariables", id="derived, more"
    ),
]


@pytest.mark.parametrize(("edit", "paths", "api"), CHANGES)
def test_one_change_is_named_exactly(edit: Edit, paths: str, api: str) -> None:
    answer = answer_to(body_of(FULL))
    edit(answer)
    drift = _drift(FULL, answer)
    assert paths_of(drift) == paths.split()
    assert {d.api for d in drift} == {api}
    assert SECRET_VALUE not in repr(drift)


@given(specs.filter(lambda s: s.keys() & {"port", "description", "size"}), st.data())
def test_one_changed_field_of_any_spec_is_named_exactly(
    spec: dict[str, Any], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(sorted(spec.keys() & {"port", "description", "size"})))
    answer = answer_to(body_of(spec))
    answer[path] = answer[path] + 1 if path == "port" else f"{answer[path]}~"
    assert paths_of(_drift(spec, answer)) == [path]


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        pytest.param(_set("size", "small"), "size", id="field"),
        pytest.param(_set("frozen", "note", "x"), "frozen.note", id="below an object"),
        pytest.param(_set("workspaceId", "ws-2"), "workspace.id", id="below an inline object"),
    ],
)
def test_a_difference_in_what_is_fixed_says_so(edit: Edit, path: str) -> None:
    answer = answer_to(body_of(FULL))
    edit(answer)
    assert [(d.path, d.immutable) for d in _drift(FULL, answer)] == [(path, True)]


@pytest.mark.parametrize("path", ["registry.auth.password", "document", "token", "env"])
def test_what_may_be_secret_is_hidden(path: str) -> None:
    answer = answer_to(body_of(FULL))
    answer["registry"]["auth"]["password"] = f"{SECRET_VALUE}-2"
    answer["document"]["outer"]["inner"] = f"{SECRET_VALUE}-2"
    answer["accessToken"] = f"{SECRET_VALUE}-2"
    answer["environmentVariables"]["KEY"] = f"{SECRET_VALUE}-2"
    drift = {d.path: d for d in _drift(FULL, answer)}
    assert (drift[path].desired, drift[path].observed) == (HIDDEN, HIDDEN)
    assert SECRET_VALUE not in repr(tuple(drift.values()))


def test_long_values_are_cut() -> None:
    (drift,) = _drift({"description": "d" * 4000}, {"description": "short"})
    assert len(parted(drift.desired, drift.observed)[0]) == 128
    assert drift.observed == "short"


def test_write_only_values_are_never_compared() -> None:
    assert _drift({"licenseKey": "a"}, {"licenseKey": "b"}) == ()
