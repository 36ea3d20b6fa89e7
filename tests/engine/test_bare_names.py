"""A stranger's resource has the bare name of an object whose account gives it a longer one."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from agentrun_operator.core.identity import FINALIZER, ObjectKey
from engine.specs import PROXY
from engine.strangers import PROXY_BODY, by_hand
from engine.test_name_prefixes import DEFAULT, GOOD, lab_with, names, proxy
from engine.test_prefixes_at_odds import TAKEN
from fakes.calls import Crash
from fakes.lab import Lab

Arrival = Callable[[Lab], Awaitable[None]]
KEY = ObjectKey("ModelProxy", "team-a", "it")
THEIRS = {**PROXY_BODY, "modelProxyName": "it"}


async def crashed_before_the_first_record(lab: Lab) -> None:
    lab.calls.take()
    lab.calls.crash_after = 1
    lab.cluster.apply("ModelProxy", "it", PROXY)
    with suppress(Crash):
        await lab.elapse(5)
    lab.restart()


async def applied_with_our_finalizer(lab: Lab) -> None:
    metadata = {"finalizers": [FINALIZER]}
    lab.cluster.server.create(KEY, {"metadata": metadata, "spec": dict(PROXY)})


async def restored_while_its_own_was_gone(lab: Lab) -> None:
    await proxy(lab)
    backup = lab.cluster.raw(KEY)
    assert backup is not None
    lab.simulator.remove("ModelProxy", "dev-it")
    backup["metadata"]["uid"] = "another"
    lab.cluster.put_back(KEY, backup)
    lab.restart()


ways = pytest.mark.parametrize(
    "come_to_be",
    [
        crashed_before_the_first_record,
        applied_with_our_finalizer,
        restored_while_its_own_was_gone,
    ],
)


async def beside_a_stranger() -> Lab:
    lab = await lab_with("dev-")
    lab.edit(DEFAULT, defaults={"namePrefix": "dev-", "deletionPolicy": "Delete"})
    await lab.elapse(5)
    await by_hand(lab, "ModelProxy", THEIRS)
    return lab


def strangers(lab: Lab) -> list[str]:
    """Return what the stranger's resource says of itself."""
    found = lab.resources("ModelProxy")
    return [str(r.get("description")) for r in found if r["modelProxyName"] == "it"]


@ways
async def test_a_strangers_bare_name_is_not_taken_over(come_to_be: Arrival) -> None:
    lab = await beside_a_stranger()
    before = strangers(lab)
    await come_to_be(lab)
    await lab.elapse(400)
    assert lab.ready(KEY) == TAKEN
    assert "'it' if it is, else 'dev-it'" in lab.message(KEY)
    assert names(lab) == ["it"], "nor is a second one made, in case it is the object's own"
    lab.restart()
    await lab.elapse(100)
    assert lab.ready(KEY) == TAKEN
    lab.cluster.delete(KEY)
    await lab.elapse(60)
    assert lab.cluster.raw(KEY) is None
    assert strangers(lab) == before


@ways
async def test_a_name_of_its_own_ends_the_doubt(come_to_be: Arrival) -> None:
    lab = await beside_a_stranger()
    before = strangers(lab)
    await come_to_be(lab)
    await lab.elapse(400)
    lab.edit(KEY, externalName="dev-it")
    await lab.elapse(60)
    assert lab.ready(KEY) == GOOD, lab.message(KEY)
    assert names(lab) == ["dev-it", "it"]
    assert strangers(lab) == before


@ways
async def test_without_a_stranger_the_name_of_today_counts(come_to_be: Arrival) -> None:
    lab = await lab_with("dev-")
    await come_to_be(lab)
    await lab.elapse(400)
    assert lab.ready(KEY) == GOOD, lab.message(KEY)
    assert names(lab) == ["dev-it"]
