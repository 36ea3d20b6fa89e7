"""What takes removed fields away, whether updates replace nested objects or merge them."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.drift import Drift, clearing_values, find_drift, find_removed
from agentrun_operator.core.wire import applied_paths
from unit.core.drift_tools import merged, without
from unit.core.sample_kind import FULL, KIND, answer_to, body_of, specs


def _put_replacing(stored: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Update by the first reading: nested objects are replaced whole."""
    return {**stored, **body}


def _put_merging(stored: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Update by the second reading: nested objects are merged; lists, and empty ones, replace."""
    return {**stored, **{k: merged(stored.get(k), v) for k, v in body.items()}}


def _after_clearing(
    before: Mapping[str, Any], after: Mapping[str, Any], put: Callable[..., dict[str, Any]]
) -> tuple[tuple[Drift, ...], tuple[Drift, ...], dict[str, Any]]:
    """Return what was removed before and after a clearing update, and what the server holds."""
    applied, body = applied_paths(KIND, body_of(before)), body_of(after)
    stored = body_of(before)
    found = find_removed(KIND, applied, body, answer_to(stored))
    update = clearing_values(KIND, found, body)
    if update.pop("deleteQuotaConfig", False):
        stored.pop("quotaConfig", None)
    stored = put(stored, update)
    return found, find_removed(KIND, applied, body, answer_to(stored)), stored


@given(specs, st.data())
def test_clearing_leaves_nothing_where_updates_replace(
    before: dict[str, Any], data: st.DataObject
) -> None:
    after = _some_of(before, data)
    found, rest, _ = _after_clearing(before, after, _put_replacing)
    assert {d.path for d in rest} == {d.path for d in found if not d.clearable}


@given(specs, st.data())
def test_clearing_leaves_numbers_and_choices_where_merged(
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
    after = body_of(without(FULL, *path))
    found = find_removed(KIND, applied_paths(KIND, body_of(FULL)), after, answer_to(body_of(FULL)))
    assert found
    assert clearing_values(KIND, found, after) == body


def test_a_field_that_left_an_item_sends_the_list_again() -> None:
    after = body_of(without(FULL, "upstreams", 0, "weight"))
    found = find_removed(KIND, applied_paths(KIND, body_of(FULL)), after, answer_to(body_of(FULL)))
    assert clearing_values(KIND, found, after) == {"upstreams": after["upstreams"]}
