"""What woke the pass: under Report and Ignore no field goes out that nobody edited.

Every mutable field of an object differs, and then something happens that is no edit of any of them.
"""

from collections.abc import Iterator
from zlib import crc32

import pytest

from drift.filled import CANARY, KEYS, SECRET, VARIANTS, Variant
from drift.stage import Leaf, Stage, another, values_of
from fakes.wakes import WAKES

each_wake = pytest.mark.parametrize("wake", WAKES)
each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.title)
POLICIES = ("Report", "Ignore")


def alterable(stage: Stage) -> Iterator[Leaf]:
    """Yield every value that a read shows and an update could bring back."""
    for leaf in stage.leaves():
        if not (leaf.write_only or leaf.immutable or isinstance(leaf.value, dict | list)):
            yield leaf


async def altered_stage(variant: Variant, policy: str, *, keys: bool = True) -> Stage:
    """Return an object of which every field differs from the cloud.

    With another key an item is another one; without `keys` each stays what it is.
    """
    stage = await Stage.ready(variant, driftPolicy=policy, adoptionPolicy="Adopt")
    for leaf in [leaf for leaf in alterable(stage) if keys or not leaf.is_key]:
        stage.put(leaf, another(leaf))
    await stage.settle()
    return stage


@each_wake
@each_variant
async def test_no_field_goes_out_that_nobody_edited(variant: Variant, wake: str) -> None:
    policy = POLICIES[crc32(f"{variant.title}/{wake}".encode()) % 2]
    stage = await altered_stage(variant, policy)
    before, told, since = stage.stored, stage.drift, stage.mark()
    await WAKES[wake](stage.lab, stage.key)
    assert stage.writes(since) == [], stage.lab.message(stage.key)
    assert stage.stored == before
    is_told = policy == "Report" and any(alterable(stage))
    expected = ("False", "DriftDetected") if is_told else ("True", "Available")
    assert stage.lab.ready(stage.key) == expected, stage.lab.message(stage.key)
    assert [d["path"] for d in stage.drift] == [d["path"] for d in told]
    assert CANARY not in str(stage.lab.get(stage.key).status)
    stage.lab.calls.take()
    assert await stage.settle(400) == []
    assert "write_status" not in stage.lab.calls.take(), "told once"


@each_variant
async def test_a_rotation_takes_nothing_along(variant: Variant) -> None:
    """It is an edit of the values that the Secret feeds, and of no other."""
    stage = await altered_stage(variant, "Report", keys=False)
    before, since = dict(values_of(stage.stored)), stage.mark()
    rotated = f"{CANARY}-rotated"
    stage.lab.cluster.put_secret(SECRET, {**KEYS, "token": rotated})
    await stage.settle()
    after = dict(values_of(stage.stored))
    changed = {place for place in before | after if before.get(place) != after.get(place)}
    assert {after.get(place) for place in changed} <= {rotated}
    was_fed = any(value == f"{CANARY}-token-altered" for value in before.values())
    assert len(stage.writes(since)) <= 1
    assert bool(changed) or not was_fed
