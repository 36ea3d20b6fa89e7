"""What is counted of the objects: by kind, namespace and state, and never by name."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from agentrun_operator.core.identity import FINALIZER, ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.memory import MemoryBank
from agentrun_operator.reconcile.world import World
from agentrun_operator.telemetry.fleet import Fleet
from fakes.clock import VirtualClock

PLACE = {"kind": "Tool", "namespace": "team-a"}


def tool(name: str, namespace: str = "team-a", **fields: Any) -> KubeObject:
    """Return an object of which Ready says so, with more conditions and status by name."""
    ready = {"type": "Ready", "status": "True", "reason": "Available"} | fields.pop("ready", {})
    others = [{"type": kind, "status": "True"} for kind in fields.pop("conditions", ())]
    status = {"externalId": "t-1", "conditions": [ready, *others]} | fields.pop("status", {})
    return KubeObject(
        key=ObjectKey("Tool", namespace, name),
        uid=name,
        resource_version="1",
        generation=1,
        created_at="",
        finalizers=(FINALIZER,),
        annotations={},
        spec={},
        **{"deleted_at": "", "status": status} | fields,
    )


class Scraped:
    """A fleet and what a scrape shows of it."""

    def __init__(self, *objects: KubeObject) -> None:
        self.clock = VirtualClock()
        self.memory = MemoryBank()
        self.fleet = Fleet()
        world = SimpleNamespace(clock=self.clock, memory=self.memory)
        self.fleet.attach(cast("World", world))
        self.registry = CollectorRegistry()
        self.registry.register(self.fleet)
        for obj in objects:
            self.fleet.observed(obj)

    def value(self, series: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(series, labels)

    def ready(self, status: str, reason: str, namespace: str = "team-a") -> float | None:
        labels = {"condition": "Ready", "status": status, "reason": reason}
        return self.value(
            "agentrun_resource_condition", **{**PLACE, **labels, "namespace": namespace}
        )


def test_objects_are_counted_by_namespace_status_and_reason() -> None:
    going = {"status": "False", "reason": "Creating"}
    scraped = Scraped(tool("a"), tool("b"), tool("c", ready=going), tool("a", "team-b"))
    assert scraped.ready("True", "Available") == 2
    assert scraped.ready("False", "Creating") == 1
    assert scraped.ready("True", "Available", "team-b") == 1
    scraped.fleet.observed(tool("b", ready=going))
    assert scraped.ready("True", "Available") == 1
    assert scraped.ready("False", "Creating") == 2


def test_a_series_without_objects_disappears() -> None:
    scraped = Scraped(tool("a"))
    scraped.fleet.forgotten(tool("a").key)
    assert scraped.ready("True", "Available") is None


@pytest.mark.parametrize(
    ("mark", "fields"),
    [
        ("stalled", {"conditions": ["Stalled"]}),
        ("paused", {"conditions": ["Paused"]}),
        ("drifted", {"status": {"drift": [{"path": "description"}]}}),
        ("contested", {"ready": {"status": "False", "reason": "Contested"}}),
    ],
)
def test_marks_are_counted_by_kind_and_namespace(mark: str, fields: dict[str, Any]) -> None:
    scraped = Scraped(tool("a", **fields), tool("b", **fields), tool("c"))
    assert scraped.value(f"agentrun_resources_{mark}", **PLACE) == 2
    others = {"stalled", "paused", "drifted", "contested"} - {mark}
    found = [scraped.value(f"agentrun_resources_{other}", **PLACE) for other in others]
    assert found == [None, None, None]


def test_the_oldest_deletion_of_a_namespace_tells_its_age() -> None:
    scraped = Scraped()
    now = scraped.clock.now()
    for name, deleted_at in (("a", now.isoformat()), ("b", now.isoformat()), ("c", "")):
        scraped.fleet.observed(tool(name, deleted_at=deleted_at))
    scraped.clock.advance(90)
    assert scraped.value("agentrun_deletions_in_flight", namespace="team-a") == 2
    assert scraped.value("agentrun_oldest_deletion_seconds", namespace="team-a") == 90
    for name in ("a", "b"):
        scraped.fleet.forgotten(tool(name).key)
    assert scraped.value("agentrun_oldest_deletion_seconds", namespace="team-a") is None


def test_a_resource_that_nobody_saw_for_long_tells_its_age() -> None:
    scraped = Scraped(tool("a"), tool("b"), tool("held", conditions=["Paused"]))
    for name, ago in (("a", 40.0), ("b", 10.0), ("held", 900.0)):
        notes = scraped.memory.of(tool(name).key, name)
        notes.looks.note_seen(scraped.clock.monotonic() - ago)
    assert scraped.value("agentrun_last_seen_seconds", namespace="team-a") == 40
    scraped.clock.advance(5)
    assert scraped.value("agentrun_last_seen_seconds", namespace="team-a") == 45
