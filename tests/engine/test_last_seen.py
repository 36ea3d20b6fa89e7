"""`status.lastSeenTime`: it travels with what is written anyway, and is nothing to write."""

from datetime import UTC, datetime

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.record import record_and_conditions
from agentrun_simulator.faults import Fault
from engine.specs import PROXY, SAMPLES, Sample, cloud_key, ready
from engine.strangers import PROXY_BODY, by_hand
from fakes.lab import Lab

kinds = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
LONG_AGO = "2026-01-01T00:00:00Z"


def seen(lab: Lab, key: ObjectKey) -> str:
    return str(lab.get(key).status.get("lastSeenTime", ""))


@kinds
async def test_a_quiet_object_is_not_written_for_its_date(sample: Sample) -> None:
    lab, key = await ready(sample)
    date = seen(lab, key)
    assert date.startswith("2026-01-05T09:")
    notes = lab.world.memory.peek(key)
    assert notes is not None
    first_look = notes.looks.seen_at
    lab.calls.take()
    await lab.elapse(300)
    assert "write_status" not in lab.calls.take()
    assert seen(lab, key) == date
    assert notes.looks.seen_at != first_look, "looked at all the same"


@kinds
async def test_a_date_that_somebody_wrote_is_left_alone(sample: Sample) -> None:
    lab, key = await ready(sample)
    status = dict(lab.get(key).status)
    lab.calls.take()
    lab.cluster.put_status(key, {**status, "lastSeenTime": LONG_AGO})
    await lab.elapse(300)
    assert "write_status" not in lab.calls.take()
    assert record_and_conditions(lab.get(key).status) == record_and_conditions(status)


async def test_the_date_goes_along_with_what_is_written() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    date = seen(lab, key)
    await lab.elapse(300)
    lab.simulator.edit("ModelProxy", cloud_key(lab, key), {"status": "UPDATING"})
    lab.annotate(key, reconcile_requested_at="now")
    lab.calls.take()
    await lab.elapse(1)
    assert lab.calls.names.count("write_status") == 1
    assert seen(lab, key) > date


async def test_what_is_unknown_says_since_when() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.simulator.inject(Fault(effect="error", status=503, code="ServiceUnavailable", times=None))
    lab.calls.take()
    await lab.elapse(400)
    assert lab.ready(key) == ("Unknown", "ProviderUnavailable")
    assert lab.message(key).endswith(f"last seen at {seen(lab, key)}")
    assert lab.calls.names.count("write_status") == 2, "the account and the object"
    told = datetime.fromisoformat(seen(lab, key))
    assert told < datetime(2026, 1, 5, 12, tzinfo=UTC)


async def test_a_process_that_saw_nothing_keeps_the_date() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    date = seen(lab, key)
    await lab.elapse(300)
    lab.simulator.inject(Fault(effect="error", status=503, code="ServiceUnavailable", times=None))
    lab.restart()
    await lab.elapse(600)
    assert lab.ready(key) == ("Unknown", "ProviderUnavailable")
    assert seen(lab, key) == date


async def test_the_resource_of_somebody_else_gives_no_date() -> None:
    lab = Lab()
    await lab.ready_account()
    await by_hand(lab, "ModelProxy", PROXY_BODY)
    key = lab.cluster.apply("ModelProxy", "it", {**PROXY, "adoptionPolicy": "Never"})
    await lab.elapse(60)
    assert lab.ready(key)[1] == "AlreadyExistsNotOwned"
    assert not seen(lab, key)
