"""Connection ConfigMaps: ours are kept current, others' are never touched."""

import pytest

from agentrun_operator.core.errors import AccessDenied, AlreadyExistsNotOwned, InvalidParameter
from agentrun_operator.kube.client import ClusterForbidden, ClusterInvalid
from agentrun_operator.kube.connections import ATTEMPTS, ConfigMapConnectionWriter
from agentrun_operator.reconcile.ports import (
    ClusterUnavailable,
    Json,
    ObjectConflict,
    ObjectGone,
)
from unit.kube.scripted_cluster import Answer, ScriptedClient, widget

DATA = {"url": "https://chat.test"}


def stored(uid: str = "uid-1", **data: str) -> Json:
    owner = {"kind": "Widget", "name": "chat", "uid": uid}
    return {"metadata": {"resourceVersion": "3", "ownerReferences": [owner]}, "data": data}


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
    assert body["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "agentrun-operator"}


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


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(stored(uid="uid-2"), id="of another object"),
        pytest.param({"metadata": {"resourceVersion": "3"}}, id="of nobody"),
    ],
)
async def test_one_that_is_not_ours_is_refused(found: Json) -> None:
    client = ScriptedClient(found)
    with pytest.raises(AlreadyExistsNotOwned, match=r"does not belong to Widget team/chat"):
        await ConfigMapConnectionWriter(client).publish(widget(), "chat-endpoint", DATA)
    assert len(client.asked) == 1


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
