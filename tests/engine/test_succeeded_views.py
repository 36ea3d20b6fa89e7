"""In a shared account, what takes the place of what was observed is shown with a grant only."""

from typing import Any

import pytest

from engine.shared import (
    GOOD,
    PLAIN_RUNTIME,
    a_runtime,
    apply,
    entry,
    grant,
    made_by_a,
    refuses,
    shared_lab,
)
from engine.specs import CREDENTIAL, SERVICE, cloud_key

SUCCEEDED: dict[str, dict[str, Any]] = {
    "AgentRuntime": PLAIN_RUNTIME,
    "Credential": CREDENTIAL,
    "ModelService": SERVICE,
}


@pytest.mark.parametrize("is_seen_missing", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("kind", SUCCEEDED)
async def test_what_replaced_an_own_one_is_observed_with_a_grant(
    kind: str, *, is_seen_missing: bool
) -> None:
    lab = await shared_lab()
    spec = {**SUCCEEDED[kind], "externalName": "it"}
    key = await apply(lab, kind, "b", spec)
    lab.edit(key, managementPolicy="Observe")
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)
    lab.simulator.remove(kind, cloud_key(lab, key))
    if is_seen_missing:
        await lab.elapse(100)
        assert lab.ready(key) == ("False", "ExternalResourceMissing")
    await made_by_a(lab, kind, "a", spec)
    await lab.elapse(100)
    assert refuses(lab, key, "observe", f"{kind} 'it'")
    assert not {"atProvider", "drift"} & set(lab.get(key).status)
    grant(lab, entry("observe"))
    await lab.elapse(20)
    assert lab.ready(key) == GOOD, lab.message(key)


async def test_a_view_from_before_the_grants_ends_with_its_resource() -> None:
    lab = await shared_lab(entry("observe"))
    made = await a_runtime(lab)
    spec = {**PLAIN_RUNTIME, "externalName": "a_agent", "managementPolicy": "Observe"}
    key = await apply(lab, "AgentRuntime", "view", spec)
    # As a version left it that granted nothing.
    status = {n: v for n, v in lab.get(key).status.items() if n != "granted"}
    lab.cluster.put_status(key, status)
    grant(lab)
    await lab.elapse(100)
    assert lab.ready(key) == GOOD, lab.message(key)
    lab.edit(made, managementPolicy="Observe")
    lab.simulator.remove("AgentRuntime", cloud_key(lab, made))
    said = set()
    for _ in range(30):
        await lab.elapse(10)
        said.add(lab.message(key))
    assert refuses(lab, key, "observe", "AgentRuntime 'a_agent'")
    assert not [message for message in said if "does not exist" in message]
    assert "externalId" not in lab.get(key).status
