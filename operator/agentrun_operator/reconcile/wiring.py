"""The one place that puts the engine's parts together: for the process, the tests and the soak."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.settings import Settings
from agentrun_operator.reconcile.accounts import AccountDirectory
from agentrun_operator.reconcile.admission import Admission
from agentrun_operator.reconcile.binding import CloudAccount
from agentrun_operator.reconcile.brake import Brake
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.clients import AccountClients
from agentrun_operator.reconcile.early_looks import EarlyLooks
from agentrun_operator.reconcile.fitness import Fitness
from agentrun_operator.reconcile.grants import Grants
from agentrun_operator.reconcile.guard import FencedWriter
from agentrun_operator.reconcile.known import KnownValues
from agentrun_operator.reconcile.listings import Listings
from agentrun_operator.reconcile.memory import MemoryBank
from agentrun_operator.reconcile.outcome import Outcomes
from agentrun_operator.reconcile.places import Places
from agentrun_operator.reconcile.ports import (
    Clock,
    Cloud,
    ConnectionWriter,
    EventRecorder,
    KubeReader,
    KubeWriter,
    Leadership,
)
from agentrun_operator.reconcile.publications import Publications
from agentrun_operator.reconcile.records import Records
from agentrun_operator.reconcile.references import ReferenceResolver
from agentrun_operator.reconcile.shelf import MemoryShelf, Shelf
from agentrun_operator.reconcile.tracing import UNTRACED, Tracer
from agentrun_operator.reconcile.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """What the engine needs of the world outside: one implementation of each port."""

    clock: Clock
    leadership: Leadership
    reader: KubeReader
    writer: KubeWriter
    connections: ConnectionWriter
    events: EventRecorder
    cloud: Cloud
    shelf: Shelf = field(default_factory=MemoryShelf)
    """Where large fields of objects lie."""
    jitter: Callable[[], float] = random.random
    """Spreads retries; 0 to 1."""
    tracer: Tracer = UNTRACED


def assemble(
    kinds: Mapping[str, ResourceKind], settings: Settings, adapters: Adapters, *, cluster_id: str
) -> World:
    """Return the world that an engine works with, nothing seen yet."""
    clock, leadership, reader = adapters.clock, adapters.leadership, adapters.reader
    cache = ObjectCache(
        kinds,
        controller_class=settings.controller_class,
        operator_namespace=settings.operator_namespace,
        cluster_id=cluster_id,
        shelf=adapters.shelf,
    )
    memory = MemoryBank()
    admission = Admission(kinds, reader)
    places = Places(kinds, cache, memory, admission, adapters.cloud)
    clients = AccountClients(
        kinds,
        cache,
        reader,
        adapters.cloud,
        settings,
        places=places,
        clock=clock,
        leadership=leadership,
    )
    accounts = AccountDirectory(
        cache, reader, clients, settings, admission=admission, places=places
    )
    references = ReferenceResolver(kinds, cache, reader)
    listings = Listings(kinds, cache, clock, settings.polling)
    records = Records(kinds, cache, memory, accounts, references)
    return World(
        kinds=kinds,
        settings=settings,
        clock=clock,
        leadership=leadership,
        cluster_id=cluster_id,
        cache=cache,
        memory=memory,
        accounts=accounts,
        clients=clients,
        references=references,
        listings=listings,
        early_looks=EarlyLooks(),
        writer=FencedWriter(adapters.writer, leadership),
        events=adapters.events,
        connections=Publications(adapters.connections, clock, leadership),
        outcomes=Outcomes(settings.backoff, adapters.jitter),
        brake=Brake(
            cache,
            memory,
            listings,
            clock,
            settings.mass_absence,
            cloud_of=partial(_cloud_of, clients),
        ),
        records=records,
        grants=Grants(kinds, cache, records),
        fitness=Fitness(kinds, cache, records),
        known=KnownValues(clock),
        tracer=adapters.tracer,
    )


def _cloud_of(clients: AccountClients, source: ObjectKey) -> CloudAccount | None:
    """Return which cloud account an account object is known to lead to."""
    binding = clients.known(source)
    return binding.cloud if binding is not None else None
