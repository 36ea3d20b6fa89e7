"""What is watched in which kind of install; the running watcher is an integration test."""

from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.source import Watcher
from unit.kube.scripted_cluster import widget_kind

KINDS = (widget_kind("Widget"), widget_kind("Gadget", namespaced=False))


def watcher(*namespaces: str) -> Watcher:
    return Watcher(
        access=ClusterAccess("https://api.test"),
        kinds=KINDS,
        observe=lambda _type, _raw: None,
        namespaces=namespaces,
    )


def test_the_whole_cluster_has_one_stream_per_kind() -> None:
    assert watcher().missing == (
        "watcher for widgets.v1alpha1.agentrun.dev@None",
        "watcher for gadgets.v1alpha1.agentrun.dev@None",
    )


def test_a_namespaced_install_leaves_cluster_scoped_kinds_out() -> None:
    subject = watcher("one", "two")
    assert [kind.kind for kind in subject.kinds] == ["Widget"]
    assert subject.missing == (
        "watcher for widgets.v1alpha1.agentrun.dev@one",
        "watcher for widgets.v1alpha1.agentrun.dev@two",
    )
