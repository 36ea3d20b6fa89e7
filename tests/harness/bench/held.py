"""What an engine holds after a pass over each object: what comes back when it is let go.

Cloud and cluster are in the same process and keep what a pass left with them, so that it does not
count.
"""

import asyncio
import gc
import tracemalloc
from collections.abc import Iterable

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.engine import Engine
from bench.fleet import Fleet

_TURNS = 10
"""Of the event loop, which holds what it still has to call back: the last LIST, for one."""


async def held(fleet: Fleet, keys: Iterable[ObjectKey]) -> int:
    """Return the bytes of a new engine that knows some objects, those of an empty one aside."""
    gc.collect()
    tracemalloc.start()
    _begin_anew(fleet, keys)
    await fleet.serve()
    with_objects = await _traced()
    _begin_anew(fleet, ())
    without = await _traced()
    tracemalloc.stop()
    return with_objects - without


def _begin_anew(fleet: Fleet, keys: Iterable[ObjectKey]) -> None:
    """Let a new engine take over, of which nothing but the given objects is seen."""
    lab = fleet.lab
    lab.world = lab._world()
    lab.engine = Engine(lab.world, lab.cluster, lab.metrics)
    lab.cluster.reference_changed = lab.engine.reference_changed
    for key in keys:
        raw = lab.cluster.raw(key)
        assert raw is not None
        lab.engine.observe(None, raw)
    lab.world.listings.count()
    lab.engine.is_synced = True


async def _traced() -> int:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
