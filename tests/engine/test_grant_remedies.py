"""What is told of a resource of somebody else's in a shared account helps in that account."""

import pytest

from engine.shared import (
    GOOD,
    PLAIN_RUNTIME,
    REFUSED,
    a_credential,
    a_runtime,
    apply,
    entry,
    shared_lab,
)
from engine.specs import PROXY
from engine.strangers import PROXY_BODY, by_hand


@pytest.mark.parametrize("is_granted", [False, True])
async def test_the_remedy_names_the_grant_that_force_needs(*, is_granted: bool) -> None:
    lab = await shared_lab(*[entry("force")] * is_granted)
    made = await a_runtime(lab)
    lab.cluster.vanish(made)
    await lab.elapse(5)
    key = await apply(lab, "AgentRuntime", "it", {**PLAIN_RUNTIME, "externalName": "a_agent"})
    assert lab.ready(key) == ("False", "AlreadyExistsNotOwned")
    assert "adopt=force" in lab.message(key)
    told = "once ClusterAccount shared grants force to 'team-b' (ask "
    assert (told in lab.message(key)) is not is_granted, lab.message(key)
    lab.annotate(key, adopt="force")
    await lab.elapse(30)
    assert lab.ready(key) == (GOOD if is_granted else REFUSED), lab.message(key)


async def test_the_remedy_names_the_grant_that_adoption_needs() -> None:
    lab = await shared_lab(entry("executionRoles", "externalReferences"))
    await by_hand(lab, "ModelProxy", {**PROXY_BODY, "modelProxyName": "old"})
    key = await apply(lab, "ModelProxy", "old", {**PROXY, "adoptionPolicy": "Never"})
    assert lab.ready(key) == ("False", "AlreadyExistsNotOwned")
    told = "adoptionPolicy: Adopt to use it, once ClusterAccount shared grants adoption to 'team-b'"
    assert told in lab.message(key)


@pytest.mark.parametrize("is_granted", [False, True])
async def test_references_are_not_resolved_where_one_is_not_granted(*, is_granted: bool) -> None:
    lab = await shared_lab(entry("externalReferences")) if is_granted else await shared_lab()
    await a_credential(lab)
    lab.cluster.put_config_map("settings", {"mode": "calm"}, namespace="team-b")
    value = {"configMapKeyRef": {"name": "settings", "key": "mode"}}
    spec = {
        **PLAIN_RUNTIME,
        "credentialRef": {"externalName": "a-key"},
        "env": [{"name": "MODE", "valueFrom": value}],
    }
    key = await apply(lab, "AgentRuntime", "it", spec)
    assert lab.ready(key) == (GOOD if is_granted else REFUSED), lab.message(key)
    told = ("True", "Available") if is_granted else ("False", "NotGranted")
    assert lab.condition(key, "ReferencesResolved") == told
