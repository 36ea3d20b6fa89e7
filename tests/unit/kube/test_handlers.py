"""kopf watches and does nothing else; each setting is one that this version of kopf has."""

import dataclasses
import inspect
import itertools
from dataclasses import replace
from typing import Any, cast

import kopf
import pytest

from agentrun_operator.core.identity import FINALIZER
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kube.handlers import (
    CappedBackoffs,
    slim,
    watch_registry,
    watch_settings,
)
from unit.kube.scripted_cluster import raw_widget, widget_kind

KINDS = (widget_kind("Widget"), widget_kind("Gadget", namespaced=False))


async def no_login() -> kopf.AiohttpSession:
    raise AssertionError("nobody logs in here")


def registry(observe: Any = lambda _type, _raw: None) -> kopf.OperatorRegistry:
    return watch_registry(KINDS, observe, no_login)


def registered(of: kopf.OperatorRegistry) -> dict[str, int]:
    return {
        name.strip("_"): len(part.get_all_handlers())
        for name, part in vars(of).items()
        if hasattr(part, "get_all_handlers")
    }


def test_only_event_and_login_handlers_are_registered() -> None:
    assert registered(registry()) == {
        "activities": 1,
        "indexing": 0,
        "watching": len(KINDS),
        "spawning": 0,
        "changing": 0,
        "webhooks": 0,
    }


def test_the_one_activity_is_the_login() -> None:
    (handler,) = registry()._activities.get_all_handlers()
    assert handler.activity is not None
    assert handler.activity.value == "authentication"


def test_nothing_lands_in_the_process_wide_registry() -> None:
    before = registered(kopf.get_default_registry())
    registry()
    assert registered(kopf.get_default_registry()) == before


def test_every_handler_is_a_coroutine_and_needs_no_thread() -> None:
    handlers = registry()._watching.get_all_handlers()
    assert all(inspect.iscoroutinefunction(h.fn) for h in handlers)


async def test_an_event_has_its_kind_and_what_the_engine_reads() -> None:
    seen: list[tuple[str | None, Any]] = []
    subject = registry(lambda kind, raw: seen.append((kind, raw)))
    handler = next(iter(subject._watching.get_all_handlers()))
    raw = raw_widget()
    del raw["kind"]
    raw["metadata"]["managedFields"] = [{}]
    raw["spec"] = {"size": 1}
    await cast("Any", handler.fn)(event={"type": "MODIFIED", "object": raw}, more="ignored")
    ((kind, given),) = seen
    assert (kind, given["kind"]) == ("MODIFIED", "Widget")
    assert given["spec"]
    assert "managedFields" not in given["metadata"]
    assert "spec" not in raw, "kopf keeps the event for longer than we do"
    assert raw["metadata"]["uid"], "kopf tells objects apart by it"


def test_slim_keeps_what_the_engine_reads() -> None:
    raw = raw_widget()
    raw["metadata"] |= {
        "annotations": {"agentrun.dev/paused": "true", "example.com/big": "x" * 1000},
        "labels": {"a": "b"},
        "managedFields": [{}],
        "ownerReferences": [{}],
    }
    slimmed = slim(raw, "Widget")
    assert slimmed["metadata"]["annotations"] == {"agentrun.dev/paused": "true"}
    assert KubeObject.of(slimmed, "Widget") == replace(
        KubeObject.of(raw, "Widget"), annotations={"agentrun.dev/paused": "true"}
    )
    assert not {"labels", "managedFields", "ownerReferences"} & slimmed["metadata"].keys()


def test_settings_exist_in_this_version_of_kopf() -> None:
    known = {
        group.name: {f.name for f in dataclasses.fields(getattr(watch_settings(), group.name))}
        for group in dataclasses.fields(kopf.OperatorSettings)
    }
    for name, fields in known.items():
        group = getattr(watch_settings(), name)
        unknown = {key for key in vars(group) if not key.startswith("_")} - fields
        assert not unknown, f"settings.{name} has no {unknown}: kopf would ignore it silently"


def test_the_server_timeout_is_an_integer_below_the_clients() -> None:
    watching = watch_settings().watching
    assert isinstance(watching.server_timeout, int)
    assert watching.client_timeout is not None
    assert 240 <= watching.server_timeout < watching.client_timeout


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("posting.enabled", False),
        ("peering.standalone", True),
        ("scanning.disabled", True),
        ("watching.inactivity_timeout", 1e9),
        ("queueing.worker_limit", None),
        ("persistence.consistency_timeout", 0.0),
        ("process.ultimate_exiting_timeout", None),
    ],
)
def test_traps_are_switched_off(path: str, value: object) -> None:
    group, name = path.split(".")
    assert getattr(getattr(watch_settings(), group), name) == value


def test_kopf_does_not_know_our_finalizer_or_it_would_remove_it() -> None:
    assert watch_settings().persistence.finalizer != FINALIZER


def test_nothing_is_stored_in_users_objects() -> None:
    persistence = watch_settings().persistence
    body, patch = kopf.Body({}), kopf.Patch()
    persistence.diffbase_storage.store(body=body, patch=patch, essence={})
    persistence.progress_storage.touch(body=body, patch=patch, value="now")
    assert not patch
    assert persistence.diffbase_storage.build(body=body) == {}
    assert persistence.diffbase_storage.fetch(body=body) is None


def test_backoffs_grow_to_a_cap_and_start_anew_per_request() -> None:
    backoffs = CappedBackoffs(1.0, 30.0)
    many = list(itertools.islice(backoffs, 1000))
    assert all(0.5 <= delay <= 30.0 for delay in many)
    assert all(delay >= 15.0 for delay in many[5:])
    assert next(iter(backoffs)) <= 1.0
