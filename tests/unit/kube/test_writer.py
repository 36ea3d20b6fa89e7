"""Our two writes: what is sent, when nothing is, and what an answer means."""

from typing import Any

import pytest

from agentrun_operator.core.identity import FINALIZER
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kube.writer import RELEASE_ATTEMPTS, StatusAndFinalizerWriter
from agentrun_operator.reconcile.ports import ClusterUnavailable, ObjectConflict, ObjectGone
from unit.kube.scripted_cluster import WIDGET, Answer, ScriptedClient, raw_widget, widget

PATH = "/apis/agentrun.dev/v1alpha1/namespaces/team/widgets/chat"


def subject(*answers: Answer) -> tuple[StatusAndFinalizerWriter, ScriptedClient]:
    client = ScriptedClient(*answers)
    return StatusAndFinalizerWriter(client, [WIDGET]), client


def removal(index: int) -> list[dict[str, Any]]:
    item = f"/metadata/finalizers/{index}"
    return [
        {"op": "test", "path": "/metadata/uid", "value": "uid-1"},
        {"op": "test", "path": item, "value": FINALIZER},
        {"op": "remove", "path": item},
    ]


async def test_a_claim_keeps_other_finalizers_and_needs_a_version() -> None:
    writer, client = subject(raw_widget())
    await writer.add_finalizer(widget(finalizers=("other/one",)))
    metadata = {"resourceVersion": "7", "finalizers": ["other/one", FINALIZER]}
    assert client.asked == [("PATCH", PATH, {"metadata": metadata})]


async def test_a_release_removes_our_item_only() -> None:
    writer, client = subject({})
    await writer.remove_finalizer(widget(finalizers=("other/one", FINALIZER)))
    assert client.asked == [("PATCH", PATH, removal(1))]


async def test_a_release_of_what_is_not_claimed_asks_nobody() -> None:
    writer, client = subject()
    await writer.remove_finalizer(widget(finalizers=("other/one",)))
    assert client.asked == []


async def test_a_release_finds_its_item_again_when_the_list_moved() -> None:
    moved = raw_widget(finalizers=(FINALIZER,))
    writer, client = subject(ObjectConflict("test failed"), moved, {})
    await writer.remove_finalizer(widget(finalizers=("other/one", FINALIZER)))
    assert [body for _, _, body in client.asked] == [removal(1), None, removal(0)]


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param((ObjectGone("x"),), id="gone at the patch"),
        pytest.param((ObjectConflict("x"), ObjectGone("x")), id="gone at the re-read"),
        pytest.param((ObjectConflict("x"), raw_widget(uid="uid-2")), id="a namesake stands there"),
        pytest.param((ObjectConflict("x"), raw_widget(finalizers=())), id="released by hand"),
    ],
)
async def test_a_release_of_what_is_gone_is_a_success(answers: tuple[Answer, ...]) -> None:
    writer, client = subject(*answers)
    await writer.remove_finalizer(widget())
    assert not client.answers


async def test_a_release_gives_up_after_a_few_races() -> None:
    race: list[Answer] = [ObjectConflict("x"), raw_widget()]
    writer, client = subject(*race * RELEASE_ATTEMPTS)
    with pytest.raises(ObjectConflict, match="keep editing its finalizers"):
        await writer.remove_finalizer(widget())
    assert not client.answers


async def test_a_status_replaces_the_old_one_of_this_uid() -> None:
    writer, client = subject(raw_widget())
    await writer.write_status(widget(status={"old": 1}), {"phase": "x", "parts": ({"a": None},)})
    assert client.asked == [
        (
            "PATCH",
            f"{PATH}/status",
            [
                {"op": "test", "path": "/metadata/uid", "value": "uid-1"},
                {"op": "add", "path": "/status", "value": {"phase": "x", "parts": [{}]}},
            ],
        )
    ]


async def test_an_equal_status_is_not_written_but_returned() -> None:
    writer, client = subject()
    held = widget(status={"conditions": [{"type": "Ready"}], "externalId": "e-1"})
    again = {"conditions": ({"type": "Ready"},), "externalId": "e-1", "adopted": None}
    assert KubeObject.of(await writer.write_status(held, again), "Widget") == held
    assert client.asked == []


@pytest.mark.parametrize("error", [ObjectGone("x"), ObjectConflict("x"), ClusterUnavailable("x")])
async def test_refusals_reach_the_engine(error: Exception) -> None:
    writer, _ = subject(error)
    with pytest.raises(type(error)):
        await writer.write_status(widget(), {"a": 1})
