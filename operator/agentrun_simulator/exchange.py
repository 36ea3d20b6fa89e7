"""A request on its way through the cloud."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentrun_simulator.errors import ServiceError
from agentrun_simulator.family import Family
from agentrun_simulator.faults import Fault
from agentrun_simulator.reply import Reply
from agentrun_simulator.requestlog import Entry
from agentrun_simulator.routing import Route
from agentrun_simulator.signature import SignedRequest
from agentrun_simulator.store import Tenant


@dataclass
class Exchange:
    """One request between its two steps."""

    request: SignedRequest
    entry: Entry
    now: datetime
    refusal: ServiceError | None = None
    route: Route | None = None
    keys: tuple[str, ...] = ()
    body: Any = None
    fault: Fault | None = None
    beside: Callable[["Exchange"], Reply] | None = None
    """Answers a call of another plane than the versioned API."""
    latency_seconds: float = 0.0
    """How long the call takes by itself."""

    @property
    def delay_seconds(self) -> float:
        """How long to wait before the second step."""
        if self.fault is None or self.fault.effect != "delay":
            return self.latency_seconds
        return self.latency_seconds + (self.fault.seconds or 0.0)

    def names(self, family: Family, tenant: Tenant) -> tuple[str, ...]:
        """Return every name a fault may match: path keys, and the resource's own name."""
        names = list(self.keys)
        if isinstance(named := self.body.get(family.name_field), str):
            names.append(named)
        parent = self.keys[0] if family.parent and self.keys else None
        if self.keys and (record := tenant.get(family.name, self.keys[-1], parent)):
            names.append(record.name)
        return tuple(names)
