"""A runtime that publishes its versions, and what the cloud has of them."""

from typing import Any

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import Json
from engine.specs import RUNTIME, SAMPLES, keys, lab_for
from fakes.lab import Lab

PUBLISH, LIST = "PublishRuntimeVersion", "ListAgentRuntimeVersions"


async def unpublished(**more: Any) -> tuple[Lab, ObjectKey]:
    """Return a lab with a runtime `it` that publishes, before anybody has looked at it."""
    lab = await lab_for(SAMPLES["AgentRuntime"])
    await keys(lab)
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "publish": "OnChange", **more})
    return lab, key


async def publishing(**more: Any) -> tuple[Lab, ObjectKey]:
    """Return a lab in which a runtime `it` has published its first version."""
    lab, key = await unpublished(**more)
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)
    assert texts(lab) == ["first"]
    lab.calls.take()
    return lab, key


def published(lab: Lab) -> list[Json]:
    """Return the versions that the cloud has of `it`, the oldest first."""
    tenant = lab.simulator._tenant(None, None)
    return lab.simulator._record(tenant, "AgentRuntime", "it").versions


def texts(lab: Lab) -> list[str]:
    """Return of each version what the resource said of itself when it was published."""
    return [version["data"]["description"] for version in published(lab)]


def numbers(lab: Lab, key: ObjectKey) -> list[str]:
    """Return the versions that an object lists."""
    return [entry["number"] for entry in lab.get(key).status.get("versions") or ()]


def edited_by_others(lab: Lab, **changes: Any) -> None:
    """Change the resource of `it` behind the operator's back."""
    lab.simulator.edit("AgentRuntime", "it", changes)


async def published_by_hand(lab: Lab, key: ObjectKey) -> None:
    """Let somebody else publish a version, and some time pass."""
    await lab.publish_by_hand(key)
    lab.clock.advance(5)
    lab.calls.take()
