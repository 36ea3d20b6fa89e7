"""What a LIST leaves out, or shows of another account, ends nothing that a read has shown."""

from agentrun_operator.core.identity import ObjectKey
from engine.specs import RUNTIME, cloud_key
from fakes.cloud import OTHER, keys_of
from fakes.lab import Lab, account_spec

FLEET = 6
"""Enough for their collection to be read by LIST."""


async def fleet(**policies: str) -> tuple[Lab, ObjectKey]:
    """Return a lab with a fleet of runtimes, and the key of the one that has the policies."""
    lab = Lab()
    await lab.ready_account()
    keys = [lab.cluster.apply("AgentRuntime", f"it-{n}", RUNTIME) for n in range(FLEET)]
    await lab.elapse(30)
    lab.edit(keys[0], **policies)
    await lab.elapse(30)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    return lab, keys[0]


async def unset_in_the_console(lab: Lab, key: ObjectKey) -> None:
    """Let somebody take a field away: a read tells so, and a LIST leaves it out."""
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": None})
    lab.engine.queue.add(key, fresh=True)
    await lab.drain()


async def list_again(lab: Lab, key: ObjectKey) -> None:
    lab.engine.queue.add(key, fresh=False)
    await lab.elapse(70)


async def test_reported_drift_is_not_ended_by_a_list() -> None:
    lab, key = await fleet(driftPolicy="Report")
    await unset_in_the_console(lab, key)
    assert lab.ready(key) == ("False", "DriftDetected")
    await list_again(lab, key)
    assert lab.ready(key) == ("False", "DriftDetected")
    lab.restart()
    await lab.elapse(100)
    assert lab.ready(key) == ("False", "DriftDetected"), "nor by the first one of a new process"
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": "first"})
    await lab.elapse(100)
    assert lab.ready(key) == ("True", "Available")


async def test_an_observed_object_says_the_same_whoever_looked() -> None:
    lab, key = await fleet(managementPolicy="Observe")
    await unset_in_the_console(lab, key)
    told = lab.message(key)
    assert "description" in told
    await list_again(lab, key)
    assert lab.message(key) == told


async def test_what_is_ignored_is_said_the_same_whoever_looked() -> None:
    lab, key = await fleet(driftPolicy="Ignore")
    changes = {"memory": 8192, "description": None}
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), changes)
    await list_again(lab, key)
    told = lab.message(key)
    assert "memory" in told
    assert "description" in told
    lab.engine.queue.add(key, fresh=True)
    await lab.drain()
    assert lab.message(key) == told


async def test_an_observer_elsewhere_is_told_nothing_of_the_first() -> None:
    lab, first = await fleet()
    lab.cluster.put_secret("other-keys", keys_of(OTHER))
    lab.cluster.apply("Account", "other", account_spec("other-keys", OTHER.account_id))
    spec = {**RUNTIME, "managementPolicy": "Observe", "externalName": first.name}
    key = lab.cluster.apply("AgentRuntime", "watcher", spec)
    await lab.elapse(70)
    assert lab.ready(key) == ("True", "Available")
    lab.edit(key, accountRef={"name": "other"})
    await lab.drain()
    assert lab.ready(key) == ("False", "ExternalResourceMissing")
    status = lab.get(key).status
    assert status["account"]["accountId"] == OTHER.account_id
    assert not {"externalId", "atProvider"} & set(status), "which spoke of the first account"
    version = lab.get(key).resource_version
    await lab.elapse(100)
    lab.restart()
    await lab.elapse(100)
    assert lab.ready(key) == ("False", "ExternalResourceMissing")
    assert lab.get(key).resource_version == version, "and said so once"
