"""The parts of the world and of the engine that a pass works with; `wiring` makes them."""

from collections.abc import Mapping
from dataclasses import dataclass

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.settings import Settings
from agentrun_operator.reconcile.accounts import AccountDirectory
from agentrun_operator.reconcile.brake import Brake
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.clients import AccountClients
from agentrun_operator.reconcile.early_looks import EarlyLooks
from agentrun_operator.reconcile.fitness import Fitness
from agentrun_operator.reconcile.grants import Grants
from agentrun_operator.reconcile.known import KnownValues
from agentrun_operator.reconcile.listings import Listings
from agentrun_operator.reconcile.memory import MemoryBank
from agentrun_operator.reconcile.outcome import Outcomes
from agentrun_operator.reconcile.ports import Clock, EventRecorder, KubeWriter, Leadership
from agentrun_operator.reconcile.publications import Publications
from agentrun_operator.reconcile.records import Records
from agentrun_operator.reconcile.references import ReferenceResolver
from agentrun_operator.reconcile.tracing import Tracer


@dataclass(frozen=True, slots=True)
class World:
    """Everything that outlives a pass."""

    kinds: Mapping[str, ResourceKind]
    settings: Settings
    clock: Clock
    leadership: Leadership
    cache: ObjectCache
    memory: MemoryBank
    accounts: AccountDirectory
    clients: AccountClients
    references: ReferenceResolver
    listings: Listings
    early_looks: EarlyLooks
    writer: KubeWriter
    events: EventRecorder
    connections: Publications
    outcomes: Outcomes
    cluster_id: str
    brake: Brake
    records: Records
    grants: Grants
    fitness: Fitness
    known: KnownValues
    """What objects sent, which the cloud may quote."""
    tracer: Tracer

    async def drop_unused(self) -> None:
        """Drop what belongs to accounts and maps that are gone, or a process would only grow."""
        await self.clients.drop_unused()
        self.cache.drop_unused()
        await self.brake.drop_unused()
        self.early_looks.keep(self.clients.is_there)
        self.known.sweep(lambda key: self.cache.version(key) is not None)
        self.connections.keep(lambda at: bool(self.cache.publishers_of(at)))
