"""The chart's alerts as Prometheus reads them, with promtool as the judge."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from agentrun_operator.telemetry.metrics import PrometheusMetrics
from chart.rendering import installed, one
from controlplane.binaries import PROMTOOL, ensure

ON = (
    "metrics.prometheusRule.enabled=true",
    'metrics.renderMode="alwaysRender"',
)
OPERATOR = 'metrics.prometheusRule.selector="job=\\"operator\\""'
"""Gives the series of tests short labels."""

_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NO_METRIC = re.compile(
    r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b\w+\s*\(|\b(?:and|or|unless|bool|offset)\b'
)
_NAME = re.compile(r"\b[A-Za-z_:][\w:]*")


def promtool(*arguments: str | Path, text: str = "") -> "subprocess.CompletedProcess[str]":
    """Run promtool, with a text as its standard input."""
    return subprocess.run(  # noqa: S603 - our own build, our own arguments
        [ensure(PROMTOOL) / "promtool", *arguments],
        check=False,
        capture_output=True,
        text=True,
        input=text,
    )


def rule_groups(*values: str) -> dict[str, Any]:
    """Return what the chart's PrometheusRule gives to Prometheus."""
    spec: dict[str, Any] = one(installed(*ON, *values), "PrometheusRule")["spec"]
    return spec


def alerts(*values: str) -> list[dict[str, Any]]:
    """Return the alerts of the chart."""
    (group,) = rule_groups(*values)["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def metrics_in(expression: str) -> set[str]:
    """Return the names of metrics in an expression that promtool has parsed.

    What it does not understand is taken for a metric, which then exists nowhere.
    """
    bare = _NO_METRIC.sub(" ", _GROUPING.sub(" ", re.sub(r'"(?:\\.|[^"\\])*"', '""', expression)))
    return set(_NAME.findall(bare))


def exported() -> set[str]:
    """Return the names of all series that the operator may export."""
    found: set[str] = set()
    for family in PrometheusMetrics().registry.collect():
        ends = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
        found |= {family.name + end for end in ends.get(family.type, [""])}
    return found


def write_rules(path: Path, groups: Mapping[str, Any]) -> Path:
    """Write a file of rules."""
    path.write_text(yaml.safe_dump(dict(groups)))
    return path
