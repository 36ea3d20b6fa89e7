"""A fleet of objects of several kinds, from nothing to Ready, at rest, and after a restart."""

import gc
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from typing import Any

import psutil

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.engine import Engine
from fakes.lab import Lab

ROLE = "acs:ram::1001:role/agentrun"
KEY = {"secretKeyRef": {"name": "values", "key": "token"}}
KINDS: dict[str, dict[str, Any]] = {
    "Credential": {"purpose": "Inbound", "apiKey": {"headerName": "X-Key", "valueFrom": KEY}},
    "ModelService": {
        "modelType": "llm",
        "provider": "tongyi",
        "providerSettings": {"baseUrl": "https://models.example.com", "apiKeyFrom": KEY},
    },
    "ModelProxy": {
        "mode": "Single",
        "executionRoleArn": ROLE,
        "endpoints": [{"modelServiceRef": {"externalName": "qwen"}}],
    },
    "AgentRuntime": {
        "container": {"image": "registry.example.com/agent:v1"},
        "env": [{"name": "KEY", "valueFrom": KEY}],
    },
}
"""In equal shares. Each object stands alone, so that no wait for another one is counted."""
AVAILABLE = ("True", "Available")
WRITES = {"add_finalizer", "remove_finalizer", "write_status"}
RESYNC_SECONDS = 600.0
POLL_SECONDS = 1.0
"""Between two ticks of the poller. To look for what is due costs it time for every object."""
BUDGET_PER_SECOND = 1000
"""Requests per second that the account allows, on virtual time."""


class Fleet:
    """Objects in a lab, and a scheduler that knows no hot loop but reports one."""

    def __init__(self, objects: int) -> None:
        self.lab = Lab(transition_seconds=2.0)
        self.objects = objects
        self.keys: list[ObjectKey] = []
        self.passes = 0
        self._polled_at = 0.0

    async def open(self) -> None:
        """Bring the account to Ready."""
        account = await self.lab.ready_account()
        self.lab.edit(account, requestsPerSecond=BUDGET_PER_SECOND)
        self.lab.cluster.put_secret("values", {"token": "t"})
        await self.lab.elapse(5)
        self.lab.calls.take()

    def apply(self) -> None:
        """Create all objects at once."""
        kinds = list(KINDS)
        for n in range(self.objects):
            kind = kinds[n % len(kinds)]
            self.keys.append(self.lab.cluster.apply(kind, f"{kind.lower()}-{n}", KINDS[kind]))

    async def serve(self) -> int:
        """Serve what is ready; return how many passes that took."""
        queue, engine, served = self.lab.engine.queue, self.lab.engine, 0
        while True:
            self.lab.deliver()
            queue._promote()
            if not len(queue):
                self.passes += served
                return served
            work = await queue.take()
            try:
                await engine._serve(work)
            finally:
                queue.done(work.key)
            served += 1

    async def elapse(self, seconds: float) -> None:
        """Let virtual time pass, polling once a second and serving what becomes due."""
        clock = self.lab.clock
        end = clock.monotonic() + seconds
        await self.serve()
        while (left := end - clock.monotonic()) > 0:
            due = self.lab.engine.queue._promote()
            clock.advance(min(left, 1.0, 1.0 if due is None else max(due, 0.01)))
            if clock.monotonic() >= self._polled_at + POLL_SECONDS:
                self._polled_at = clock.monotonic()
                await self.lab.poll()
            await self.serve()

    def counted(self) -> tuple[Counter[str], int]:
        """Return the calls to the cloud by verb, and the writes to the cluster, since last time."""
        names = Counter(self.lab.calls.take())
        writes = sum(count for name, count in names.items() if name in WRITES)
        verbs: Counter[str] = Counter()
        for name, count in names.items():
            verb = next((v for v in ("List", "Get", "Create", "Update") if name.startswith(v)), "")
            verbs[verb] += count if verb else 0
        return +verbs, writes

    @property
    def all_ready(self) -> bool:
        """Whether every object is Ready."""
        return all(self.lab.ready(key) == AVAILABLE for key in self.keys)

    async def until_ready(self, keys: Iterable[ObjectKey] | None = None) -> None:
        """Let virtual time pass until some objects, or all of the fleet, are Ready.

        Raises:
            RuntimeError: that did not come about.
        """
        left = list(self.keys if keys is None else keys)
        for _ in range(100):
            await self.elapse(10)
            left = [key for key in left if self.lab.ready(key) != AVAILABLE]
            if not left:
                return
        raise RuntimeError(f"{len(left)} are not Ready; {left[0]}: {self.lab.message(left[0])}")


async def measure(objects: int) -> dict[str, Any]:
    """Return the figures of a fleet; per object where a name says so.

    Raises:
        RuntimeError: the fleet did not become Ready.
    """
    fleet = Fleet(objects)
    await fleet.open()
    figures: dict[str, Any] = {"objects": objects}
    figures |= await _to_ready(fleet)
    figures |= await _at_rest(fleet)
    figures |= await _edit_in_resync(fleet)
    figures |= await _restart(fleet)
    figures |= _memory(fleet)
    return figures


async def _to_ready(fleet: Fleet) -> dict[str, Any]:
    fleet.apply()
    fleet.passes, begun = 0, time.process_time()
    await fleet.until_ready()
    spent = time.process_time() - begun
    calls, writes = fleet.counted()
    size = fleet.objects
    return {
        "ready_cpu_ms_per_object": round(spent / size * 1000, 2),
        "ready_passes_per_object": round(fleet.passes / size, 2),
        "passes_per_cpu_second": round(fleet.passes / spent),
        "ready_calls_per_object_without_lists": round(
            (sum(calls.values()) - calls["List"]) / size, 2
        ),
        "ready_list_calls": calls["List"],
        "ready_kubernetes_writes_per_object": round(writes / size, 2),
    }


async def _at_rest(fleet: Fleet) -> dict[str, Any]:
    await fleet.elapse(120)
    fleet.counted()
    fleet.passes, begun = 0, time.process_time()
    await fleet.elapse(RESYNC_SECONDS)
    spent = time.process_time() - begun
    calls, writes = fleet.counted()
    return {
        "rest_calls_per_minute": round(sum(calls.values()) / (RESYNC_SECONDS / 60), 1),
        "rest_calls_per_object_and_hour": round(
            sum(calls.values()) / fleet.objects * 3600 / RESYNC_SECONDS, 3
        ),
        "rest_cloud_writes": calls["Create"] + calls["Update"],
        "rest_kubernetes_writes": writes,
        "rest_cpu_percent": round(spent / RESYNC_SECONDS * 100, 2),
    }


async def _edit_in_resync(fleet: Fleet) -> dict[str, Any]:
    """Edit one object while a pass over every other one is waiting."""
    lab, (wanted, *others) = fleet.lab, [k for k in fleet.keys if k.kind == "ModelProxy"]
    for key in [*others, *(k for k in fleet.keys if k.kind != "ModelProxy")]:
        lab.engine.queue.add(key, fresh=False)
    lab.edit(wanted, description="edited")
    lab.deliver()
    queue, ahead, wall, virtual = lab.engine.queue, 0, time.perf_counter(), lab.clock.monotonic()
    while True:
        work = await queue.take()
        try:
            await lab.engine._serve(work)
        finally:
            queue.done(work.key)
        if work.key == wanted:
            break
        ahead += 1
    return {
        "edit_passes_served_before": ahead,
        "edit_passes_waiting": fleet.objects - 1,
        "edit_wall_ms": round((time.perf_counter() - wall) * 1000, 1),
        "edit_virtual_seconds": round(lab.clock.monotonic() - virtual, 3),
    }


async def _restart(fleet: Fleet) -> dict[str, Any]:
    await fleet.elapse(60)
    fleet.counted()
    begun, virtual = time.process_time(), fleet.lab.clock.monotonic()
    fleet.lab.restart()
    await fleet.serve()
    spent = time.process_time() - begun
    calls, writes = fleet.counted()
    return {
        "restart_cpu_seconds": round(spent, 2),
        "restart_virtual_seconds": round(fleet.lab.clock.monotonic() - virtual, 1),
        "restart_calls_per_object": round(sum(calls.values()) / fleet.objects, 3),
        "restart_kubernetes_writes": writes,
        "restart_cloud_writes": calls["Create"] + calls["Update"],
    }


def _memory(fleet: Fleet) -> dict[str, Any]:
    """Count what a second engine over the same objects allocates, bodies of the watch included."""
    gc.collect()
    tracemalloc.start()
    world = fleet.lab._world()
    engine = Engine(world, fleet.lab.cluster, fleet.lab.metrics)
    for key in fleet.keys:
        raw = fleet.lab.cluster.raw(key)
        assert raw is not None
        engine.observe(None, raw)
    del raw
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "engine_kib_per_object": round(held / 1024 / fleet.objects, 2),
        "rss_mib_with_cloud_and_cluster": round(psutil.Process().memory_info().rss / 2**20),
    }
