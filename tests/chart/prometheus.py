"""The chart's alerts and dashboard as Prometheus reads them, with promtool as the judge."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from agentrun_operator.telemetry.metrics import PrometheusMetrics
from chart.rendering import CHART, installed, one
from controlplane.binaries import PROMTOOL, ensure
from dashboard.panels import filled

ON = (
    "metrics.prometheusRule.enabled=true",
    "metrics.dashboard.enabled=true",
    'metrics.renderMode="alwaysRender"',
)
OPERATOR = 'metrics.prometheusRule.selector="job=\\"operator\\""'
"""Gives the series of tests short labels."""
DASHBOARD = "agentrun-operator.json"

_VARIABLES = {
    "$__rate_interval": "5m",
    "$namespace": "agentrun-system",
    "$job": "operator",
}
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


def dashboard() -> Mapping[str, Any]:
    """Return the chart's dashboard."""
    found: Mapping[str, Any] = json.loads((CHART / "files" / DASHBOARD).read_text())
    return found


def queries() -> list[tuple[str, str]]:
    """Return the title of each panel with each of its expressions, variables filled in."""
    return [
        (panel["title"], filled(target["expr"], _VARIABLES))
        for panel in dashboard()["panels"]
        for target in panel.get("targets", ())
    ]


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


def empty_panels(scrape: str, folder: Path) -> set[str]:
    """Return the titles of panels of which an expression finds nothing in a scrape.

    Args:
        scrape: What /metrics served. It is taken as what it always serves.
        folder: For files.
    """
    found = queries()
    rules = [
        {"alert": f"panel{number}", "expr": f"absent({expression})"}
        for number, (_, expression) in enumerate(found)
    ]
    write_rules(folder / "rules.yaml", {"groups": [{"name": "panels", "rules": rules}]})
    looks = [{"eval_time": "9m", "alertname": r["alert"], "exp_alerts": []} for r in rules]
    case = {"interval": "1m", "input_series": [*_series(scrape)], "alert_rule_test": looks}
    cases = write_rules(folder / "cases.yaml", {"rule_files": ["rules.yaml"], "tests": [case]})
    done = promtool("test", "rules", cases)
    numbers = {int(number) for number in re.findall(r"alertname: panel(\d+),", done.stderr)}
    assert bool(numbers) is (done.returncode != 0), done.stderr
    return {found[number][0] for number in numbers}


def _series(scrape: str) -> Iterator[dict[str, str]]:
    """Yield each series as Prometheus has it once a monitor has put its labels on."""
    target = {"namespace": _VARIABLES["$namespace"], "job": _VARIABLES["$job"], "instance": "a"}
    for family in text_string_to_metric_families(scrape):
        for sample in family.samples:
            own = {f"exported_{k}" if k in target else k: v for k, v in sample.labels.items()}
            labels = ", ".join(f"{k}={json.dumps(v)}" for k, v in {**own, **target}.items())
            yield {"series": f"{sample.name}{{{labels}}}", "values": f"{sample.value}x9"}


def write_rules(path: Path, groups: Mapping[str, Any]) -> Path:
    """Write a file of rules."""
    path.write_text(yaml.safe_dump(dict(groups)))
    return path
