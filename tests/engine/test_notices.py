"""What is written in vain is told once: paths that no field has, and annotations without effect."""

import pytest

from engine.specs import SAMPLES, ready
from fakes.lab import Lab

RUNTIME = SAMPLES["AgentRuntime"]
REASONS = ("UnknownPath", "UnknownAnnotation", "InvalidAnnotation")


def told(lab: Lab) -> list[tuple[str, str]]:
    found = [e for e in lab.cluster.events if e.reason in REASONS]
    assert all(e.type == "Warning" for e in found)
    return [(e.reason, e.message) for e in found]


async def test_an_ignored_path_that_no_field_has_is_told_once() -> None:
    lab, key = await ready(RUNTIME, ignoreFields=["cpus", "cpu"])
    ((reason, message),) = told(lab)
    assert reason == "UnknownPath"
    assert "'cpus'" in message
    assert "'cpu'" not in message
    await lab.elapse(600)
    lab.edit(key, description="second")
    await lab.elapse(30)
    assert len(told(lab)) == 1
    assert lab.ready(key) == ("True", "Available")
    lab.edit(key, ignoreFields=["cpus", "memroy"])
    await lab.elapse(30)
    assert len(told(lab)) == 2
    assert "'memroy'" in told(lab)[1][1]


async def test_very_many_wrong_paths_make_one_short_event() -> None:
    lab, _ = await ready(RUNTIME, ignoreFields=[f"{'x' * 200}{n}" for n in range(64)])
    ((_, message),) = told(lab)
    assert "and 54 more" in message
    assert len(message) < 1024


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("paused", "yes", "write true"),
        ("paused", "2026-01-05T10:00:00", "with its zone"),
        ("poll-interval", "10m", "whole seconds"),
        ("poll-interval", "1", "5 at least"),
        ("poll-interval", "²", "whole seconds"),
        ("adopt", "true", "write force"),
        ("accept-absence", "yes", "write the time"),
    ],
)
async def test_a_value_that_means_nothing_is_told_once(name: str, value: str, hint: str) -> None:
    lab, key = await ready(RUNTIME)
    lab.annotate(key, **{name: value})
    await lab.elapse(600)
    lab.edit(key, description="second")
    await lab.elapse(30)
    ((reason, message),) = told(lab)
    assert reason == "InvalidAnnotation"
    assert f"agentrun.dev/{name}" in message
    assert value in message
    assert hint in message
    lab.annotate(key, **{name: "another"})
    await lab.elapse(30)
    assert len(told(lab)) == 2


async def test_an_annotation_that_nobody_knows_is_told_once() -> None:
    lab, key = await ready(RUNTIME)
    lab.annotate(key, pause="true")
    lab.annotate(key, pause="false")
    await lab.elapse(600)
    ((reason, message),) = told(lab)
    assert reason == "UnknownAnnotation"
    assert "agentrun.dev/pause means nothing" in message
    assert "agentrun.dev/paused" in message


async def test_very_many_unknown_annotations_make_one_event() -> None:
    """Each object could keep everybody waiting for as many Events as it has annotations."""
    many = {f"agentrun.dev/a{n:04}{'x' * 58}": "" for n in range(5000)}
    lab = Lab()
    await lab.ready_account()
    key = lab.cluster.apply("AgentRuntime", "it", RUNTIME.spec, annotations=many)
    await lab.elapse(30)
    ((reason, message),) = told(lab)
    assert reason == "UnknownAnnotation"
    assert "agentrun.dev/a0000" in message
    assert "and 4995 more mean nothing" in message
    assert len(message) < 1024
    lab.annotate(key, paused="no")
    await lab.elapse(30)
    assert [reason for reason, _ in told(lab)] == ["UnknownAnnotation", "InvalidAnnotation"]


async def test_an_account_is_told_as_well() -> None:
    lab = Lab()
    key = await lab.ready_account()
    lab.annotate(key, paused="no")
    await lab.elapse(30)
    assert [reason for reason, _ in told(lab)] == ["InvalidAnnotation"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("paused", "true"),
        ("paused", "false"),
        ("paused", "2020-01-01T00:00:00Z"),
        ("poll-interval", "30"),
        ("adopt", "force"),
        ("reconcile-requested-at", "whatever"),
    ],
)
async def test_what_means_something_is_not_told(name: str, value: str) -> None:
    lab, key = await ready(RUNTIME, ignoreFields=["memory"])
    lab.annotate(key, **{name: value})
    await lab.elapse(60)
    assert told(lab) == []
