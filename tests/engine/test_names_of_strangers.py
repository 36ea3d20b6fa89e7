"""Who may hold an external name against others: only who was shown to have keys of the account."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import PROXY, RUNTIME, SAMPLES, made
from engine.strangers import RUNTIME_BODY, by_hand
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab, account_spec

GOOD = ("True", "Available")


async def squatted(**spec: Any) -> tuple[Lab, ObjectKey, ObjectKey]:
    """Return a lab in which an older object claims a name in the account of the younger's owner.

    Its Account states the owner's id, and has keys of another account.
    """
    lab = Lab()
    lab.cluster.put_secret("default-keys", keys_of(OTHER), namespace="team-b")
    lie = account_spec("default-keys", MAIN.account_id, **spec)
    lab.cluster.apply("Account", "default", lie, namespace="team-b")
    squatter = lab.cluster.apply("ModelProxy", "it", PROXY, namespace="team-b")
    await lab.elapse(30)
    await lab.ready_account()
    owner = lab.cluster.apply("ModelProxy", "it", PROXY)
    return lab, squatter, owner


@pytest.mark.parametrize("mode", ["Verify", "Off"])
async def test_a_lie_about_the_account_holds_no_name(mode: str) -> None:
    lab, _, owner = await squatted(identityCheck={"mode": mode})
    await lab.elapse(30)
    assert lab.ready(owner) == GOOD, lab.message(owner)
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1


async def test_an_unverified_account_keeps_order_among_its_own_objects() -> None:
    lab = Lab()
    lab.cluster.put_secret("keys", keys_of(MAIN))
    spec = account_spec("keys", identityCheck={"mode": "Off"})
    lab.cluster.apply("Account", "default", spec)
    await lab.drain()
    lab.cluster.apply("ModelProxy", "old", {**PROXY, "externalName": "shared"})
    lab.clock.advance(2)
    young = lab.cluster.apply("ModelProxy", "young", {**PROXY, "externalName": "shared"})
    await lab.elapse(30)
    assert lab.ready(young) == ("False", "ExternalNameConflict")


async def test_wrong_keys_for_a_while_cost_nobody_a_name() -> None:
    lab = Lab()
    await lab.ready_account()
    old = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(30)
    await lab.ready_account(namespace="team-b")
    lab.cluster.put_secret("default-keys", keys_of(OTHER))
    await lab.elapse(30)
    young = lab.cluster.apply(
        "ModelProxy", "it", {**PROXY, "adoptionPolicy": "Adopt"}, namespace="team-b"
    )
    await lab.elapse(60)
    assert lab.ready(young) == ("False", "ExternalNameConflict")
    lab.cluster.put_secret("default-keys", keys_of(MAIN))
    await lab.elapse(400)
    assert lab.ready(old) == GOOD
    assert lab.ready(young) == ("False", "ExternalNameConflict")


async def test_who_comes_second_hears_of_a_marked_name_at_once() -> None:
    lab = Lab()
    await lab.ready_account()
    await by_hand(lab, "AgentRuntime", {**RUNTIME_BODY, "systemTags": ["x-agentrun-super"]})
    spec = {**RUNTIME, "externalName": "it"}
    # Of one second, so that the name decides; the second one is claimed before it is the second.
    young = lab.cluster.apply("AgentRuntime", "young", spec)
    await lab.drain()
    old = lab.cluster.apply("AgentRuntime", "old", spec)
    await lab.drain()
    assert lab.ready(old) == lab.ready(young) == ("False", "AlreadyExistsNotOwned")
    for name, left in (("missing", "ReferenceNotFound"), (None, "AlreadyExistsNotOwned")):
        lab.edit(old, credentialRef=name and {"name": name})
        await lab.elapse(2)
        assert lab.ready(old) == ("False", left)
        told = "AlreadyExistsNotOwned" if name is None else "ExternalNameConflict"
        assert lab.ready(young) == ("False", told)
