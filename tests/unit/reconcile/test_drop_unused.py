"""A process that runs for months forgets what belongs to accounts and objects that are gone."""

from fakes.cloud import OTHER, keys_of
from fakes.lab import Lab, account_spec
from unit.reconcile.test_mass_absence import ACCOUNT, fleet, remove
from unit.reconcile.test_publications import AT, SECONDS, published


async def test_nothing_is_kept_of_an_account_that_is_gone_with_its_users() -> None:
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


async def test_absences_that_were_made_up_for_are_forgotten_after_the_window() -> None:
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
    lab.cluster.remove_map(AT)
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
