"""One LIST per collection serves all its objects, wakes those that changed, and no other."""

import asyncio

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.guard import LeadershipLost
from agentrun_simulator.faults import Fault
from engine.specs import (
    RUNTIME,
    SAMPLES,
    SECRET_VALUE,
    Sample,
    cloud_key,
    made,
)
from fakes.cloud import OTHER, keys_of
from fakes.lab import Lab, account_spec

FLEET = 6
polled = pytest.mark.parametrize(
    "sample", [SAMPLES["AgentRuntime"], SAMPLES["ModelProxy"]], ids=lambda s: s.kind
)


async def fleet(sample: Sample, count: int = FLEET) -> tuple[Lab, list[ObjectKey]]:
    """Return a lab with so many Ready objects of one kind."""
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    keys = [lab.cluster.apply(sample.kind, f"it-{n}", sample.spec) for n in range(count)]
    await lab.elapse(30)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    lab.calls.take()
    return lab, keys


def count(lab: Lab, prefix: str) -> int:
    return len([name for name in lab.calls.names if name.startswith(prefix)])


@polled
async def test_a_quiet_fleet_costs_one_list_per_interval(sample: Sample) -> None:
    lab, _ = await fleet(sample)
    await lab.elapse(120)
    lab.calls.take()
    before = sum(lab.metrics.results.values())
    await lab.elapse(600)
    assert 9 <= count(lab, "List") <= 11
    assert count(lab, "Get") == 0
    assert sum(lab.metrics.results.values()) == before, "and not a single pass"


async def test_few_objects_are_read_one_by_one() -> None:
    lab, _ = await fleet(SAMPLES["AgentRuntime"], 3)
    await lab.elapse(120)
    assert count(lab, "List") == 0
    assert 3 <= count(lab, "Get") <= 12


async def test_what_is_left_of_a_fleet_is_read_one_by_one() -> None:
    lab, keys = await fleet(SAMPLES["AgentRuntime"])
    await lab.elapse(120)
    for key in keys[2:]:
        lab.cluster.delete(key)
    await lab.elapse(60)
    lab.simulator.edit("AgentRuntime", cloud_key(lab, keys[0]), {"description": "console"})
    await lab.elapse(120)
    assert {r["description"] for r in made(lab, SAMPLES["AgentRuntime"])} == {"first"}


@polled
async def test_drift_in_a_fleet_costs_one_read_and_one_write(sample: Sample) -> None:
    lab, keys = await fleet(sample)
    await lab.elapse(120)
    lab.calls.take()
    lab.simulator.edit(sample.family, cloud_key(lab, keys[2]), {"description": "console"})
    await lab.elapse(70)
    assert {r["description"] for r in made(lab, sample)} == {"first"}
    assert count(lab, "Update") == 1
    assert count(lab, "Get") <= 3
    assert lab.ready(keys[2]) == ("True", "Available")


@polled
@pytest.mark.parametrize("wait", [5, 30, 55])
async def test_drift_soon_after_a_restart_is_seen(sample: Sample, wait: int) -> None:
    lab, keys = await fleet(sample)
    lab.restart()
    await lab.elapse(wait)
    lab.simulator.edit(sample.family, cloud_key(lab, keys[2]), {"description": "console"})
    await lab.elapse(130)
    assert {r["description"] for r in made(lab, sample)} == {"first"}


@pytest.mark.parametrize("wait", [5, 30, 55])
async def test_drift_soon_after_a_create_is_seen(wait: int) -> None:
    sample = SAMPLES["AgentRuntime"]
    lab, _ = await fleet(sample)
    await lab.elapse(100)
    key = lab.cluster.apply("AgentRuntime", "late", RUNTIME)
    await lab.elapse(wait + 3)
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": "console"})
    await lab.elapse(130)
    assert {r["description"] for r in made(lab, sample)} == {"first"}


@pytest.mark.parametrize("kind", ["AgentRuntimeEndpoint", "ModelProxy", "Credential"])
async def test_the_same_drift_once_more_is_noticed(kind: str) -> None:
    sample = SAMPLES[kind]
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    lab.simulator.configure({"transitionSeconds": 0})
    await sample.prepare(lab)
    spec = {**sample.spec, "description": "ours"}
    key, *_ = [lab.cluster.apply(kind, f"it-{n}", spec) for n in range(FLEET)]
    await lab.elapse(120)
    lab.calls.take()
    for times in (1, 2):
        values = {"description": "theirs"}
        lab.simulator.edit(sample.family, cloud_key(lab, key), values)
        for _ in range(150):
            # No longer than that: no LIST is to see that it was corrected.
            await lab.elapse(1 if count(lab, "Update") < times else 0)
        assert count(lab, "Update") == times
        lab.annotate(key, reconcile_requested_at=str(times))
        await lab.drain()
        assert lab.ready(key) == ("True", "Available")


@polled
async def test_what_went_missing_is_noticed(sample: Sample) -> None:
    lab, keys = await fleet(sample)
    await lab.elapse(100)
    lab.simulator.remove(sample.family, cloud_key(lab, keys[0]))
    await lab.elapse(130)
    assert len(made(lab, sample)) == FLEET
    assert count(lab, "Create") == 1


async def test_what_goes_missing_twice_between_two_lists_is_noticed() -> None:
    sample = SAMPLES["ModelService"]
    lab, keys = await fleet(sample)
    await lab.elapse(120)
    lab.simulator.remove(sample.family, cloud_key(lab, keys[1]))
    while len(made(lab, sample)) < FLEET:
        await lab.elapse(1)
    await lab.elapse(1)
    lab.simulator.remove(sample.family, cloud_key(lab, keys[1]))
    await lab.elapse(130)
    assert len(made(lab, sample)) == FLEET


async def test_a_kind_whose_list_says_little_is_read_when_it_changed() -> None:
    lab, keys = await fleet(SAMPLES["Credential"])
    await lab.elapse(120)
    lab.calls.take()
    await lab.elapse(300)
    assert count(lab, "Get") == 0
    lab.simulator.edit("Credential", cloud_key(lab, keys[1]), {"credentialSecret": "stolen"})
    await lab.elapse(130)
    assert "stolen" not in str(lab.resources("Credential"))
    assert count(lab, "Update") == 1
    lab.calls.take()
    await lab.elapse(1900)
    assert FLEET <= count(lab, "Get") <= 3 * FLEET, "each in half an hour"


async def test_a_start_reads_each_credential_once() -> None:
    lab, _ = await fleet(SAMPLES["Credential"])
    lab.restart()
    await lab.elapse(200)
    assert count(lab, "GetCredential") == FLEET


async def test_a_fleet_in_transition_is_polled_by_lists() -> None:
    lab = Lab(transition_seconds=30)
    await lab.ready_account()
    keys = [lab.cluster.apply("AgentRuntime", f"it-{n}", RUNTIME) for n in range(20)]
    await lab.elapse(60)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    per_object = (count(lab, "List") + count(lab, "Get")) / 20
    # One look-up and one confirming read each; the rest is shared.
    assert per_object <= 3.5


async def test_an_outage_is_not_hammered() -> None:
    lab, _ = await fleet(SAMPLES["AgentRuntime"])
    await lab.elapse(100)
    lab.calls.take()
    lab.simulator.inject(
        Fault.model_validate({"action": "List.*", "effect": "html", "status": 502, "times": None})
    )
    await lab.elapse(300)
    # Those of the poller, and one in half a minute by which the account finds out.
    assert count(lab, "List") <= 18


async def test_a_dead_account_does_not_keep_others_from_being_polled() -> None:
    lab, keys = await fleet(SAMPLES["AgentRuntime"])
    lab.cluster.put_secret("other-keys", keys_of(OTHER))
    lab.cluster.apply("Account", "other", account_spec("other-keys", OTHER.account_id))
    await lab.drain()
    spec = {**RUNTIME, "accountRef": {"name": "other"}}
    for n in range(FLEET):
        lab.cluster.apply("AgentRuntime", f"other-{n}", spec)
    await lab.elapse(100)
    lab.simulator.inject(
        Fault.model_validate({"account": "20002", "effect": "drop-before", "times": None})
    )
    lab.simulator.edit("AgentRuntime", cloud_key(lab, keys[0]), {"description": "console"})
    await lab.elapse(130)
    assert {r["description"] for r in made(lab, SAMPLES["AgentRuntime"])} == {"first"}


async def test_partitions_and_namespaces_have_lists_of_their_own() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    lab.simulator.configure({"switches": {"requireModelType": True}})
    for n in range(FLEET):
        for model_type in ("llm", "rerank"):
            spec = {**SAMPLES["ModelService"].spec, "modelType": model_type}
            lab.cluster.apply("ModelService", f"{model_type}-{n}", spec)
    await lab.elapse(100)
    at = lab.world.listings.count()
    assert {dict(c.partition)["modelType"] for c in at} == {"llm", "rerank"}
    assert {len(held) for held in at.values()} == {FLEET}
    lab.simulator.edit("ModelService", "rerank-0", {"provider": "openai"})
    await lab.elapse(130)
    drifted = ObjectKey("ModelService", "team-a", "rerank-0")
    assert lab.ready(drifted) == ("False", "ImmutableFieldChanged")


async def test_a_cluster_that_does_not_answer_ends_no_poller() -> None:
    lab, _ = await fleet(SAMPLES["AgentRuntime"])
    await lab.elapse(100)
    lab.calls.take()
    lab.world.clients.secret_changed(ObjectKey("Secret", "team-a", "default-keys"))
    lab.cluster.client.is_reachable = False
    await lab.elapse(100)
    assert count(lab, "List") == 0
    lab.cluster.client.is_reachable = True
    await lab.elapse(100)
    assert count(lab, "List") >= 1


async def test_an_account_that_has_to_wait_keeps_no_other_waiting() -> None:
    lab, keys = await fleet(SAMPLES["AgentRuntime"])
    lab.cluster.put_secret("other-keys", keys_of(OTHER))
    lab.cluster.apply("Account", "other", account_spec("other-keys", OTHER.account_id))
    await lab.drain()
    for n in range(FLEET):
        lab.cluster.apply(
            "AgentRuntime", f"other-{n}", {**RUNTIME, "accountRef": {"name": "other"}}
        )
    await lab.elapse(100)
    slow_down = {"status": 429, "code": "Throttling.User", "headers": {"retry-after": "250"}}
    lab.simulator.inject(
        Fault.model_validate(
            {"account": "20002", "action": "List.*", "effect": "error", "times": None, **slow_down}
        )
    )
    lab.clock.jumps = False
    polling = asyncio.ensure_future(lab.engine._poller.run())
    for second in range(200):
        if second == 70:
            key = cloud_key(lab, keys[0])
            lab.simulator.edit("AgentRuntime", key, {"description": "console"})
        lab.clock.advance(1)
        for _ in range(50):
            await asyncio.sleep(0)
        await lab.drain()
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    assert {r["description"] for r in made(lab, SAMPLES["AgentRuntime"])} == {"first"}
    assert lab.calls.names.count("ListAgentRuntimes") >= 4


async def test_a_lease_that_ran_out_ends_the_poller_as_such() -> None:
    lab, _ = await fleet(SAMPLES["AgentRuntime"])
    lab.leadership.holds = False
    with pytest.raises(LeadershipLost):
        await lab.engine._poller.run()
