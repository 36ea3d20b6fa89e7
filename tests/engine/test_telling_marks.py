"""A mark, which anybody with keys of the account may write, is told where it shows no secret."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import RUNTIME, SAMPLES, lab_for
from engine.strangers import RUNTIME_BODY, by_hand
from fakes.lab import Lab

SECRET = "first-value-4711"
IT = ObjectKey("AgentRuntime", "team-a", "it")
SPEC = {
    **RUNTIME,
    "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}],
}


async def marked(mark: str) -> Lab:
    lab = await lab_for(SAMPLES["AgentRuntime"])
    lab.cluster.put_secret("keys", {"token": SECRET})
    await by_hand(lab, "AgentRuntime", {**RUNTIME_BODY, "systemTags": [mark]})
    lab.cluster.apply(IT.kind, IT.name, SPEC)
    await lab.elapse(30)
    assert lab.ready(IT) == ("False", "AlreadyExistsNotOwned")
    return lab


@pytest.mark.parametrize(
    "mark", [f"k8s:c/n/{SECRET}", f"k8s:{SECRET}/n/x", f"k8s:{SECRET}", f"k8s:c/n/{SECRET.upper()}"]
)
async def test_a_mark_that_is_a_secret_is_not_told(mark: str) -> None:
    lab = await marked(mark)
    assert "carries the mark of another owner; choose another" in lab.message(IT)
    lab.restart()
    lab.cluster.delete(IT)
    await lab.elapse(60)
    assert lab.cluster.raw(IT) is None
    assert len(lab.resources("AgentRuntime")) == 1
    assert SECRET not in str(lab.cluster.events).lower()


async def test_any_other_mark_is_told() -> None:
    lab = await marked("k8s:c/n/somebody-elses")
    assert "carries the mark of n/somebody-elses of cluster 'c'" in lab.message(IT)


@pytest.mark.parametrize("end", ["", "/adopted"])
async def test_the_longest_mark_of_an_operator_is_told(end: str) -> None:
    lab = await marked(f"k8s:{'c' * 63}/{'n' * 63}/{'x' * 253}{end}")
    assert f"{'n' * 63}/{'x' * 253} of cluster '{'c' * 63}'" in lab.message(IT)


async def test_what_is_longer_than_any_mark_names_no_owner() -> None:
    lab = await marked(f"k8s:c/n/{'x' * 400}")
    assert "carries the mark of another owner; choose another" in lab.message(IT)


async def test_a_mark_without_end_is_no_message() -> None:
    lab = await marked(f"k8s:c/n/{'x' * 5000}")
    assert len(lab.message(IT)) < 1000
