"""An outage that answers now one way and now another is still one outage, told once."""

from itertools import cycle
from typing import Any

import pytest

from engine.specs import SAMPLES, lab_for, made, ready
from engine.test_outages import (
    DEFAULT,
    DOWN,
    SILENT,
    THROTTLED,
    fleet,
    inject,
    stories,
    writes,
)
from fakes.lab import Lab

GOOD = ("True", "Available")
MIXED: tuple[dict[str, Any], ...] = (THROTTLED, DOWN, THROTTLED, SILENT)


async def trouble(lab: Lab, seconds: float, *, action: str = ".*", step: float = 20.0) -> None:
    """Let calls fail in one way after the other."""
    for fault in cycle(MIXED):
        lab.simulator.clear_faults()
        inject(lab, fault, action=action)
        await lab.elapse(step)
        seconds -= step
        if seconds <= 0:
            return


@pytest.mark.parametrize("step", [7.0, 20.0, 65.0])
async def test_a_fleet_tells_a_mixed_outage_once(step: float) -> None:
    lab, keys = await fleet()
    await trouble(lab, 2400, step=step)
    assert lab.ready(DEFAULT) == ("False", "ProviderUnavailable")
    assert stories(lab, keys) == {("Unknown", "ProviderUnavailable")}
    # Throttled first, which turned out to be more: a second word of each at most.
    assert writes(lab) <= 2 * (len(keys) + 1)
    told = writes(lab)
    await trouble(lab, 1200, step=step)
    assert writes(lab) == told
    lab.simulator.clear_faults()
    await lab.elapse(70)
    assert stories(lab, [*keys, DEFAULT]) == {GOOD}
    assert writes(lab) == told + len(keys) + 1


async def test_throttling_alone_is_still_told_as_such() -> None:
    lab, keys = await fleet()
    inject(lab, THROTTLED)
    await lab.elapse(300)
    assert stories(lab, keys) == {("Unknown", "Throttled")}


@pytest.mark.parametrize("kind", SAMPLES)
async def test_an_object_whose_own_reads_fail_tells_it_once(kind: str) -> None:
    sample = SAMPLES[kind]
    lab, key = await ready(sample)
    own = f"(Get|List){sample.noun}s?"
    await trouble(lab, 1200, action=own)
    told = writes(lab)
    await trouble(lab, 1200, action=own)
    assert lab.ready(key)[0] == "Unknown"
    assert writes(lab) == told


def _verbs(kind: str, *verbs: str) -> str:
    return f"({'|'.join(verbs)}){SAMPLES[kind].noun}s?"


@pytest.mark.parametrize("kind", SAMPLES)
async def test_what_cannot_be_made_tells_it_once(kind: str) -> None:
    sample = SAMPLES[kind]
    lab = await lab_for(sample)
    own = _verbs(kind, "Create", "Get", "List")
    inject(lab, DOWN, action=own)
    key = lab.cluster.apply(kind, "it", sample.spec)
    await trouble(lab, 1200, action=own)
    told = writes(lab)
    await trouble(lab, 1200, action=own)
    assert lab.ready(key)[0] == "False"
    assert writes(lab) == told
    lab.simulator.clear_faults()
    await lab.elapse(330)
    assert lab.ready(key) == GOOD
    assert len(made(lab, sample)) == 1


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("verbs", [("Delete",), ("Delete", "Stop", "Get", "List")])
async def test_what_cannot_be_deleted_tells_it_once(kind: str, verbs: tuple[str, ...]) -> None:
    sample = SAMPLES[kind]
    lab, key = await ready(sample)
    own = _verbs(kind, *verbs)
    inject(lab, DOWN, action=own)
    lab.cluster.delete(key)
    await trouble(lab, 1200, action=own)
    told = writes(lab)
    await trouble(lab, 1200, action=own)
    assert writes(lab) == told
    lab.simulator.clear_faults()
    await lab.elapse(330)
    assert lab.cluster.raw(key) is None
    assert made(lab, sample) == []


@pytest.mark.parametrize("verbs", [("Update",), ("Update", "Get", "List")])
async def test_an_edit_that_cannot_be_sent_tells_it_once(verbs: tuple[str, ...]) -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    own = _verbs("ModelProxy", *verbs)
    inject(lab, DOWN, action=own)
    lab.edit(key, description="second")
    await trouble(lab, 1200, action=own)
    told = writes(lab)
    await trouble(lab, 1200, action=own)
    assert writes(lab) == told
    lab.simulator.clear_faults()
    await lab.elapse(330)
    assert lab.ready(key) == GOOD
    assert made(lab, SAMPLES["ModelProxy"])[0]["description"] == "second"


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("fault", [DOWN, SILENT, THROTTLED], ids=["503", "silence", "429"])
async def test_a_create_that_fails_over_and_over_tells_one_reason(
    kind: str, fault: dict[str, Any]
) -> None:
    lab = await lab_for(SAMPLES[kind])
    inject(lab, fault, action="Create.*")
    key = lab.cluster.apply(kind, "it", SAMPLES[kind].spec)
    await lab.elapse(5)
    seen = set()
    for _ in range(300):
        await lab.elapse(1)
        seen.add((*lab.ready(key), lab.condition(key, "Synced")[0]))
    reason = "Throttled" if fault is THROTTLED else "ProviderUnavailable"
    assert seen == {("False", reason, "False")}
    assert {e.reason for e in lab.cluster.events if e.key == key} == {"Creating", reason}
    lab.simulator.clear_faults()
    await lab.elapse(330)
    assert lab.ready(key) == GOOD
    assert len(made(lab, SAMPLES[kind])) == 1


@pytest.mark.parametrize("action", ["Get(?!Caller).*", "List.*"], ids=["reads", "lists"])
@pytest.mark.parametrize("fault", [DOWN, SILENT, THROTTLED], ids=["503", "silence", "429"])
async def test_with_half_of_the_calls_failing_all_is_back_in_a_poll(
    action: str, fault: dict[str, Any]
) -> None:
    lab, keys = await fleet()
    inject(lab, fault, action=action)
    await lab.elapse(2000)
    assert "Unknown" in {status for status, _ in stories(lab, keys)} <= {"True", "Unknown"}
    lab.simulator.clear_faults()
    await lab.elapse(62)
    assert stories(lab, [*keys, DEFAULT]) == {GOOD}
    assert not [name for name in lab.calls.names if name.startswith(("Create", "Update", "Delete"))]
