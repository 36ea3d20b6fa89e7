"""The composition root: builds settings, clients, engine and watches, and runs them together."""

import asyncio
import gc
import signal
import socket
import time
import uuid
from collections.abc import Awaitable, Coroutine, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from agentrun_operator import __version__
from agentrun_operator.api.cloud import AgentRunCloud
from agentrun_operator.api.credential_chain import ChainOptions
from agentrun_operator.api.endpoints import is_allowed
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.settings import Settings
from agentrun_operator.environment import PREFIX, SettingsError
from agentrun_operator.kinds import catalogue
from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.client import KubeClient
from agentrun_operator.kube.connections import ConfigMapConnectionWriter
from agentrun_operator.kube.events import BackgroundEventRecorder
from agentrun_operator.kube.lease import LeaseElector, LeaseLostError
from agentrun_operator.kube.metadata_watch import CONFIG_MAPS, SECRETS, MetadataWatch
from agentrun_operator.kube.reader import ReferenceReader
from agentrun_operator.kube.source import Watcher, WatchLostError
from agentrun_operator.kube.writer import StatusAndFinalizerWriter
from agentrun_operator.reconcile.accounts import AccountDirectory
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.clients import AccountClients
from agentrun_operator.reconcile.engine import Engine
from agentrun_operator.reconcile.guard import (
    FencedWriter,
    LeadershipLost,
    check_leadership,
)
from agentrun_operator.reconcile.listings import Listings
from agentrun_operator.reconcile.memory import MemoryBank
from agentrun_operator.reconcile.outcome import Outcomes
from agentrun_operator.reconcile.ports import ClusterUnavailable, Leadership
from agentrun_operator.reconcile.references import ReferenceResolver
from agentrun_operator.reconcile.world import World
from agentrun_operator.telemetry.health import AddressTakenError, HealthServer
from agentrun_operator.telemetry.metrics import PrometheusMetrics

log = structlog.get_logger(__name__)

_STREAMS = 4
"""Connections that the metadata watch holds for good, with room to reconnect."""


class SystemClock:
    """The real time."""

    def now(self) -> datetime:
        """Return the wall clock, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class AlwaysLeading:
    """Leadership of the only process, by promise of who started it."""

    def is_valid(self) -> bool:
        """Say yes."""
        return True


class Operator:
    """One operator process: what it is made of, and how it lives and ends."""

    def __init__(
        self,
        settings: Settings,
        access: ClusterAccess,
        environ: Mapping[str, str],
        *,
        kinds: Mapping[str, ResourceKind] | None = None,
    ) -> None:
        """Remember what to build; `run` builds and starts it."""
        self._settings = settings
        self._access = access
        self._environ = environ
        served = (kinds or catalogue()).values()
        self._kinds = {k.kind: k for k in served if k.namespaced or not settings.namespaces}
        self._clock = SystemClock()
        self.metrics = PrometheusMetrics()
        self.engine: Engine | None = None
        self.health: HealthServer | None = None
        self._watcher: Watcher | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set.

        Raises:
            ClusterUnavailable: the cluster cannot be used; the message says what to do.
            WatchLostError: events no longer arrive; only a new process can trust what it knows.
            LeaseLostError: another process leads, or may.
        """
        scopes = max(1, len(self._settings.namespaces))
        async with KubeClient.open(self._access, streams=_STREAMS * scopes) as client:
            reader = ReferenceReader(client, namespaces=self._settings.namespaces)
            await reader.require_crds(self._kinds.values())
            async with self._health() as self.health:
                log.info("started", version=__version__, port=self.health.port)
                elector = self._elector(client)
                if elector is None:
                    await self._lead(client, reader, AlwaysLeading(), [], stop)
                    return
                if not await _unless(stop, elector.acquire()):
                    return
                await self._lead(client, reader, elector, [elector.hold()], stop)
                # Order: only now, when nothing of ours can write any more.
                await elector.release()

    async def _lead(
        self,
        client: KubeClient,
        reader: ReferenceReader,
        leadership: Leadership,
        beside: list[Coroutine[Any, Any, None]],
        stop: asyncio.Event,
    ) -> None:
        cluster_id = self._settings.cluster_id or await reader.cluster_uid() or "unknown"
        recorder = BackgroundEventRecorder(client, self._clock)
        world = self._world(client, reader, recorder, cluster_id, leadership)
        engine = self.engine = Engine(world, reader, self.metrics)
        watcher = self._watcher = Watcher(
            access=self._access,
            kinds=self._kinds.values(),
            observe=engine.observe,
            namespaces=self._settings.namespaces,
        )
        references = self._metadata_watch(client, engine)
        watches = [watcher.run(stop), references.run(stop), recorder.run(stop)]
        await _run_all(stop, engine=_after(references, engine), watches=watches, lease=beside)
        await world.clients.aclose()

    def _elector(self, client: KubeClient) -> LeaseElector | None:
        settings = self._settings
        if not settings.leader_election:
            return None
        return LeaseElector(
            client,
            self._clock,
            namespace=settings.operator_namespace,
            name=settings.lease_name,
            identity=settings.identity or _identity(self._environ),
        )

    def _metadata_watch(self, client: KubeClient, engine: Engine) -> MetadataWatch:
        watched = (
            (SECRETS, CONFIG_MAPS) if self._settings.secret_access == "watch" else (CONFIG_MAPS,)
        )
        return MetadataWatch(
            client,
            engine.reference_changed,
            watched=watched,
            namespaces=self._settings.namespaces,
        )

    def _health(self) -> HealthServer:
        def ready() -> str | None:
            # A standby is ready: it waits for its turn, and drains may rely on it.
            is_waiting = self.engine is not None and not self.engine.is_synced
            return "waiting for the first lists" if is_waiting else None

        def alive() -> str | None:
            is_synced = self.engine is not None and self.engine.is_synced
            lost = self._watcher.missing if is_synced and self._watcher is not None else ()
            return f"not watching: {', '.join(lost)}" if lost else None

        return HealthServer(
            host=self._settings.bind_host,
            port=self._settings.bind_port,
            alive=alive,
            ready=ready,
            metrics=self.metrics.render,
        )

    def _world(
        self,
        client: KubeClient,
        reader: ReferenceReader,
        recorder: BackgroundEventRecorder,
        cluster_id: str,
        leadership: Leadership,
    ) -> World:
        settings, clock, kinds = self._settings, self._clock, self._kinds
        cache = ObjectCache(
            kinds,
            controller_class=settings.controller_class,
            operator_namespace=settings.operator_namespace,
        )
        cloud = AgentRunCloud(
            environ=self._environ,
            allow_list=settings.endpoint_allow_list,
            observe=self.metrics.api_called,
            chain=ChainOptions(use_instance_role=settings.instance_role),
        )
        clients = AccountClients(
            kinds, cache, reader, cloud, settings, clock=clock, leadership=leadership
        )
        return World(
            kinds=kinds,
            settings=settings,
            clock=clock,
            leadership=leadership,
            cache=cache,
            memory=MemoryBank(),
            accounts=AccountDirectory(kinds, cache, reader, clients, settings),
            clients=clients,
            references=ReferenceResolver(kinds, cache, reader),
            listings=Listings(kinds, cache, clock, settings.polling),
            writer=FencedWriter(
                StatusAndFinalizerWriter(
                    client, kinds.values(), check=lambda: check_leadership(leadership)
                ),
                leadership,
            ),
            events=recorder,
            connections=ConfigMapConnectionWriter(client),
            outcomes=Outcomes(settings.backoff),
            cluster_id=cluster_id,
        )


async def _after(references: MetadataWatch, engine: Engine) -> None:
    """Start the engine once changes of Secrets and ConfigMaps are being noticed."""
    await references.settled()
    await engine.run()


def _identity(environ: Mapping[str, str]) -> str:
    """Return a name for this process: a restarted container of one Pod is the same process."""
    host = environ.get("HOSTNAME") or socket.gethostname()
    return host if environ.get("KUBERNETES_SERVICE_HOST") else f"{host}_{uuid.uuid4().hex[:8]}"


async def _unless(stop: asyncio.Event, work: Awaitable[None]) -> bool:
    """Await something unless `stop` is set first; returns whether it was done."""
    task, stopper = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait([task, stopper], return_when=asyncio.FIRST_COMPLETED)
    stopper.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return False


async def _run_all(
    stop: asyncio.Event,
    *,
    engine: Awaitable[None],
    watches: Iterable[Awaitable[None]],
    lease: Iterable[Awaitable[None]],
) -> None:
    """Run everything until `stop`, or until one part fails.

    Order: the engine drains first, while it can still write; the watches end by themselves at
    `stop`; the lease is held until nothing writes any more.
    """
    draining = asyncio.ensure_future(engine)
    following = [asyncio.ensure_future(part) for part in watches]
    holding = [asyncio.ensure_future(part) for part in lease]
    stopper = asyncio.ensure_future(stop.wait())
    try:
        done, _ = await asyncio.wait(
            [draining, *following, *holding, stopper], return_when=asyncio.FIRST_COMPLETED
        )
        for task in done - {stopper}:
            task.result()
    finally:
        stop.set()
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)
        await asyncio.gather(*following, stopper, return_exceptions=True)
        for task in holding:
            task.cancel()
        await asyncio.gather(*holding, return_exceptions=True)


def serve(settings: Settings, environ: Mapping[str, str]) -> None:
    """Run an operator process until SIGTERM or SIGINT.

    Raises:
        ClusterUnavailable: the cluster cannot be used; the message says what to do.
        SettingsError: a pattern of the allow-list is malformed.
    """
    try:
        is_allowed("", settings.endpoint_allow_list)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}ENDPOINT_ALLOW_LIST: {error}; correct it") from None
    access = ClusterAccess.load(environ=environ)
    asyncio.run(_serve(settings, access, environ))


async def _serve(settings: Settings, access: ClusterAccess, environ: Mapping[str, str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # What was imported lives for ever; the collector need not walk it again and again.
    gc.collect()
    gc.freeze()
    await Operator(settings, access, environ).run(stop)


FATAL = (AddressTakenError, ClusterUnavailable, WatchLostError, LeaseLostError, LeadershipLost)
"""What ends the process with one line: a restart is the remedy, or a human is."""

__all__ = ["FATAL", "Operator", "serve"]
