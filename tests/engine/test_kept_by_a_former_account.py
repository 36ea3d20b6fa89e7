"""What an account kept stays kept when another account takes its place, which nobody chose."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.shared import EVERYTHING, SYSTEM
from engine.specs import PROXY, SAMPLES, made
from engine.strangers import PROXY_BODY, by_hand
from engine.test_default_deletion_policy import DEFAULT, GOOD, is_kept
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab, account_spec

SHARED = ObjectKey("ClusterAccount", "", "default")
restarts = pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
lives = pytest.mark.parametrize("at_once", [False, True], ids=["lives on", "deleted at once"])


def bring(lab: Lab, account: ObjectKey, policy: str | None, name: str = "default") -> None:
    """Bring an account, or write its default."""
    more: dict[str, Any] = {"defaults": {"deletionPolicy": policy}} if policy else {}
    if account.kind == "ClusterAccount":
        more |= {"allowedNamespaces": {"names": ["team-a"]}, "allow": [EVERYTHING]}
    spec = account_spec("keys", **more)
    lab.cluster.apply(account.kind, name, spec, namespace=account.namespace)


async def lab_of(own: str | None, shared: str | None) -> Lab:
    """Return a lab with the two accounts that go by the name default."""
    lab = Lab()
    lab.cluster.put_secret("keys", keys_of(MAIN))
    lab.cluster.put_secret("keys", keys_of(MAIN), namespace=SYSTEM)
    bring(lab, SHARED, shared)
    bring(lab, DEFAULT, own)
    await lab.elapse(5)
    return lab


async def proxy(lab: Lab, **more: Any) -> ObjectKey:
    key = lab.cluster.apply("ModelProxy", "it", {**PROXY, **more})
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    return key


async def force_out(lab: Lab, *, restarted: bool, at_once: bool) -> None:
    """Let the account of the namespace go although it is held."""
    lab.cluster.vanish(DEFAULT)
    if restarted:
        lab.restart()
    if not at_once:
        await lab.elapse(100)


def lives_in(lab: Lab, key: ObjectKey) -> str:
    return str(lab.get(key).status["account"]["kind"])


def keeper(lab: Lab, key: ObjectKey) -> Any:
    return lab.get(key).status.get("retainedBy")


@restarts
@lives
@pytest.mark.parametrize("shared", [None, "Delete", "Retain"])
async def test_retain_outlives_the_account_that_said_it(
    shared: str | None, *, restarted: bool, at_once: bool
) -> None:
    lab = await lab_of("Retain", shared)
    key = await proxy(lab)
    await force_out(lab, restarted=restarted, at_once=at_once)
    if not at_once:
        assert lab.ready(key) == GOOD, lab.message(key)
        assert lives_in(lab, key) == "ClusterAccount"
    # Another process knows the account from the record alone.
    lab.restart()
    await lab.elapse(30)
    assert await is_kept(lab, key)


@restarts
@lives
async def test_a_default_that_came_later_outlives_it_too(*, restarted: bool, at_once: bool) -> None:
    lab = await lab_of(None, "Delete")
    key = await proxy(lab)
    assert keeper(lab, key) is None
    bring(lab, DEFAULT, "Retain")
    await lab.elapse(30)
    assert keeper(lab, key) == {"kind": "Account", "name": "default"}
    await force_out(lab, restarted=restarted, at_once=at_once)
    assert await is_kept(lab, key)


@lives
@pytest.mark.parametrize("shared", [None, "Delete"])
async def test_an_edit_right_before_the_end_counts(shared: str | None, *, at_once: bool) -> None:
    lab = await lab_of(None, shared)
    key = await proxy(lab)
    bring(lab, DEFAULT, "Retain")
    lab.deliver()
    assert keeper(lab, key) is None
    await force_out(lab, restarted=False, at_once=at_once)
    assert await is_kept(lab, key)


@restarts
@lives
async def test_what_was_adopted_is_not_deleted_by_who_takes_the_place(
    *, restarted: bool, at_once: bool
) -> None:
    lab = await lab_of(None, "Delete")
    await by_hand(lab, "ModelProxy", PROXY_BODY)
    key = await proxy(lab)
    assert lab.get(key).status["adopted"] is True
    await force_out(lab, restarted=restarted, at_once=at_once)
    lab.restart()
    await lab.elapse(30)
    assert await is_kept(lab, key)


@restarts
async def test_what_was_not_kept_is_deleted_by_way_of_the_next(*, restarted: bool) -> None:
    lab = await lab_of(None, None)
    key = await proxy(lab)
    await force_out(lab, restarted=restarted, at_once=False)
    assert keeper(lab, key) is None
    assert not await is_kept(lab, key)


@restarts
@lives
async def test_an_own_policy_ends_it(*, restarted: bool, at_once: bool) -> None:
    lab = await lab_of("Retain", "Retain")
    key = await proxy(lab)
    await force_out(lab, restarted=restarted, at_once=at_once)
    lab.edit(key, deletionPolicy="Delete")
    assert not await is_kept(lab, key)


@restarts
async def test_an_account_that_the_spec_names_ends_it(*, restarted: bool) -> None:
    lab = await lab_of("Retain", None)
    key = await proxy(lab)
    await force_out(lab, restarted=restarted, at_once=False)
    assert keeper(lab, key) == {"kind": "Account", "name": "default"}
    lab.edit(key, accountRef={"kind": "ClusterAccount", "name": "default"})
    await lab.elapse(30)
    assert not await is_kept(lab, key)


@restarts
@pytest.mark.parametrize(("again", "kept"), [("Retain", True), (None, False)])
async def test_the_account_that_is_back_says_it_again(
    again: str | None, *, kept: bool, restarted: bool
) -> None:
    lab = await lab_of("Retain", None)
    key = await proxy(lab)
    await force_out(lab, restarted=restarted, at_once=False)
    bring(lab, DEFAULT, again)
    await lab.elapse(60)
    assert lives_in(lab, key) == "Account"
    assert await is_kept(lab, key) is kept


@restarts
async def test_a_shared_account_keeps_what_a_new_one_takes_over(*, restarted: bool) -> None:
    """The platform said Retain; an Account that a tenant puts before it does not undo that."""
    lab = await lab_of(None, "Retain")
    lab.cluster.vanish(DEFAULT)
    await lab.elapse(5)
    key = await proxy(lab)
    assert lives_in(lab, key) == "ClusterAccount"
    bring(lab, DEFAULT, "Delete")
    if restarted:
        lab.restart()
    await lab.elapse(60)
    assert lives_in(lab, key) == "Account"
    assert await is_kept(lab, key)


async def test_a_record_of_it_costs_no_call_and_no_write() -> None:
    counts = []
    for policy in (None, "Retain"):
        lab = await lab_of(policy, None)
        lab.calls.take()
        # Before the first routine look, whose time chance spreads.
        key = await proxy(lab)
        counts.append(lab.calls.take())
        assert (keeper(lab, key) is None) is (policy is None)
    assert counts[0] == counts[1]


async def test_what_is_kept_by_record_holds_no_other_account() -> None:
    lab = await lab_of("Retain", None)
    key = await proxy(lab)
    await force_out(lab, restarted=True, at_once=False)
    assert lives_in(lab, key) == "ClusterAccount"
    lab.cluster.delete(SHARED)
    await lab.elapse(30)
    assert lab.cluster.raw(SHARED) is None
    assert await is_kept(lab, key)


async def test_a_copied_record_keeps_nothing() -> None:
    lab = await lab_of(None, None)
    key = await proxy(lab)
    other = lab.cluster.apply("ModelProxy", "other", {**PROXY})
    await lab.elapse(20)
    told = {**lab.get(key).status, "retainedBy": {"kind": "Account", "name": "gone"}}
    lab.cluster.put_status(other, told)
    await lab.elapse(60)
    assert keeper(lab, other) is None
    lab.cluster.delete(other)
    await lab.elapse(60)
    [left] = made(lab, SAMPLES["ModelProxy"])
    assert left["modelProxyName"] == "it"
