"""Which paths differ, and what takes leftovers away."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.drift import (
    HIDDEN,
    Drift,
    clearing_values,
    find_drift,
    find_leftovers,
)
from agentrun_operator.core.wire import applied_paths
from unit.core.sample_kind import (
    FULL,
    KIND,
    SECRET_VALUE,
    answer_to,
    body_of,
    json_values,
    specs,
)

Edit = Callable[[dict[str, Any]], None]


def _drift(
    spec: Mapping[str, Any], answer: Mapping[str, Any], *, partial: bool = False
) -> tuple[Drift, ...]:
    return find_drift(KIND, body_of(spec), answer, partial=partial)


def _paths(drift: tuple[Drift, ...]) -> list[str]:
    return [d.path for d in drift]


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
    answer = _merged(foreign, answer_to(body_of(spec)))
    assert _drift(spec, answer) == ()


@given(specs, st.data())
def test_a_field_missing_from_a_list_item_is_no_drift(
    spec: dict[str, Any], data: st.DataObject
) -> None:
    answer = answer_to(body_of(spec))
    _drop_some(answer, data)
    assert _drift(spec, answer, partial=True) == ()


def test_a_short_form_of_a_nested_item_is_no_drift() -> None:
    answer = {"mounts": [{"server": "nas-1"}, {"server": "nas-2"}]}
    assert _drift(FULL, answer, partial=True) == ()
    assert "mounts" in _paths(_drift(FULL, answer))


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
    find_leftovers(KIND, applied_paths(KIND, body), {}, junk)


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
    assert _paths(drift) == paths.split()
    assert {d.api for d in drift} == {api}
    assert SECRET_VALUE not in repr(drift)


@given(specs.filter(lambda s: s.keys() & {"port", "description", "size"}), st.data())
def test_one_changed_field_of_any_spec_is_named_exactly(
    spec: dict[str, Any], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(sorted(spec.keys() & {"port", "description", "size"})))
    answer = answer_to(body_of(spec))
    answer[path] = answer[path] + 1 if path == "port" else f"{answer[path]}~"
    assert _paths(_drift(spec, answer)) == [path]


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
    assert len(drift.desired) == 128
    assert drift.observed == "short"


def test_write_only_values_are_never_compared() -> None:
    assert _drift({"licenseKey": "a"}, {"licenseKey": "b"}) == ()


# ------------------------------------------------------------------ leftovers


def _leftovers(before: Mapping[str, Any], after: Mapping[str, Any], answer: Any) -> list[str]:
    applied = applied_paths(KIND, body_of(before))
    return _paths(find_leftovers(KIND, applied, body_of(after), answer))


def _without(spec: Mapping[str, Any], *path: Any) -> dict[str, Any]:
    rest: dict[str, Any] = copy.deepcopy(dict(spec))
    node: Any = rest
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    return rest


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
    after = _without(FULL, *path)
    found = find_leftovers(
        KIND,
        applied_paths(KIND, body_of(FULL)),
        body_of(after),
        answer_to(body_of(FULL)),
    )
    assert _paths(found) == left
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
        assert _leftovers(FULL, _without(FULL, name), {name: value}) == []


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
    assert _leftovers(FULL, _without(FULL, name), {name: seen}) == left


@given(specs)
def test_what_was_never_applied_is_no_leftover(spec: dict[str, Any]) -> None:
    assert find_leftovers(KIND, (), {}, answer_to(body_of(spec))) == ()


@given(specs)
def test_what_stays_in_the_spec_is_no_leftover(spec: dict[str, Any]) -> None:
    body = body_of(spec)
    assert find_leftovers(KIND, applied_paths(KIND, body), body, answer_to(body)) == ()


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
    """It is a leftover, not drift: an API that ignores `[]` must not be asked for ever."""
    body = body_of(spec)
    assert find_drift(KIND, body, answer, partial=False) == ()
    found = find_leftovers(KIND, (), body, answer)
    assert _paths(found) == paths
    assert clearing_values(KIND, found, body) == (body if paths else {})


# ------------------------------------------------------------------- clearing


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict) and new):
        return new
    return {k: _merged(old[k], new[k]) if k in old and k in new else {**old, **new}[k]
            for k in {**old, **new}}  # fmt: skip


def _put_replacing(stored: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Update by the first reading: nested objects are replaced whole."""
    return {**stored, **body}


def _put_merging(stored: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Update by the second reading: nested objects are merged; lists, and empty ones, replace."""
    return {**stored, **{k: _merged(stored.get(k), v) for k, v in body.items()}}


def _after_clearing(
    before: Mapping[str, Any], after: Mapping[str, Any], put: Callable[..., dict[str, Any]]
) -> tuple[tuple[Drift, ...], tuple[Drift, ...], dict[str, Any]]:
    """Return the leftovers before and after one clearing update, and what the server holds then."""
    applied, body = applied_paths(KIND, body_of(before)), body_of(after)
    stored = body_of(before)
    found = find_leftovers(KIND, applied, body, answer_to(stored))
    update = clearing_values(KIND, found, body)
    if update.pop("deleteQuotaConfig", False):
        stored.pop("quotaConfig", None)
    stored = put(stored, update)
    return found, find_leftovers(KIND, applied, body, answer_to(stored)), stored


@given(specs, st.data())
def test_clearing_leaves_nothing_where_updates_replace(
    before: dict[str, Any], data: st.DataObject
) -> None:
    after = _some_of(before, data)
    found, rest, _ = _after_clearing(before, after, _put_replacing)
    assert {d.path for d in rest} == {d.path for d in found if not d.clearable}


@given(specs, st.data())
def test_clearing_leaves_only_nested_numbers_and_choices_where_updates_merge(
    before: dict[str, Any], data: st.DataObject
) -> None:
    """Neither has a value that means "none", so under a merge they stay and are reported."""
    after = _some_of(before, data)
    found, rest, _ = _after_clearing(before, after, _put_merging)
    numbers = {"perSecond", "burst", "numRetries", "mode"}
    stubborn = {d.path for d in found if not d.clearable}
    stubborn |= {d.path for d in found if d.path.rpartition(".")[2] in numbers}
    stubborn |= {d.path for d in found if d.path.startswith("document.")}
    assert {d.path for d in rest} <= stubborn


def _some_of(spec: Mapping[str, Any], data: st.DataObject) -> dict[str, Any]:
    """Remove fields of a spec here and there."""
    kept: dict[str, Any] = {}
    for name, value in spec.items():
        if data.draw(st.booleans(), label=f"drop {name}"):
            continue
        if isinstance(value, dict) and name not in ("workspace", "credentialRef", "token"):
            kept[name] = _some_of(value, data)
        elif name in ("upstreams", "mounts", "peers"):
            required = "name" if name == "upstreams" else "server"
            kept[name] = [
                {k: v for k, v in item.items() if k == required or data.draw(st.booleans())}
                for item in value
            ]
        else:
            kept[name] = value
    return kept


@given(specs, st.data())
def test_clearing_keeps_what_is_desired(before: dict[str, Any], data: st.DataObject) -> None:
    after = _some_of(before, data)
    for put in (_put_replacing, _put_merging):
        *_, stored = _after_clearing(before, after, put)
        unchanged = {k: v for k, v in after.items() if before[k] == v}
        assert find_drift(KIND, body_of(unchanged), answer_to(stored), partial=False) == ()


CLEARINGS = [
    pytest.param(("description",), {"description": ""}, id="text"),
    pytest.param(("enabled",), {"enabled": True}, id="switch whose default is on"),
    pytest.param(("mounts",), {"mounts": []}, id="list"),
    pytest.param(("env",), {"environmentVariables": {}}, id="derived"),
    pytest.param(("quota",), {"deleteQuotaConfig": True}, id="by a field of its own"),
    pytest.param(("port",), {}, id="a number at the top stays"),
    pytest.param(
        ("policies", "limits", "burst"),
        {
            "policies": {"numRetries": 2, "cache": True, "limits": {"perSecond": 10, "note": "n"}},
        },
        id="a nested number is left out of its owner",
    ),
    pytest.param(
        ("policies", "cache"),
        {
            "policies": {
                "numRetries": 2,
                "limits": {"perSecond": 10, "burst": 20, "note": "n"},
                "cache": False,
            }
        },
        id="a nested switch goes off beside what stays",
    ),
    pytest.param(
        ("traceSink",), {"tracing": {"level": "debug", "sink": {"name": ""}}}, id="gathered"
    ),
    pytest.param(
        ("document", "flag"),
        {"document": {"outer": {"inner": "v"}, "list": ["p", "q"]}},
        id="part of a document",
    ),
]


@pytest.mark.parametrize(("path", "body"), CLEARINGS)
def test_clearing_values(path: tuple[Any, ...], body: dict[str, Any]) -> None:
    after = body_of(_without(FULL, *path))
    found = find_leftovers(
        KIND, applied_paths(KIND, body_of(FULL)), after, answer_to(body_of(FULL))
    )
    assert found
    assert clearing_values(KIND, found, after) == body


def test_an_item_is_found_wherever_the_server_put_it() -> None:
    answer = answer_to(body_of(FULL))
    answer["peers"].reverse()
    assert _drift(FULL, answer) == ()
    assert _leftovers(FULL, _without(FULL, "peers", 1, "readOnly"), answer) == ["peers.1.readOnly"]


def test_a_field_that_left_an_item_sends_the_list_again() -> None:
    after = body_of(_without(FULL, "upstreams", 0, "weight"))
    found = find_leftovers(
        KIND, applied_paths(KIND, body_of(FULL)), after, answer_to(body_of(FULL))
    )
    assert clearing_values(KIND, found, after) == {"upstreams": after["upstreams"]}
