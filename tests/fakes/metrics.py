"""Metrics that remember what they were told."""

from collections import Counter

from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject


class CountingMetrics:
    """`ports.Metrics` in memory."""

    def __init__(self) -> None:
        self.added: Counter[str] = Counter()
        self.retried: Counter[str] = Counter()
        self.depth: dict[str, int] = {}
        self.waits: list[float] = []
        self.results: Counter[tuple[str, str]] = Counter()
        self.conditions: dict[ObjectKey, tuple[str | None, str | None]] = {}
        self.missing_of: dict[ObjectKey, int] = {}
        self.active = 0

    def queue_added(self, kind: str) -> None:
        self.added[kind] += 1

    def queue_retried(self, kind: str) -> None:
        self.retried[kind] += 1

    def queue_depth(self, kind: str, depth: int) -> None:
        self.depth[kind] = depth

    def queue_waited(self, kind: str, seconds: float) -> None:  # noqa: ARG002
        self.waits.append(seconds)

    def reconciled(self, kind: str, result: str, seconds: float) -> None:  # noqa: ARG002
        self.results[kind, result] += 1

    def workers(self, *, active: int, limit: int) -> None:  # noqa: ARG002
        self.active = active

    def missing(self, account: ObjectKey, count: int | None) -> None:
        self.missing_of.pop(account, None)
        if count is not None:
            self.missing_of[account] = count

    def observed(self, before: KubeObject | None, obj: KubeObject) -> None:  # noqa: ARG002
        self.conditions[obj.key] = (obj.ready.get("status"), obj.ready.get("reason"))

    def forgotten(self, key: ObjectKey) -> None:
        self.conditions.pop(key, None)
        self.missing_of.pop(key, None)

    def reference_changed(self, target: ObjectKey, version: str, users: list[ObjectKey]) -> None:
        """Count nothing."""

    def passed(self, key: ObjectKey, verdict: Verdict | None, *, began: float) -> None:
        """Count nothing."""
