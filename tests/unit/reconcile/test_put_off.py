"""When a pass does without a look, because what is to follow has no turn."""

from typing import Any

from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.put_off import PutOff

MOST = 60.0


def runtime(generation: int = 1, *, recorded: bool = False, **meta: Any) -> KubeObject:
    status = {"creation": {"generation": 1}} if recorded else {}
    about = {
        "resourceVersion": "1",
        **meta,
        "namespace": "a",
        "name": "it",
        "uid": "u",
        "generation": generation,
    }
    return KubeObject.of({"metadata": about, "spec": {}, "status": status}, "AgentRuntime")


def put_off(obj: KubeObject) -> PutOff:
    found = PutOff()
    found.note("CreateAgentRuntime", obj, 100.0)
    return found


def test_nothing_put_off_replaces_no_look() -> None:
    assert not PutOff().replaces_look(runtime(), 100.0, MOST)


def test_where_nothing_exists_nothing_is_looked_for() -> None:
    assert put_off(runtime()).replaces_look(runtime(), 5000.0, MOST)


def test_what_exists_is_looked_at_as_often_as_ever() -> None:
    obj = runtime(recorded=True)
    assert put_off(obj).replaces_look(obj, 159.0, MOST)
    assert not put_off(obj).replaces_look(obj, 160.0, MOST)


def test_an_edit_or_a_deletion_is_looked_at_anew() -> None:
    before = put_off(runtime())
    assert not before.replaces_look(runtime(generation=2), 101.0, MOST)
    gone = runtime(deletionTimestamp="2026-01-05T09:00:00Z")
    assert not before.replaces_look(gone, 101.0, MOST)


def test_a_look_ends_it() -> None:
    found = put_off(runtime())
    found.end()
    assert not found.replaces_look(runtime(), 101.0, MOST)
