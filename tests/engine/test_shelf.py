"""Large parts of an object are not in memory, and nobody can tell the difference."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.scale import MAX_BYTES
from agentrun_operator.reconcile.shelf import MemoryShelf, Stored
from fakes.lab import Lab

KEY = ObjectKey("AgentRuntime", "team", "it")
ENV = [{"name": f"KEY_{n}", "value": f"{n}" * 8000} for n in range(100)]


class CountingShelf(MemoryShelf):
    """Counts what is laid away, and read."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()

    def put(self, data: bytes) -> Stored:
        self.done["put"] += 1
        outer, stored = self, super().put(data)

        class Counted:
            def read(self) -> bytes:
                outer.done["read"] += 1
                return stored.read()

        return Counted()


def raw(version: int = 1, **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": "team", "name": "it", "uid": "u", "resourceVersion": str(version)}
    return {"metadata": metadata, "spec": spec, "status": {}}


def cache_with(shelf: MemoryShelf) -> ObjectCache:
    return ObjectCache(
        catalogue(), controller_class="", operator_namespace="s", cluster_id="c", shelf=shelf
    )


def test_a_large_object_comes_back_as_it_was() -> None:
    shelf = CountingShelf()
    cache = cache_with(shelf)
    spec: Any = {"env": ENV, "cpu": "2", "container": {"image": "i"}}
    cache.observe(raw(**spec), "AgentRuntime")
    found = cache.get(KEY)
    assert isinstance(found, KubeObject)
    assert found.spec == spec
    assert dict(found.spec) == spec
    assert (len(found.spec), set(found.spec)) == (3, set(spec))
    assert cache.size(KEY) > 800_000


def test_who_reads_small_fields_reads_nothing_from_the_shelf() -> None:
    shelf = CountingShelf()
    cache = cache_with(shelf)
    cache.observe(raw(env=ENV, cpu="2"), "AgentRuntime")
    assert shelf.done == {"put": 1}
    for _ in range(10):
        found = cache.get(KEY)
        assert found is not None
        assert found.spec.get("cpu") == "2"
        assert found.spec.get("unknown") is None
        assert "env" in found.spec.keys()  # noqa: SIM118 - the names alone
    assert shelf.done == {"put": 1}
    assert found is not None
    assert found.spec["env"] == ENV
    assert found.spec.get("env") == ENV
    assert shelf.done == {"put": 1, "read": 1}, "who asks again has it"


def test_small_objects_stay_whole() -> None:
    shelf = CountingShelf()
    cache = cache_with(shelf)
    few = [{"name": "KEY", "value": "v" * 4000}]
    cache.observe(raw(env=few, cpu="2"), "AgentRuntime")
    assert not shelf.done
    cache.observe(raw(2, env=ENV, cpu="2"), "AgentRuntime")
    cache.observe(raw(3, env=few, cpu="4"), "AgentRuntime")
    found = cache.get(KEY)
    assert found is not None
    assert found.spec == {"env": few, "cpu": "4"}


def test_an_older_reader_keeps_what_it_began_with() -> None:
    cache = cache_with(MemoryShelf())
    cache.observe(raw(env=ENV, cpu="2"), "AgentRuntime")
    before = cache.get(KEY)
    cache.observe(raw(2, env=ENV[1:], cpu="2"), "AgentRuntime")
    cache.forget(KEY)
    assert before is not None
    assert before.spec["env"] == ENV


@pytest.mark.parametrize("edit", ["ADDED", "KEY_0"])
async def test_a_large_runtime_lives_as_any_other(edit: str) -> None:
    lab = Lab()
    await lab.ready_account()
    env = [{"name": f"KEY_{n}", "value": f"{n}" * 4000} for n in range(60)]
    spec = {"container": {"image": "registry.example.com/agent:v1"}}
    keys = [lab.cluster.apply("AgentRuntime", f"it-{n}", {**spec, "env": env}) for n in range(5)]
    await lab.elapse(120)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    lab.calls.take()
    await lab.elapse(600)
    assert {name for name in lab.calls.take() if not name.startswith("List")} == set()
    lab.edit(keys[0], env=[*env[1:], {"name": edit, "value": "new"}])
    await lab.elapse(30)
    (resource,) = (r for r in lab.resources("AgentRuntime") if r["agentRuntimeName"] == "it-0")
    assert resource["environmentVariables"][edit] == "new"
    lab.cluster.delete(keys[0])
    await lab.elapse(60)
    assert lab.cluster.raw(keys[0]) is None


async def test_many_large_runtimes_are_all_served_by_the_workers() -> None:
    lab = Lab()
    await lab.ready_account()
    env = [{"name": f"KEY_{n}", "value": f"{n}" * 4000} for n in range(100)]
    spec = {"container": {"image": "registry.example.com/agent:v1"}, "env": env}
    keys = [lab.cluster.apply("AgentRuntime", f"it-{n}", spec) for n in range(10)]
    lab.deliver()
    assert sum(lab.engine._world.cache.size(key) for key in keys) > MAX_BYTES
    workers = asyncio.create_task(lab.engine._workers.run())
    for _ in range(10_000):
        lab.deliver()
        # Specs come from disk in a thread, which takes as long as the machine takes.
        await asyncio.sleep(0.005)
        if all(lab.get(key).external_id for key in keys):
            break
    workers.cancel()
    await asyncio.gather(workers, return_exceptions=True)
    assert [key for key in keys if not lab.get(key).external_id] == []
