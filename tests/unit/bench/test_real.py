"""The pure parts of `make bench ARGS=--real`: figures, contestants, the cloud's log."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.real.asked import Call, arrivals, counted, deletion_times, ready_times
from bench.real.contestant import (
    BUILT_IN,
    OPERATOR,
    ContestantError,
    body,
    filled,
    fleet,
    is_ready,
    load,
    manifest,
)
from bench.real.figures import POINTS, curve, percentile, spread
from rig.cluster import namespaced_kinds


def call(action: str, at: float, *, status: int | None = 200, **told: str) -> Call:
    return Call(
        at, action, status, told.get("path", ""), told.get("name", ""), told.get("says", "")
    )


# ------------------------------------------------ figures


def test_a_percentile_lies_between_the_two_nearest_values() -> None:
    values = [4.0, 1.0, 3.0, 2.0]
    assert [percentile(values, p) for p in (0, 50, 100)] == [1.0, 2.5, 4.0]
    assert percentile([7.0], 99) == 7.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_a_spread_of_nothing_is_none_not_zero() -> None:
    assert spread([]) is None
    assert spread([1.0, 2.0, 3.0]) == {"p50": 2.0, "p99": 2.98, "last": 3.0}


def test_a_curve_counts_from_nothing_to_all() -> None:
    assert curve([12.0, 11.0], 10.0) == [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    points = curve([float(n) for n in range(1, 1001)], 0.0)
    assert len(points) == POINTS + 1
    assert (points[0], points[-1]) == ([0.0, 0.0], [1000.0, 1000.0])


# ------------------------------------------------ the fleet


def test_a_fleet_has_equal_shares_and_keeps_numbers_together() -> None:
    found = fleet(10, ["ModelService", "ModelProxy"], ["a", "b"])
    families = [each.family for each in found]
    assert families.count("ModelService") == families.count("ModelProxy") == 5
    assert len({each.name for each in found}) == 10
    assert all(len({e.namespace for e in found if e.number == n}) == 1 for n in range(5))
    assert {each.namespace for each in found} == {"a", "b"}


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_contestant_of_the_bench_fills_its_templates(name: str) -> None:
    found = load(Path(name))
    for thing in fleet(len(found.manifests), found.manifests, ["a"]):
        made = body(found, thing, "so it is")
        assert made["metadata"]["name"] == thing.name
        assert "so it is" in manifest(found, thing, "so it is")


def test_the_operators_templates_are_of_kinds_it_serves() -> None:
    found = load(Path(OPERATOR))
    things = fleet(len(found.manifests), found.manifests, ["a"])
    kinds = {body(found, each, "")["kind"].lower() for each in things}
    assert kinds <= set(namespaced_kinds())


# ------------------------------------------------ the files of others

COMPLETE: dict[str, Any] = {
    "name": "other",
    "takes": "objects",
    "start": "other --run",
    "manifests": {"AgentRuntime": "kind: Agent"},
}


def test_a_file_of_somebody_else_is_read(tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump(COMPLETE))
    assert load(file).start == "other --run"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"start": ""}, "has no `start`"),
        ({"takes": "pods"}, "correct takes"),
        ({"begin": "other"}, "correct begin"),
    ],
    ids=["no start", "an unknown word", "an unknown field"],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump({**COMPLETE, **changes}))
    with pytest.raises(ContestantError, match=told):
        load(file)


def test_a_file_that_is_missing_is_told_with_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(ContestantError, match="agentrun_cli"):
        load(tmp_path / "nobody.yaml")


def test_a_template_that_wants_the_unknown_names_what_there_is() -> None:
    with pytest.raises(ContestantError, match=r"\$\{colour\}; there are name"):
        filled("a: ${colour}", {"name": "x"})


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"conditions": [{"type": "Ready", "status": "True"}]}, True),
        ({"conditions": [{"type": "Ready", "status": "False"}]}, False),
        ({"conditions": [{"type": "Ready", "status": "True"}], "observedGeneration": 1}, False),
        ({"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]}, False),
        ({}, False),
    ],
    ids=["ready", "not ready", "an older spec", "a condition of an older spec", "no status"],
)
def test_ready_counts_for_the_newest_generation(status: dict[str, Any], *, expected: bool) -> None:
    seen = {"metadata": {"generation": 2}, "status": status}
    assert is_ready(seen, ["Ready"]) is expected


# ------------------------------------------------ the cloud's log


def test_what_takes_no_time_is_ready_with_its_create() -> None:
    calls = [
        call("CreateAgentRuntime", 1.0, name="r", status=503),
        call("CreateAgentRuntime", 2.0, name="r"),
        call("CreateAgentRuntime", 9.0, name="r", status=409),
        call("CreateCredential", 3.0, name="c"),
        call("GetAgentRuntime", 4.0),
    ]
    assert ready_times(calls, 3.0) == {"r": 5.0, "c": 3.0}


def test_calls_are_counted_by_what_they_do() -> None:
    actions = ("ListTools", "GetTool", "CreateTool", "UpdateTool", "DeleteTool")
    calls = [call(action, 0.0) for action in (*actions, "GetCallerIdentity")]
    verbs = {"List": 1, "Get": 1, "Create": 1, "Update": 1, "Delete": 1, "other": 1}
    assert counted(calls) == {"all": 6, "writes": 3, **verbs}


def test_an_edit_arrives_with_the_first_update_that_says_so() -> None:
    calls = [
        call("UpdateModelProxy", 1.0, says="other"),
        call("UpdateModelProxy", 2.0, says="mine", status=429),
        call("UpdateModelProxy", 3.0, says="mine"),
        call("UpdateModelProxy", 4.0, says="mine"),
    ]
    assert arrivals(calls, ["mine", "missing"]) == {"mine": 3.0}


def test_a_deletion_counts_once_and_only_of_the_fleet() -> None:
    calls = [
        call("DeleteAgentRuntime", 2.0, path="/r/1"),
        call("DeleteAgentRuntime", 3.0, path="/r/1"),
        call("DeleteAgentRuntimeEndpoint", 1.0, path="/r/1/e/1"),
        call("DeleteAgentRuntime", 4.0, path="/r/2", status=None),
    ]
    assert deletion_times(calls, ["AgentRuntime"]) == [2.0]
