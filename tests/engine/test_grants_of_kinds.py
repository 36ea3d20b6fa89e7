"""A kind whose use has a grant of its own: adopting one is no way around it."""

from dataclasses import replace
from typing import Any

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.kinds import catalogue
from engine.shared import GOOD, PLAIN_RUNTIME, apply, entry, grant, refuses, shared_lab
from engine.specs import CREDENTIAL
from engine.strangers import CREDENTIAL_BODY, by_hand
from fakes.lab import Lab

KINDS = {**catalogue(), "Credential": replace(catalogue()["Credential"], grant="workspaces")}
"""Whoever uses a Credential is to be asked for the grant `workspaces`."""
ADOPTS = {**CREDENTIAL, "adoptionPolicy": "Adopt"}


async def lab_with(*allow: dict[str, Any]) -> Lab:
    """Return a lab with a Credential `it` that nobody marked."""
    lab = await shared_lab(*allow, kinds=KINDS)
    await by_hand(lab, "Credential", CREDENTIAL_BODY)
    return lab


async def used(lab: Lab, **reference: str) -> ObjectKey:
    return await apply(lab, "AgentRuntime", "b_user", {**PLAIN_RUNTIME, "credentialRef": reference})


async def test_what_the_namespace_made_is_used_freely() -> None:
    lab = await shared_lab(kinds=KINDS)
    made = await apply(lab, "Credential", "own", CREDENTIAL)
    assert lab.ready(made) == GOOD, lab.message(made)
    lab.restart()
    for name, reference in {"b_one": {"name": "own"}, "b_two": {"externalName": "own"}}.items():
        user = await apply(lab, "AgentRuntime", name, {**PLAIN_RUNTIME, "credentialRef": reference})
        assert lab.ready(user) == GOOD, lab.message(user)


async def test_one_by_its_external_name_needs_the_grant_of_its_kind() -> None:
    lab = await lab_with(entry("externalReferences", "adoption", "observe"))
    user = await used(lab, externalName="it")
    assert refuses(lab, user, "spec.credentialRef", "workspaces of AgentRuntime 'it'")
    grant(lab, entry("workspaces", kinds=["AgentRuntime"], names=["it"]))
    await lab.elapse(20)
    assert lab.ready(user) == GOOD, lab.message(user)


async def test_adopting_one_asks_for_both_grants() -> None:
    lab = await lab_with()
    key = await apply(lab, "Credential", "it", ADOPTS)
    assert refuses(lab, key, "does not grant adoption and workspaces of Credential 'it'")
    for half in ("adoption", "workspaces"):
        grant(lab, entry(half))
        await lab.elapse(20)
        other = "workspaces" if half == "adoption" else "adoption"
        assert refuses(lab, key, f"does not grant {other} of Credential 'it'")
    grant(lab, entry("adoption"), entry("workspaces", kinds=["Credential"], names=["it"]))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert lab.get(key).status["adopted"] is True


async def test_what_was_adopted_lends_nobody_anything() -> None:
    lab = await lab_with(entry("adoption", "workspaces"))
    key = await apply(lab, "Credential", "it", ADOPTS)
    assert lab.ready(key) == GOOD, lab.message(key)
    grant(lab, entry("adoption"))
    user = await used(lab, name="it")
    assert refuses(lab, user, "spec.credentialRef", "workspaces of AgentRuntime 'it'")
    lab.edit(user, credentialRef={"externalName": "it"})
    await lab.elapse(20)
    assert refuses(lab, user, "spec.credentialRef", "workspaces of AgentRuntime 'it'")
    grant(lab, entry("workspaces"))
    await lab.elapse(20)
    assert lab.ready(user) == GOOD, lab.message(user)


async def test_force_asks_for_the_grant_of_the_kind_as_well() -> None:
    lab = await lab_with(entry("force"))
    forced = {"agentrun.dev/adopt": "force"}
    key = await apply(lab, "Credential", "it", CREDENTIAL, annotations=forced)
    assert refuses(lab, key, "does not grant workspaces of Credential 'it'")
    grant(lab, entry("force", "workspaces"))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)


async def test_one_that_only_observes_lends_nobody_what_it_shows() -> None:
    lab = await lab_with(entry("observe", "externalReferences"))
    view = await apply(lab, "Credential", "it", {**CREDENTIAL, "managementPolicy": "Observe"})
    assert lab.ready(view) == GOOD, lab.message(view)
    assert refuses(lab, await used(lab, name="it"), "workspaces of AgentRuntime 'it'")
