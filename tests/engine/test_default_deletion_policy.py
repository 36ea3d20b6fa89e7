"""`spec.defaults.deletionPolicy` of an account: what becomes of what its objects leave behind."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.shared import EVERYTHING, SHARED, shared_lab
from engine.specs import PROXY, SAMPLES, made
from engine.strangers import PROXY_BODY, by_hand
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab, account_spec

DEFAULT = ObjectKey("Account", "team-a", "default")
GOOD = ("True", "Available")


async def lab_with(policy: str | None, kind: str = "Account") -> tuple[Lab, ObjectKey]:
    """Return a lab with an account that has a default, or none."""
    defaults: dict[str, Any] = {}
    if policy is not None:
        defaults = {"defaults": {"deletionPolicy": policy}}
    if kind == "ClusterAccount":
        lab = await shared_lab(EVERYTHING)
        lab.edit(SHARED, **defaults)
        await lab.elapse(5)
        return lab, SHARED
    lab = Lab()
    lab.cluster.put_secret("keys", keys_of(MAIN))
    lab.cluster.apply("Account", "default", account_spec("keys", **defaults))
    await lab.elapse(5)
    return lab, DEFAULT


async def proxy(lab: Lab, account: ObjectKey, name: str = "it", **more: Any) -> ObjectKey:
    ref = {"accountRef": {"kind": account.kind, "name": account.name}}
    key = lab.cluster.apply("ModelProxy", name, {**PROXY, **ref, **more})
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    return key


async def is_kept(lab: Lab, key: ObjectKey) -> bool:
    """Delete an object, and say whether its resource is still there when it is gone."""
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None, lab.message(key)
    return bool(made(lab, SAMPLES["ModelProxy"]))


@pytest.mark.parametrize("kind", ["Account", "ClusterAccount"])
@pytest.mark.parametrize(
    ("own", "of_account", "adopted", "kept"),
    [
        (None, None, False, False),
        (None, None, True, True),
        (None, "Retain", False, True),
        (None, "Delete", True, False),
        ("Delete", "Retain", False, False),
        ("Delete", "Retain", True, False),
        ("Retain", "Delete", False, True),
    ],
)
async def test_the_object_comes_before_its_account(
    kind: str, own: str | None, of_account: str | None, *, adopted: bool, kept: bool
) -> None:
    lab, account = await lab_with(of_account, kind)
    if adopted:
        await by_hand(lab, "ModelProxy", PROXY_BODY | {"modelProxyName": "it"})
    key = await proxy(lab, account, **({} if own is None else {"deletionPolicy": own}))
    assert lab.get(key).status["adopted"] is adopted
    assert await is_kept(lab, key) is kept


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("before", "after"), [(None, "Retain"), ("Retain", None)])
async def test_what_counts_is_the_default_at_the_deletion(
    before: str | None, after: str | None, *, restarted: bool
) -> None:
    lab, account = await lab_with(before)
    key = await proxy(lab, account)
    lab.calls.take()
    lab.edit(account, defaults=None if after is None else {"deletionPolicy": after})
    if restarted:
        lab.restart()
    await lab.elapse(60)
    assert lab.ready(account) == lab.ready(key) == GOOD
    # One for the account's new generation. Its object has Retain on record from then on, in case
    # that the account is gone when it is deleted; that it is kept no more need not be written.
    assert lab.calls.names.count("write_status") == 1 + (after == "Retain")
    assert await is_kept(lab, key) is (after == "Retain")


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_namespace_that_goes_keeps_what_its_account_keeps(*, restarted: bool) -> None:
    lab, account = await lab_with("Retain")
    key = await proxy(lab, account)
    lab.cluster.delete(account)
    await lab.elapse(60)
    # Without the account nobody would know that the resource is to be kept.
    assert lab.ready(account) == ("False", "DeletionBlocked")
    assert "ModelProxy team-a/it" in lab.message(account)
    if restarted:
        lab.restart()
    assert await is_kept(lab, key)
    await lab.elapse(60)
    assert lab.cluster.raw(account) is None


async def test_a_policy_of_its_own_lets_the_account_go() -> None:
    lab, account = await lab_with("Retain")
    key = await proxy(lab, account)
    lab.cluster.delete(account)
    await lab.elapse(5)
    lab.edit(key, deletionPolicy="Retain")
    await lab.drain()
    assert lab.cluster.raw(account) is None


async def test_an_account_that_was_forced_out_is_remembered() -> None:
    lab, account = await lab_with("Retain")
    key = await proxy(lab, account)
    lab.cluster.vanish(account)
    await lab.elapse(5)
    await lab.engine.resync()
    assert await is_kept(lab, key)


async def test_after_a_restart_the_record_tells_who_was_forced_out() -> None:
    lab, account = await lab_with("Retain")
    key = await proxy(lab, account)
    lab.cluster.vanish(account)
    lab.restart()
    assert await is_kept(lab, key)


async def test_the_account_of_the_record_says_it() -> None:
    lab, account = await lab_with("Retain")
    other = lab.cluster.apply("Account", "other", account_spec("keys"))
    await lab.elapse(5)
    key = await proxy(lab, account)
    lab.annotate(key, paused="true")
    lab.edit(key, accountRef={"name": other.name})
    await lab.elapse(5)
    # Paused, it was not yet seen by way of the other one.
    assert lab.get(key).status["account"]["name"] == account.name
    assert await is_kept(lab, key)


async def test_another_way_to_the_account_brings_its_default() -> None:
    lab, account = await lab_with("Retain")
    other = lab.cluster.apply("Account", "other", account_spec("keys"))
    await lab.elapse(5)
    key = await proxy(lab, account)
    lab.edit(key, accountRef={"name": other.name})
    await lab.elapse(60)
    assert lab.get(key).status["account"]["name"] == other.name
    assert not await is_kept(lab, key)
