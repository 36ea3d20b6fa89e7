"""The panels of the chart's dashboard, with its variables filled in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rig.chart import CHART_FOLDER, REPOSITORY

FILE = REPOSITORY / CHART_FOLDER / "files" / "agentrun-operator.json"


@dataclass(frozen=True)
class Target:
    """One expression of a panel.

    Attributes:
        expression: Without variables.
        legend: What its series are called; `{{label}}` stands for a label.
    """

    expression: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: What it shows.
        kind: `row`, `stat`, `timeseries` or `table`.
        unit: Of its numbers, as Grafana names it; empty where it says none.
        is_stacked: Whether its series stand on top of each other.
        place: Its `x`, `y`, `w` and `h` on a grid of 24 columns.
        targets: What it asks for.
    """

    title: str
    kind: str
    unit: str
    is_stacked: bool
    place: Mapping[str, int]
    targets: tuple[Target, ...]


def panels(variables: Mapping[str, str]) -> list[Panel]:
    """Return all panels, the rows' titles included; `variables` by name with the dollar sign."""
    found = json.loads(FILE.read_text())["panels"]
    return [_panel(each, variables) for each in found]


def filled(expression: str, variables: Mapping[str, str]) -> str:
    """Return an expression with values in the place of variables."""
    for name, value in variables.items():
        expression = expression.replace(name, value)
    return expression


def _panel(found: Mapping[str, Any], variables: Mapping[str, str]) -> Panel:
    defaults = found.get("fieldConfig", {}).get("defaults", {})
    stacking = defaults.get("custom", {}).get("stacking", {}).get("mode", "none")
    targets = (
        Target(filled(each["expr"], variables), each.get("legendFormat", ""))
        for each in found.get("targets", ())
    )
    return Panel(
        title=found["title"],
        kind=found["type"],
        unit=defaults.get("unit", ""),
        is_stacked=stacking == "normal",
        place=found["gridPos"],
        targets=tuple(targets),
    )
