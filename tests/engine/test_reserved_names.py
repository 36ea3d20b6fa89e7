"""One name and two objects at the same instant: one of them takes it, and no crash blurs which."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import KeyedBy
from agentrun_operator.kinds import catalogue
from agentrun_simulator.faults import Fault
from engine.shared import EVERYTHING
from engine.specs import PROXY, RUNTIME, SAMPLES, base, lab_for, made
from fakes.calls import FailsOnce
from fakes.cloud import OTHER, keys_of
from fakes.lab import Lab, account_spec

NAMED = [
    name
    for name in SAMPLES
    if (rest := catalogue()[name].rest) is not None and rest.key is not KeyedBy.CHOSEN_ID
]
SHARED = {**PROXY, "externalName": "shared"}


class Instant:
    """Serves a second object while the first one's status write is under way.

    The second one's first status write, if there is any, comes after all that the first one does.
    """

    def __init__(self, lab: Lab, key: ObjectKey, spec: Mapping[str, Any]) -> None:
        self._lab = lab
        self._second, self._spec = key, spec
        self._has_begun = False
        self._comes_last = asyncio.Event()
        self._is_first_done = asyncio.Event()
        self._passes: list[asyncio.Task[Any]] = []

    async def _meanwhile(self, call: str) -> None:
        if call != "write_status":
            return
        if not self._has_begun:
            self._has_begun = True
            at = self._second
            self._lab.cluster.apply(at.kind, at.name, self._spec, namespace=at.namespace)
            both = (self._lab.drain(), self._comes_last.wait())
            self._passes += [asyncio.create_task(each) for each in both]
            await asyncio.wait(self._passes, return_when=asyncio.FIRST_COMPLETED)
        elif not self._comes_last.is_set():
            self._comes_last.set()
            await self._is_first_done.wait()

    async def apply(
        self, name: str, spec: Mapping[str, Any], *, namespace: str = "team-a"
    ) -> list[ObjectKey]:
        """Apply the first object, let both be served at once, and return the keys of both."""
        self._lab.calls.meanwhile = self._meanwhile
        first = self._lab.cluster.apply(self._second.kind, name, spec, namespace=namespace)
        await self._lab.drain()
        self._comes_last.set()
        self._is_first_done.set()
        await asyncio.gather(*self._passes)
        self._lab.calls.meanwhile = None
        return [first, self._second]


def creates(lab: Lab) -> list[str]:
    return [name for name in lab.writes_to_cloud() if name.startswith("Create")]


@pytest.mark.parametrize("kind", NAMED)
async def test_after_a_crash_the_maker_has_what_it_made(kind: str) -> None:
    sample = SAMPLES[kind]
    lab = await lab_for(sample)
    before = len(creates(lab))
    spec = {**sample.spec, "externalName": "shared"}
    lost = {"action": "Create.*", "effect": "drop-after", "times": 2}
    lab.simulator.inject(Fault.model_validate(lost))
    maker, other = await Instant(lab, ObjectKey(kind, "team-a", "a"), spec).apply("b", spec)
    assert len(creates(lab)) == before + 1
    assert lab.get(maker).status["creation"]
    assert not lab.get(other).status.get("creation")
    lab.restart()
    await lab.elapse(90)
    assert lab.ready(maker) == ("True", "Available"), lab.message(maker)
    assert lab.ready(other) == ("False", "ExternalNameConflict")
    lab.cluster.delete(other)
    await lab.elapse(30)
    assert lab.cluster.raw(other) is None
    assert len(made(lab, sample)) == 1
    assert len(creates(lab)) == before + 1


async def test_two_that_adopt_at_once_share_nothing() -> None:
    lab = Lab()
    await lab.ready_account()
    owner = lab.cluster.apply("ModelProxy", "owner", {**SHARED, "deletionPolicy": "Retain"})
    await lab.elapse(15)
    lab.cluster.delete(owner)
    await lab.elapse(15)
    assert lab.cluster.raw(owner) is None
    spec = {**SHARED, "adoptionPolicy": "Adopt"}
    instant = Instant(lab, ObjectKey("ModelProxy", "team-a", "a"), spec)
    first, second = await instant.apply("b", spec)
    await lab.elapse(60)
    assert lab.ready(first) == ("True", "Available")
    assert lab.ready(second) == ("False", "ExternalNameConflict")
    assert not lab.get(second).external_id


async def test_endpoints_of_one_runtime_id_collide_across_namespaces() -> None:
    lab = Lab()
    await lab.ready_account()
    await lab.ready_account(namespace="team-b")
    runtime = lab.get(await base(lab, "AgentRuntime", RUNTIME)).external_id
    spec = {"runtimeRef": {"name": "base"}, "externalName": "shared"}
    by_id = {"runtimeRef": {"externalName": runtime}, "externalName": "shared"}
    instant = Instant(lab, ObjectKey("AgentRuntimeEndpoint", "team-a", "a"), spec)
    first, second = await instant.apply("b", by_id, namespace="team-b")
    assert creates(lab).count("CreateAgentRuntimeEndpoint") == 1
    await lab.elapse(60)
    assert lab.ready(first) == ("True", "Available")
    assert lab.ready(second) == ("False", "ExternalNameConflict")


async def test_another_name_waits_for_nobody() -> None:
    lab = Lab()
    await lab.ready_account()
    await lab.ready_account(namespace="team-b")
    other = {**SHARED, "externalName": "other"}
    instant = Instant(lab, ObjectKey("ModelProxy", "team-b", "a"), other)
    keys = await instant.apply("b", SHARED)
    assert creates(lab).count("CreateModelProxy") == len(keys)
    await lab.elapse(15)
    assert [lab.ready(key) for key in keys] == [("True", "Available")] * 2


async def test_the_same_name_of_another_account_waits_for_nobody() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("other-keys", keys_of(OTHER), namespace="team-b")
    spec = account_spec("other-keys", OTHER.account_id, allow=[EVERYTHING])
    lab.cluster.apply("Account", "default", spec, namespace="team-b")
    await lab.drain()
    instant = Instant(lab, ObjectKey("ModelProxy", "team-b", "a"), SHARED)
    keys = await instant.apply("b", SHARED)
    assert creates(lab).count("CreateModelProxy") == len(keys)
    await lab.elapse(15)
    assert [lab.ready(key) for key in keys] == [("True", "Available")] * 2


async def test_a_mark_that_is_refused_keeps_no_name() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.calls.before = refused = FailsOnce("write_status")
    first = lab.cluster.apply("ModelProxy", "b", SHARED)
    await lab.drain()
    assert refused.came
    lab.cluster.vanish(first)
    second = lab.cluster.apply("ModelProxy", "a", SHARED)
    await lab.elapse(15)
    assert lab.ready(second) == ("True", "Available")


async def test_a_pass_that_is_cancelled_keeps_no_name() -> None:
    lab = Lab()
    await lab.ready_account()
    under_way = asyncio.Event()

    async def hang(name: str) -> None:
        if name == "write_status":
            under_way.set()
            await asyncio.Event().wait()

    lab.calls.meanwhile = hang
    first = lab.cluster.apply("ModelProxy", "b", SHARED)
    serving = asyncio.create_task(lab.drain())
    await under_way.wait()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    lab.calls.meanwhile = None
    second = lab.cluster.apply("ModelProxy", "a", SHARED)
    await lab.elapse(15)
    assert lab.ready(second) == ("True", "Available")
    assert not lab.get(first).external_id


async def test_a_mark_without_an_answer_keeps_the_name() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.calls.after = lost = FailsOnce("write_status")
    first = lab.cluster.apply("ModelProxy", "b", SHARED)
    lab.deliver()
    work = await lab.engine.queue.take()
    await lab.engine._serve(work)
    lab.engine.queue.done(work.key)
    assert lost.came
    assert lab.get(first).status["creation"]
    # The watch is late: nobody has heard of the mark.
    lab._inbox.clear()
    second = lab.cluster.apply("ModelProxy", "a", SHARED)
    await lab.drain()
    assert not lab.get(second).status.get("creation")
    await lab.elapse(90)
    assert lab.ready(first) == ("True", "Available")
    assert lab.ready(second) == ("False", "ExternalNameConflict")
    assert creates(lab).count("CreateModelProxy") == 1
