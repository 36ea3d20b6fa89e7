"""A Workspace, and who lives in it."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.wire import field_rules
from agentrun_operator.kinds import catalogue
from engine.shared import GOOD
from engine.specs import SAMPLES
from fakes.examples import CLOUD_KINDS
from fakes.lab import Lab

TEAM = {"description": "agents of team a"}
PLACED = tuple(
    kind
    for kind in CLOUD_KINDS
    if any(rule.api == "workspaceId" for rule in field_rules(catalogue()[kind]))
)
"""The kinds whose resources live in a workspace."""


async def team(lab: Lab, name: str = "team", **more: Any) -> ObjectKey:
    key = lab.cluster.apply("Workspace", name, TEAM, **more)
    await lab.elapse(10)
    return key


async def used(lab: Lab, kind: str = "Tool", **place: Any) -> ObjectKey:
    key = lab.cluster.apply(kind, "it", {**SAMPLES[kind].spec, **place})
    await lab.elapse(20)
    return key


async def lab_with_team() -> tuple[Lab, ObjectKey, str]:
    """Return a lab with a Workspace that is Ready, and its id."""
    lab = Lab()
    await lab.ready_account()
    key = await team(lab)
    assert lab.ready(key) == GOOD, lab.message(key)
    return lab, key, str(lab.get(key).external_id)


# ------------------------------------------------ its users


def test_what_lives_in_a_workspace_is_found() -> None:
    assert {"AgentRuntime", "Credential", "Flow"} <= set(PLACED)
    assert not {"Workspace", "AgentRuntimeEndpoint", "Sandbox"} & set(PLACED)


@pytest.mark.parametrize("kind", PLACED)
async def test_a_user_waits_for_its_workspace_and_is_put_into_it(kind: str) -> None:
    lab = Lab()
    await lab.ready_account()
    await SAMPLES[kind].prepare(lab)
    key = await team(lab, annotations={"agentrun.dev/paused": "true"})
    user = await used(lab, kind, workspaceRef={"name": "team"})
    assert lab.ready(user) == ("False", "DependencyNotReady"), lab.message(user)
    lab.annotate(key, paused="false")
    await lab.elapse(20)
    assert lab.ready(user) == GOOD, lab.message(user)
    ident = lab.get(key).external_id
    places = [r["workspaceId"] for r in lab.resources(SAMPLES[kind].family)]
    assert places.count(ident) == 1
    assert lab.get(user).status["atProvider"]["workspaceId"] == ident
    lab.restart()
    since = lab.simulator.requests()[-1]["seq"]
    await lab.elapse(200)
    assert lab.ready(user) == GOOD, lab.message(user)
    assert lab.writes_to_cloud(since) == []


async def test_a_workspace_in_agentrun_only_is_named_by_its_id() -> None:
    lab = Lab()
    await lab.ready_account()
    user = await used(lab, workspaceRef={"externalName": "ws-1"})
    assert lab.ready(user) == GOOD, lab.message(user)
    assert [r["workspaceId"] for r in lab.resources("Tool")] == ["ws-1"]


async def test_its_users_hold_a_workspace() -> None:
    lab, key, _ = await lab_with_team()
    user = await used(lab, workspaceRef={"name": "team"})
    lab.cluster.delete(key)
    await lab.elapse(10)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    assert str(user) in lab.message(key)
    lab.cluster.delete(user)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert lab.resources("Workspace") == []


async def test_what_moves_behind_our_back_is_told_and_not_moved_back() -> None:
    lab, _, ident = await lab_with_team()
    user = await used(lab, workspaceRef={"name": "team"})
    lab.simulator.edit("Tool", "it", {"workspaceId": "elsewhere"})
    await lab.elapse(100)
    assert lab.ready(user) == ("False", "ImmutableFieldChanged"), lab.message(user)
    [drift] = lab.get(user).status["drift"]
    told = {name: drift[name] for name in ("path", "desired", "observed")}
    assert told == {"path": "workspace.id", "desired": ident, "observed": "elsewhere"}


async def test_who_names_a_workspace_by_its_id_stays_as_it_is() -> None:
    lab, _, ident = await lab_with_team()
    user = await used(lab, workspace={"id": ident})
    assert lab.ready(user) == GOOD, lab.message(user)
    # The path as the version before wrote it, which had no other way to say it.
    assert "workspace.id" in lab.get(user).status["applied"]
    since = lab.simulator.requests()[-1]["seq"]
    lab.restart()
    await lab.elapse(200)
    assert lab.writes_to_cloud(since) == []
    lab.edit(user, ignoreFields=["workspace.id"])
    lab.simulator.edit("Tool", "it", {"workspaceId": "elsewhere"})
    await lab.elapse(100)
    assert lab.ready(user) == GOOD, lab.message(user)


# ------------------------------------------------ its end


async def test_the_default_workspace_can_be_given_up_alone() -> None:
    lab = Lab()
    await lab.ready_account()
    key = lab.cluster.apply("Workspace", "default", {**TEAM, "deletionPolicy": "Delete"})
    await lab.elapse(15)
    assert lab.ready(key) == GOOD, lab.message(key)
    assert lab.get(key).status["atProvider"]["isDefault"] is True
    await _goes_only_if_given_up(lab, key)
    [default] = lab.simulator.resources()["Workspace"]
    assert default["name"] == "default"


async def test_a_workspace_that_is_not_empty_can_be_given_up_alone() -> None:
    lab, key, ident = await lab_with_team()
    await used(lab, workspace={"id": ident})
    await _goes_only_if_given_up(lab, key)
    assert len(lab.resources("Workspace")) == 1


async def _goes_only_if_given_up(lab: Lab, key: ObjectKey) -> None:
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "DeletionBlocked"), lab.message(key)
    told = f"to give it up instead: kubectl patch workspace {key.name} -n team-a --type merge"
    assert told in lab.message(key)
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
