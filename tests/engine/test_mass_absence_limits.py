"""How much of an account may vanish before nothing is created or released there any more."""

import random

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.test_absence import count, lie
from engine.test_mass_absence import (
    ACCOUNT,
    BRAKED,
    FLEET,
    GOOD,
    UNKNOWN,
    fleet,
    mixed,
    remove,
    warnings,
)
from fakes.lab import Lab


async def test_a_few_are_made_again_and_one_more_is_not() -> None:
    lab, keys = await fleet()
    remove(lab, keys[:3])
    await lab.elapse(200)
    assert {lab.ready(key) for key in keys} == {GOOD}
    assert count(lab, "Create") == 3
    remove(lab, keys[3:4])
    await lab.elapse(200)
    assert count(lab, "Create") == 3
    assert lab.ready(keys[3]) == UNKNOWN
    assert lab.ready(ACCOUNT) == BRAKED
    assert {lab.ready(key) for key in keys if key != keys[3]} == {GOOD}


async def test_what_vanishes_one_after_the_other_is_made_again() -> None:
    lab, keys = await fleet()
    for key in keys:
        remove(lab, [key])
        await lab.elapse(250)
        assert lab.ready(key) == GOOD
    assert count(lab, "Create") == FLEET


async def test_a_small_account_is_made_again_as_a_whole() -> None:
    lab, keys = await fleet(3)
    remove(lab, keys)
    await lab.elapse(120)
    assert {lab.ready(key) for key in keys} == {GOOD}


@pytest.mark.parametrize(
    ("limits", "vanished", "engages"),
    [
        ({}, 4, True),
        ({"minimum": 0}, 1, True),
        ({"minimum": 5}, 5, False),
        ({"minimum": 5}, 6, True),
        ({"percent": 50}, 4, False),
        ({"percent": 50}, 5, True),
        ({"percent": 100}, 8, False),
    ],
)
async def test_the_account_sets_the_limits(
    limits: dict[str, int], vanished: int, *, engages: bool
) -> None:
    lab, keys = await fleet()
    lab.edit(ACCOUNT, massAbsence=limits)
    await lab.drain()
    remove(lab, keys[:vanished])
    await lab.elapse(200)
    assert lab.ready(ACCOUNT) == (BRAKED if engages else GOOD)
    assert count(lab, "Create") == (0 if engages else vanished)


async def test_a_short_lie_is_not_told() -> None:
    lab, keys = await fleet()
    told = [lab.get(key).status for key in (ACCOUNT, *keys)]
    lie(lab)
    while not count(lab, "List"):
        await lab.elapse(1)
    await lab.elapse(15)
    assert count(lab, "Get") > 0
    lab.simulator.clear_faults()
    await lab.elapse(100)
    assert [lab.get(key).status for key in (ACCOUNT, *keys)] == told
    assert warnings(lab) == []


async def test_lists_that_lack_what_reads_find_engage_nothing() -> None:
    lab, keys = await fleet()
    told = [lab.get(key).status for key in (ACCOUNT, *keys)]
    lie(lab, "List.*")
    await lab.elapse(400)
    assert [lab.get(key).status for key in (ACCOUNT, *keys)] == told
    assert warnings(lab) == []
    assert count(lab, "Create") == 0


async def test_deletions_of_ours_engage_nothing() -> None:
    lab, keys = await mixed()
    for key in keys:
        lab.cluster.delete(key)
    await lab.elapse(200)
    assert [key for key in keys if lab.cluster.raw(key) is not None] == []
    assert lab.ready(ACCOUNT) == GOOD


@pytest.mark.parametrize("has_status", [True, False], ids=["with status", "without status"])
async def test_restored_objects_are_made_again_in_an_empty_account(*, has_status: bool) -> None:
    lab, keys = await fleet()
    backups = [(key, lab.cluster.raw(key) or {}) for key in keys]
    if not has_status:
        for _, raw in backups:
            raw["status"] = {"observedGeneration": -1}
    for key in keys:
        lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.resources("ModelProxy") == []
    for key, raw in backups:
        lab.cluster.put_back(key, raw)
    lab.restart()
    await lab.elapse(100)
    assert {lab.ready(key) for key in keys} == {GOOD}
    assert len(lab.resources("ModelProxy")) == FLEET


async def test_what_is_missing_counts_as_on_record() -> None:
    lab, keys = await fleet()
    lie(lab)
    await lab.elapse(100)
    for key in keys[:2]:
        # Its status is lost while the brake holds, and with it the record.
        lab.cluster.reset_status(key)
    lab.cluster.delete(keys[0])
    await lab.elapse(60)
    for key in (ACCOUNT, *keys[2:]):
        assert f"{FLEET} of {FLEET} resources" in lab.message(key), key


async def test_however_passes_interleave_no_more_than_the_limit_go_on() -> None:
    """Each object comes twice: it registers its absence first, then asks."""
    lab, keys = await fleet()
    for seed in range(100):
        lab.restart()
        order = sorted([*range(FLEET)] * 2)
        random.Random(seed).shuffle(order)  # noqa: S311 - an order, not a secret
        assert made_up_in(lab, [keys[n] for n in order]) <= 3, order


def made_up_in(lab: Lab, order: list[ObjectKey]) -> int:
    """Return how many absences are made up for when passes come in an order."""
    brake, seen, acted = lab.world.brake, set[ObjectKey](), 0
    for key in order:
        if key not in seen:
            seen.add(key)
            brake.note_missing(ACCOUNT, lab.get(key))
            continue
        brake.engage_beyond_limit(ACCOUNT, key)
        if not brake.holds(ACCOUNT, key):
            brake.note_made_up(ACCOUNT, key)
            acted += 1
    return acted
