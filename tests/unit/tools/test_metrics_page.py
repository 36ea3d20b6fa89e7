"""The reference of the metrics: what is exported, whether it has a series yet or not."""

from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from charttools.metrics_page import Described, described, metrics_page

ALERT = "AgentRunSlow: {expr: 'sum(rate(workqueue_work_duration_seconds_sum{SELECTOR}[5m])) > 1'}"


class Asked(Collector):
    """Has no series yet, as nobody told it anything."""

    def collect(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily("watch_age_seconds", "Age.", labels=("resource",))]


def test_metrics_without_series_have_type_and_labels() -> None:
    registry = CollectorRegistry()
    Counter("calls", "Calls", ("operation", "code"), registry=registry)
    Histogram("lag_seconds", "Lag", registry=registry)
    registry.register(Asked())
    assert sorted(described(registry), key=lambda m: m.name) == [
        Described("calls_total", "counter", ("operation", "code"), "Calls"),
        Described("lag_seconds", "histogram", (), "Lag"),
        Described("watch_age_seconds", "gauge", ("resource",), "Age"),
    ]


def test_an_alert_stands_beside_what_it_asks_for(tmp_path: Path) -> None:
    alerts = tmp_path / "alerts.yaml"
    alerts.write_text(ALERT)
    rows = [row for row in metrics_page(alerts).splitlines() if "AgentRunSlow" in row]
    (row,) = rows
    assert row.startswith(
        "| `workqueue_work_duration_seconds` | histogram | `name`, `controller` |"
    )


def test_a_unit_is_in_the_name() -> None:
    names = ("held_seconds_total", "memory_bytes", "depth")
    units = [Described(name, "gauge", (), "").unit for name in names]
    assert units == ["seconds", "bytes", ""]
