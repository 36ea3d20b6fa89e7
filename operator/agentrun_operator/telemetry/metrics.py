"""Metrics under controller-runtime's names, so that existing dashboards work, and a few of ours.

`controller` is the lower-case kind. What cannot be measured honestly is left out.
"""

import platform
import re
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.process_collector import ProcessCollector

from agentrun_operator import __version__
from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.world import World
from agentrun_operator.telemetry.accounts import Accounts
from agentrun_operator.telemetry.fleet import Fleet
from agentrun_operator.telemetry.lags import Lags
from agentrun_operator.telemetry.process import ProcessState

RECONCILE_SECONDS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35),
    *(0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5),
    *(1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0),
    *(8.0, 9.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0),
)
"""Bounds of controller_runtime_reconcile_time_seconds. Source: controller-runtime."""
QUEUE_SECONDS = tuple(10.0**exponent for exponent in range(-8, 4))
"""Bounds of the workqueue histograms, decades from 10 ns. Source: controller-runtime."""
REQUEST_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)
LOOP_LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_PASS = re.compile(r"pass ([A-Za-z]+) ")
"""Name of the task that runs a pass; see `reconcile/workers.py`."""
SECRET = "Secret"
POOL = "agentrun"
"""`controller` of the worker pool, which all kinds share."""


class PrometheusMetrics:
    """Implements `ports.Metrics` on a registry of its own."""

    def __init__(self, exemplar: Callable[[], dict[str, str] | None] = lambda: None) -> None:
        """Begin at nothing; `exemplar` names the span that a duration belongs to, if it is kept."""
        self._exemplar = exemplar
        # Process-wide in the library: `_created` series would not be controller-runtime's.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._missing_of: set[tuple[str, str, str]] = set()
        self._world: World | None = None
        self.process = ProcessState()
        self.fleet = Fleet()
        self.accounts = Accounts()
        for collector in (self.process, self.fleet, self.accounts):
            self.registry.register(collector)
        self.lags = Lags(self.registry)
        self._make_queue()
        self._make_reconcile()
        self._make_own()

    def _make_queue(self) -> None:
        registry, labels = self.registry, ("name", "controller")
        self._depth = Gauge(
            "workqueue_depth", "Current depth of workqueue", labels, registry=registry
        )
        self._adds = Counter(
            "workqueue_adds", "Total number of adds handled by workqueue", labels, registry=registry
        )
        self._retries = Counter(
            "workqueue_retries",
            "Total number of retries handled by workqueue",
            labels,
            registry=registry,
        )
        self._waits = Histogram(
            "workqueue_queue_duration_seconds",
            "How long in seconds an item stays in workqueue before being requested",
            labels,
            buckets=QUEUE_SECONDS,
            registry=registry,
        )
        self._work = Histogram(
            "workqueue_work_duration_seconds",
            "How long in seconds processing an item from workqueue takes",
            labels,
            buckets=QUEUE_SECONDS,
            registry=registry,
        )

    def _make_reconcile(self) -> None:
        registry = self.registry
        self._passes = Counter(
            "controller_runtime_reconcile",
            "Total number of reconciliations per controller",
            ("controller", "result"),
            registry=registry,
        )
        self._errors = Counter(
            "controller_runtime_reconcile_errors",
            "Total number of reconciliation errors per controller",
            ("controller",),
            registry=registry,
        )
        self._seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Length of time per reconciliation per controller",
            ("controller",),
            buckets=RECONCILE_SECONDS,
            registry=registry,
        )
        self._active = Gauge(
            "controller_runtime_active_workers",
            "Number of currently used workers per controller",
            ("controller",),
            registry=registry,
        )
        self._limit = Gauge(
            "controller_runtime_max_concurrent_reconciles",
            "Maximum number of concurrent reconciles per controller",
            ("controller",),
            registry=registry,
        )

    def _make_own(self) -> None:
        registry = self.registry
        Gauge(
            "agentrun_operator_build_info",
            "Constant 1, labelled with what runs",
            ("version", "python"),
            registry=registry,
        ).labels(__version__, platform.python_version()).set(1)
        self._api_seconds = Histogram(
            "agentrun_api_request_duration_seconds",
            "How long in seconds calls of the AgentRun API take",
            ("operation",),
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        self._missing = Gauge(
            "agentrun_missing_resources",
            "Resources on record that were not found, of an account in which they are too many",
            ("kind", "namespace", "name"),
            registry=registry,
        )

        self._loop_lag = Histogram(
            "agentrun_operator_loop_lag_seconds",
            "How late in seconds the event loop comes to what is due",
            buckets=LOOP_LAG_SECONDS,
            registry=registry,
        )
        self._loop_held = Counter(
            "agentrun_operator_loop_held",
            "Times that one task kept all others waiting for too long, by kind of its pass",
            ("by",),
            registry=registry,
        )
        self._loop_held_seconds = Counter(
            "agentrun_operator_loop_held_seconds",
            "How long in seconds all others waited then",
            ("by",),
            registry=registry,
        )

    def attach(self, world: World) -> None:
        """Ask this world at each scrape for what is not pushed."""
        self._world = world
        self.fleet.attach(world)
        self.lags.monotonic = world.clock.monotonic
        self.accounts.budgets = world.clients.budgets
        self.accounts.is_there = world.clients.is_there

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return everything, and its media type: OpenMetrics, which alone has exemplars, if asked.

        Args:
            accept: The request's header; Prometheus prefers OpenMetrics.
        """
        if _asks_for_openmetrics(accept):
            body: bytes = openmetrics.generate_latest(self.registry)  # type: ignore[no-untyped-call]
            return body, openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    def queue_added(self, kind: str) -> None:
        """Count one key put on the queue."""
        self._adds.labels(*_queue(kind)).inc()

    def queue_retried(self, kind: str) -> None:
        """Count one key put back after a failure."""
        self._retries.labels(*_queue(kind)).inc()

    def queue_depth(self, kind: str, depth: int) -> None:
        """Set how many keys wait."""
        self._depth.labels(*_queue(kind)).set(depth)

    def queue_waited(self, kind: str, seconds: float) -> None:
        """Observe how long one key waited."""
        self._waits.labels(*_queue(kind)).observe(seconds)

    def reconciled(self, kind: str, result: str, seconds: float) -> None:
        """Count one pass; `result` is success, error, requeue or requeue_after."""
        controller = kind.lower()
        self._passes.labels(controller, result).inc()
        errors = self._errors.labels(controller)
        if result == "error":
            errors.inc()
        self._seconds.labels(controller).observe(seconds, self._exemplar())
        self._work.labels(*_queue(kind)).observe(seconds)

    def workers(self, *, active: int, limit: int) -> None:
        """Set how many passes are at work, and how many may be; those that wait do not count."""
        self._active.labels(POOL).set(active)
        self._limit.labels(POOL).set(limit)

    def api_called(
        self, source: ObjectKey | None, operation: str, code: str, seconds: float
    ) -> None:
        """Count one call of the AgentRun API.

        Args:
            source: The object that stands for the account.
            operation: As the API names it, e.g. `CreateModelProxy`.
            code: HTTP status, or the name of the error where there was no answer.
            seconds: From sending to the last byte.
        """
        self.accounts.called(source, operation, code)
        self._api_seconds.labels(operation).observe(seconds, self._exemplar())

    def missing(self, account: ObjectKey, count: int | None) -> None:
        """Remember how many resources of an account are missing; None: no longer too many."""
        labels = (account.kind, account.namespace, account.name)
        if count is not None:
            self._missing.labels(*labels).set(count)
            self._missing_of.add(labels)
        elif labels in self._missing_of:
            self._missing.remove(*labels)
            self._missing_of.remove(labels)

    def loop_lag(self, seconds: float) -> None:
        """Observe by how much the loop was late."""
        self._loop_lag.observe(seconds)

    def loop_held(self, task: str, seconds: float) -> None:
        """Count that one task held the loop for too long; a pass is counted by its kind."""
        found = _PASS.match(task)
        by = found[1].lower() if found else "other"
        self._loop_held.labels(by).inc()
        self._loop_held_seconds.labels(by).inc(seconds)

    def observed(self, before: KubeObject | None, obj: KubeObject) -> None:
        """Take in a new version of an object, and the one before."""
        self.fleet.observed(obj)
        self.lags.observed(before, obj)

    def forgotten(self, key: ObjectKey) -> None:
        """Take in that an object is gone."""
        self.fleet.forgotten(key)
        self.lags.forgotten(key)
        if key.is_account:
            self.missing(key, None)
            self.accounts.forgotten(key)

    def reference_changed(self, target: ObjectKey, version: str, users: list[ObjectKey]) -> None:
        """Take in that a Secret or ConfigMap changed, and who uses it; version "": it is gone."""
        if target.kind == SECRET and version:
            self.lags.rotated(u for u in users if u.is_account or self.fleet.is_looked_at(u))

    def passed(self, key: ObjectKey, verdict: Verdict | None, *, began: float) -> None:
        """Take in how an object stands after a pass that began at that monotonic time."""
        world = self._world
        memory = None if world is None else world.memory.peek(key)
        obj = None if world is None else world.cache.get(key)
        if memory is not None and obj is not None:
            self.lags.passed(
                obj,
                began=began,
                wrote_at=memory.sent.at,
                is_failing=memory.failures.count > 0,
                said=None if verdict is None else verdict.reason,
            )


def _asks_for_openmetrics(accept: str) -> bool:
    """Whether a header accepts the version that we speak.

    Not by the library's own function: it fails at a version that is none, and repeats any other.
    """
    for offer in accept.split(","):
        media_type, *parameters = (part.strip() for part in offer.split(";"))
        versions = [text.partition("=")[2] for text in parameters if text.startswith("version=")]
        if media_type == "application/openmetrics-text" and versions in ([], ["1.0.0"]):
            return True
    return False


def _queue(kind: str) -> tuple[str, str]:
    return kind.lower(), kind.lower()
