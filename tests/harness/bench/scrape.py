"""What a scrape costs: its time holds the loop, its memory stays."""

import gc
import time
import tracemalloc
from types import SimpleNamespace
from typing import Any, cast

from agentrun_operator.core.identity import FINALIZER
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.memory import MemoryBank
from agentrun_operator.reconcile.world import World
from agentrun_operator.telemetry.metrics import PrometheusMetrics
from fakes.clock import VirtualClock

KINDS = ("AgentRuntime", "Credential", "ModelProxy", "ModelService", "Sandbox", "Tool")
NAMESPACES = 100
NOT_READY = 10
"""Of so many objects one is not Ready."""
REASONS = ("Creating", "InvalidParameter", "DependencyNotReady")
SCRAPES = 5


def measure(objects: int) -> dict[str, Any]:
    """Return the figures of one scrape of a fleet, the quickest of a few."""
    clock, memory, metrics = VirtualClock(), MemoryBank(), PrometheusMetrics()
    clients = SimpleNamespace(budgets=dict, is_there=lambda _source: True)
    memory_only = SimpleNamespace(clock=clock, memory=memory, clients=clients)
    metrics.attach(cast("World", memory_only))
    empty = metrics.render()[0].count(b"\n")
    for number in range(objects):
        obj = _object(number)
        memory.of(obj.key, obj.uid).looks.note_seen(clock.monotonic())
    gc.collect()
    tracemalloc.start()
    for number in range(objects):
        # Made anew, so that the key that is kept counts.
        metrics.observed(None, _object(number))
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    spent = []
    for _ in range(SCRAPES):
        begun = time.process_time()
        text, _ = metrics.render()
        spent.append(time.process_time() - begun)
    return {
        "objects": objects,
        "namespaces": NAMESPACES,
        "series_of_the_fleet": text.count(b"\n") - empty,
        "scrape_kib": round(len(text) / 1024),
        "scrape_cpu_ms": round(min(spent) * 1000, 1),
        "memory_bytes_per_object": round(held / objects),
    }


def _object(number: int) -> KubeObject:
    kind, namespace = KINDS[number % len(KINDS)], f"team-{number % NAMESPACES}"
    ready = {"type": "Ready", "status": "True", "reason": "Available"}
    if number % NOT_READY == 0:
        reason = REASONS[number // NOT_READY % len(REASONS)]
        ready = {"type": "Ready", "status": "False", "reason": reason}
    raw = {
        "metadata": {
            "namespace": namespace,
            "name": f"it-{number}",
            "uid": f"uid-{number}",
            "resourceVersion": "1",
            "generation": 1,
            "finalizers": [FINALIZER],
        },
        "status": {"observedGeneration": 1, "externalId": f"id-{number}", "conditions": [ready]},
    }
    return KubeObject.of(raw, kind)
