"""Who observes may follow its reference elsewhere: what it saw before gives no view of that."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.shared import (
    GOOD,
    PLAIN_RUNTIME,
    REF,
    REFUSED,
    a_runtime,
    apply,
    entry,
    grant,
    made_by_a,
    shared_lab,
)
from engine.specs import CREDENTIAL
from engine.strangers import CREDENTIAL_BODY, by_hand
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab, account_spec

SHOWN = {"atProvider", "externalId", "drift", "granted"}
UNVERIFIED = {"identityCheck": {"mode": "Off"}}


async def seen_elsewhere(lab: Lab, account_id: str, **more: Any) -> ObjectKey:
    """Return an object that observes a Credential of its own Account, of a name that others use."""
    lab.cluster.put_secret("own", keys_of(OTHER), namespace="team-b")
    spec = account_spec("own", account_id, **more)
    lab.cluster.apply("Account", "own", spec, namespace="team-b")
    await lab.elapse(5)
    own = {**CREDENTIAL, "externalName": "of-others", "accountRef": {"name": "own"}}
    retained = {**own, "deletionPolicy": "Retain"}
    lab.cluster.apply("Credential", "mine", retained, namespace="team-b")
    await lab.elapse(20)
    watching = {**own, "managementPolicy": "Observe"}
    view = lab.cluster.apply("Credential", "view", watching, namespace="team-b")
    await lab.elapse(20)
    assert lab.ready(view) == GOOD, lab.message(view)
    return view


@pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
@pytest.mark.parametrize(
    ("account_id", "more"),
    [(OTHER.account_id, {}), (MAIN.account_id, UNVERIFIED)],
    ids=["another account", "the same by its own word"],
)
async def test_a_view_of_an_own_account_gives_none_of_a_shared_one(
    account_id: str, more: dict[str, Any], *, restarted: bool
) -> None:
    lab = await shared_lab()
    await by_hand(lab, "Credential", {**CREDENTIAL_BODY, "credentialName": "of-others"})
    view = await seen_elsewhere(lab, account_id, **more)
    if restarted:
        lab.restart()
    lab.edit(view, **REF)
    await lab.elapse(60)
    assert lab.ready(view) == REFUSED, lab.message(view)
    assert not SHOWN & set(lab.get(view).status)
    grant(lab, entry("observe", kinds=["Credential"]))
    await lab.elapse(20)
    assert lab.ready(view) == GOOD, lab.message(view)


async def test_an_observed_endpoint_moves_below_no_strange_runtime() -> None:
    """The CRD refuses the edit; a version before may have let it through."""
    lab = await shared_lab(entry("observe"))
    theirs = await a_runtime(lab, "a-agent", externalName="a_agent")
    below = {"targetVersion": "LATEST", "externalName": "end"}
    await made_by_a(
        lab, "AgentRuntimeEndpoint", "end", {**below, "runtimeRef": {"name": "a-agent"}}
    )
    await apply(lab, "AgentRuntime", "b-agent", {**PLAIN_RUNTIME, "externalName": "b_agent"})
    own = {**below, "runtimeRef": {"name": "b-agent"}}
    await apply(lab, "AgentRuntimeEndpoint", "end", own)
    view = await apply(lab, "AgentRuntimeEndpoint", "view", {**own, "managementPolicy": "Observe"})
    assert lab.ready(view) == GOOD, lab.message(view)
    lab.edit(view, runtimeRef={"externalName": lab.get(theirs).external_id})
    await lab.elapse(60)
    assert lab.ready(view) == REFUSED, lab.message(view)
    assert "spec.runtimeRef" in lab.message(view)


async def test_a_view_ends_with_the_label_that_granted_it() -> None:
    gold = {"namespaceSelector": {"matchLabels": {"tier": "gold"}}, "grants": ["observe"]}
    lab = await shared_lab(gold)
    await by_hand(lab, "Credential", {**CREDENTIAL_BODY, "credentialName": "console"})
    lab.cluster.label_namespace("team-b", {"tier": "gold"})
    spec = {**CREDENTIAL, "externalName": "console", "managementPolicy": "Observe"}
    view = await apply(lab, "Credential", "view", spec)
    assert lab.ready(view) == GOOD, lab.message(view)
    lab.cluster.label_namespace("team-b", {})
    await lab.elapse(900)
    assert lab.ready(view) == REFUSED, lab.message(view)
    assert not SHOWN & set(lab.get(view).status)
