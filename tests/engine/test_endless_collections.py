"""Collections whose LIST takes too long: filters and reads take its place, and nothing is lost."""

from collections import Counter
from collections.abc import Mapping

import pytest

from agentrun_operator.core.errors import InvalidParameter, Unavailable
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import Rest
from agentrun_operator.core.settings import Polling
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.listings import SHORT_PAGES, Collection, Listings
from agentrun_operator.reconcile.ports import Json, Page
from agentrun_simulator.seeding import SeedFile, SeedResource
from agentrun_simulator.simulator import Simulator
from engine.specs import SAMPLES, made
from fakes.clock import VirtualClock
from fakes.lab import Lab

SANDBOXES = SAMPLES["Sandbox"]
KINDS = catalogue()
ACCOUNT = ObjectKey("Account", "ns", "default")
AT = Collection(ACCOUNT, "Sandbox")
ENDED = 1500
"""More than the pages hold that a LIST may have."""
OURS = 6
HOUR = 3600


class Endless:
    """A collection without an end; with a filter it shows what that filter finds."""

    def __init__(self, live: Mapping[str, list[Json]] | None = None) -> None:
        self.live = live
        self.asked: list[str] = []
        self.error: Exception | None = None

    async def read_page(
        self,
        rest: Rest,  # noqa: ARG002 - the port's signature
        *,
        parent: str | None = None,  # noqa: ARG002
        partition: Mapping[str, str] | None = None,
        cursor: str | None = None,
    ) -> Page:
        status = (partition or {}).get("status", "")
        self.asked.append(status or "all")
        if status and self.error is not None:
            raise self.error
        if status and self.live is not None:
            return Page(self.live[status], None)
        return Page([{"sandboxId": f"old-{cursor}"}], str(int(cursor or 0) + 1))


def listings(clock: VirtualClock) -> Listings:
    cache = ObjectCache(KINDS, controller_class="", operator_namespace="s", cluster_id="c")
    return Listings(KINDS, cache, clock, Polling())


LIVE = {"READY": [{"sandboxId": "a"}], "PAUSED": [{"sandboxId": "b"}]}


async def test_a_list_without_an_end_is_cut_and_then_filtered() -> None:
    clock = VirtualClock()
    shared, api = listings(clock), Endless(LIVE)
    found = await shared.refresh(AT, api)  # type: ignore[arg-type]
    assert Counter(api.asked) == {"all": SHORT_PAGES, "READY": 1, "PAUSED": 1}
    assert set(found.by_id) == {"a", "b"}
    assert not found.is_whole, "what it lacks may have ended, or be in a state without a filter"
    api.asked.clear()
    clock.advance(60)
    await shared.refresh(AT, api)  # type: ignore[arg-type]
    assert Counter(api.asked) == {"READY": 1, "PAUSED": 1}
    clock.advance(1800)
    await shared.refresh(AT, api)  # type: ignore[arg-type]
    assert api.asked.count("all") == SHORT_PAGES, "it may have become shorter"


@pytest.mark.parametrize("error", [None, InvalidParameter("status")], ids=["ignored", "refused"])
async def test_where_the_filter_does_not_help_nothing_is_listed(error: Exception | None) -> None:
    clock = VirtualClock()
    shared, api = listings(clock), Endless()
    api.error = error
    first = await shared.at_least(AT, api, 0.0)  # type: ignore[arg-type]
    assert not first.is_whole
    assert len(api.asked) <= 2 * SHORT_PAGES
    api.asked.clear()
    for _ in range(20):
        clock.advance(61)
        found = await shared.at_least(AT, api, clock.monotonic())  # type: ignore[arg-type]
        assert not found.is_whole
    assert api.asked == []


async def test_a_kind_without_such_a_filter_is_not_listed_either() -> None:
    clock = VirtualClock()
    shared, api = listings(clock), Endless()
    at = Collection(ACCOUNT, "ModelProxy")
    assert not (await shared.refresh(at, api)).is_whole  # type: ignore[arg-type]
    assert not (await shared.refresh(at, api)).is_whole  # type: ignore[arg-type]
    assert api.asked == ["all"] * SHORT_PAGES


async def test_a_search_without_an_end_is_an_error_and_not_repeated() -> None:
    clock = VirtualClock()
    shared, api = listings(clock), Endless()
    with pytest.raises(Unavailable, match="no end"):
        await shared.search(AT, api)  # type: ignore[arg-type]
    api.asked.clear()
    for _ in range(10):
        clock.advance(61)
        with pytest.raises(Unavailable, match="no end"):
            await shared.search(AT, api)  # type: ignore[arg-type]
    assert api.asked == []
    clock.advance(Polling().detail_seconds)
    shared.count()
    assert not vars(shared)["_endless"], "nothing is kept of a collection that may be gone"


async def test_a_search_finds_what_has_not_ended() -> None:
    shared, api = listings(VirtualClock()), Endless(LIVE)
    assert {"a", "b"} <= set((await shared.search(AT, api)).by_id)  # type: ignore[arg-type]


# ------------------------------------------------ with the simulator


def sow(simulator: Simulator, count: int) -> None:
    """Plant sandboxes of somebody else that end within a second."""
    fields = {"templateName": "others", "sandboxIdleTimeoutInSeconds": 1}
    template = {
        "templateName": "others",
        "templateType": "CodeInterpreter",
        "cpu": 2,
        "memory": 4096,
        "networkConfiguration": {"networkMode": "PUBLIC"},
    }
    planted = [SeedResource(family="Template", fields=template)]
    planted += [SeedResource(family="Sandbox", fields=fields) for _ in range(count)]
    simulator.sow(SeedFile(resources=tuple(planted)))


async def crowded(**spec: object) -> tuple[Lab, list[ObjectKey]]:
    """Return a lab with a few Ready sandboxes among very many ended ones."""
    lab = Lab()
    await lab.ready_account()
    sow(lab.simulator, ENDED)
    await SANDBOXES.prepare(lab)
    full = {**SANDBOXES.spec, "idleTimeoutSeconds": 20_000, **spec}
    keys = [lab.cluster.apply("Sandbox", f"it-{n}", full) for n in range(OURS)]
    await lab.elapse(120)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    lab.calls.take()
    return lab, keys


def calls(lab: Lab, name: str) -> int:
    return lab.calls.names.count(name)


def passes(lab: Lab) -> int:
    return sum(n for (kind, _), n in lab.metrics.results.items() if kind == "Sandbox")


def ident(lab: Lab, key: ObjectKey) -> str:
    return str(lab.get(key).external_id)


async def test_a_quiet_fleet_among_the_ended_costs_two_calls_a_minute() -> None:
    lab, _ = await crowded()
    before = passes(lab)
    await lab.elapse(HOUR)
    probes = 2 * SHORT_PAGES
    assert calls(lab, "ListSandboxes") <= 2 * 61 + probes
    assert calls(lab, "GetSandbox") == 0
    assert passes(lab) == before, "and no pass at all"


async def test_what_ends_is_noticed_by_a_read_of_its_own() -> None:
    lab, keys = await crowded()
    lab.simulator.edit("Sandbox", ident(lab, keys[0]), {"status": "TERMINATED"})
    await lab.elapse(70)
    assert lab.ready(keys[0]) == ("True", "Completed")
    assert calls(lab, "GetSandbox") <= 2
    lab.calls.take()
    await lab.elapse(HOUR)
    assert calls(lab, "GetSandbox") == 0, "and is not read again"


async def test_what_vanishes_is_made_anew_after_two_reads_only() -> None:
    lab, keys = await crowded()
    gone = ident(lab, keys[0])
    lab.simulator.remove("Sandbox", gone)
    await lab.elapse(150)
    assert lab.ready(keys[0]) == ("True", "Available")
    assert calls(lab, "CreateSandbox") == 1
    names = lab.calls.names
    reads = names[: names.index("CreateSandbox")].count("GetSandbox")
    assert reads >= 2, "a LIST that is filtered proves no absence"


async def test_a_pause_is_seen_in_the_filtered_list() -> None:
    lab, keys = await crowded()
    lab.simulator.edit("Sandbox", ident(lab, keys[0]), {"status": "PAUSED"})
    await lab.elapse(80)
    assert calls(lab, "ResumeSandbox") == 1
    assert lab.ready(keys[0]) == ("True", "Available")


async def test_lost_statuses_are_found_again_without_a_storm() -> None:
    lab, keys = await crowded()
    before = {ident(lab, key) for key in keys}
    for key in keys:
        lab.cluster.reset_status(key)
    lab.restart()
    lab.calls.take()
    await lab.elapse(60)
    assert {ident(lab, key) for key in keys} == before
    assert calls(lab, "CreateSandbox") == 0
    assert calls(lab, "ListSandboxes") <= OURS * ENDED // 100 / 2, "a search serves many"


async def test_a_later_incarnation_is_found_among_the_live() -> None:
    lab, keys = await crowded(restartPolicy="Always")
    first = ident(lab, keys[0])
    lab.simulator.edit("Sandbox", first, {"status": "TERMINATED"})
    await lab.elapse(200)
    second = ident(lab, keys[0])
    assert second != first
    lab.cluster.reset_status(keys[0])
    lab.restart()
    lab.calls.take()
    await lab.elapse(60)
    assert ident(lab, keys[0]) == second
    assert calls(lab, "CreateSandbox") == 0


async def test_completed_objects_cost_no_calls_and_no_brake() -> None:
    lab, keys = await crowded()
    for key in keys[2:]:
        lab.simulator.edit("Sandbox", ident(lab, key), {"status": "TERMINATED"})
    await lab.elapse(120)
    assert {lab.ready(key)[1] for key in keys[2:]} == {"Completed"}
    members = lab.world.listings.members()
    assert sorted(members[Collection(ObjectKey("Account", "team-a", "default"), "Sandbox")]) == (
        sorted(keys[:2])
    )
    lab.calls.take()
    await lab.elapse(600)
    assert calls(lab, "ListSandboxes") == 0
    assert calls(lab, "GetSandbox") <= 2 * 21, "the two that are left are read one by one"


async def long_list() -> tuple[Lab, list[ObjectKey]]:
    """Return Ready objects in a collection whose LIST takes more than a few calls."""
    sample = SAMPLES["ModelProxy"]
    lab = Lab()
    await lab.ready_account()
    await sample.prepare(lab)
    count = SHORT_PAGES * 2
    keys = [lab.cluster.apply(sample.kind, f"it-{n}", sample.spec) for n in range(count)]
    await lab.elapse(120)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    shown = (
        "proxyConfig",
        "proxyMode",
        "cpu",
        "memory",
        "executionRoleArn",
        "networkConfiguration",
    )
    body = {name: value for name, value in made(lab, sample)[0].items() if name in shown}
    lab.simulator.sow(
        SeedFile(
            resources=tuple(
                SeedResource(family="ModelProxy", fields={**body, "modelProxyName": f"other-{n}"})
                for n in range(SHORT_PAGES * 100)
            )
        )
    )
    await lab.elapse(120)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    return lab, keys


async def test_in_transition_the_few_are_read_and_not_the_long_list() -> None:
    lab, keys = await long_list()
    lab.simulator.configure({"transitionSeconds": 100})
    lab.calls.take()
    lab.edit(keys[0], description="another")
    await lab.elapse(90)
    assert calls(lab, "ListModelProxies") <= 2 * (SHORT_PAGES + 1)
    assert 10 <= calls(lab, "GetModelProxy") <= 30
    await lab.elapse(60)
    assert lab.ready(keys[0]) == ("True", "Available")
