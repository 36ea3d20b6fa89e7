"""Somebody undoes our corrections: told per field, ever rarer tries, and a way out."""

import itertools
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile import corrections
from agentrun_simulator.faults import Fault
from engine.specs import SAMPLES, cloud_key, made, ready, updates
from fakes.lab import Lab

RUNTIMES, PROXIES = SAMPLES["AgentRuntime"], SAMPLES["ModelProxy"]
BARE = KubeObject.of(
    {"metadata": {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "1"}}, "Tool"
)


class Fight:
    """Somebody who undoes whatever is corrected."""

    def __init__(self) -> None:
        self.corrected = corrections.CorrectedFields()
        self.now = 0.0

    def drift(self, *paths: str, after: float = 60.0) -> frozenset[str]:
        """Let paths differ after a while; correct what may be, and return the rest."""
        self.now += after
        self.corrected.note_peace(self.now, paths)
        rest = self.corrected.contested(BARE, paths, self.now)
        self.corrected.note_corrections(set(paths) - rest, self.now)
        return rest


def test_the_sixth_time_in_ten_minutes_is_too_many() -> None:
    fight = Fight()
    assert [fight.drift("a") for _ in range(6)] == [frozenset()] * 5 + [frozenset({"a"})]


def test_each_field_counts_for_itself() -> None:
    fight = Fight()
    for turn in range(20):
        assert fight.drift(f"field-{turn % 4}", after=30) == frozenset(), turn


def test_another_field_is_corrected_all_the_while() -> None:
    fight = Fight()
    for _ in range(5):
        fight.drift("a")
    assert fight.drift("a", "b") == {"a"}
    assert fight.drift("a", "b") == {"a"}


def test_corrections_that_are_far_apart_are_no_fight() -> None:
    fight = Fight()
    assert not any(fight.drift("a", after=200) for _ in range(40))


def test_the_tries_get_rarer_and_at_last_one_a_day() -> None:
    fight = Fight()
    tries = [minute for minute in range(14 * 24 * 60) if not fight.drift("a")]
    gaps = [after - before for before, after in itertools.pairwise(tries)]
    assert gaps[4:8] == [11, 21, 41, 81]
    assert gaps[-1] == 24 * 60 + 1
    assert len(tries) < 30


def test_a_quiet_time_as_long_as_the_last_pause_is_peace() -> None:
    fight = Fight()
    for _ in range(6):
        fight.drift("a")
    assert fight.drift("a", after=700) == frozenset()
    assert fight.drift("b", after=599) == frozenset()
    assert "a" in fight.corrected.fields
    assert fight.drift("b", after=2) == frozenset()
    assert "a" not in fight.corrected.fields


# ------------------------------------------------------------------ in the engine


async def fought(lab: Lab, key: ObjectKey, turns: int = 8) -> None:
    """Let somebody change the description once a minute."""
    for turn in range(turns):
        lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": f"c{turn}"})
        await lab.elapse(70)


async def test_somebody_who_keeps_writing_is_contested() -> None:
    lab, key = await ready(RUNTIMES)
    await fought(lab, key, turns=6)
    assert updates(lab) == 5
    assert lab.ready(key) == ("False", "Contested")
    assert lab.condition(key, "Stalled") == ("True", "Contested")
    assert lab.message(key).startswith("description was corrected 5 times in 10 minutes")
    assert "AgentRun does not say by whom" in lab.message(key)
    (said,) = lab.get(key).status["drift"]
    assert (said["path"], said["desired"], said["observed"]) == ("description", "first", "c5")


async def test_many_fields_changed_once_each_are_not_contested() -> None:
    lab, key = await ready(RUNTIMES, network={"mode": "Public"})
    for change in (
        {"description": "x"},
        {"memory": 8192},
        {"port": 9001},
        {"executionRoleArn": "acs:ram::1001:role/x"},
        {"containerConfiguration": {"image": "registry.example.com/agent:v2"}},
        {"networkConfiguration": {"networkMode": "PRIVATE"}},
        {"cpu": 4.0},
    ):
        lab.simulator.edit("AgentRuntime", cloud_key(lab, key), change)
        await lab.elapse(70)
    assert lab.ready(key) == ("True", "Available")
    assert updates(lab) == 7


async def test_a_field_is_corrected_without_the_contested_one() -> None:
    lab, key = await ready(PROXIES, policies={"numRetries": 2, "cache": True})

    def tamper(**policies: Any) -> None:
        config = made(lab, PROXIES)[0]["proxyConfig"]
        changed = {**config, "policies": {**config["policies"], **policies}}
        lab.simulator.edit("ModelProxy", cloud_key(lab, key), {"proxyConfig": changed})

    for turn in range(7):
        tamper(numRetries=10 + turn)
        await lab.elapse(70)
    assert lab.ready(key) == ("False", "Contested")
    tamper(cache=False)
    await lab.elapse(310)
    assert made(lab, PROXIES)[0]["proxyConfig"]["policies"] == {"numRetries": 16, "cache": True}
    assert lab.ready(key) == ("False", "Contested")
    assert lab.message(key).startswith("policies.numRetries was")
    assert [d["path"] for d in lab.get(key).status["drift"]] == ["policies.numRetries"]


@pytest.mark.parametrize("way", ["edit", "token"])
async def test_an_edit_or_a_request_corrects_at_once_and_counts_anew(way: str) -> None:
    lab, key = await ready(RUNTIMES)
    await fought(lab, key)
    lab.calls.take()
    if way == "edit":
        lab.edit(key, memory="8Gi")
    else:
        lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(10)
    assert lab.ready(key) == ("True", "Available")
    assert made(lab, RUNTIMES)[0]["description"] == "first"
    await fought(lab, key, turns=4)
    assert lab.ready(key) == ("True", "Available")
    assert updates(lab) == 5


async def test_a_rotation_of_the_contested_field_alone_is_not_sent() -> None:
    """It would restart the instances, and change nothing."""
    source = {"secretKeyRef": {"name": "k", "key": "token"}}
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("k", {"token": "value-1"})
    key = lab.cluster.apply(
        "AgentRuntime", "it", {**RUNTIMES.spec, "env": [{"name": "T", "valueFrom": source}]}
    )
    await lab.elapse(15)
    for turn in range(6):
        changed = {"environmentVariables": {"T": f"c{turn}"}}
        lab.simulator.edit("AgentRuntime", cloud_key(lab, key), changed)
        await lab.elapse(70)
    assert lab.ready(key) == ("False", "Contested")
    lab.calls.take()
    lab.cluster.put_secret("k", {"token": "value-2"})
    await lab.elapse(10)
    assert updates(lab) == 0
    assert lab.ready(key) == ("False", "Contested")


async def test_a_field_that_is_left_to_the_other_ends_it() -> None:
    lab, key = await ready(RUNTIMES)
    await fought(lab, key)
    lab.calls.take()
    lab.edit(key, ignoreFields=["description"])
    await lab.elapse(70)
    assert lab.ready(key) == ("True", "Available")
    assert updates(lab) == 0


async def test_a_restart_does_not_begin_the_fight_anew() -> None:
    lab, key = await ready(RUNTIMES)
    await fought(lab, key)
    lab.calls.take()
    lab.restart()
    await fought(lab, key, turns=4)
    assert updates(lab) == 0
    assert lab.ready(key) == ("False", "Contested")
    await lab.elapse(1000)
    assert lab.ready(key) == ("True", "Available")


async def test_an_update_that_failed_is_no_correction() -> None:
    lab, key = await ready(RUNTIMES)
    outage = {"action": "Update.*", "effect": "error", "times": 6}
    lab.simulator.inject(Fault.model_validate(outage))
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": "c"})
    await lab.elapse(500)
    assert updates(lab) == 7
    assert lab.ready(key) == ("True", "Available")


async def test_a_fight_gets_ever_slower() -> None:
    lab, key = await ready(RUNTIMES)
    await fought(lab, key, turns=52)
    assert updates(lab) <= 8, "in an hour"
    lab.calls.take()
    await lab.elapse(10_000)
    assert lab.ready(key) == ("True", "Available"), "peace"
    assert updates(lab) == 1


async def fought_with_lost_answers(lab: Lab, key: ObjectKey, effect: str, turns: int) -> None:
    """Let somebody change the description once a minute; the answer of each correction is lost."""
    for turn in range(turns):
        fault = {"action": "Update.*", "effect": effect, "times": 1}
        lab.simulator.inject(Fault.model_validate(fault))
        lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": f"c{turn}"})
        await lab.elapse(70)


async def test_a_correction_counts_although_its_answer_gets_lost() -> None:
    lab, key = await ready(RUNTIMES)
    await fought_with_lost_answers(lab, key, "drop-after", turns=8)
    assert updates(lab) == 5
    assert lab.ready(key) == ("False", "Contested")


async def test_corrections_that_get_lost_are_not_contested() -> None:
    lab, key = await ready(RUNTIMES)
    outage = {"action": "Update.*", "effect": "drop-before", "times": 12}
    lab.simulator.inject(Fault.model_validate(outage))
    lab.simulator.edit("AgentRuntime", cloud_key(lab, key), {"description": "c"})
    await lab.elapse(2000)
    assert updates(lab) == 13
    assert lab.ready(key) == ("True", "Available")
