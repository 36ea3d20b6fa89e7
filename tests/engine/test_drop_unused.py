"""A process that runs for months forgets what belongs to accounts and objects that are gone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from agentrun_operator.reconcile.admission import Admission
from agentrun_operator.reconcile.clients import AccountClients
from agentrun_operator.reconcile.guard import GuardedAPI
from agentrun_operator.reconcile.places import Places
from agentrun_operator.reconcile.ports import AccountConnection, Cloud, ExternalAPI
from engine.test_mass_absence import ACCOUNT, fleet, remove
from engine.test_publications import SECONDS, published
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab, account_spec


async def test_nothing_is_kept_of_a_gone_account_without_users() -> None:
    lab, keys = await fleet()
    remove(lab, keys)
    await lab.elapse(100)
    for key in keys:
        lab.cluster.vanish(key)
    lab.cluster.vanish(ACCOUNT)
    await lab.elapse(SECONDS)
    await lab.engine.resync()
    assert lab.world.brake._accounts == {}


async def test_an_account_that_is_gone_keeps_its_brake_for_its_users() -> None:
    lab, keys = await fleet()
    remove(lab, keys)
    await lab.elapse(100)
    lab.cluster.vanish(ACCOUNT)
    await lab.elapse(SECONDS)
    await lab.engine.resync()
    assert lab.world.brake.is_engaged(ACCOUNT)


async def test_absences_that_ended_are_forgotten_after_the_window() -> None:
    lab, keys = await fleet()
    remove(lab, keys[:1])
    await lab.elapse(100)
    lab.cluster.vanish(keys[0])
    await lab.elapse(SECONDS)
    assert keys[0] in lab.world.brake._accounts[ACCOUNT].missing
    await lab.elapse(900)
    await lab.engine.resync()
    assert lab.world.brake._accounts[ACCOUNT].missing == {}


async def test_a_map_that_nobody_publishes_any_more_is_forgotten() -> None:
    lab, key = await published("ModelProxy")
    lab.cluster.delete_config_map("address")
    await lab.elapse(SECONDS)
    await lab.engine.resync()
    assert lab.world.connections._told
    lab.cluster.vanish(key)
    await lab.elapse(SECONDS)
    await lab.engine.resync()
    maps = lab.world.connections
    assert (maps._known, maps._touched, maps._told) == ({}, set(), {})


async def test_refused_keys_of_an_account_that_is_gone_are_forgotten() -> None:
    lab = Lab()
    lab.cluster.put_secret("foreign-keys", keys_of(OTHER))
    account = lab.cluster.apply("Account", "foreign", account_spec("foreign-keys"))
    await lab.elapse(10)
    assert lab.ready(account) == ("False", "AccountMismatch")
    await lab.engine.resync()
    refusals = lab.world.clients._refusals
    assert set(refusals._refusals) == {account}
    lab.cluster.vanish(account)
    await lab.elapse(SECONDS)
    await lab.engine.resync()
    assert refusals._refusals == {}


class SlowAPI:
    """A client that hears whose its keys are once `may_answer` is set."""

    def __init__(self, api: ExternalAPI, may_answer: asyncio.Event) -> None:
        self._api = api
        self._may_answer = may_answer

    async def identify(self) -> bool:
        await self._may_answer.wait()
        return await self._api.identify()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)


class SlowCloud:
    """A cloud with such clients."""

    def __init__(self, cloud: Cloud, *, may_answer: asyncio.Event) -> None:
        self._cloud = cloud
        self._may_answer = may_answer

    def place_of(self, region: str, endpoint: str | None) -> str:
        return self._cloud.place_of(region, endpoint)

    def connect(
        self, connection: AccountConnection, about_to_send: Callable[[], Awaitable[None]]
    ) -> ExternalAPI:
        api = self._cloud.connect(connection, about_to_send)
        return cast(ExternalAPI, SlowAPI(api, self._may_answer))


async def test_a_client_in_the_making_keeps_its_record_and_its_budget() -> None:
    lab = Lab()
    lab.cluster.put_secret("default-keys", keys_of(MAIN))
    account = lab.cluster.apply("Account", "default", account_spec("default-keys"))
    lab.deliver()
    may_answer = asyncio.Event()
    cloud = SlowCloud(lab.cloud, may_answer=may_answer)
    admission = Admission(lab.kinds, lab.cluster)
    clients = AccountClients(
        lab.kinds,
        lab.world.cache,
        lab.cluster,
        cloud,
        lab.settings,
        places=Places(lab.kinds, lab.world.cache, lab.world.memory, admission, cloud),
        clock=lab.clock,
        leadership=lab.leadership,
    )
    making = asyncio.create_task(clients.connect(lab.get(account)))
    await asyncio.sleep(0)
    await clients.drop_unused()
    may_answer.set()
    api = cast(GuardedAPI, (await making).api)
    assert api._contact is clients.contacts.of(account)
    assert [api.budget] == list(clients._budgets.values())
    await clients.aclose()
