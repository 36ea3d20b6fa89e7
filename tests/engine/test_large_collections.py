"""Thousands of objects of one collection are gone through in slices, between which others run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.listings import Collection
from agentrun_operator.reconcile.slices import SLICE, in_slices
from engine.specs import SAMPLES, cloud_key, made
from engine.test_absence import count
from engine.test_mass_absence import ACCOUNT, BRAKED, GOOD, fleet, remove
from fakes.lab import Lab
from fakes.live import running

SLICES = 2
MANY = SLICES * SLICE


@asynccontextmanager
async def turns() -> AsyncIterator[list[int]]:
    """Count the turns of the event loop within the block, in the one item of the list."""
    found = [0]

    async def turn() -> None:
        while True:
            await asyncio.sleep(0)
            found[0] += 1

    task = asyncio.create_task(turn())
    try:
        yield found
    finally:
        task.cancel()


async def collection(size: int = MANY) -> tuple[Lab, list[ObjectKey], Collection]:
    """Return a lab with so many proxies that are Ready, and their collection."""
    lab, keys = await fleet(size)
    (at,) = lab.world.listings.count()
    return lab, keys, at


async def test_others_run_after_each_slice() -> None:
    async with turns() as found:
        assert [n async for n in in_slices(range(MANY))] == list(range(MANY))
    assert found[0] >= SLICES - 1


async def test_what_a_list_shows_is_gone_through_in_slices() -> None:
    lab, keys, at = await collection()
    listing = await lab.world.listings.refresh(at, lab.outsider())
    async with turns() as found:
        await lab.engine._poller.wake(at, keys, listing)
    assert found[0] >= SLICES - 1


async def test_new_objects_are_counted_in_slices() -> None:
    lab, _, at = await collection()
    lab.world.listings._places.clear()
    async with turns() as found:
        await lab.world.listings.locate()
    assert found[0] >= SLICES - 1
    known = lab.world.listings._places
    assert [place for _, place in known.values()].count(at) == MANY


async def test_a_resync_goes_through_all_objects_in_slices() -> None:
    lab, keys, _ = await collection()
    lab.cluster.delete(keys[0])
    await lab.drain()
    async with turns() as found:
        await lab.world.drop_unused()
    assert found[0] >= SLICES - 1


async def test_a_large_fleet_that_vanished_is_counted_as_a_whole() -> None:
    """Nothing is made anew before all that is missing is counted, whatever runs between slices."""
    lab, keys, _ = await collection()
    await lab.elapse(100)
    async with running(lab) as live:
        await live.elapse(1)
        lab.calls.take()
        remove(lab, keys)
        await live.elapse(130)
        assert lab.ready(ACCOUNT) == BRAKED
        assert f"{MANY} of {MANY}" in lab.message(ACCOUNT)
        assert count(lab, "Create") == 0


async def test_nobody_is_woken_before_all_that_is_missing_counts() -> None:
    lab, keys, at = await collection()
    listing = await lab.world.listings.refresh(at, lab.outsider())
    await lab.engine._poller.wake(at, keys, listing)
    await lab.drain()
    remove(lab, keys)
    lab.clock.advance(60)
    listing = await lab.world.listings.refresh(at, lab.outsider())
    waking = asyncio.ensure_future(lab.engine._poller.wake(at, keys, listing))
    for _ in range(SLICES + 2):
        if not len(lab.engine.queue):
            await asyncio.sleep(0)
    assert len(lab.engine.queue) > 0
    assert lab.world.brake._own_missing(lab.world.brake._of(ACCOUNT)) == MANY
    await waking
    assert len(lab.engine.queue) == MANY


@pytest.mark.parametrize("place", [0, MANY - 1])
async def test_what_changes_between_slices_is_seen_by_the_next_list(place: int) -> None:
    """A pass corrects drift that a LIST shows, and the same comes back before the last slice."""
    lab, keys, at = await collection()
    name, edit = cloud_key(lab, keys[place]), {"description": "console"}
    listing = await lab.world.listings.refresh(at, lab.outsider())
    await lab.engine._poller.wake(at, keys, listing)
    await lab.drain()
    lab.clock.advance(60)
    lab.simulator.edit("ModelProxy", name, edit)
    listing = await lab.world.listings.refresh(at, lab.outsider())
    waking = asyncio.ensure_future(lab.engine._poller.wake(at, keys, listing))
    await asyncio.sleep(0)
    lab.annotate(keys[place], reconcile_requested_at="now")
    await lab.drain()
    lab.cluster.vanish(keys[1])
    lab.deliver()
    lab.simulator.edit("ModelProxy", name, edit)
    await waking
    await lab.drain()
    await lab.elapse(130)
    assert {each["description"] for each in made(lab, SAMPLES["ModelProxy"])} == {"first"}
    assert lab.ready(keys[place]) == GOOD
