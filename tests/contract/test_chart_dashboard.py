"""The chart's dashboard: every expression parses and asks for what the operator exports."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from chart.prometheus import (
    DASHBOARD,
    ON,
    dashboard,
    exported,
    metrics_in,
    promtool,
    queries,
    write_rules,
)
from chart.rendering import FULLNAME, NAMESPACE, installed, of_kind

PANELS = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def test_there_is_none_by_default() -> None:
    assert not [each for each in of_kind(installed(), "ConfigMap") if DASHBOARD in each["data"]]


def test_it_is_where_and_as_the_sidecar_looks() -> None:
    config_map = shown(*ON)
    assert {name: json.loads(text) for name, text in config_map["data"].items()} == {
        DASHBOARD: dashboard()
    }
    found = config_map["metadata"]
    assert (found["name"], found["namespace"]) == (f"{FULLNAME}-dashboard", NAMESPACE)
    assert found["labels"]["grafana_dashboard"] == "1"
    given = (
        'metrics.dashboard.labels={"mine":"yes"}',
        'metrics.dashboard.annotations={"grafana_folder":"{{ .Release.Name }}"}',
        'metrics.dashboard.namespace="grafana"',
    )
    found = shown(*ON, *given)["metadata"]
    assert found["namespace"] == "grafana"
    assert found["labels"]["mine"] == "yes"
    assert found["annotations"] == {"grafana_folder": "chart"}


def shown(*values: str) -> dict[str, Any]:
    """Return the one ConfigMap that holds the dashboard."""
    (found,) = (
        each for each in of_kind(installed(*values), "ConfigMap") if DASHBOARD in each["data"]
    )
    return dict(found)


def test_it_has_a_row_for_fleet_account_and_engine() -> None:
    rows = [panel["title"] for panel in dashboard()["panels"] if panel["type"] == "row"]
    assert rows == ["Fleet", "Account", "Engine"]


def test_promtool_parses_every_expression(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, (_, expression) in enumerate(queries())
    ]
    path = write_rules(tmp_path / "rules.yaml", {"groups": [{"name": "panels", "rules": rules}]})
    done = promtool("check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


@pytest.mark.parametrize(("title", "expression"), queries())
def test_a_panel_asks_for_what_is_exported(title: str, expression: str) -> None:
    names = metrics_in(expression)
    assert names, title
    assert names <= exported()


def test_a_metric_that_is_not_exported_is_found() -> None:
    text = 'sum by (kind) (agentrun_gone{a="b)"}) / on (kind) rate(workqueue_adds_total[5m]) or up'
    assert metrics_in(text) - exported() == {"agentrun_gone", "up"}


@pytest.mark.parametrize("panel", PANELS, ids=lambda p: p["title"])
def test_a_panel_asks_the_chosen_source_for_one_release(panel: dict[str, Any]) -> None:
    assert panel["datasource"] == SOURCE
    for target in panel["targets"]:
        assert target["datasource"] == SOURCE
        selectors = target["expr"].count('namespace="$namespace", job="$job"')
        assert selectors == len(metric_places(target["expr"]))


def metric_places(expression: str) -> list[str]:
    """Return what an expression selects series with."""
    return [part for part in expression.split("{")[1:] if "}" in part]


def test_panels_have_numbers_and_places_of_their_own() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    for one_place, other in itertools.combinations([p["gridPos"] for p in panels], 2):
        assert not overlap(one_place, other)
    assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in panels)


def overlap(one_place: dict[str, int], other: dict[str, int]) -> bool:
    """Whether two places share a cell."""
    return all(
        max(one_place[at], other[at])
        < min(one_place[at] + one_place[size], other[at] + other[size])
        for at, size in (("x", "w"), ("y", "h"))
    )
