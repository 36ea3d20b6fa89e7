"""Which objects keep the operator from being removed."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.kube.uninstall import SHOWN, find_held, refusal
from agentrun_operator.reconcile.ports import ClusterUnavailable, Json, ObjectGone
from unit.kube.scripted_cluster import WIDGET, ScriptedStream, raw_widget, widget_kind


def page(*items: Json) -> Json:
    return {"items": list(items)}


def classed(name: str, controller_class: str) -> Json:
    return {**raw_widget(name), "spec": {"controllerClass": controller_class}}


async def held(client: ScriptedStream, **options: object) -> tuple[ObjectKey, ...]:
    chosen = {"namespaces": (), "controller_class": "", **options}
    return await find_held(client, (WIDGET,), **chosen)  # type: ignore[arg-type]


async def test_only_objects_with_our_finalizer_count() -> None:
    client = ScriptedStream(
        page(raw_widget("b"), raw_widget("free", finalizers=("other/f",)), raw_widget("a"))
    )
    assert [key.name for key in await held(client)] == ["a", "b"]


async def test_objects_of_another_class_belong_to_another_installation() -> None:
    objects = (raw_widget("unclassed"), classed("mine", "blue"), classed("theirs", "green"))
    assert [k.name for k in await held(ScriptedStream(page(*objects)))] == ["unclassed"]
    found = await held(ScriptedStream(page(*objects)), controller_class="blue")
    assert [key.name for key in found] == ["mine"]


async def test_only_the_watched_namespaces_are_asked() -> None:
    client = ScriptedStream(page(), page())
    await held(client, namespaces=("team-a", "team-b"))
    assert [path for _, path, _ in client.asked] == [
        "/apis/agentrun.dev/v1alpha1/namespaces/team-a/widgets",
        "/apis/agentrun.dev/v1alpha1/namespaces/team-b/widgets",
    ]


async def test_a_cluster_scoped_kind_is_asked_for_once() -> None:
    client = ScriptedStream(page())
    gizmo = widget_kind("Gizmo", namespaced=False)
    await find_held(client, (gizmo,), namespaces=("a", "b"), controller_class="")
    assert [path for _, path, _ in client.asked] == ["/apis/agentrun.dev/v1alpha1/gizmos"]


async def test_a_kind_without_crd_has_no_objects() -> None:
    assert await held(ScriptedStream(ObjectGone("no such resource"))) == ()


async def test_a_cluster_that_does_not_answer_is_no_permission() -> None:
    with pytest.raises(ClusterUnavailable):
        await held(ScriptedStream(ClusterUnavailable("down")))


def test_the_refusal_names_some_and_counts_the_others() -> None:
    keys = tuple(ObjectKey("Widget", "team", f"w{n:03}") for n in range(SHOWN + 2))
    text = refusal(keys)
    assert text.startswith("12 object(s) still need the operator to be deleted: Widget team/w000, ")
    assert "w009 and 2 more" in text
    assert "more" not in refusal(keys[:1])
