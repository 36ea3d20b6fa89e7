"""An id of AgentRun that holds a value of a Secret is on no record: a status would show it."""

from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.identities import Identities
from engine.specs import RUNTIME, SAMPLES, lab_for
from fakes.lab import Lab

SPEC = {
    **RUNTIME,
    "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}],
}
IT = ObjectKey("AgentRuntime", "team-a", "it")
REFUSED = ("False", "ProviderFailed")
GOOD = ("True", "Available")


async def id_of_the_first() -> str:
    """Return the id that the simulator of every lab here gives the first runtime."""
    lab = await lab_with("no value of any id")
    [made] = lab.resources("AgentRuntime")
    return str(made["agentRuntimeId"])


async def lab_with(value: str, **spec: Any) -> Lab:
    lab = await lab_for(SAMPLES["AgentRuntime"])
    lab.simulator._cloud.engine.identities = Identities(4711)
    lab.cluster.put_secret("keys", {"token": value})
    lab.cluster.apply(IT.kind, IT.name, {**SPEC, **spec})
    await lab.elapse(30)
    return lab


def shown(lab: Lab) -> str:
    return str([lab.cluster.events, lab.cluster.raw(IT)])


@pytest.mark.parametrize("restarted", [False, True], ids=["alive", "restarted"])
@pytest.mark.parametrize("cut", [slice(None), slice(4, 20)], ids=["whole", "a part"])
async def test_an_id_that_is_a_secret_is_on_no_record(cut: slice, *, restarted: bool) -> None:
    ident = await id_of_the_first()
    lab = await lab_with(ident[cut])
    if restarted:
        lab.restart()
        await lab.elapse(60)
    assert lab.ready(IT) == REFUSED, lab.message(IT)
    assert "holds a value of a Secret" in lab.message(IT)
    assert ident[cut] not in shown(lab)
    assert len(lab.resources("AgentRuntime")) == 1, "no duplicate of it"
    lab.cluster.put_secret("keys", {"token": "another value"})
    await lab.elapse(120)
    assert lab.ready(IT) == GOOD, lab.message(IT)
    assert lab.get(IT).external_id == ident


async def test_what_has_no_id_on_record_is_deleted() -> None:
    lab = await lab_with(await id_of_the_first())
    lab.cluster.delete(IT)
    await lab.elapse(300)
    assert lab.cluster.raw(IT) is None
    assert lab.resources("AgentRuntime") == []


async def test_an_id_on_record_may_become_a_secret() -> None:
    """It was public before: somebody hands their workload its own id."""
    lab = await lab_with("no value of any id")
    ident = lab.get(IT).external_id
    assert ident
    lab.cluster.put_secret("keys", {"token": ident})
    await lab.elapse(120)
    lab.restart()
    await lab.elapse(120)
    assert lab.ready(IT) == GOOD, lab.message(IT)


async def test_what_observes_shows_no_id_that_is_a_secret() -> None:
    lab = await lab_with("no value of any id", externalName="base")
    ident = str(lab.get(IT).external_id)
    lab.cluster.put_secret("other", {"token": ident})
    env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "other", "key": "token"}}}]
    spec = {**SPEC, "env": env, "externalName": "base", "managementPolicy": "Observe"}
    view = lab.cluster.apply("AgentRuntime", "view", spec)
    await lab.elapse(30)
    assert lab.ready(view) == REFUSED, lab.message(view)
    assert ident not in str(lab.cluster.raw(view))


async def test_a_few_characters_in_common_are_chance() -> None:
    """A long value of hexadecimal digits shares that much with almost every id."""
    ident = await id_of_the_first()
    lab = await lab_with(f"0123456789 {ident[:8]} 9876543210")
    assert lab.ready(IT) == GOOD, lab.message(IT)
