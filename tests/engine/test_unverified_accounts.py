"""What a tenant's Account makes whose keys nobody verified, and what its word is worth to others.

It states the id of somebody else's cloud account and has keys of its own; nobody is to ask whose
they are. What its objects have on record is then in an account that nobody knows.
"""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.shared import (
    GOOD,
    PLAIN_RUNTIME,
    REF,
    REFUSED,
    SHARED,
    a_credential,
    apply,
    shared_lab,
)
from engine.specs import CREDENTIAL
from engine.strangers import CREDENTIAL_BODY, by_hand
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab, account_spec

LIAR = ObjectKey("Account", "team-b", "liar")
restarts = pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
ends = pytest.mark.parametrize("is_gone", [False, True], ids=["stays", "is deleted"])


async def lied_to(lab: Lab, name: str) -> ObjectKey:
    """Return an object that is in charge of what has a name in the account of other keys."""
    lab.cluster.put_secret("liar", keys_of(OTHER), namespace="team-b")
    spec = account_spec("liar", MAIN.account_id, identityCheck={"mode": "Off"})
    lab.cluster.apply("Account", LIAR.name, spec, namespace="team-b")
    await lab.elapse(5)
    # Retained, so that it does not hold its Account.
    more = {"externalName": name, "deletionPolicy": "Retain", "accountRef": {"name": LIAR.name}}
    fake = lab.cluster.apply("Credential", "fake", {**CREDENTIAL, **more}, namespace="team-b")
    await lab.elapse(20)
    assert lab.ready(fake) == GOOD, lab.message(fake)
    return fake


async def goes_on(lab: Lab, *, is_gone: bool, restarted: bool) -> None:
    if is_gone:
        lab.cluster.delete(LIAR)
        await lab.elapse(20)
        assert lab.cluster.raw(LIAR) is None
    if restarted:
        lab.restart()
        await lab.elapse(20)


def as_before_the_upgrade(lab: Lab, key: ObjectKey) -> None:
    status = lab.get(key).status
    account = {n: v for n, v in status["account"].items() if n != "identity"}
    lab.cluster.put_status(key, {**status, "account": account})


def written_to_owner(lab: Lab, since: int) -> list[Any]:
    return [r for r in lab.cloud_writes(since) if r["account"] == MAIN.account_id]


@ends
@restarts
@pytest.mark.parametrize("upgraded", [False, True], ids=["new", "upgraded"])
async def test_it_makes_nothing_of_a_shared_account_its_own(
    *, upgraded: bool, restarted: bool, is_gone: bool
) -> None:
    lab = await shared_lab()
    await by_hand(lab, "Credential", {**CREDENTIAL_BODY, "credentialName": "of-others"})
    fake = await lied_to(lab, "of-others")
    if upgraded:
        as_before_the_upgrade(lab, fake)
        lab.restart()
        await lab.elapse(400)
    await goes_on(lab, is_gone=is_gone, restarted=restarted)
    by_name = {**PLAIN_RUNTIME, "credentialRef": {"externalName": "of-others"}}
    user = await apply(lab, "AgentRuntime", "one", by_name)
    assert lab.ready(user) == REFUSED, lab.message(user)
    view = {**CREDENTIAL, "externalName": "of-others", "managementPolicy": "Observe"}
    watcher = await apply(lab, "Credential", "view", view)
    assert lab.ready(watcher) == REFUSED, lab.message(watcher)
    by_object = {**PLAIN_RUNTIME, "credentialRef": {"name": "fake"}}
    other = await apply(lab, "AgentRuntime", "two", by_object)
    expected = "DependencyNotReady" if is_gone else "AccountMismatch"
    assert lab.ready(other) == ("False", expected), lab.message(other)


@ends
@restarts
async def test_it_takes_no_name_from_its_owner(*, restarted: bool, is_gone: bool) -> None:
    lab = await shared_lab()
    await lied_to(lab, "a-key")
    owner = await a_credential(lab)
    await goes_on(lab, is_gone=is_gone, restarted=restarted)
    lab.edit(owner, description="edited")
    await lab.elapse(60)
    assert lab.ready(owner) == GOOD, lab.message(owner)


@ends
@restarts
async def test_its_objects_take_nothing_along_to_a_shared_account(
    *, restarted: bool, is_gone: bool
) -> None:
    lab = await shared_lab()
    fake = await lied_to(lab, "a-key")
    owner = await a_credential(lab)
    await goes_on(lab, is_gone=is_gone, restarted=restarted)
    since = lab.simulator.requests()[-1]["seq"]
    lab.edit(fake, **REF, deletionPolicy="Delete", description="stolen")
    await lab.elapse(60)
    assert lab.ready(fake) == ("False", "AccountChanged"), lab.message(fake)
    assert "identityCheck.mode: Off" in lab.message(fake)
    lab.cluster.delete(fake)
    await lab.elapse(120)
    assert written_to_owner(lab, since) == []
    assert lab.ready(owner) == GOOD, lab.message(owner)


async def test_another_account_of_the_namespace_may_take_its_place() -> None:
    lab = await shared_lab()
    fake = await lied_to(lab, "b-key")
    spec = account_spec("liar", MAIN.account_id, identityCheck={"mode": "Off"})
    lab.cluster.apply("Account", "renamed", spec, namespace="team-b")
    await lab.elapse(5)
    lab.edit(fake, accountRef={"name": "renamed"})
    await lab.elapse(30)
    assert lab.ready(fake) == GOOD, lab.message(fake)


async def test_an_account_with_verified_keys_is_believed_from_then() -> None:
    lab = await shared_lab()
    lab.cluster.put_secret("default-keys", keys_of(MAIN), namespace="team-b")
    spec = account_spec("default-keys", identityCheck={"mode": "Off"})
    account = lab.cluster.apply("Account", "default", spec, namespace="team-b")
    key = lab.cluster.apply("Credential", "b-key", CREDENTIAL, namespace="team-b")
    await lab.elapse(20)
    assert lab.get(key).status["account"]["identity"] == "NotVerified"
    lab.edit(account, identityCheck={"mode": "Verify"})
    await lab.elapse(600)
    assert "identity" not in lab.get(key).status["account"]
    lab.edit(key, **REF)
    await lab.elapse(30)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert lab.ready(SHARED) == GOOD
