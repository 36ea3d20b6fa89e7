"""The chart's alerts: each fires when it should, is silent when not, and has its page."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentrun_operator.core.reasons import Reason
from chart.prometheus import (
    ON,
    OPERATOR,
    alerts,
    exported,
    metrics_in,
    promtool,
    rule_groups,
    write_rules,
)
from chart.rendering import CHART, NAMESPACE, ROOT, helm, installed, of_kind

CASES = Path(__file__).with_name("alerts")
NAMES = sorted(yaml.safe_load((CHART / "files" / "alerts.yaml").read_text()))
PAGES = ROOT / "docs" / "runbooks"
PASSES = {
    Reason.AVAILABLE: "as it should be",
    Reason.COMPLETED: "as it should be",
    Reason.CREATING: "under way; becomes Timeout",
    Reason.UPDATING: "under way; becomes Timeout",
    Reason.DELETING: "under way; the count does not tell a long deletion from many short ones",
    Reason.DRIFT_CORRECTED: "an event only",
    Reason.PAUSED: "a condition beside Ready",
    Reason.MASS_ABSENCE: "agentrun_missing_resources tells it, by account",
}
"""Reasons of Ready without an alert, and why."""
OURS = f'{{namespace="{NAMESPACE}", job="%s"}}'


def test_there_are_none_by_default() -> None:
    assert not of_kind(installed(), "PrometheusRule")


def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    rules = write_rules(tmp_path / "rules.yaml", rule_groups())
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", rules)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(NAMES)} rules found" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_fires_and_does_not_fire(name: str, tmp_path: Path) -> None:
    write_rules(tmp_path / "rules.yaml", rule_groups(OPERATOR))
    cases = Path(shutil.copy(CASES / f"{name}.yaml", tmp_path))
    done = promtool("test", "rules", cases)
    assert done.returncode == 0, done.stdout + done.stderr
    looks = [look for each in read(cases)["tests"] for look in each["alert_rule_test"]]
    assert {look["alertname"] for look in looks} == {name}
    assert {bool(look["exp_alerts"]) for look in looks} == {True, False}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_no_case_is_left_of_an_alert_that_is_gone() -> None:
    assert sorted(path.stem for path in CASES.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_asks_for_what_is_exported(name: str) -> None:
    (alert,) = (each for each in alerts() if each["alert"] == name)
    names = metrics_in(alert["expr"])
    assert names
    assert names <= exported()


def test_every_reason_has_one_alert_or_passes() -> None:
    named = [
        reason
        for alert in alerts()
        for reasons in re.findall(r'reason=~?"([^"]*)"', alert["expr"])
        for reason in reasons.split("|")
    ]
    assert sorted([*named, *PASSES]) == sorted(Reason)


@pytest.mark.parametrize("job", ["chart-agentrun-operator", f"{NAMESPACE}/chart-agentrun-operator"])
def test_series_of_either_monitor_are_this_releases(job: str, tmp_path: Path) -> None:
    write_rules(tmp_path / "rules.yaml", rule_groups())
    series = [
        {"series": f"agentrun_operator_build_info{OURS % job}", "values": "1x20"},
        {"series": f"workqueue_depth{OURS % 'another'}", "values": "900x30"},
    ]
    looks: list[dict[str, Any]] = [
        {"eval_time": "20m", "alertname": name, "exp_alerts": []}
        for name in ("AgentRunOperatorDown", "AgentRunQueueNotDraining")
    ]
    case = {"interval": "1m", "input_series": series, "alert_rule_test": looks}
    cases = write_rules(tmp_path / "cases.yaml", {"rule_files": ["rules.yaml"], "tests": [case]})
    done = promtool("test", "rules", cases)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_has_its_page(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text()
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    assert titles == [name, "What it means", "Impact", "How to look", "What to do"]


def test_no_page_is_left_of_an_alert_that_is_gone() -> None:
    assert sorted(path.stem for path in PAGES.iterdir()) == NAMES


def test_an_alert_names_its_page_where_pages_are_served() -> None:
    assert not any("runbook_url" in alert["annotations"] for alert in alerts())
    address = "https://wiki.example/agentrun/runbooks"
    for alert in alerts(f'metrics.prometheusRule.runbookUrl="{address}/"'):
        assert alert["annotations"]["runbook_url"] == f"{address}/{alert['alert']}.md"


def test_thresholds_times_and_labels_are_values() -> None:
    given = (
        'metrics.prometheusRule.alertLabels={"team":"agents"}',
        'metrics.prometheusRule.disabled=["AgentRunObjectsWaiting"]',
        'metrics.prometheusRule.alerts.AgentRunThrottled={"threshold":0.25,"for":"2h"}',
    )
    found = {alert["alert"]: alert for alert in alerts(*given)}
    assert sorted({*found, "AgentRunObjectsWaiting"}) == NAMES
    throttled = found["AgentRunThrottled"]
    assert throttled["expr"].endswith("> 0.25")
    assert throttled["for"] == "2h"
    assert throttled["labels"] == {"severity": "warning", "team": "agents"}
    assert all(alert["labels"]["team"] == "agents" for alert in found.values())


def test_an_alert_that_does_not_exist_cannot_be_left_out() -> None:
    done = helm(*ON, 'metrics.prometheusRule.disabled=["AgentRunNothing"]')
    assert done.returncode != 0
    assert "AgentRunNothing" in done.stderr
