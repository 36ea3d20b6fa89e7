"""Where too much of an account vanishes at once, nothing is created or released."""

import logging
from collections.abc import Awaitable, Callable, Iterable

import pytest
import structlog
from structlog.testing import capture_logs

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.settings import OwnAccount
from engine.shared import ALL
from engine.specs import PROXY, SAMPLES, cloud_key
from engine.specs import keys as keys_of
from engine.strangers import PROXY_BODY, by_hand
from engine.test_absence import count, lie
from fakes.cloud import MAIN
from fakes.lab import Lab, quick

ACCOUNT = ObjectKey("Account", "team-a", "default")
GOOD = ("True", "Available")
UNKNOWN = ("Unknown", "MassAbsence")
BRAKED = ("False", "MassAbsence")
BRAKED_TRUE = ("True", "MassAbsence")
FLEET = 8

Make = Callable[[], Awaitable[tuple[Lab, list[ObjectKey]]]]


async def fleet(size: int = FLEET) -> tuple[Lab, list[ObjectKey]]:
    """Return a lab with a fleet of proxies that are Ready."""
    lab = Lab()
    await lab.ready_account()
    keys = [lab.cluster.apply("ModelProxy", f"it-{n}", PROXY) for n in range(size)]
    await lab.elapse(30)
    assert {lab.ready(key) for key in keys} == {GOOD}
    lab.calls.take()
    return lab, keys


def remove(lab: Lab, keys: Iterable[ObjectKey]) -> None:
    for key in keys:
        lab.simulator.remove(SAMPLES[key.kind].family, cloud_key(lab, key))


def since(lab: Lab) -> str:
    return str(lab.get(ACCOUNT).status["massAbsence"]["since"])


def warnings(lab: Lab) -> list[tuple[ObjectKey, str]]:
    return [(e.key, e.reason) for e in lab.cluster.events if e.type == "Warning"]


def accept(lab: Lab, value: str) -> None:
    lab.annotate(ACCOUNT, accept_absence=value)


async def mixed(each: int = 2) -> tuple[Lab, list[ObjectKey]]:
    """Return a lab with a few objects of every kind, none of them read by a shared LIST."""
    lab = Lab()
    await lab.ready_account()
    await keys_of(lab)
    kinds = ("AgentRuntime", "SandboxTemplate", "Credential", "ModelService", "ModelProxy")
    found = [
        lab.cluster.apply(kind, f"it-{n}", SAMPLES[kind].spec)
        for kind in kinds
        for n in range(each)
    ]
    await lab.elapse(60)
    assert {lab.ready(key) for key in found} == {GOOD}
    lab.calls.take()
    return lab, found


def all_made(lab: Lab) -> dict[str, int]:
    """Return how many resources the cloud has of each family, its own defaults aside."""
    families = {sample.family for sample in SAMPLES.values()}
    found = {f: [r for r in lab.resources(f) if "Default" not in r.values()] for f in families}
    return {family: len(items) for family, items in found.items() if items}


@pytest.mark.parametrize("make", [fleet, mixed])
async def test_an_emptied_account_is_not_filled_again(make: Make) -> None:
    lab, keys = await make()
    remove(lab, keys)
    await lab.elapse(400)
    assert count(lab, "Create") == 0
    assert lab.ready(ACCOUNT) == BRAKED
    assert lab.condition(ACCOUNT, "Stalled") == BRAKED_TRUE
    assert {lab.ready(key) for key in keys} == {UNKNOWN}
    for key in (ACCOUNT, *keys):
        assert f"{len(keys)} of {len(keys)} resources" in lab.message(key), key


async def test_a_large_account_that_is_missing_is_seen_by_lists() -> None:
    lab, keys = await fleet(60)
    remove(lab, keys)
    await lab.elapse(120)
    assert {lab.ready(key) for key in keys} == {UNKNOWN}
    lab.calls.take()
    await lab.elapse(300)
    assert count(lab, "Get") == 0
    assert count(lab, "List") <= 30
    assert count(lab, "Create") == 0


async def test_it_is_told_once() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    lab, keys = await fleet()
    remove(lab, keys)
    with capture_logs() as logs:
        await lab.elapse(100)
        told = [lab.get(key).status for key in (ACCOUNT, *keys)]
        lab.calls.take()
        await lab.elapse(1000)
    assert lab.calls.names.count("write_status") == 0
    assert [lab.get(key).status for key in (ACCOUNT, *keys)] == told
    assert warnings(lab) == [(ACCOUNT, "MassAbsence")]
    assert [entry["missing"] for entry in logs if "mass absence" in entry["event"]] == [FLEET]
    assert lab.metrics.missing_of == {ACCOUNT: FLEET}


@pytest.mark.parametrize("make", [fleet, mixed])
async def test_nothing_is_left_of_it_when_the_resources_are_back(make: Make) -> None:
    lab, keys = await make()
    before = all_made(lab)
    lie(lab)
    await lab.elapse(300)
    assert {lab.ready(key) for key in keys} == {UNKNOWN}
    lab.simulator.clear_faults()
    await lab.elapse(100)
    assert {lab.ready(key) for key in (ACCOUNT, *keys)} == {GOOD}
    assert "massAbsence" not in lab.get(ACCOUNT).status
    assert lab.metrics.missing_of == {}
    assert lab.calls.names.count("write_status") <= 2 * (1 + len(keys))
    assert all_made(lab) == before


async def test_the_last_ones_get_time_to_come_back_as_well() -> None:
    lab, keys = await fleet()
    remove(lab, keys[:5])
    await lab.elapse(120)
    assert lab.ready(ACCOUNT) == BRAKED
    for key in keys[:2]:
        await by_hand(lab, "ModelProxy", {**PROXY_BODY, "modelProxyName": key.name})
    while lab.ready(ACCOUNT) == BRAKED:
        await lab.elapse(1)
    await lab.elapse(15)
    assert count(lab, "Create") == 0
    await lab.elapse(100)
    assert count(lab, "Create") == 3
    assert {lab.ready(key) for key in (ACCOUNT, *keys[2:])} == {GOOD}


async def test_it_goes_on_when_somebody_says_that_they_are_gone() -> None:
    lab, keys = await fleet()
    remove(lab, keys)
    await lab.elapse(100)
    assert f"agentrun.dev/accept-absence={since(lab)}" in lab.message(ACCOUNT)
    accept(lab, since(lab))
    await lab.elapse(100)
    assert {lab.ready(key) for key in (ACCOUNT, *keys)} == {GOOD}
    assert len(lab.resources("ModelProxy")) == FLEET
    assert lab.metrics.missing_of == {}
    await lab.elapse(700)
    assert "massAbsence" not in lab.get(ACCOUNT).status


async def test_an_annotation_that_was_left_behind_disarms_nothing() -> None:
    lab, keys = await fleet()
    remove(lab, keys)
    await lab.elapse(100)
    accept(lab, since(lab))
    await lab.elapse(1000)
    lab.calls.take()
    remove(lab, keys)
    await lab.elapse(300)
    assert count(lab, "Create") == 0
    assert lab.ready(ACCOUNT) == BRAKED


@pytest.mark.parametrize("value", ["true", "2026-01-05T09:00:00Z", ""])
async def test_another_value_accepts_nothing(value: str) -> None:
    lab, keys = await fleet()
    accept(lab, value)
    remove(lab, keys)
    await lab.elapse(300)
    assert count(lab, "Create") == 0
    assert lab.ready(ACCOUNT) == BRAKED


@pytest.mark.parametrize("told", [False, True], ids=["found out anew", "told before"])
@pytest.mark.parametrize("make", [fleet, mixed])
async def test_a_restart_releases_no_brake(make: Make, *, told: bool) -> None:
    lab, keys = await make()
    remove(lab, keys)
    await lab.elapse(100 if told else 0)
    status = lab.get(ACCOUNT).status
    lab.restart()
    new = lab.cluster.apply("ModelProxy", "new", PROXY)
    await lab.elapse(1000)
    assert count(lab, "Create") == (0 if told else 1)
    assert lab.ready(ACCOUNT) == BRAKED
    assert {lab.ready(key) for key in keys} == {UNKNOWN}
    assert warnings(lab).count((ACCOUNT, "MassAbsence")) == 1
    if told:
        assert lab.get(ACCOUNT).status == status
        assert lab.ready(new) == ("False", "DependencyNotReady")


async def test_after_a_restart_it_ends_when_the_resources_are_back() -> None:
    lab, keys = await mixed()
    before = all_made(lab)
    lie(lab)
    await lab.elapse(100)
    lab.restart()
    await lab.elapse(20)
    lab.simulator.clear_faults()
    await lab.elapse(150)
    assert {lab.ready(key) for key in (ACCOUNT, *keys)} == {GOOD}
    assert all_made(lab) == before


async def test_a_restart_forgets_no_word() -> None:
    lab, keys = await fleet()
    remove(lab, keys)
    await lab.elapse(100)
    accept(lab, since(lab))
    lab.restart()
    await lab.elapse(200)
    assert {lab.ready(key) for key in (ACCOUNT, *keys)} == {GOOD}


@pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
@pytest.mark.parametrize("make", [fleet, mixed])
async def test_nothing_is_let_go_of_in_an_emptied_account(make: Make, *, restarted: bool) -> None:
    lab, keys = await make()
    lie(lab)
    for key in keys:
        lab.cluster.delete(key)
    if restarted:
        lab.restart()
    await lab.elapse(300)
    assert [key for key in keys if lab.cluster.raw(key) is None] == []
    assert {lab.ready(key) for key in keys} == {BRAKED}
    lab.simulator.clear_faults()
    await lab.elapse(300)
    assert [key for key in keys if lab.cluster.raw(key) is not None] == []
    assert all_made(lab) == {}


async def test_an_object_that_gives_its_resource_up_may_go() -> None:
    lab, keys = await fleet()
    remove(lab, keys)
    await lab.elapse(100)
    lab.edit(keys[0], deletionPolicy="Retain")
    lab.cluster.delete(keys[0])
    await lab.elapse(60)
    assert lab.cluster.raw(keys[0]) is None
    assert lab.ready(ACCOUNT) == BRAKED


async def test_new_objects_wait() -> None:
    lab, keys = await fleet()
    remove(lab, keys)
    await lab.elapse(100)
    new = lab.cluster.apply("AgentRuntime", "new", SAMPLES["AgentRuntime"].spec)
    await lab.elapse(100)
    assert count(lab, "Create") == 0
    accept(lab, since(lab))
    await lab.elapse(100)
    assert lab.ready(new) == GOOD


async def test_other_accounts_go_on() -> None:
    lab, keys = await fleet()
    await lab.ready_account("other")
    spec = {**PROXY, "accountRef": {"name": "other"}, "externalName": "elsewhere"}
    remove(lab, keys)
    await lab.elapse(100)
    other = lab.cluster.apply("ModelProxy", "elsewhere", spec)
    await lab.elapse(30)
    assert lab.ready(other) == GOOD
    assert lab.ready(ACCOUNT) == BRAKED


@pytest.mark.parametrize("make", [fleet, mixed])
async def test_a_paused_account_keeps_its_brake(make: Make) -> None:
    lab, keys = await make()
    lab.annotate(ACCOUNT, paused="true")
    await lab.drain()
    lie(lab)
    await lab.elapse(300)
    assert count(lab, "Create") == 0
    assert {lab.ready(key) for key in keys} == {UNKNOWN}
    lab.simulator.clear_faults()
    await lab.elapse(150)
    assert count(lab, "Create") == 0
    assert {lab.ready(key) for key in keys} == {GOOD}


async def test_what_is_there_is_served_as_before() -> None:
    lab, keys = await fleet(12)
    remove(lab, keys[:6])
    await lab.elapse(100)
    assert {lab.ready(key) for key in keys[6:]} == {GOOD}
    lab.edit(keys[6], description="second")
    lab.cluster.delete(keys[7])
    await lab.elapse(60)
    assert lab.ready(keys[6]) == GOOD
    assert sorted(lab.writes_to_cloud())[-2:] == ["DeleteModelProxy", "UpdateModelProxy"]
    assert lab.cluster.raw(keys[7]) is not None
    accept(lab, since(lab))
    await lab.elapse(60)
    assert lab.cluster.raw(keys[7]) is None


async def test_the_operators_own_account_has_a_brake_as_well() -> None:
    lab = Lab(quick(own_account=OwnAccount(MAIN.account_id, "cn-hangzhou", allow=ALL)))
    keys = [lab.cluster.apply("ModelProxy", f"it-{n}", PROXY) for n in range(FLEET)]
    await lab.elapse(30)
    assert {lab.ready(key) for key in keys} == {GOOD}
    lab.calls.take()
    lie(lab)
    await lab.elapse(300)
    assert count(lab, "Create") == 0
    assert {lab.ready(key) for key in keys} == {UNKNOWN}
    assert [reason for _, reason in warnings(lab)] == ["MassAbsence"]
    assert list(lab.metrics.missing_of.values()) == [FLEET]
    lab.simulator.clear_faults()
    await lab.elapse(150)
    assert {lab.ready(key) for key in keys} == {GOOD}
    assert lab.metrics.missing_of == {}


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarted"])
async def test_an_account_that_is_deleted_tells_it_as_well(*, restarts: bool) -> None:
    lab, keys = await fleet()
    remove(lab, keys)
    for key in (*keys, ACCOUNT):
        lab.cluster.delete(key)
    await lab.elapse(200)
    if restarts:
        lab.restart()
        await lab.elapse(200)
    assert lab.ready(ACCOUNT) == BRAKED
    assert f"{FLEET} of {FLEET} resources" in lab.message(ACCOUNT)
    assert {lab.ready(key) for key in keys} == {BRAKED}
    accept(lab, since(lab))
    await lab.elapse(100)
    assert [key for key in (*keys, ACCOUNT) if lab.cluster.raw(key) is not None] == []
