"""Both sides of a difference, in the units of the spec, and so that people see it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from agentrun_operator.core.drift import find_drift
from agentrun_operator.core.kind import Derived
from agentrun_operator.core.shown import HIDDEN, as_written, parted
from agentrun_operator.kinds import catalogue

LONG = [f"model-{n}" for n in range(40)]
ITEMS = [{"modelName": name, "modelProperties": {"contextSize": 4096}} for name in LONG[:20]]

ROWS = [
    ("AgentRuntime", {"cpu": 2.0}, {"cpu": 0.5}, "cpu", "2", "0.5"),
    ("AgentRuntime", {"cpu": 2.0}, {"cpu": "4.0"}, "cpu", "2", "4"),
    ("AgentRuntime", {"memory": 4096}, {"memory": 2048}, "memory", "4Gi", "2Gi"),
    ("AgentRuntime", {"memory": 4096}, {"memory": 512}, "memory", "4Gi", "512Mi"),
    ("AgentRuntime", {"memory": 4096}, {"memory": "a lot"}, "memory", "4Gi", "a lot"),
    ("AgentRuntime", {"memory": 4096}, {"memory": "1e99999999"}, "memory", "4Gi", "1e99999999"),
    ("AgentRuntime", {"cpu": 2.0}, {"cpu": "1e99999999"}, "cpu", "2", "1e99999999"),
    ("AgentRuntime", {"memory": 4096}, {}, "memory", "4Gi", "(unset)"),
    ("AgentRuntime", {"disableOndemand": True}, {}, "disableOndemand", "true", "(unset)"),
    (
        "AgentRuntime",
        {"networkConfiguration": {"networkMode": "PRIVATE"}},
        {"networkConfiguration": {"networkMode": "PUBLIC"}},
        "network.mode",
        "Private",
        "Public",
    ),
    (
        "AgentRuntimeEndpoint",
        {"routingConfiguration": {"versionWeights": [{"version": "1", "weight": 0.3}]}},
        {"routingConfiguration": {"versionWeights": [{"version": "1", "weight": 0.5, "x": 1}]}},
        "routing",
        '[{"version": "1", "weightPercent": 30}]',
        '[{"version": "1", "weightPercent": 50}]',
    ),
    (
        "ModelService",
        {"providerSettings": {"modelNames": ["b", "a"]}},
        {"providerSettings": {"modelNames": ["a", "c", "b"]}},
        "providerSettings.modelNames",
        '["b", "a"]',
        '["b", "a", "c"]',
    ),
]


def difference(kind: str, desired: Mapping[str, Any], seen: Mapping[str, Any]) -> tuple[str, ...]:
    (found,) = find_drift(catalogue()[kind], desired, seen, partial=False)
    return found.path, *parted(found.desired, found.observed)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_difference_is_shown_as_people_write_it(row: tuple[Any, ...]) -> None:
    assert difference(*row[:3]) == row[3:]


@pytest.mark.parametrize(
    ("is_value", "secret", "shown"),
    [(True, False, ("a", "b")), (True, True, (HIDDEN, HIDDEN)), (False, False, (HIDDEN, HIDDEN))],
)
def test_of_what_is_computed_a_plain_value_is_shown(
    shown: tuple[str, str], *, is_value: bool, secret: bool
) -> None:
    computed = Derived("place", "place.id", lambda *_: "a", is_value=is_value, secret=secret)
    kind = replace(catalogue()["Tool"], derived=(computed,))
    (found,) = find_drift(kind, {"place": "a"}, {"place": "b"}, partial=False)
    assert (found.desired, found.observed) == shown


@pytest.mark.parametrize("place", [0, 5, 20, 39])
def test_long_lists_are_shown_where_they_differ(place: int) -> None:
    there = [name if n != place else "console" for n, name in enumerate(LONG)]
    desired = {"modelNames": LONG}
    path, mine, theirs = difference(
        "ModelService", {"providerSettings": desired}, {"providerSettings": {"modelNames": there}}
    )
    assert path == "providerSettings.modelNames"
    assert f"model-{place}" in mine
    assert "console" in theirs or len(theirs) == len(mine), "a set has its strangers at the end"
    assert mine != theirs
    assert max(len(mine), len(theirs)) <= 128


@pytest.mark.parametrize("place", range(20))
def test_long_lists_of_objects_are_shown_where_they_differ(place: int) -> None:
    there = [
        {**item, "modelProperties": {"contextSize": 1}} if n == place else item
        for n, item in enumerate(ITEMS)
    ]
    _, mine, theirs = difference(
        "ModelService", {"modelInfoConfigs": ITEMS}, {"modelInfoConfigs": there[::-1]}
    )
    assert '{"contextSize": 4096}' in mine
    assert '{"contextSize": 1}' in theirs
    assert mine != theirs
    assert max(len(mine), len(theirs)) <= 128


@pytest.mark.parametrize("length", [126, 127, 128, 129, 500])
@pytest.mark.parametrize("place", [0, 60, 125, -1])
def test_long_texts_are_shown_where_they_differ(length: int, place: int) -> None:
    text = "x" * length
    there = list(text)
    there[place] = "y"
    _, mine, theirs = difference(
        "AgentRuntime", {"description": text}, {"description": "".join(there)}
    )
    assert "y" in theirs
    assert mine != theirs
    assert max(len(mine), len(theirs)) <= 128
    longer = difference("AgentRuntime", {"description": text}, {"description": f"{text}z"})
    assert longer[1] != longer[2]
    assert max(map(len, longer[1:])) <= 128


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("cpu", "500m"),
        ("port", "9000"),
        ("flag", "true"),
        ("network.mode", "Private"),
        ("network", None),
        ("names", None),
        ("nothing", None),
        ("cpu.below", None),
    ],
)
def test_a_plain_value_is_shown_as_it_was_written(path: str, text: str | None) -> None:
    spec = {
        "cpu": "500m",
        "port": 9000,
        "flag": True,
        "network": {"mode": "Private"},
        "names": ["a"],
    }
    assert as_written(spec, path) == text
