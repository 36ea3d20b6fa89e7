"""The engine as a whole: who is woken by what, and how it ends."""

import asyncio
from collections.abc import Callable

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.guard import LeadershipLost
from agentrun_simulator.faults import Fault
from engine.specs import CREDENTIAL, PROXY, SAMPLES, SECRET_VALUE, made, ready
from fakes.lab import Lab


async def users_of_a_secret() -> tuple[Lab, list[ObjectKey]]:
    """Return a lab with two credentials that read one Secret, and one that reads another."""
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    lab.cluster.put_secret("others", {"token": SECRET_VALUE})
    api_key = CREDENTIAL["apiKey"]
    assert isinstance(api_key, dict)
    other = {**api_key, "valueFrom": {"secretKeyRef": {"name": "others", "key": "token"}}}
    keys = [
        lab.cluster.apply("Credential", "one", CREDENTIAL),
        lab.cluster.apply("Credential", "two", CREDENTIAL),
        lab.cluster.apply("Credential", "three", {**CREDENTIAL, "apiKey": other}),
    ]
    await lab.elapse(5)
    assert {lab.ready(key) for key in keys} == {("True", "Available")}
    lab.calls.take()
    return lab, keys


async def test_a_rotation_wakes_exactly_its_users() -> None:
    lab, _ = await users_of_a_secret()
    lab.cluster.put_secret("keys", {"token": "rotated"})
    assert await lab.drain() == 2
    assert lab.calls.names.count("UpdateCredential") == 2
    assert str(lab.resources("Credential")).count("rotated") == 2


async def test_a_namesake_in_another_namespace_wakes_nobody() -> None:
    lab, _ = await users_of_a_secret()
    lab.cluster.put_secret("keys", {"token": "rotated"}, namespace="team-b")
    lab.cluster.put_config_map("keys", {"token": "rotated"})
    assert await lab.drain() == 0


async def test_our_own_status_wakes_nobody() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.annotate(key, reconcile_requested_at="now")
    assert await lab.drain() == 1, "the echo of the answer is no reason for a pass"


@pytest.mark.parametrize("first", [True, False], ids=["echo first", "answer first"])
async def test_a_pass_hears_its_own_echo_without_another(*, first: bool) -> None:
    lab = Lab()
    lab.echoes_first = first
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": SECRET_VALUE})
    lab.calls.take()
    key = lab.cluster.apply("Credential", "it", CREDENTIAL)
    await lab.elapse(10)
    assert lab.ready(key) == ("True", "Available")
    assert lab.calls.names.count("GetCredential") == 2
    assert lab.metrics.results["Credential", "success"] == 1
    assert sum(v for (kind, _), v in lab.metrics.results.items() if kind == "Credential") == 1
    assert len(lab.engine.queue) == 0


async def test_results_are_counted_and_conditions_shown() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    assert lab.metrics.conditions[key] == ("True", "Available")
    lab.simulator.inject(
        Fault.model_validate({"action": "Get.*", "effect": "html", "status": 502, "times": 3})
    )
    await lab.elapse(120)
    assert lab.metrics.results["ModelProxy", "error"] == 3
    assert lab.metrics.retried["ModelProxy"] == 3
    lab.cluster.delete(key)
    await lab.elapse(10)
    assert key not in lab.metrics.conditions


# ------------------------------------------------ the end


async def stop_at(lab: Lab, call: str) -> None:
    """Run the engine, and ask it to stop while a certain call is under way."""
    running = asyncio.ensure_future(lab.engine.run())

    def stop(name: str) -> None:
        if name == call:
            running.cancel()

    lab.calls.before = stop
    for _ in range(20_000):
        await asyncio.sleep(0)
        if running.done():
            break
    lab.calls.before = lambda _name: None
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("call", ["CreateModelProxy", "GetModelProxy", "add_finalizer"])
async def test_a_pass_in_flight_ends_before_the_process_does(call: str) -> None:
    lab = Lab()
    await lab.ready_account()
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    lab.deliver()
    await stop_at(lab, call)
    assert lab.get(key).external_id is not None, "the answer was recorded"
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1


def lose_the_lease(lab: Lab) -> Callable[[str], None]:
    def lose(name: str) -> None:
        if name == "GetModelProxy":
            lab.leadership.holds = False

    return lose


async def test_a_lost_lease_ends_the_engine() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.apply("ModelProxy", "it", PROXY)
    lab.deliver()
    lab.calls.before = lose_the_lease(lab)
    with pytest.raises(LeadershipLost):
        await asyncio.wait_for(lab.engine.run(), 60)
    assert lab.calls.names == ["add_finalizer", "GetModelProxy"], "nothing was written after that"


async def test_nobody_waits_for_a_pass_that_may_write_nothing() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.apply("ModelProxy", "it", PROXY)
    lab.deliver()
    await lab.engine.queue.take()  # in flight, and never done
    lab.clock.jumps = False
    running = asyncio.ensure_future(lab.engine.run())
    await asyncio.sleep(0)
    lab.leadership.holds = False
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 60)


@pytest.mark.parametrize("first", [False, True], ids=["answer first", "echo first"])
async def test_nothing_is_remembered_of_what_is_gone(*, first: bool) -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.echoes_first = first
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is None
    assert lab.world.memory.peek(key) is None


async def test_a_second_cancellation_leaves_no_task() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.apply("ModelProxy", "it", PROXY)
    lab.deliver()
    await lab.engine.queue.take()  # in flight, and never done
    lab.clock.jumps = False
    before = asyncio.all_tasks()
    running = asyncio.ensure_future(lab.engine.run())
    for _ in range(3):
        await asyncio.sleep(0)
        running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 60)
    assert asyncio.all_tasks() == before
