"""What a deletion waits for is told with a way out that works."""

from collections.abc import Mapping

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from engine.shared import GOOD, PLAIN_RUNTIME, SHARED, apply, shared_lab
from engine.specs import PROXY, SAMPLES, lab_for, ready
from engine.strangers import RUNTIME_BODY, by_hand
from fakes.lab import account_spec

DEFAULT = ObjectKey("Account", "team-a", "default")


@pytest.mark.parametrize("way_out", ["allowed again", "given up"])
async def test_a_namespace_that_is_no_longer_admitted(way_out: str) -> None:
    lab = await shared_lab()
    key = await apply(lab, "AgentRuntime", "it", PLAIN_RUNTIME)
    assert lab.ready(key) == GOOD
    lab.edit(SHARED, allowedNamespaces={"names": ["other"]})
    lab.restart()
    await lab.elapse(60)
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    told = lab.message(key)
    assert "add the namespace to its spec.allowedNamespaces" in told
    assert "accountRef" not in told, "the resource stays where it is"
    assert "kubectl patch agentruntime it -n team-b --type merge" in told
    if way_out == "given up":
        lab.edit(key, deletionPolicy="Retain")
    else:
        lab.edit(SHARED, allowedNamespaces={"names": ["team-b"]})
    await lab.elapse(300)
    assert lab.cluster.raw(key) is None
    assert len(lab.resources("AgentRuntime")) == (1 if way_out == "given up" else 0)


@pytest.mark.parametrize("edit", [{"managementPolicy": "Observe"}, {"deletionPolicy": "Retain"}])
async def test_an_account_goes_when_its_user_holds_no_more(edit: Mapping[str, str]) -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.cluster.delete(DEFAULT)
    await lab.elapse(5)
    assert lab.ready(DEFAULT) == ("False", "DeletionBlocked")
    assert "or set their spec.deletionPolicy to Retain" in lab.message(DEFAULT)
    lab.edit(key, **edit)
    await lab.elapse(5)
    assert lab.cluster.raw(DEFAULT) is None, "not only with the next look, 30 seconds later"


async def test_what_its_user_left_for_another_goes_soon() -> None:
    lab = await lab_for(SAMPLES["Credential"])
    for name in ("one", "two"):
        lab.cluster.apply("Credential", name, SAMPLES["Credential"].spec)
    await lab.elapse(15)
    user = lab.cluster.apply("ModelProxy", "it", {**PROXY, "credentialRef": {"name": "one"}})
    await lab.elapse(15)
    left = ObjectKey("Credential", "team-a", "one")
    lab.cluster.delete(left)
    await lab.elapse(1)
    assert lab.ready(left) == ("False", "DeletionBlocked")
    since = lab.simulator.requests()[-1]["seq"]
    lab.edit(user, credentialRef={"name": "two"})
    await lab.elapse(20)
    assert lab.cluster.raw(left) is None, "not only with its next look, up to 30 seconds later"
    assert lab.writes_to_cloud(since) == ["UpdateModelProxy", "DeleteCredential"]


async def test_an_account_its_user_left_goes_soon() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.cluster.apply("Account", "second", account_spec("default-keys"))
    await lab.elapse(5)
    lab.cluster.delete(DEFAULT)
    await lab.elapse(1)
    assert lab.ready(DEFAULT) == ("False", "DeletionBlocked")
    lab.edit(key, accountRef={"name": "second"})
    await lab.elapse(10)
    assert lab.ready(key) == GOOD
    assert lab.cluster.raw(DEFAULT) is None, "not only with its next look, up to 30 seconds later"


async def test_what_strangers_use_in_the_cloud_can_be_given_up() -> None:
    lab, key = await ready(SAMPLES["Credential"])
    await by_hand(lab, "AgentRuntime", {**RUNTIME_BODY, "credentialName": key.name})
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    told = lab.message(key)
    assert "it is deleted when nothing in AgentRun uses it any more" in told
    assert f"kubectl patch credential {key.name} -n team-a --type merge" in told
    lab.edit(key, deletionPolicy="Retain")
    await lab.elapse(30)
    assert lab.cluster.raw(key) is None
    assert len(lab.resources("Credential")) == 1


async def test_a_refusal_that_an_answer_disproved_is_not_told_again() -> None:
    """The keys may delete by now: in turns with the answer, it would be told for ever."""
    lab, key = await ready(SAMPLES["Credential"])
    await by_hand(lab, "AgentRuntime", {**RUNTIME_BODY, "credentialName": key.name})
    refusal = {"action": "DeleteCredential", "effect": "error", "status": 403, "times": 1}
    lab.simulator.inject(Fault.model_validate({**refusal, "code": "NoPermission"}))
    lab.cluster.delete(key)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "AccessDenied")
    for _ in range(30):
        await lab.elapse(20)
        if lab.ready(key)[1] == "DeletionBlocked":
            break
    for _ in range(20):
        assert lab.ready(key) == ("False", "DeletionBlocked")
        await lab.elapse(20)
