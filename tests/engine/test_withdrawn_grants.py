"""A withdrawn grant stops what would be made, also with fields that no edit can change."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engine.shared import (
    GOOD,
    REFUSED,
    a_runtime,
    a_template,
    apply,
    entry,
    grant,
    shared_lab,
)
from engine.specs import SANDBOX, cloud_key
from fakes.lab import Lab

GRANT = "externalReferences"


async def endpoint_spec(lab: Lab) -> dict[str, Any]:
    ident = lab.get(await a_runtime(lab)).external_id
    return {"runtimeRef": {"externalName": ident}, "targetVersion": "LATEST"}


async def sandbox_spec(lab: Lab) -> dict[str, Any]:
    await a_template(lab)
    return {**SANDBOX, "restartPolicy": "Always", "templateRef": {"externalName": "a-box"}}


@pytest.mark.parametrize(
    ("kind", "name", "spec_in"),
    [("AgentRuntimeEndpoint", "b_end", endpoint_spec), ("Sandbox", "b", sandbox_spec)],
    ids=["a parent", "a template"],
)
async def test_what_vanished_refers_to_others_only_with_leave(
    kind: str, name: str, spec_in: Callable[[Lab], Awaitable[dict[str, Any]]]
) -> None:
    lab = await shared_lab(entry(GRANT))
    key = await apply(lab, kind, name, await spec_in(lab))
    assert lab.ready(key) == GOOD, lab.message(key)
    grant(lab)
    await lab.elapse(300)
    assert lab.ready(key) == GOOD, "what runs goes on"
    lab.edit(key, timeouts={"createSeconds": 700})
    await lab.elapse(30)
    assert lab.ready(key) == GOOD, "an edit of another field sends nothing of it"
    lab.simulator.remove(kind, cloud_key(lab, key))
    await lab.elapse(300)
    assert lab.ready(key) == REFUSED, lab.message(key)
    assert GRANT in lab.message(key)
    grant(lab, entry(GRANT))
    await lab.elapse(60)
    assert lab.ready(key) == GOOD, lab.message(key)
