"""Counts the objects at each scrape, from a few facts of each that every change brings.

One label set has at least one object, so there are never more series than objects, whatever the
namespaces, kinds and reasons.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject, parse_time
from agentrun_operator.core.reasons import ConditionType, Reason
from agentrun_operator.reconcile.world import World

_MARKS = {
    "stalled": "Objects that wait for somebody to change something",
    "drifted": "Objects whose resource differs from the spec",
    "paused": "Objects that are paused",
    "contested": "Objects whose corrections somebody undoes",
}


class _Facts(NamedTuple):
    kind: str
    namespace: str
    status: str
    """Of Ready; empty before the first."""
    reason: str
    marks: frozenset[str]
    is_looked_at: bool
    """Whether the engine looks at its resource again and again."""


class Fleet(Collector):
    """Knows of each object what is counted; `attach` names the world that knows the rest."""

    def __init__(self) -> None:
        """Start with no object."""
        self._facts: dict[ObjectKey, _Facts] = {}
        self._shared: dict[_Facts, _Facts] = {}
        """One of all that are equal, which are few."""
        self._deleted_at: dict[ObjectKey, datetime] = {}
        self._world: World | None = None

    def attach(self, world: World) -> None:
        """Ask this world for the time, and for when a resource was seen."""
        self._world = world

    def observed(self, obj: KubeObject) -> None:
        """Take in a version of an object."""
        facts = _facts_of(obj)
        self._facts[obj.key] = self._shared.setdefault(facts, facts)
        deleted_at = parse_time(obj.deleted_at)
        if deleted_at is not None and obj.is_claimed:
            self._deleted_at[obj.key] = deleted_at
        else:
            self._deleted_at.pop(obj.key, None)

    def forgotten(self, key: ObjectKey) -> None:
        """Count an object no longer."""
        self._facts.pop(key, None)
        self._deleted_at.pop(key, None)

    def is_looked_at(self, key: ObjectKey) -> bool:
        """Whether an object has a resource that the engine looks at: neither paused nor over."""
        facts = self._facts.get(key)
        return facts is not None and facts.is_looked_at

    def collect(self) -> Iterator[Metric]:
        """Yield the families of the fleet."""
        counts = Counter(self._facts.values())
        # What no object has any more would stay, with every namespace that ever was.
        self._shared = {facts: facts for facts in counts}
        yield _conditions(counts)
        for mark, meaning in _MARKS.items():
            yield _marked(counts, mark, meaning)
        yield from self._deletions()
        yield self._last_seen()

    def _deletions(self) -> Iterator[Metric]:
        in_flight = Counter(key.namespace for key in self._deleted_at)
        yield by_namespace(
            "agentrun_deletions_in_flight",
            "Objects that were deleted and whose resource is not given up yet",
            in_flight,
        )
        oldest: dict[str, float] = {}
        for key, at in self._deleted_at.items():
            age = 0.0 if self._world is None else (self._world.clock.now() - at).total_seconds()
            oldest[key.namespace] = max(age, oldest.get(key.namespace, 0.0))
        yield by_namespace(
            "agentrun_oldest_deletion_seconds",
            "Seconds since the oldest deletion in flight was asked for",
            oldest,
        )

    def _last_seen(self) -> Metric:
        oldest: dict[str, float] = {}
        world = self._world
        now = 0.0 if world is None else world.clock.monotonic()
        for key, facts in self._facts.items() if world is not None else ():
            memory = world.memory.peek(key) if world is not None and facts.is_looked_at else None
            seen = None if memory is None else memory.looks.counts_from
            if seen is not None:
                oldest[key.namespace] = max(now - seen, oldest.get(key.namespace, 0.0))
        return by_namespace(
            "agentrun_last_seen_seconds",
            "Seconds since the resource of an object was last seen, the longest of the namespace",
            oldest,
        )


def by_namespace(name: str, meaning: str, values: Mapping[str, float]) -> Metric:
    """Return a gauge with one series for each namespace."""
    family = GaugeMetricFamily(name, meaning, labels=("namespace",))
    for namespace, value in values.items():
        family.add_metric((namespace,), value)
    return family


def _facts_of(obj: KubeObject) -> _Facts:
    marks = {
        "stalled": obj.condition(ConditionType.STALLED.value) is not None,
        "drifted": bool(obj.status.get("drift")),
        "paused": obj.condition(ConditionType.PAUSED.value) is not None,
        "contested": obj.ready_reason == Reason.CONTESTED.value,
    }
    is_over = marks["paused"] or obj.deleting or obj.has_reported_end
    return _Facts(
        obj.key.kind,
        obj.key.namespace,
        str(obj.ready.get("status") or ""),
        obj.ready_reason,
        frozenset(mark for mark, is_set in marks.items() if is_set),
        bool(obj.external_id) and not is_over,
    )


def _conditions(counts: Mapping[_Facts, int]) -> Metric:
    family = GaugeMetricFamily(
        "agentrun_resource_condition",
        "Objects with this condition",
        labels=("kind", "namespace", "condition", "status", "reason"),
    )
    sums: Counter[tuple[str, ...]] = Counter()
    for facts, count in counts.items():
        if facts.status:
            ready = ConditionType.READY.value
            sums[facts.kind, facts.namespace, ready, facts.status, facts.reason] += count
    for labels, count in sums.items():
        family.add_metric(labels, count)
    return family


def _marked(counts: Mapping[_Facts, int], mark: str, meaning: str) -> Metric:
    family = GaugeMetricFamily(f"agentrun_resources_{mark}", meaning, labels=("kind", "namespace"))
    sums: Counter[tuple[str, ...]] = Counter()
    for facts, count in counts.items():
        if mark in facts.marks:
            sums[facts.kind, facts.namespace] += count
    for labels, count in sums.items():
        family.add_metric(labels, count)
    return family
