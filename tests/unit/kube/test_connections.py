"""Connection ConfigMaps: ours are kept current, others' are never touched."""

import pytest

from agentrun_operator.core.errors import AccessDenied, AlreadyExistsNotOwned, InvalidParameter
from agentrun_operator.kube.client import ClusterInvalid
from agentrun_operator.kube.connections import ATTEMPTS, ConfigMapConnectionWriter
from agentrun_operator.reconcile.guard import LeadershipLost
from agentrun_operator.reconcile.ports import (
    ClusterForbidden,
    ClusterUnavailable,
    Json,
    ObjectConflict,
    ObjectGone,
)
from unit.kube.scripted_cluster import Answer, ScriptedClient, widget

DATA = {"url": "https://chat.test"}


LABELS = {"app.kubernetes.io/managed-by": "agentrun-operator"}
MARK = {"agentrun.dev/published-by": "Widget/chat"}
OWN = {"apiVersion": "agentrun.dev/v1alpha1", "kind": "Widget", "name": "chat", "uid": "uid-1"}


def stored(uid: str = "uid-1", **data: str) -> Json:
    return found(owners=[{**OWN, "uid": uid}], data=data)


def found(
    *,
    owners: list[Json] | None = None,
    labels: Json | None = None,
    marks: Json | None = None,
    data: Json | None = None,
) -> Json:
    """Return a ConfigMap as it is stored: ours in every respect, unless said otherwise."""
    metadata = {
        "name": "chat-endpoint",
        "uid": "map",
        "resourceVersion": "3",
        "ownerReferences": [OWN] if owners is None else owners,
        "labels": LABELS if labels is None else labels,
        "annotations": MARK if marks is None else marks,
    }
    return {"metadata": metadata, "data": DATA if data is None else data}


async def test_a_missing_one_is_created_with_its_owner() -> None:
    client = ScriptedClient(ObjectGone("x"), {})
    await ConfigMapConnectionWriter(client).publish(widget(), "chat-endpoint", DATA)
    method, path, body = client.asked[1]
    assert (method, path) == ("POST", "/api/v1/namespaces/team/configmaps")
    assert body["data"] == DATA
    assert body["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "agentrun.dev/v1alpha1",
            "kind": "Widget",
            "name": "chat",
            "uid": "uid-1",
        }
    ]
    assert body["metadata"]["labels"] == LABELS
    assert body["metadata"]["annotations"] == MARK


async def test_an_equal_one_is_not_written() -> None:
    client = ScriptedClient(stored(url="https://chat.test"))
    await ConfigMapConnectionWriter(client).publish(widget(), "chat-endpoint", DATA)
    assert len(client.asked) == 1


async def test_a_stale_one_is_updated_and_loses_old_keys() -> None:
    client = ScriptedClient(stored(url="https://old.test", port="1"), {})
    await ConfigMapConnectionWriter(client).publish(widget(), "chat-endpoint", DATA)
    assert client.asked[1][2] == {
        "metadata": {"resourceVersion": "3"},
        "data": {"url": "https://chat.test", "port": None},
    }


async def test_a_key_that_somebody_moved_comes_back() -> None:
    moved = {**found(data={}), "binaryData": {"url": "aHR0cA==", "more": "eA=="}}
    client = ScriptedClient(moved, {})
    await ConfigMapConnectionWriter(client).publish(widget(), "chat-endpoint", DATA)
    assert client.asked[1][2] == {
        "metadata": {"resourceVersion": "3"},
        "data": DATA,
        "binaryData": {"url": None, "more": None},
    }


async def test_an_immutable_map_that_differs_is_made_anew() -> None:
    client = ScriptedClient(
        {**found(data={"url": "else"}), "immutable": True}, {}, ObjectGone("x"), found()
    )
    await ConfigMapConnectionWriter(client).publish(widget(), "chat-endpoint", DATA)
    assert [method for method, _, _ in client.asked] == ["GET", "DELETE", "GET", "POST"]
    assert client.asked[1][2]["preconditions"] == {"uid": "map", "resourceVersion": "3"}


async def test_an_immutable_one_stays_where_it_is_right() -> None:
    client = ScriptedClient({**found(), "immutable": True})
    await ConfigMapConnectionWriter(client).publish(widget(), "chat-endpoint", DATA)
    assert len(client.asked) == 1


OLD = {**OWN, "uid": "of-the-one-before"}
NAMESAKE = {**OWN, "uid": "uid-9", "kind": "Gadget"}
OTHER_MARK = {"agentrun.dev/published-by": "Gadget/chat"}
FOREIGN = {
    "of another object": found(owners=[{**OWN, "uid": "uid-2"}], labels={}, marks={}),
    "of nobody": {"metadata": {"resourceVersion": "3"}},
    "with our label only": found(owners=[], marks={}),
    "with the name of this object, but not our label": found(owners=[], labels={}),
    "of an object of the same name and another kind": found(owners=[NAMESAKE], marks={}),
    "marked by an object of the same name and another kind": found(owners=[], marks=OTHER_MARK),
    "marked by another one, and owned by one before": found(owners=[OLD], marks=OTHER_MARK),
    "with another owner beside": found(owners=[OLD, NAMESAKE]),
}
RESTORED = {
    "without owner references": found(owners=[]),
    "with those of the object before": found(owners=[OLD]),
    "of the version before, with those of the object before": found(owners=[OLD], marks={}),
}


@pytest.mark.parametrize("raw", FOREIGN.values(), ids=FOREIGN)
async def test_one_that_is_not_ours_is_refused(raw: Json) -> None:
    client = ScriptedClient(raw)
    with pytest.raises(AlreadyExistsNotOwned, match=r"does not belong to Widget team/chat"):
        await ConfigMapConnectionWriter(client).publish(widget(), "chat-endpoint", DATA)
    assert len(client.asked) == 1


@pytest.mark.parametrize("raw", RESTORED.values(), ids=RESTORED)
async def test_one_that_was_restored_is_taken_back(raw: Json) -> None:
    client = ScriptedClient(raw, found())
    await ConfigMapConnectionWriter(client).publish(widget(), "chat-endpoint", DATA)
    method, _, body = client.asked[1]
    assert method == "PATCH"
    assert body["metadata"]["resourceVersion"] == "3"
    assert body["metadata"]["ownerReferences"] == [OWN]
    assert "data" not in body


@pytest.mark.parametrize("lacking", ["labels", "marks"])
async def test_one_that_lost_our_signs_gets_them_again(lacking: str) -> None:
    """Those of the version before have no mark; a restore without owners needs it."""
    raw = found(labels={"theirs": "1"}) if lacking == "labels" else found(marks={"theirs": "1"})
    client = ScriptedClient(raw, found())
    await ConfigMapConnectionWriter(client).publish(widget(), "chat-endpoint", DATA)
    signs = {"labels": LABELS} if lacking == "labels" else {"annotations": MARK}
    assert client.asked[1][2] == {"metadata": {"resourceVersion": "3", **signs}}


@pytest.mark.parametrize("raw", [found(), *RESTORED.values()])
async def test_one_that_is_ours_is_withdrawn_in_this_very_version(raw: Json) -> None:
    client = ScriptedClient(raw, {})
    await ConfigMapConnectionWriter(client).withdraw(widget(), "chat-endpoint")
    assert [method for method, _, _ in client.asked] == ["GET", "DELETE"]
    assert client.asked[1][2]["preconditions"] == {"uid": "map", "resourceVersion": "3"}


@pytest.mark.parametrize("raw", [*FOREIGN.values(), ObjectGone("x")])
async def test_one_that_is_not_ours_is_not_withdrawn(raw: Answer) -> None:
    client = ScriptedClient(raw)
    await ConfigMapConnectionWriter(client).withdraw(widget(), "chat-endpoint")
    assert len(client.asked) == 1


@pytest.mark.parametrize("raw", RESTORED.values(), ids=RESTORED)
async def test_one_that_would_outlive_its_object_is_withdrawn(raw: Json) -> None:
    client = ScriptedClient(raw, {})
    await ConfigMapConnectionWriter(client).withdraw(widget(), "chat-endpoint", is_left=True)
    assert [method for method, _, _ in client.asked] == ["GET", "DELETE"]
    assert client.asked[1][2]["preconditions"] == {"uid": "map", "resourceVersion": "3"}


@pytest.mark.parametrize("raw", [found(), *FOREIGN.values(), ObjectGone("x")])
async def test_one_that_goes_along_or_is_not_ours_is_left(raw: Answer) -> None:
    client = ScriptedClient(raw)
    await ConfigMapConnectionWriter(client).withdraw(widget(), "chat-endpoint", is_left=True)
    assert [method for method, _, _ in client.asked] == ["GET"]


async def test_a_status_that_names_something_else_leads_nowhere() -> None:
    client = ScriptedClient()
    await ConfigMapConnectionWriter(client).withdraw(widget(), "../secrets/x")
    assert client.asked == []


async def test_a_right_that_is_missing_to_withdraw_is_told() -> None:
    client = ScriptedClient(found(), ClusterForbidden("HTTP 403: may not delete"))
    with pytest.raises(AccessDenied, match="remove the field or the ConfigMap"):
        await ConfigMapConnectionWriter(client).withdraw(widget(), "chat-endpoint")


async def test_a_lost_race_is_read_again() -> None:
    client = ScriptedClient(ObjectGone("x"), ObjectConflict("exists"), stored(**DATA))
    await ConfigMapConnectionWriter(client).publish(widget(), "chat-endpoint", DATA)
    assert not client.answers


async def test_endless_races_are_unavailable() -> None:
    race: list[Answer] = [stored(), ObjectConflict("busy")]
    client = ScriptedClient(*race * ATTEMPTS)
    with pytest.raises(ClusterUnavailable, match="team/chat-endpoint: busy"):
        await ConfigMapConnectionWriter(client).publish(widget(), "chat-endpoint", DATA)


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(ClusterForbidden("HTTP 403: exceeded quota"), id="quota"),
        pytest.param(ClusterInvalid("HTTP 422: immutable"), id="immutable"),
    ],
)
async def test_a_lasting_refusal_is_told(refusal: ClusterUnavailable) -> None:
    client = ScriptedClient(stored(), refusal)
    with pytest.raises(AccessDenied, match=r"spec.writeConnectionTo \(HTTP 4"):
        await ConfigMapConnectionWriter(client).publish(widget(), "chat-endpoint", DATA)
    assert len(client.asked) == 2


@pytest.mark.parametrize("name", ["../secrets/x", "a..b", "a-.b", "a" * 254])
async def test_a_name_that_none_can_have_is_never_asked_for(name: str) -> None:
    client = ScriptedClient()
    with pytest.raises(InvalidParameter, match="no legal ConfigMap name"):
        await ConfigMapConnectionWriter(client).publish(widget(), name, DATA)
    assert client.asked == []


async def test_a_process_deposed_after_its_read_writes_nothing() -> None:
    client = ScriptedClient(ObjectGone("x"), {})

    def check() -> None:
        if client.asked:
            raise LeadershipLost("another process may lead by now")

    with pytest.raises(LeadershipLost):
        await ConfigMapConnectionWriter(client, check).publish(widget(), "chat-endpoint", DATA)
    assert [method for method, _, _ in client.asked] == ["GET"]
