"""The lease is renewed while the loop is held, and not by a process that no longer moves."""

import asyncio
import threading
from typing import Any

import pytest

from agentrun_operator.kube.lease import LeaseElector, LeaseLostError, LeaseTimes
from agentrun_operator.kube.lease_thread import LeaseThread
from agentrun_operator.reconcile.ports import Json
from fakes.clock import VirtualClock
from unit.kube.test_lease import LeaseStore


class CountedStore(LeaseStore):
    """Tells a thread that waits how many writes there were."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.written = threading.Condition()

    async def patch(self, path: str, body: Any, **_: Any) -> Json:
        answer = await super().patch(path, body)
        with self.written:
            self.writes += 1
            self.written.notify_all()
        return answer

    async def aclose(self) -> None:
        pass


def elector(store: LeaseStore) -> LeaseElector:
    times = LeaseTimes(lease=15.0, renew_deadline=10.0, retry=2.0)
    clock = VirtualClock(jumps=True)
    return LeaseElector(store, clock, namespace="system", name="op", identity="one", times=times)


async def test_a_loop_that_is_held_does_not_lose_the_lease() -> None:
    store = CountedStore()
    subject = elector(store)
    await subject.acquire()
    holding = asyncio.create_task(
        LeaseThread(subject, lambda: store, may_renew=lambda: True).hold()
    )
    await asyncio.sleep(0)
    with store.written:
        # Nothing else runs in this loop meanwhile.
        assert store.written.wait_for(lambda: store.writes > 20, timeout=60)
    assert subject.is_valid()
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    await subject.release()
    assert store.spec is not None
    assert store.spec["holderIdentity"] == ""


async def test_a_process_that_no_longer_moves_gives_the_lease_up() -> None:
    store = CountedStore()
    subject = elector(store)
    await subject.acquire()
    writes = store.writes
    with pytest.raises(LeaseLostError, match="not renewed in time"):
        await LeaseThread(subject, lambda: store, may_renew=lambda: False).hold()
    assert not subject.is_valid()
    assert store.writes == writes


async def test_nothing_is_renewed_after_the_release() -> None:
    store = CountedStore()
    subject = elector(store)
    await subject.acquire()
    await subject.release()
    assert not await subject._attempt(store)
    assert store.spec is not None
    assert store.spec["holderIdentity"] == ""


class SlowStore(LeaseStore):
    """Applies a write at once, and answers when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.is_slow = False
        self.is_written, self.may_answer = asyncio.Event(), asyncio.Event()

    async def patch(self, path: str, body: Any, **_: Any) -> Json:
        answer = await super().patch(path, body)
        if self.is_slow:
            self.is_slow = False
            self.is_written.set()
            await self.may_answer.wait()
        return answer


async def test_a_renewal_answered_after_the_release_is_void() -> None:
    store = SlowStore()
    subject = elector(store)
    await subject.acquire()
    store.is_slow = True
    renewal = asyncio.create_task(subject._attempt(store))
    await store.is_written.wait()
    await subject.release()
    store.may_answer.set()
    await renewal
    assert not subject.is_valid()
