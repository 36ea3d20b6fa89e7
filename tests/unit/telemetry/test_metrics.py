"""Metrics: names, labels and bounds that controller-runtime's dashboards expect."""

from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.telemetry.metrics import PrometheusMetrics

ACCOUNT = ObjectKey("Account", "team", "default")


def value(metrics: PrometheusMetrics, series: str, /, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(series, labels)


@pytest.fixture
def metrics() -> PrometheusMetrics:
    """Return metrics on which every method has been called once."""
    subject = PrometheusMetrics()
    subject.queue_added("ModelProxy")
    subject.queue_retried("ModelProxy")
    subject.queue_depth("ModelProxy", 3)
    subject.queue_waited("ModelProxy", 0.2)
    subject.reconciled("ModelProxy", "success", 0.004)
    subject.loop_lag(0.004)
    subject.workers(active=2, limit=32)
    subject.api_called(ACCOUNT, "CreateModelProxy", "200", 0.3)
    return subject


QUEUE = {"name": "modelproxy", "controller": "modelproxy"}
KIND = {"controller": "modelproxy"}
POOL = {"controller": "agentrun"}


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("workqueue_adds_total", QUEUE, 1),
        ("workqueue_retries_total", QUEUE, 1),
        ("workqueue_depth", QUEUE, 3),
        ("workqueue_queue_duration_seconds_count", QUEUE, 1),
        ("workqueue_work_duration_seconds_count", QUEUE, 1),
        ("controller_runtime_reconcile_total", {**KIND, "result": "success"}, 1),
        ("controller_runtime_reconcile_errors_total", KIND, 0),
        ("controller_runtime_reconcile_time_seconds_bucket", {**KIND, "le": "0.005"}, 1),
        ("controller_runtime_active_workers", POOL, 2),
        ("controller_runtime_max_concurrent_reconciles", POOL, 32),
        ("agentrun_operator_loop_lag_seconds_bucket", {"le": "0.005"}, 1),
        ("agentrun_operator_leader", {}, 0),
        (
            "agentrun_api_requests_total",
            {"operation": "CreateModelProxy", "code": "200", "account": "team/default"},
            1,
        ),
        (
            "agentrun_api_request_duration_seconds_count",
            {"operation": "CreateModelProxy"},
            1,
        ),
    ],
)
def test_names_and_labels(
    metrics: PrometheusMetrics, name: str, labels: Mapping[str, str], expected: float
) -> None:
    assert value(metrics, name, **labels) == expected


def bounds(metrics: PrometheusMetrics, name: str) -> list[str]:
    text = metrics.render()[0].decode()
    family = next(f for f in text_string_to_metric_families(text) if f.name == name)
    return [s.labels["le"] for s in family.samples if "le" in s.labels]


def test_histograms_have_the_bounds_of_controller_runtime(metrics: PrometheusMetrics) -> None:
    reconcile = bounds(metrics, "controller_runtime_reconcile_time_seconds")
    assert (len(reconcile), reconcile[0], reconcile[-2:]) == (41, "0.005", ["60.0", "+Inf"])
    queue = [float(b) for b in bounds(metrics, "workqueue_queue_duration_seconds")]
    assert queue[:-1] == pytest.approx([10.0**e for e in range(-8, 4)])


def test_there_are_no_created_series(metrics: PrometheusMetrics) -> None:
    assert b"_created" not in metrics.render()[0]


@pytest.mark.parametrize(
    ("accept", "is_openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain;version=1.0.0", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0; escaping=allow-utf-8; q=0.6, */*", True),
        ("text/plain, application/openmetrics-text;version=1.0.0", True),
        ("application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4", False),
        ("application/openmetrics-text;version=99.0.0", False),
        ("application/openmetrics-text;version=no number", False),
        (";=,;", False),
    ],
)
def test_the_format_is_what_the_scraper_asks_for(
    metrics: PrometheusMetrics, accept: str, *, is_openmetrics: bool
) -> None:
    body, media_type = metrics.render(accept)
    assert body.endswith(b"# EOF\n") is is_openmetrics
    expected = "application/openmetrics-text; version=1.0.0" if is_openmetrics else "text/plain"
    assert media_type.startswith(expected)


def test_what_runs_is_told(metrics: PrometheusMetrics) -> None:
    assert b'agentrun_operator_build_info{python="3.' in metrics.render()[0]
    assert b"process_resident_memory_bytes" in metrics.render()[0]


def test_the_leader_is_asked_at_each_scrape(metrics: PrometheusMetrics) -> None:
    is_leading = True
    metrics.process.leads = lambda: is_leading
    assert value(metrics, "agentrun_operator_leader") == 1
    is_leading = False
    assert value(metrics, "agentrun_operator_leader") == 0


def test_an_error_counts_twice(metrics: PrometheusMetrics) -> None:
    metrics.reconciled("ModelProxy", "error", 1.0)
    assert value(metrics, "controller_runtime_reconcile_errors_total", **KIND) == 1
    assert value(metrics, "controller_runtime_reconcile_total", **KIND, result="error") == 1


def test_missing_resources_are_counted_while_they_are_too_many(metrics: PrometheusMetrics) -> None:
    account = ObjectKey("Account", "team-a", "default")
    labels = {"kind": "Account", "namespace": "team-a", "name": "default"}
    metrics.missing(account, None)
    metrics.missing(account, 49)
    metrics.missing(account, 45)
    assert value(metrics, "agentrun_missing_resources", **labels) == 45
    metrics.missing(account, None)
    assert value(metrics, "agentrun_missing_resources", **labels) is None
