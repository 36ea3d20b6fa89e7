"""The composition root: builds settings, clients, engine and watches, and runs them together."""

import asyncio
import gc
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from agentrun_operator import __version__
from agentrun_operator.api.cloud import AgentRunCloud
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.settings import Settings
from agentrun_operator.kinds import catalogue
from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.client import KubeClient
from agentrun_operator.kube.connections import ConfigMapConnectionWriter
from agentrun_operator.kube.events import BackgroundEventRecorder
from agentrun_operator.kube.metadata_watch import CONFIG_MAPS, SECRETS, MetadataWatch
from agentrun_operator.kube.reader import ReferenceReader
from agentrun_operator.kube.source import Watcher
from agentrun_operator.kube.writer import StatusAndFinalizerWriter
from agentrun_operator.reconcile.accounts import AccountDirectory
from agentrun_operator.reconcile.budget import TokenBucket
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.engine import Engine
from agentrun_operator.reconcile.listings import Listings
from agentrun_operator.reconcile.memory import MemoryBank
from agentrun_operator.reconcile.outcome import Outcomes
from agentrun_operator.reconcile.ports import ClusterUnavailable
from agentrun_operator.reconcile.references import ReferenceResolver
from agentrun_operator.reconcile.world import World
from agentrun_operator.telemetry.health import HealthServer
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


class Operator:
    """One operator process: what it is made of, and how it lives and ends."""

    def __init__(
        self,
        settings: Settings,
        access: ClusterAccess,
        environ: Mapping[str, str],
        *,
        kinds: Mapping[str, ResourceKind] | None = None,
        reclaim_signals: Callable[[], None] | None = None,
    ) -> None:
        """Remember what to build; `run` builds and starts it.

        `reclaim_signals` is called once kopf has started, which takes them for itself.
        """
        self._settings = settings
        self._reclaim_signals = reclaim_signals
        self._access = access
        self._environ = environ
        served = (kinds or catalogue()).values()
        self._kinds = {k.kind: k for k in served if k.namespaced or not settings.namespaces}
        self._clock = SystemClock()
        self.metrics = PrometheusMetrics()
        self.engine: Engine | None = None
        self.health: HealthServer | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set.

        Raises:
            ClusterUnavailable: the cluster cannot be used; the message says what to do.
            WatchLostError: events no longer arrive; only a new process can trust what it knows.
        """
        scopes = max(1, len(self._settings.namespaces))
        async with KubeClient.open(self._access, streams=_STREAMS * scopes) as client:
            reader = ReferenceReader(client, namespaces=self._settings.namespaces)
            await reader.require_crds(self._kinds.values())
            cluster_id = self._settings.cluster_id or await reader.cluster_uid() or "unknown"
            recorder = BackgroundEventRecorder(client, self._clock)
            world = self._world(client, reader, recorder, cluster_id)
            engine = Engine(world, reader, self.metrics)
            self.engine = engine
            watcher = Watcher(
                access=self._access,
                kinds=self._kinds.values(),
                observe=engine.observe,
                namespaces=self._settings.namespaces,
                reclaim_signals=self._reclaim_signals,
            )
            references = self._metadata_watch(client, engine)
            health = self._health(engine, watcher)
            async with health:
                self.health = health
                log.info("started", version=__version__, cluster=cluster_id, port=health.port)
                await _run_all(
                    stop,
                    first=[engine.run()],
                    then=[watcher.run(stop), references.run(stop), recorder.run(stop)],
                )
            await world.accounts.aclose()

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

    def _health(self, engine: Engine, watcher: Watcher) -> HealthServer:
        def ready() -> str | None:
            return None if engine.is_synced else "waiting for the first lists"

        def alive() -> str | None:
            lost = watcher.missing if engine.is_synced else ()
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
            budget=lambda c: TokenBucket(clock, c.requests_per_second).acquire,
        )
        return World(
            kinds=kinds,
            settings=settings,
            clock=clock,
            cache=cache,
            memory=MemoryBank(),
            accounts=AccountDirectory(cache, reader, cloud, settings),
            references=ReferenceResolver(kinds, cache, reader),
            listings=Listings(kinds, cache, clock, settings.polling),
            writer=StatusAndFinalizerWriter(client, kinds.values()),
            events=recorder,
            connections=ConfigMapConnectionWriter(client),
            outcomes=Outcomes(settings.backoff),
            cluster_id=cluster_id,
        )


async def _run_all(stop: asyncio.Event, *, first: Iterable[Any], then: Iterable[Any]) -> None:
    """Run everything until `stop`, or until one part fails.

    Order: what is in `first` ends before `then`, so that the engine drains while it can still
    write to the cluster.
    """
    leading = [asyncio.ensure_future(c) for c in first]
    following = [asyncio.ensure_future(c) for c in then]
    stopper = asyncio.ensure_future(stop.wait())
    try:
        done, _ = await asyncio.wait(
            [*leading, *following, stopper], return_when=asyncio.FIRST_COMPLETED
        )
        for task in done - {stopper}:
            task.result()
    finally:
        stop.set()
        for group in (leading, following):
            for task in group:
                if task in leading:
                    task.cancel()
            await asyncio.gather(*group, return_exceptions=True)
        stopper.cancel()


def serve(settings: Settings, environ: Mapping[str, str]) -> None:
    """Run an operator process until SIGTERM or SIGINT.

    Raises:
        ClusterUnavailable: the cluster cannot be used; the message says what to do.
    """
    access = ClusterAccess.load(environ=environ)
    asyncio.run(_serve(settings, access, environ))


async def _serve(settings: Settings, access: ClusterAccess, environ: Mapping[str, str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def listen() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)

    listen()
    # What was imported lives for ever; the collector need not walk it again and again.
    gc.collect()
    gc.freeze()
    await Operator(settings, access, environ, reclaim_signals=listen).run(stop)


__all__ = ["ClusterUnavailable", "Operator", "serve"]
