"""What becomes of an account's client when the account, or its Secret, turns into another."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest

from agentrun_operator.core.errors import CredentialsNotFound, Unavailable
from agentrun_operator.core.identity import Locator, ObjectKey
from agentrun_operator.reconcile.ports import SecretData
from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, made, ready
from fakes.cloud import MAIN, OTHER, TEMPORARY, keys_of
from fakes.cluster import FakeCluster
from fakes.lab import Lab, account_spec
from fakes.rests import rest_of

DEFAULT = ObjectKey("Account", "team-a", "default")


async def test_an_account_made_anew_under_its_name_is_another_account() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("other-keys", keys_of(OTHER))
    lab.cluster.delete(DEFAULT)
    await lab.drain()
    lab.cluster.apply("Account", "default", account_spec("other-keys", OTHER.account_id))
    await lab.drain()
    assert lab.get(DEFAULT).status["atProvider"]["accountId"] == OTHER.account_id
    sample = SAMPLES["ModelProxy"]
    key = lab.cluster.apply(sample.kind, "it", sample.spec)
    await lab.elapse(20)
    assert lab.get(key).status["account"]["accountId"] == OTHER.account_id
    assert made(lab, sample) == [], "nothing in the account of before"


async def test_keys_that_are_rotated_are_verified() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("default-keys", {"accessKeyId": "main-id", "accessKeySecret": "wrong"})
    await lab.drain()
    assert lab.ready(DEFAULT) == ("False", "CredentialsInvalid")


async def test_a_pass_that_began_with_the_keys_of_before_comes_again() -> None:
    lab = Lab()
    await lab.ready_account()
    account = lab.get(DEFAULT)
    before = await lab.world.clients.connect(account)
    lab.cluster.put_secret("default-keys", keys_of(TEMPORARY))
    await lab.world.clients.connect(account)
    rest = rest_of("ModelProxy")
    with pytest.raises(Unavailable) as caught:
        await before.api.read(rest, Locator("it"))
    assert not caught.value.maybe_applied


async def test_keys_revoked_under_a_single_user_show_on_the_account() -> None:
    lab, _ = await ready(SAMPLES["ModelProxy"])
    lab.simulator.inject(
        Fault.model_validate(
            {
                "action": ".*",
                "effect": "error",
                "times": None,
                "status": 404,
                "code": "InvalidAccessKeyId.NotFound",
            }
        )
    )
    await lab.elapse(300)
    assert lab.ready(DEFAULT) == ("False", "CredentialsInvalid")
    assert lab.calls.names.count("write_status") <= 4


async def test_the_client_of_a_gone_account_is_closed_when_unused() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    clients = lab.world.clients
    binding = await clients.connect(lab.get(DEFAULT))
    rest = rest_of("ModelProxy")
    lab.cluster.vanish(DEFAULT)
    await lab.drain()
    await lab.engine.resync()
    assert (await binding.api.read(rest, Locator("it"))).resource, "who lives there has to delete"
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    await lab.engine.resync()
    with pytest.raises(Unavailable):
        await binding.api.read(rest, Locator("it"))
    assert (clients._clients, clients._budgets, clients._locks) == ({}, {}, {})


async def test_what_is_in_use_outlives_a_resync() -> None:
    lab, _ = await ready(SAMPLES["ModelProxy"])
    before = await lab.world.clients.connect(lab.get(DEFAULT))
    await lab.engine.resync()
    assert await lab.world.clients.connect(lab.get(DEFAULT)) is before


class Slow(FakeCluster):
    """A cluster that takes its time to answer for a Secret."""

    async def secret(self, namespace: str, name: str) -> SecretData | None:
        for _ in range(5):
            await asyncio.sleep(0)
        return await super().secret(namespace, name)


async def test_one_connects_for_all_though_nobody_could_before() -> None:
    lab = Lab()
    lab.cluster = Slow(lab.clock, lab.calls)
    lab.restart()
    account = lab.get(lab.cluster.apply("Account", "default", account_spec("keys")))
    lab.deliver()
    connect = lab.world.clients.connect
    first, second = (asyncio.ensure_future(connect(account)) for _ in range(2))
    for _ in range(100):
        if first.done():
            break
        await asyncio.sleep(0)
    # The lock is on its way from the first to the second now, and looks free.
    await lab.world.clients.drop_unused()
    lab.cluster.put_secret("keys", keys_of(MAIN))
    assert await connect(account) is await second
    assert len(lab.cloud.connected) == 1
    with pytest.raises(CredentialsNotFound):
        await first


async def test_keys_whose_proof_got_no_answer_are_verified_again() -> None:
    lab = Lab()
    await lab.ready_account()

    def hang_up(_name: str) -> None:
        lab.calls.before = lambda _name: None
        raise httpx.ConnectError("no route")

    lab.calls.before = hang_up
    lab.cluster.put_secret("default-keys", {"accessKeyId": "main-id", "accessKeySecret": "wrong"})
    await lab.elapse(10)
    assert lab.ready(DEFAULT) == ("False", "CredentialsInvalid")


class Rotating(FakeCluster):
    """A cluster in which a Secret is rotated again just after it was read."""

    rotated: Mapping[str, str] | None = None

    async def secret(self, namespace: str, name: str) -> SecretData | None:
        found = await super().secret(namespace, name)
        if self.rotated is not None:
            rotated, self.rotated = self.rotated, None
            self.put_secret(name, rotated, namespace=namespace)
        return found


async def test_a_rotation_during_the_read_of_another_is_not_missed() -> None:
    lab = Lab()
    cluster = lab.cluster = Rotating(lab.clock, lab.calls)
    lab.restart()
    await lab.ready_account()
    cluster.rotated = {"accessKeyId": "main-id", "accessKeySecret": "wrong"}
    cluster.put_secret("default-keys", {**keys_of(MAIN), "note": "the same"})
    await lab.drain()
    assert lab.ready(DEFAULT) == ("False", "CredentialsInvalid")
