"""Few passes over large objects run at a time, and none of them is forgotten."""

import asyncio

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.queue import Work, WorkQueue
from agentrun_operator.reconcile.scale import Scale
from fakes.clock import VirtualClock
from fakes.metrics import CountingMetrics

MIB = 1024 * 1024


def key(name: str, namespace: str = "team") -> ObjectKey:
    return ObjectKey("AgentRuntime", namespace, name)


class Run:
    """A queue, a scale before it, and objects of these sizes."""

    def __init__(self, **sizes: int) -> None:
        self.sizes = {key(name): size for name, size in sizes.items()}
        self.queue = WorkQueue(VirtualClock(), CountingMetrics())
        self.scale = Scale(self.queue, lambda at: self.sizes.get(at, 0), most=4 * MIB)

    async def take(self) -> Work | None:
        """Return what may run now, None where nothing may."""
        taking = asyncio.ensure_future(self.scale.take())
        for _ in range(5):
            await asyncio.sleep(0)
        if taking.done():
            return taking.result()
        taking.cancel()
        return None

    def add(self, *keys: ObjectKey, fresh: bool = True) -> None:
        for each in keys:
            self.queue.add(each, fresh=fresh)


async def test_small_objects_pass_by_the_large_ones_that_wait() -> None:
    run = Run(a=MIB, b=MIB, c=MIB, small=100)
    run.add(key("a"), key("b"), key("c"), key("small"))
    taken = [await run.take() for _ in range(4)]
    assert [work.key.name for work in taken if work] == ["a", "b", "small"]
    run.scale.done(key("small"))
    assert await run.take() is None
    run.scale.done(key("a"))
    assert await run.take() == Work(key("c"), fresh=True)


async def test_the_largest_object_runs_alone() -> None:
    run = Run(a=5 * MIB, b=MIB)
    run.add(key("a"), key("b"))
    assert (await run.take()) == Work(key("a"), fresh=True)
    assert await run.take() is None
    run.scale.done(key("a"))
    assert await run.take() == Work(key("b"), fresh=True)


async def test_what_was_asked_for_while_it_waits_is_not_lost() -> None:
    run = Run(a=2 * MIB, b=MIB)
    run.add(key("a"))
    await run.take()
    run.add(key("b"), fresh=False)
    assert await run.take() is None
    run.add(key("b"), fresh=True)
    assert await run.take() is None
    run.scale.done(key("a"))
    assert await run.take() == Work(key("b"), fresh=True)
    run.scale.done(key("b"))
    assert await run.take() is None


async def test_one_that_went_while_it_waited_keeps_no_other_waiting() -> None:
    run = Run(a=2 * MIB, b=MIB, c=MIB)
    run.add(key("a"), key("b"), key("c"))
    await run.take()
    assert await run.take() is None
    del run.sizes[key("b")]
    run.scale.done(key("a"))
    assert await run.take() == Work(key("b"), fresh=True)
    run.scale.done(key("b"))
    assert await run.take() == Work(key("c"), fresh=True)


async def test_namespaces_take_turns() -> None:
    run = Run(a=3 * MIB)
    others = [key(f"many-{n}") for n in range(20)]
    run.sizes |= dict.fromkeys([*others, key("one", "other")], 3 * MIB)
    run.add(key("a"), *others, key("one", "other"))
    await run.take()
    assert await run.take() is None
    run.scale.done(key("a"))
    served: list[str] = []
    while (work := await run.take()) is not None and len(served) < 2:
        served.append(work.key.namespace)
        run.scale.done(work.key)
    assert sorted(served) == ["other", "team"]


async def test_what_one_namespace_keeps_leaves_room_for_another() -> None:
    """Its passes may wait for an endpoint that never answers."""
    run = Run()
    theirs = [key(f"hung-{n}") for n in range(20)]
    mine = [key("one", "other"), key("two", "other")]
    run.sizes = dict.fromkeys([*theirs, *mine], MIB)
    run.add(*theirs)
    assert [await run.take() for _ in range(3)][2:] == [None], "half of what there is"
    run.add(*mine)
    assert await run.take() == Work(mine[0], fresh=True)
    assert await run.take() is None, "half of what the first leaves"
    run.scale.done(mine[0])
    assert await run.take() == Work(mine[1], fresh=True), "the first has no turn without room"


async def test_all_namespaces_together_have_a_bound() -> None:
    run = Run()
    keys = [key(str(n), f"team-{n % 10}") for n in range(60)]
    run.sizes = {at: (n % 7 + 1) * MIB // 5 for n, at in enumerate(keys)}
    run.add(*keys)
    on: list[ObjectKey] = []
    served = 0
    while served < len(keys):
        while (work := await run.take()) is not None:
            on.append(work.key)
        assert sum(run.sizes[at] for at in on) <= 4 * MIB
        run.scale.done(on.pop(0))
        served += 1
    assert await run.take() is None


async def test_room_for_several_is_used_by_several() -> None:
    run = Run(a=5 * MIB, b=MIB, c=MIB)
    run.add(key("a"), key("b"), key("c"))
    await run.take()
    assert await run.take() is None
    run.scale.done(key("a"))
    assert [await run.take() for _ in range(2)] == [
        Work(key("b"), fresh=True),
        Work(key("c"), fresh=True),
    ]


async def test_what_is_nearly_done_is_so_after_it_waited() -> None:
    run = Run(a=2 * MIB, b=MIB)
    run.add(key("a"))
    await run.take()
    run.queue.add(key("b"), fresh=False, is_nearly_done=True)
    assert await run.take() is None
    run.add(key("b"), fresh=False)
    run.scale.done(key("a"))
    assert await run.take() == Work(key("b"), fresh=False, is_nearly_done=True)
