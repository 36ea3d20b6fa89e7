"""What references lead to, and the checks before the start."""

import base64

import pytest

from agentrun_operator.core.errors import ReferenceNotFound
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.kube.client import ListExpired
from agentrun_operator.kube.reader import ReferenceReader
from agentrun_operator.kube.watch_ages import WatchAges
from agentrun_operator.reconcile.ports import (
    ClusterForbidden,
    ClusterUnavailable,
    Held,
    Json,
    ObjectGone,
)
from unit.kube.scripted_cluster import (
    WIDGET,
    ScriptedClient,
    ScriptedStream,
    raw_widget,
    widget_kind,
)


def secret(**data: bytes) -> Json:
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    return {"metadata": {"uid": "u", "resourceVersion": "9"}, "data": encoded}


async def test_a_secret_is_decoded_and_carries_its_version() -> None:
    reader = ReferenceReader(ScriptedClient(secret(key="välue".encode())))
    found = await reader.secret("team", "keys")
    assert found is not None
    assert (found.data, found.version) == ({"key": "välue"}, "u/9")
    assert "välue" not in repr(found)


async def test_a_value_that_is_no_text_is_named_and_left_out() -> None:
    reader = ReferenceReader(ScriptedClient(secret(good=b"x", binary=b"\xff\xfe")))
    found = await reader.secret("team", "keys")
    assert found is not None
    assert found.data == {"good": "x"}
    assert found.unreadable == {"binary"}


async def test_binary_data_of_a_config_map_is_named_and_left_out() -> None:
    raw: Json = {
        "metadata": {"uid": "u", "resourceVersion": "9"},
        "data": {"good": "x"},
        "binaryData": {"binary": "//4="},
    }
    found = await ReferenceReader(ScriptedClient(raw)).config_map("team", "settings")
    assert found is not None
    assert found.data == {"good": "x"}
    assert found.unreadable == {"binary"}


@pytest.mark.parametrize(
    ("times", "edited"),
    [
        ([], None),
        (["2026-01-05T09:00:01Z"], None),
        (["2026-01-05T09:00:00Z", "2026-01-05T09:30:00Z"], "2026-01-05T09:30:00"),
    ],
)
async def test_it_is_told_when_a_secret_was_edited(times: list[str], edited: str | None) -> None:
    raw = secret(key=b"x")
    raw["metadata"] |= {
        "creationTimestamp": "2026-01-05T09:00:00Z",
        "managedFields": [{"manager": "kubectl", "time": time} for time in times],
    }
    found = await ReferenceReader(ScriptedClient(raw)).secret("team", "keys")
    assert found is not None
    when = found.edited_at
    assert (when and when.replace(tzinfo=None).isoformat()) == edited


async def test_absence_is_a_value() -> None:
    reader = ReferenceReader(ScriptedClient(ObjectGone("x"), ObjectGone("x")))
    assert await reader.secret("team", "keys") is None
    assert await reader.config_map("team", "settings") is None


async def test_an_empty_config_map_has_no_keys() -> None:
    empty: Json = {"metadata": {"uid": "u", "resourceVersion": "9"}}
    found = await ReferenceReader(ScriptedClient(empty)).config_map("team", "settings")
    assert found is not None
    assert found.data == {}


@pytest.mark.parametrize("name", ["../../other/secrets/x", "a/b", "..", "", "x?y", "Upper"])
async def test_a_name_that_leads_elsewhere_is_never_asked_for(name: str) -> None:
    client = ScriptedClient()
    assert await ReferenceReader(client).secret("team", name) is None
    assert client.asked == []


async def test_a_secret_of_a_closed_namespace_is_not_asked_for() -> None:
    client = ScriptedClient(secret(key=b"x"))
    reader = ReferenceReader(client, secrets_from=("team",))
    with pytest.raises(ReferenceNotFound, match=r"'other' is not one of.*secretNamespaces"):
        await reader.secret("other", "keys")
    assert client.asked == []
    assert await reader.secret("team", "keys") is not None


async def test_a_config_map_of_a_closed_namespace_is_read() -> None:
    client = ScriptedClient({"metadata": {"uid": "u", "resourceVersion": "9"}})
    reader = ReferenceReader(client, secrets_from=("team",))
    assert await reader.config_map("other", "settings") is not None


async def test_a_namespaced_install_lists_each_namespace() -> None:
    page: Json = {"metadata": {}, "items": [raw_widget()]}
    client = ScriptedStream(page, {"metadata": {}, "items": []})
    found = await ReferenceReader(client, namespaces=("team", "two")).list_objects(WIDGET)
    assert found.objects == {ObjectKey("Widget", "team", "chat"): Held("uid-1", 7)}
    assert [path.split("/")[5] for _, path, _ in client.asked] == ["team", "two"]


async def test_a_namespace_that_refuses_does_not_stop_the_others() -> None:
    page: Json = {"metadata": {}, "items": [raw_widget()]}
    client = ScriptedStream(ClusterForbidden("x"), page)
    found = await ReferenceReader(client, namespaces=("gone", "team")).list_objects(WIDGET)
    assert found.objects == {ObjectKey("Widget", "team", "chat"): Held("uid-1", 7)}


async def test_the_watches_of_a_refusing_namespace_are_not_stale() -> None:
    ages = WatchAges(monotonic=lambda: 0.0)
    ages.note("/apis/agentrun.dev/v1alpha1/namespaces/gone/widgets")
    ages.note("/api/v1/namespaces/gone/secrets")
    ages.note("/api/v1/namespaces/team/configmaps")
    client = ScriptedStream(ClusterForbidden("x"), {"metadata": {}, "items": []})
    await ReferenceReader(client, namespaces=("gone", "team"), ages=ages).list_objects(WIDGET)
    assert ages.seconds().keys() == {"configmaps"}


async def test_watches_stay_stale_where_every_namespace_refuses() -> None:
    ages = WatchAges(monotonic=lambda: 0.0)
    ages.note("/apis/agentrun.dev/v1alpha1/namespaces/one/widgets")
    client = ScriptedStream(*[ClusterForbidden("x")] * 2)
    with pytest.raises(ClusterForbidden):
        await ReferenceReader(client, namespaces=("one", "two"), ages=ages).list_objects(WIDGET)
    assert ages.seconds().keys() == {"widgets"}


@pytest.mark.parametrize("namespaces", [(), ("one",), ("one", "two")])
async def test_a_refusal_by_all_is_an_error(namespaces: tuple[str, ...]) -> None:
    client = ScriptedStream(*[ClusterForbidden("x")] * 2)
    with pytest.raises(ClusterForbidden):
        await ReferenceReader(client, namespaces=namespaces).list_objects(WIDGET)


async def test_a_cluster_scoped_kind_is_listed_once() -> None:
    client = ScriptedStream({"metadata": {}, "items": []})
    await ReferenceReader(client, namespaces=("team",)).list_objects(widget_kind(namespaced=False))
    assert client.asked == [("LIST", "/apis/agentrun.dev/v1alpha1/widgets", None)]


async def test_an_expired_list_starts_over() -> None:
    client = ScriptedStream(ListExpired("x"), {"metadata": {}, "items": [raw_widget()]})
    assert len((await ReferenceReader(client).list_objects(WIDGET)).objects) == 1


async def test_a_list_has_the_version_of_its_oldest_part() -> None:
    client = ScriptedStream(
        {"metadata": {"resourceVersion": "9"}, "items": []},
        {"metadata": {"resourceVersion": "7"}, "items": []},
    )
    found = await ReferenceReader(client, namespaces=("team", "two")).list_objects(WIDGET)
    assert found.version == 7


async def test_a_list_that_always_expires_fails_in_the_end() -> None:
    client = ScriptedStream(*[ListExpired("x")] * 3)
    with pytest.raises(ListExpired):
        await ReferenceReader(client).list_objects(WIDGET)


async def test_a_list_without_the_crd_says_which_is_missing() -> None:
    with pytest.raises(ClusterUnavailable, match=r"widgets\.agentrun\.dev.*install"):
        await ReferenceReader(ScriptedStream(ObjectGone("x"))).list_objects(WIDGET)


async def test_missing_crds_are_named() -> None:
    kinds = [WIDGET, widget_kind("Gadget"), widget_kind("Amulet")]
    served: Json = {"resources": [{"name": "widgets"}, {"name": "widgets/status"}]}
    reader = ReferenceReader(ScriptedClient(served, ObjectGone("x"), served))
    assert await reader.check_crds(kinds) == ("amulets.agentrun.dev", "gadgets.agentrun.dev")
    assert len(await reader.check_crds(kinds)) == 3
    with pytest.raises(ClusterUnavailable, match=r"amulets\.agentrun\.dev, gadgets.*kubectl apply"):
        await reader.require_crds(kinds)


async def test_namespaces_are_optional_reading() -> None:
    labelled: Json = {"metadata": {"uid": "cluster", "labels": {"a": "b"}}}
    reader = ReferenceReader(
        ScriptedClient(labelled, ClusterForbidden("x"), labelled, ClusterForbidden("x"))
    )
    assert await reader.namespace_labels("team") == {"a": "b"}
    assert await reader.namespace_labels("team") == {}
    assert await reader.cluster_uid() == "cluster"
    assert await reader.cluster_uid() is None
