"""Shared LISTs: whoever asks for a newer one makes one for all."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from agentrun_operator.core.errors import Unavailable
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import Rest
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.record import binding_of
from agentrun_operator.core.settings import Polling
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.listing import LARGE_ITEM_BYTES, Listing
from agentrun_operator.reconcile.listings import (
    Collection,
    Listings,
    collection_of,
)
from agentrun_operator.reconcile.ports import Json, Page
from fakes.clock import VirtualClock

KINDS = catalogue()
MIB = 1024 * 1024
PROXIES = Collection(ObjectKey("Account", "ns", "default"), "ModelProxy")
PIN = {"kind": "Account", "name": "default", "accountId": "1", "region": "r"}


class Pages:
    """The one method that a listing needs; answers when told to."""

    def __init__(self, clock: VirtualClock, *pages: list[Json], seconds: float = 0.0) -> None:
        self._clock = clock
        self._pages = pages or ([{"modelProxyName": "a"}],)
        self._seconds = seconds
        self.cursors: list[str | None] = []
        self.error: Exception | None = None

    async def read_page(
        self,
        rest: Rest,  # noqa: ARG002 - the port's signature
        *,
        parent: str | None = None,  # noqa: ARG002
        partition: Mapping[str, str] | None = None,  # noqa: ARG002
        cursor: str | None = None,
    ) -> Page:
        self.cursors.append(cursor)
        if self._seconds:
            await self._clock.sleep(self._seconds)
        if self.error is not None:
            raise self.error
        number = int(cursor or 0)
        more = number + 1 < len(self._pages)
        return Page(self._pages[number], str(number + 1) if more else None)


def listings(clock: VirtualClock, **options: int) -> Listings:
    cache = ObjectCache(KINDS, controller_class="", operator_namespace="s", cluster_id="c")
    return Listings(KINDS, cache, clock, Polling(), **options)


async def spin() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


async def test_pages_are_read_to_the_end() -> None:
    clock = VirtualClock()
    api = Pages(clock, [{"modelProxyName": "a"}], [{"modelProxyName": "b"}], [])
    found = await listings(clock).at_least(PROXIES, api, 0.0)  # type: ignore[arg-type]
    assert set(found.by_id) == {"a", "b"}
    assert api.cursors == [None, "1", "2"]


async def test_a_recent_answer_serves_again() -> None:
    clock = VirtualClock()
    shared, api = listings(clock), Pages(clock)
    await shared.at_least(PROXIES, api, 0.0)  # type: ignore[arg-type]
    clock.advance(59)
    await shared.at_least(PROXIES, api, 0.0)  # type: ignore[arg-type]
    assert len(api.cursors) == 1
    clock.advance(2)
    await shared.at_least(PROXIES, api, 0.0)  # type: ignore[arg-type]
    assert len(api.cursors) == 2, "older than the poll interval"
    await shared.at_least(PROXIES, api, 61.0)  # type: ignore[arg-type]
    assert len(api.cursors) == 2
    clock.advance(1)
    await shared.at_least(PROXIES, api, 62.0)  # type: ignore[arg-type]
    assert len(api.cursors) == 3, "older than our last write"


async def test_many_who_ask_at_once_share_one_answer() -> None:
    clock = VirtualClock()
    shared, api = listings(clock), Pages(clock, seconds=1.0)
    asking = [
        asyncio.ensure_future(shared.at_least(PROXIES, api, 0.0))  # type: ignore[arg-type]
        for _ in range(20)
    ]
    await spin()
    clock.advance(1.0)
    answers = await asyncio.gather(*asking)
    assert len(api.cursors) == 1
    assert all(a is answers[0] for a in answers)


async def test_an_answer_begun_too_early_is_not_enough() -> None:
    clock = VirtualClock()
    shared, api = listings(clock), Pages(clock, seconds=1.0)
    first = asyncio.ensure_future(shared.at_least(PROXIES, api, 0.0))  # type: ignore[arg-type]
    await spin()
    clock.advance(0.5)
    second = asyncio.ensure_future(shared.at_least(PROXIES, api, 0.5))  # type: ignore[arg-type]
    await spin()
    clock.advance(0.5)
    await spin()
    assert first.done()
    assert not second.done()
    clock.advance(1.0)
    await spin()
    assert (await second).begun_at == 1.0


async def test_many_who_come_too_late_share_the_next_list() -> None:
    clock = VirtualClock()
    shared, api = listings(clock), Pages(clock, seconds=1.0)
    early = asyncio.ensure_future(shared.at_least(PROXIES, api, 0.0))  # type: ignore[arg-type]
    await spin()
    clock.advance(0.5)
    asking = [
        asyncio.ensure_future(shared.at_least(PROXIES, api, 0.5))  # type: ignore[arg-type]
        for _ in range(20)
    ]
    await spin()
    clock.advance(0.5)
    await spin()
    clock.advance(1.0)
    answers = await asyncio.gather(*asking)
    assert (await early).begun_at == 0.0
    assert len(api.cursors) == 2
    assert {a.begun_at for a in answers} == {1.0}


async def test_a_failure_is_told_to_all_and_then_forgotten() -> None:
    clock = VirtualClock()
    shared, api = listings(clock), Pages(clock)
    api.error = Unavailable("down")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await shared.at_least(PROXIES, api, 0.0)  # type: ignore[arg-type]
    api.error = None
    assert (await shared.at_least(PROXIES, api, 0.0)).by_id  # type: ignore[arg-type]


async def test_who_gives_up_waiting_spoils_nothing() -> None:
    clock = VirtualClock()
    shared, api = listings(clock), Pages(clock, seconds=1.0)
    first = asyncio.ensure_future(shared.at_least(PROXIES, api, 0.0))  # type: ignore[arg-type]
    second = asyncio.ensure_future(shared.at_least(PROXIES, api, 0.0))  # type: ignore[arg-type]
    await spin()
    first.cancel()
    await spin()
    clock.advance(1.0)
    await spin()
    assert (await second).by_id


# ------------------------------------------------ which collection, which item


def obj(kind: str, status: Json, spec: Json | None = None) -> KubeObject:
    metadata = {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "1"}
    return KubeObject.of({"metadata": metadata, "spec": spec or {}, "status": status}, kind)


def test_collections() -> None:
    status = {"account": PIN, "externalId": "x"}
    assert collection_of(KINDS["ModelProxy"], obj("ModelProxy", status)) == PROXIES
    assert collection_of(KINDS["ModelProxy"], obj("ModelProxy", {"account": PIN})) is None
    assert collection_of(KINDS["Account"], obj("Account", status)) is None
    below = collection_of(
        KINDS["AgentRuntimeEndpoint"], obj("AgentRuntimeEndpoint", {**status, "parentId": "rt"})
    )
    assert below == replace(PROXIES, kind="AgentRuntimeEndpoint", parent="rt")
    part = collection_of(KINDS["ModelService"], obj("ModelService", status, {"modelType": "llm"}))
    assert part == replace(PROXIES, kind="ModelService", partition=(("modelType", "llm"),))
    lent = {**status, "account": {**PIN, "kind": "ClusterAccount"}}
    found = collection_of(KINDS["ModelProxy"], obj("ModelProxy", lent))
    assert found == replace(PROXIES, account=ObjectKey("ClusterAccount", "", "default"))


@pytest.mark.parametrize(
    ("kind", "expected"), [("ModelProxy", "named"), ("AgentRuntime", "id"), ("Sandbox", "id")]
)
def test_what_finds_an_item(kind: str, expected: str) -> None:
    rest = KINDS[kind].rest
    assert rest is not None
    assert obj(kind, {"externalId": "id", "externalName": "named"}).path_key(rest) == expected


def test_a_fingerprint_follows_the_item() -> None:
    cache = ObjectCache(KINDS, controller_class="", operator_namespace="s", cluster_id="c")
    shared = Listings(KINDS, cache, VirtualClock(), Polling(few=1))
    for name in ("a", "b"):
        metadata = {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "1"}
        bound = binding_of("c", ObjectKey("ModelProxy", "ns", name), name)
        status = {"account": PIN, "externalId": name, "boundTo": bound}
        cache.observe({"metadata": metadata, "status": status}, "ModelProxy")
    assert list(shared.count()) == [PROXIES]
    held = cache.get(ObjectKey("ModelProxy", "ns", "a"))
    assert held is not None
    assert shared.is_read_by_list(held)
    cache.forget(ObjectKey("ModelProxy", "ns", "b"))
    assert shared.count() == {}
    assert not shared.is_read_by_list(held)


class CountingCache(ObjectCache):
    """Counts how often an object is read from its stored form."""

    reads = 0

    def get(self, key: ObjectKey) -> KubeObject | None:
        self.reads += 1
        return super().get(key)


def test_a_survey_reads_only_what_changed() -> None:
    cache = CountingCache(KINDS, controller_class="", operator_namespace="s", cluster_id="c")
    shared = Listings(KINDS, cache, VirtualClock(), Polling(few=1))
    record = {"account": PIN, "externalId": "x"}

    def observe(name: str, version: int) -> None:
        bound = binding_of("c", ObjectKey("ModelProxy", "ns", name), name)
        status = {**record, "boundTo": bound}
        metadata = {"name": name, "namespace": "ns", "uid": name, "resourceVersion": f"{version}"}
        cache.observe({"metadata": metadata, "status": status}, "ModelProxy")

    for number in range(5):
        observe(f"it-{number}", 1)
    assert len(shared.count()[PROXIES]) == 5
    cache.reads = 0
    assert len(shared.count()[PROXIES]) == 5
    assert cache.reads == 0
    record = {**record, "parentId": "elsewhere"}
    observe("it-3", 2)
    cache.reads = 0
    assert len(shared.count()[PROXIES]) == 4
    assert cache.reads == 1


async def test_of_a_large_item_no_more_is_kept_than_tells_it_apart() -> None:
    clock = VirtualClock()
    large = {"modelProxyName": "a", "description": "x" * LARGE_ITEM_BYTES, "status": "READY"}
    api = Pages(clock, [large, {"modelProxyName": "b", "description": "y"}])
    found = await listings(clock).at_least(PROXIES, api, 0.0)  # type: ignore[arg-type]
    assert found.by_id["a"] == {"modelProxyName": "a", "status": "READY"}
    assert found.by_id["b"]["description"] == "y"
    assert found.large == {"a"}
    changed = {**large, "description": "z" * LARGE_ITEM_BYTES}
    again = Pages(clock, [changed])
    clock.advance(100)
    newer = await listings(clock).at_least(PROXIES, again, 0.0)  # type: ignore[arg-type]
    assert newer.fingerprint("a") not in (None, found.fingerprint("a"))
    assert newer.fingerprint("b") is None


class Held(list[Json]):
    """Items that nobody reads before somebody else was served."""

    def __init__(self, number: int) -> None:
        super().__init__({"modelProxyName": f"a-{n}"} for n in range(number))
        self.others_were_served = threading.Event()

    def __iter__(self) -> Iterator[Json]:
        assert self.others_were_served.wait(60)
        return super().__iter__()


async def test_a_large_page_is_taken_in_off_the_loop() -> None:
    rest = KINDS["ModelProxy"].rest
    assert rest is not None
    listing = Listing(0.0)
    items = Held(2000)
    taking = asyncio.ensure_future(listing.take(rest, Page(items, None), room=MIB))
    await asyncio.sleep(0)
    items.others_were_served.set()
    await taking
    assert len(listing.by_id) == len(items)


class Kept:
    """What stands in each of several collections."""

    def __init__(self, **collections: list[list[Json]]) -> None:
        self._collections = collections

    async def read_page(
        self,
        rest: Rest,
        *,
        parent: str | None = None,  # noqa: ARG002 - the port's signature
        partition: Mapping[str, str] | None = None,  # noqa: ARG002
        cursor: str | None = None,
    ) -> Page:
        pages, number = self._collections[rest.noun], int(cursor or 0)
        return Page(pages[number], str(number + 1) if number + 1 < len(pages) else None)


def whole_bytes(listing: Listing) -> int:
    return len(json.dumps([v for k, v in listing.by_id.items() if k not in listing.large]))


async def test_all_listings_together_keep_no_more_than_a_bound() -> None:
    items = [[{"modelProxyName": f"p-{a}-{b}", "x": "x" * 8192} for b in range(20)] for a in "abcd"]
    small = [[{"agentRuntimeId": "r", "agentRuntimeName": "r", "x": "x" * 1024}]]
    api = Kept(ModelProxy=items, AgentRuntime=small)
    shared = listings(VirtualClock(), kept_bytes=MIB)
    proxies = await shared.at_least(PROXIES, api, 0.0)  # type: ignore[arg-type]
    assert MIB / 3 < whole_bytes(proxies) < MIB * 0.6, "the neighbours have room left"
    assert len(proxies.by_id) == 80, "all of them are seen"
    assert all(proxies.fingerprint(ident) for ident in proxies.by_id)
    other = await shared.at_least(replace(PROXIES, kind="AgentRuntime"), api, 0.0)  # type: ignore[arg-type]
    assert not other.large


async def test_a_search_keeps_no_items() -> None:
    pages = [[{"modelProxyName": f"p-{n}", "x": "x" * 8192, "status": "S" * 500}] for n in range(5)]
    found = await listings(VirtualClock()).search(PROXIES, Kept(ModelProxy=pages))  # type: ignore[arg-type]
    assert found.by_id == {f"p-{n}": {"modelProxyName": f"p-{n}"} for n in range(5)}


async def test_a_name_that_is_too_long_to_be_ours_is_not_kept() -> None:
    pages = [[{"modelProxyName": "p" * 300}, {"modelProxyName": "p"}]]
    found = await listings(VirtualClock()).search(PROXIES, Kept(ModelProxy=pages))  # type: ignore[arg-type]
    assert set(found.by_id) == {"p"}
