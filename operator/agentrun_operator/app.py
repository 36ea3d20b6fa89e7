"""The composition root: builds settings, clients, engine and watches, and runs them together."""

import asyncio
import gc
import socket
import time
import uuid
from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from agentrun_operator import __version__
from agentrun_operator.api.cloud import AgentRunCloud
from agentrun_operator.api.credential_chain import ChainOptions
from agentrun_operator.api.endpoints import is_allowed
from agentrun_operator.core.identity import UNKNOWN_CLUSTER, ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.settings import Settings
from agentrun_operator.disk import DiskShelf
from agentrun_operator.ending import Ending, run_all, unless, within
from agentrun_operator.environment import PREFIX, SettingsError
from agentrun_operator.kinds import catalogue
from agentrun_operator.kube.access import ClusterAccess
from agentrun_operator.kube.client import KubeClient
from agentrun_operator.kube.connections import ConfigMapConnectionWriter
from agentrun_operator.kube.events import BackgroundEventRecorder
from agentrun_operator.kube.lease import LeaseElector, LeaseLostError
from agentrun_operator.kube.lease_thread import LeaseThread
from agentrun_operator.kube.metadata_watch import CONFIG_MAPS, SECRETS, MetadataWatch
from agentrun_operator.kube.reader import ReferenceReader
from agentrun_operator.kube.source import Watcher, WatchLostError
from agentrun_operator.kube.watch_ages import WatchAges
from agentrun_operator.kube.writer import StatusAndFinalizerWriter
from agentrun_operator.reconcile.engine import Engine
from agentrun_operator.reconcile.guard import (
    LeadershipLost,
    check_leadership,
)
from agentrun_operator.reconcile.in_flight import AnswersInFlight
from agentrun_operator.reconcile.ports import ClusterRewound, ClusterUnavailable, Leadership
from agentrun_operator.reconcile.tracing import UNTRACED, Tracer
from agentrun_operator.reconcile.wiring import Adapters, assemble
from agentrun_operator.reconcile.world import World
from agentrun_operator.telemetry.debug import DebugPage, DebugServer
from agentrun_operator.telemetry.health import HealthServer
from agentrun_operator.telemetry.levels import LevelSwitch
from agentrun_operator.telemetry.listener import AddressTakenError
from agentrun_operator.telemetry.metrics import PrometheusMetrics
from agentrun_operator.telemetry.traces import tracer_from
from agentrun_operator.telemetry.watchdog import Watchdog

log = structlog.get_logger(__name__)

_STREAMS = 4
"""Connections that the metadata watch holds for good, with room to reconnect."""


_STUCK_SECONDS = 30.0
"""A loop that has not come round for so long gives the lease up."""
_CLOSE_SECONDS = 2.0
"""For the connections to the cloud; one that hangs is left to the kernel."""


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
        tracer: Tracer = UNTRACED,
    ) -> None:
        """Remember what to build; `run` builds and starts it."""
        self._settings = settings
        self._access = access
        self._environ = environ
        served = (kinds or catalogue()).values()
        self._kinds = {k.kind: k for k in served if k.namespaced or not settings.namespaces}
        self._clock = SystemClock()
        self._tracer = tracer
        self.metrics = PrometheusMetrics(tracer.exemplar)
        self._debug = DebugPage(self._clock)
        self.engine: Engine | None = None
        self.health: HealthServer | None = None
        self._watcher: Watcher | None = None
        self._cluster_id = ""
        self._answers = AnswersInFlight()
        self._ages = WatchAges()
        self.metrics.process.watch_ages = self._ages.seconds
        self._watchdog = Watchdog(
            settings.loop_held_seconds, self.metrics.loop_held, lag=self.metrics.loop_lag
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set.

        Raises:
            ClusterUnavailable: the cluster cannot be used; the message says what to do.
            WatchLostError: events no longer arrive; only a new process can trust what it knows.
            ClusterRewound: the cluster was put back to an older state; as above.
            LeaseLostError: another process leads, or may.
        """
        settings = self._settings
        scopes = max(1, len(settings.namespaces), len(settings.secrets_from))
        async with KubeClient.open(
            self._access,
            streams=_STREAMS * scopes,
            answers=self._answers,
            ages=self._ages,
            tracer=self._tracer,
        ) as client:
            with self._watchdog:
                await self._serve(client, stop)

    async def _serve(self, client: KubeClient, stop: asyncio.Event) -> None:
        settings = self._settings
        reader = ReferenceReader(
            client,
            namespaces=settings.namespaces,
            secrets_from=settings.secrets_from,
            ages=self._ages,
        )
        if not await unless(stop, reader.require_crds(self._kinds.values())):
            return
        async with self._health() as self.health, self._debug_server():
            log.info("started", version=__version__, port=self.health.port)
            elector = self._elector(client)
            if elector is None:
                await self._lead(client, reader, None, stop)
                return
            if not await unless(stop, elector.acquire()):
                return
            try:
                await self._lead(client, reader, elector, stop)
            finally:
                # Order: only now. What may still run finds that it may not write any more.
                await elector.release()

    async def _lead(
        self,
        client: KubeClient,
        reader: ReferenceReader,
        elector: LeaseElector | None,
        stop: asyncio.Event,
    ) -> None:
        if not await unless(stop, self._look_around(reader)):
            return
        leadership = elector or AlwaysLeading()
        self.metrics.process.leads = leadership.is_valid
        recorder = BackgroundEventRecorder(client, self._clock)
        world = self._world(client, reader, recorder, leadership)
        self.metrics.attach(world)
        engine = self.engine = Engine(world, reader, self.metrics)
        self._debug.attach(world, engine.queue)
        watcher = self._watcher = Watcher(
            access=self._access,
            kinds=self._kinds.values(),
            observe=engine.observe,
            namespaces=self._settings.namespaces,
            answers=self._answers,
            ages=self._ages,
        )
        references = self._metadata_watch(client, engine)
        await run_all(
            stop,
            engine=_after(references, engine),
            watches=[watcher.run(stop), references.run(stop), recorder.run(stop)],
            lease=[] if elector is None else [self._lease(elector).hold()],
            drain_seconds=self._settings.drain_seconds,
        )
        await within(_CLOSE_SECONDS, world.clients.aclose())

    async def _look_around(self, reader: ReferenceReader) -> None:
        """Find out where we are; a standby may have waited for so long that CRDs went meanwhile."""
        await reader.require_crds(self._kinds.values())
        found = self._settings.cluster_id or await reader.cluster_uid()
        self._cluster_id = found or UNKNOWN_CLUSTER

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

    def _lease(self, elector: LeaseElector) -> LeaseThread:
        return LeaseThread(
            elector,
            lambda: KubeClient.open(self._access),
            may_renew=lambda: self._watchdog.seconds_since_beat() < _STUCK_SECONDS,
        )

    def _metadata_watch(self, client: KubeClient, engine: Engine) -> MetadataWatch:
        secrets = replace(SECRETS, namespaces=self._settings.secrets_from)
        watched = (
            (secrets, CONFIG_MAPS) if self._settings.secret_access == "watch" else (CONFIG_MAPS,)
        )
        return MetadataWatch(
            client,
            engine.reference_changed,
            watched=watched,
            namespaces=self._settings.namespaces,
            relist_seconds=self._settings.resync_seconds,
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

    def _debug_server(self) -> AbstractAsyncContextManager[object]:
        settings = self._settings
        if not settings.debug_port:
            return nullcontext()
        return DebugServer(
            host=settings.debug_host, port=settings.debug_port, state=self._debug.state
        )

    def _api_called(
        self, source: ObjectKey | None, operation: str, code: str, seconds: float
    ) -> None:
        self.metrics.api_called(source, operation, code, seconds)
        self._debug.api_called(operation, code)

    def _world(
        self,
        client: KubeClient,
        reader: ReferenceReader,
        recorder: BackgroundEventRecorder,
        leadership: Leadership,
    ) -> World:
        settings, kinds = self._settings, self._kinds
        check = partial(check_leadership, leadership)
        writer = StatusAndFinalizerWriter(client, kinds.values(), check=check)
        cloud = AgentRunCloud(
            environ=self._environ,
            allow_list=settings.endpoint_allow_list,
            observe=self._api_called,
            chain=ChainOptions(use_instance_role=settings.instance_role),
            answers=self._answers,
            tracer=self._tracer,
        )
        adapters = Adapters(
            clock=self._clock,
            leadership=leadership,
            reader=reader,
            writer=writer,
            connections=ConfigMapConnectionWriter(client, check),
            events=recorder,
            cloud=cloud,
            shelf=DiskShelf(),
            tracer=self._tracer,
        )
        return assemble(kinds, settings, adapters, cluster_id=self._cluster_id)


async def _after(references: MetadataWatch, engine: Engine) -> None:
    """Start the engine once changes of Secrets and ConfigMaps are being noticed."""
    await references.answered()
    await engine.run()


def _identity(environ: Mapping[str, str]) -> str:
    """Return a name for this process: a restarted container of one Pod is the same process."""
    host = environ.get("HOSTNAME") or socket.gethostname()
    return host if environ.get("KUBERNETES_SERVICE_HOST") else f"{host}_{uuid.uuid4().hex[:8]}"


def serve(settings: Settings, environ: Mapping[str, str], switch: LevelSwitch) -> None:
    """Run an operator process until SIGTERM or SIGINT; the log obeys `switch`.

    Raises:
        ClusterUnavailable: the cluster cannot be used; the message says what to do.
        SettingsError: a pattern of the allow-list is malformed.
        ValueError: a variable of OpenTelemetry asks for what there is not.
    """
    try:
        is_allowed("", settings.endpoint_allow_list)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}ENDPOINT_ALLOW_LIST: {error}; correct it") from None
    access = ClusterAccess.load(environ=environ)
    tracer = tracer_from(environ)
    # What was imported lives for ever; the collector need not walk it again and again.
    gc.collect()
    gc.freeze()
    ending = Ending(settings.drain_seconds)
    operator = Operator(settings, access, environ, tracer=tracer)
    try:
        ending.run(_beside(switch.follow(), operator.run(ending.stop)))
    finally:
        tracer.close()


async def _beside(helper: Coroutine[Any, Any, None], work: Coroutine[Any, Any, None]) -> None:
    """Await work, and cancel what runs beside it when that ends."""
    beside = asyncio.create_task(helper, name="beside")
    try:
        await work
    finally:
        beside.cancel()


FATAL = (
    AddressTakenError,
    ClusterRewound,
    ClusterUnavailable,
    LeadershipLost,
    LeaseLostError,
    WatchLostError,
)
"""What ends the process with one line: a restart is the remedy, or a human is."""

__all__ = ["FATAL", "Operator", "serve"]
