"""One routed request, as the engine and what a family does in its own way receive it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agentrun_simulator.family import Family
from agentrun_simulator.schema import Operation
from agentrun_simulator.store import Tenant


@dataclass(frozen=True)
class Outcome:
    """How an asynchronous call is to end, where a fault says so."""

    seconds: float | None = None
    """Length of the transition; None means the setting."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """Reason by status, e.g. `CREATE_FAILED`, for calls that are to fail."""


@dataclass(frozen=True)
class Call:
    """One routed request."""

    tenant: Tenant
    family: Family
    operation: Operation
    keys: tuple[str, ...]
    """Decoded path parameters, in path order."""
    query: Mapping[str, str]
    body: dict[str, Any]
    now: datetime
    outcome: Outcome = Outcome()
