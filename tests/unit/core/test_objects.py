"""One Kubernetes object as a typed view."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.identity import FINALIZER, RECONCILE_REQUESTED_ANNOTATION, ObjectKey
from agentrun_operator.core.objects import KubeObject, parse_time

BARE: dict[str, Any] = {"metadata": {"name": "chat", "uid": "u-1", "resourceVersion": "7"}}
WHOLE: dict[str, Any] = {
    "kind": "ignored",
    "metadata": {
        "name": "chat",
        "namespace": "team-a",
        "uid": "u-1",
        "resourceVersion": "7",
        "generation": 3,
        "creationTimestamp": "2026-01-15T08:00:00Z",
        "deletionTimestamp": "2026-01-15T09:00:00Z",
        "finalizers": ["other/finalizer", FINALIZER],
        "annotations": {"a": "1"},
    },
    "spec": {"externalName": "chat-prod"},
    "status": {
        "externalId": "rt-1",
        "observedGeneration": 2,
        "conditions": [{"type": "Ready", "status": "True"}],
    },
}


def test_a_bare_object() -> None:
    obj = KubeObject.of(BARE, "Sample")
    assert obj.key == ObjectKey("Sample", "", "chat")
    assert (obj.generation, obj.created_at, obj.deleting) == (0, "", False)
    assert (obj.finalizers, obj.annotations, obj.spec, obj.status) == ((), {}, {}, {})
    assert not obj.is_claimed
    assert obj.external_name == "chat"
    assert obj.external_id is None
    assert obj.observed_generation == -1
    assert obj.condition("Ready") is None


def test_a_whole_object() -> None:
    obj = KubeObject.of(WHOLE, "Sample")
    assert str(obj.key) == "Sample team-a/chat"
    assert (obj.uid, obj.resource_version, obj.generation) == ("u-1", "7", 3)
    assert (obj.deleting, obj.deleted_at) == (True, "2026-01-15T09:00:00Z")
    assert KubeObject.of({"metadata": obj.metadata}, "Sample").deleted_at == obj.deleted_at
    assert obj.is_claimed
    assert obj.external_name == "chat-prod"
    assert obj.external_id == "rt-1"
    assert obj.observed_generation == 2
    assert obj.condition("Ready") == {"type": "Ready", "status": "True"}
    assert obj.condition("Synced") is None


@pytest.mark.parametrize("field", ["spec", "status"])
@pytest.mark.parametrize("value", [None, {}], ids=["null", "empty"])
def test_empty_parts(field: str, value: object) -> None:
    assert getattr(KubeObject.of({**BARE, field: value}, "Sample"), field) == {}


@pytest.mark.parametrize(
    ("text", "time"),
    [
        pytest.param("2026-01-15T08:00:00Z", datetime(2026, 1, 15, 8, tzinfo=UTC), id="Kubernetes"),
        pytest.param(
            "2026-01-15T16:00:00.375168+08:00",
            datetime(2026, 1, 15, 8, 0, 0, 375168, tzinfo=UTC),
            id="AgentRun",
        ),
        pytest.param("2026-01-15T08:00:00", None, id="no zone"),
        pytest.param("2026-01-15", None, id="a day"),
        pytest.param("true", None, id="a word"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_parse_time(text: str | None, time: datetime | None) -> None:
    assert parse_time(text) == time


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_survive_their_text(time: datetime) -> None:
    found = parse_time(time.isoformat())
    assert found is not None
    assert found - time == timedelta(0)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_a_time(text: str) -> None:
    found = parse_time(text)
    assert found is None or found.tzinfo is not None


@pytest.mark.parametrize(
    ("token", "served", "expected"),
    [(None, "old", False), ("new", None, True), ("new", "old", True), ("new", "new", False)],
)
def test_a_request_waits_until_a_status_tells_of_it(
    token: str | None, served: str | None, *, expected: bool
) -> None:
    annotations = {} if token is None else {RECONCILE_REQUESTED_ANNOTATION: token}
    metadata = {**BARE["metadata"], "annotations": annotations}
    status = {} if served is None else {"lastRequest": served}
    obj = KubeObject.of({"metadata": metadata, "status": status}, "Sample")
    assert obj.is_requested is expected
