"""Waiting for what other processes do, and reading conditions."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rig.errors import RigError

POLL_SECONDS = 0.2
HANG_SECONDS = 300.0
"""What is not there by then never comes, on however slow a machine."""

Found = TypeVar("Found")


def eventually(read: Callable[[], Found], what: str, *, seconds: float = HANG_SECONDS) -> Found:
    """Call `read` until it returns something true, and return that.

    Args:
        read: Looks once; what it raises is not caught.
        what: What is waited for, for the message.
        seconds: How long to look.

    Raises:
        RigError: nothing true came in time.
    """
    deadline = time.monotonic() + seconds
    while not (found := read()):
        if time.monotonic() > deadline:
            raise RigError(f"waited {seconds:.0f} s in vain for: {what}")
        time.sleep(POLL_SECONDS)
    return found


def condition(body: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return one condition of an object, empty while it has none of that type."""
    conditions: list[Mapping[str, Any]] = body.get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == kind), {})


def is_ready(body: Mapping[str, Any]) -> bool:
    """Return whether an object is Ready, judged on its newest generation."""
    ready = condition(body, "Ready")
    generation = body["metadata"]["generation"]
    return ready.get("status") == "True" and body["status"].get("observedGeneration") == generation


def described(body: Mapping[str, Any]) -> str:
    """Return one line that tells an object's state by its conditions."""
    conditions = body.get("status", {}).get("conditions", [])
    states = "; ".join(
        f"{each['type']}={each['status']} ({each.get('reason', '')}) {each.get('message', '')}"
        for each in conditions
    )
    return f"{body['kind']}/{body['metadata']['name']}: {states or 'no conditions'}"
