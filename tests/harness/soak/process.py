"""One operator process: the shipped engine on a simulated wire, from its start to its death."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from agentrun_operator.app import FATAL, AlwaysLeading, _after
from agentrun_operator.core.conditions import Verdict
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.settings import Settings
from agentrun_operator.ending import run_all
from agentrun_operator.kinds import catalogue
from agentrun_operator.kube.client import KubeClient
from agentrun_operator.kube.connections import ConfigMapConnectionWriter
from agentrun_operator.kube.lease import LeaseElector, LeaseTimes
from agentrun_operator.kube.metadata_watch import MetadataWatch
from agentrun_operator.kube.reader import ReferenceReader
from agentrun_operator.kube.writer import StatusAndFinalizerWriter
from agentrun_operator.reconcile import guard
from agentrun_operator.reconcile.engine import Engine
from agentrun_operator.reconcile.outcome import Outcome
from agentrun_operator.reconcile.ports import (
    AccountConnection,
    EventType,
    ExternalAPI,
    Leadership,
)
from agentrun_operator.reconcile.wiring import Adapters, assemble
from agentrun_operator.reconcile.world import World
from soak.starvation import Turns
from soak.watch import Watch
from soak.wire import CrashPlan, SimulatedKubeClient, Wire

if TYPE_CHECKING:
    from soak.simulation import Simulation

CLUSTER_ID = "soak"
OPERATOR_NAMESPACE = "agentrun-system"
LEASE_TIMES = LeaseTimes(lease=15.0, renew_deadline=10.0, retry=3.0)

running: ContextVar["Process | None"] = ContextVar("running", default=None)
"""The process that the present task belongs to."""


@dataclass(slots=True)
class Pass:
    """One pass, as seen from outside."""

    obj: KubeObject
    begun: float
    looked: set[str] = field(default_factory=set)
    """Names and keys that the cloud answered for with "absent", or with the resource."""
    held_by: frozenset[ObjectKey] = frozenset()
    """Who kept the object from being deleted when it began, as far as the process knew."""
    drift: str = ""
    """What the last read of the resource showed to differ, and no write has corrected since."""


current: ContextVar[Pass | None] = ContextVar("current", default=None)
"""The pass that the present call belongs to; requests carry it to where they arrive."""


@dataclass(frozen=True, slots=True)
class ProcessClock:
    """The machine's time; its wall clock may be wrong and may jump."""

    process: "Process"

    def now(self) -> datetime:
        return self.process.simulation.now()

    def monotonic(self) -> float:
        return self.process.simulation.loop.time()

    async def sleep(self, seconds: float) -> None:
        wire = self.process.wire
        if not wire.is_alive:
            raise asyncio.CancelledError
        await asyncio.sleep(max(0.0, seconds))
        while (left := wire.frozen_until - self.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)
        if not wire.is_alive:
            raise asyncio.CancelledError


class ObservedEngine(Engine):
    """The engine, telling the harness about its passes."""

    process: "Process"

    async def _pass(self, obj: KubeObject, *, fresh: bool) -> Outcome:
        simulation = self.process.simulation
        held_by = simulation.checks.holding(self.process, obj)
        token = current.set(Pass(obj, simulation.loop.time(), held_by=held_by))
        simulation.checks.pass_begins(self.process, obj)
        try:
            result = await super()._pass(obj, fresh=fresh)
        finally:
            current.reset(token)
        simulation.trace(f"  {self.process.name} passed {obj.key}: {_shown(result)}")
        return result


def _shown(result: Outcome) -> str:
    verdict = result.verdict
    said = f"{verdict.ready}/{verdict.reason.value}" if verdict else "-"
    after = "" if result.requeue_after is None else f" again in {result.requeue_after:.1f}"
    return f"{said}{after}"


class Process:
    """One life of one replica. `end` is set when it is over, for whatever reason."""

    def __init__(self, simulation: "Simulation", name: str, settings: Settings) -> None:
        self.simulation = simulation
        self.name = name
        self.settings = settings
        self.clock = ProcessClock(self)
        self.wire = Wire(
            simulation.chance,
            self._crash,
            simulation.trace,
            simulation.number,
            simulation.schedule.crash,
        )
        self.turns = Turns(self)
        self.stop = asyncio.Event()
        self.ended = asyncio.Event()
        self.world: World | None = None
        self.engine: ObservedEngine | None = None
        self.watch: Watch | None = None
        self.leadership: Leadership = AlwaysLeading()
        self.begun_at = float("inf")
        """When it began to lead."""
        self._tasks: dict[asyncio.Task[Any], None] = {}

    # ------------------------------------------------ life and death

    def start(self) -> None:
        """Begin to run in the background."""
        token = running.set(self)
        try:
            asyncio.get_running_loop().create_task(self._live(), name=self.name)
        finally:
            running.reset(token)

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Take note of a task that must die with the process."""
        self._tasks[task] = None
        if not self.wire.is_alive:
            task.cancel()
        if len(self._tasks) > 400:
            self._tasks = {t: None for t in self._tasks if not t.done()}

    def kill(self, why: str) -> None:
        """Die at once: nothing of this process reaches the world any more."""
        if not self.wire.is_alive:
            return
        self.simulation.trace(f"  {self.name} dies: {why}")
        self.wire.cut()
        self._close()
        for task in list(self._tasks):
            task.cancel()
        self.ended.set()

    def _crash(self, why: str) -> None:
        self.simulation.history.crashes += 1
        self.kill(why)

    def _close(self) -> None:
        self.simulation.count(self)

    async def _live(self) -> None:
        try:
            await self._run()
        except FATAL as error:
            self.simulation.trace(f"  {self.name} ends: {type(error).__name__}: {error}")
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - reported as what it is
            self.simulation.checks.engine_died(self, error)
        finally:
            if self.wire.is_alive:
                self.wire.cut()
                self._close()
            self.ended.set()

    async def _run(self) -> None:
        kube = self._kube_client()
        lease = []
        if self.settings.leader_election:
            elector = LeaseElector(
                kube,
                self.clock,
                namespace=OPERATOR_NAMESPACE,
                name=self.settings.lease_name,
                identity=self.name,
                times=LEASE_TIMES,
            )
            await elector.acquire()
            self.leadership = elector
            lease = [elector.hold()]
        self.simulation.trace(f"  {self.name} leads")
        self.begun_at = self.simulation.loop.time()
        reader = ReferenceReader(kube)
        self.world = self._assembled(kube, reader)
        self.engine = ObservedEngine(self.world, reader, _Metrics(self))
        self.engine.process = self
        self.watch = Watch(self, kube, self.engine)
        references = MetadataWatch(
            kube,
            self.engine.reference_changed,
            relist_seconds=self.settings.resync_seconds,
            sleep=self.clock.sleep,
            monotonic=self.clock.monotonic,
        )
        watches = [self.watch.run(self.stop), references.run(self.stop)]
        engine = _after(references, self.engine)
        await run_all(
            self.stop,
            engine=engine,
            watches=watches,
            lease=lease,
            drain_seconds=self.settings.drain_seconds,
        )
        if self.settings.leader_election:
            await cast(LeaseElector, self.leadership).release()

    # ------------------------------------------------ composition, as in `app`

    def _kube_client(self) -> SimulatedKubeClient:
        simulation = self.simulation

        def on_write(name: str, place: Any, body: Any) -> None:
            simulation.checks.kube_write(self, name, place, body)

        return SimulatedKubeClient(
            self.wire,
            simulation.kube,
            simulation.kube_faults,
            on_write,
            simulation.watch_delay,
        )

    def _assembled(self, kube: KubeClient, reader: ReferenceReader) -> World:
        # By way of its module: imported by name it would stay whole where `no-fencing` replaces it.
        kinds, check = catalogue(), partial(guard.check_leadership, self.leadership)
        adapters = Adapters(
            clock=self.clock,
            leadership=self.leadership,
            reader=reader,
            writer=StatusAndFinalizerWriter(kube, kinds.values(), check=check),
            connections=ConfigMapConnectionWriter(kube, check),
            events=self,
            cloud=self,
        )
        return assemble(kinds, self.settings, adapters, cluster_id=CLUSTER_ID)

    def connect(self, connection: AccountConnection, acquire: Callable[[], Any]) -> ExternalAPI:
        """Implement `ports.Cloud`."""
        checks = self.simulation.cloud_checks(self)
        return self.simulation.cloud.connect(self.wire, connection, acquire, checks)

    def place_of(self, region: str, endpoint: str | None) -> str:
        """Implement `ports.Cloud`."""
        return endpoint or region

    def emit(self, obj: KubeObject, kind: EventType, reason: str, message: str) -> None:
        """Implement `ports.EventRecorder`."""
        self.simulation.checks.event(obj, kind, reason, message)

    # ------------------------------------------------ what the harness may do to it

    def plan_crash(self, plan: CrashPlan) -> None:
        """Die at a call."""
        self.wire.plan = plan

    def freeze(self, seconds: float) -> None:
        """Stand still, as under SIGSTOP."""
        self.wire.freeze(seconds)


class _Metrics:
    """`ports.Metrics` that looks at how long keys wait, and counts nothing."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def queue_waited(self, kind: str, seconds: float) -> None:
        self._process.turns.took(kind, seconds)

    def queue_depth(self, kind: str, depth: int) -> None:
        self._process.turns.note_depth(kind, depth)

    def queue_added(self, kind: str) -> None: ...
    def queue_retried(self, kind: str) -> None: ...
    def reconciled(self, kind: str, result: str, seconds: float) -> None: ...
    def workers(self, *, active: int, limit: int) -> None: ...
    def observed(self, before: KubeObject | None, obj: KubeObject) -> None: ...
    def forgotten(self, key: ObjectKey) -> None: ...
    def reference_changed(
        self, target: ObjectKey, version: str, users: list[ObjectKey]
    ) -> None: ...
    def passed(self, key: ObjectKey, verdict: Verdict | None, *, began: float) -> None: ...
    def missing(self, account: ObjectKey, count: int | None) -> None: ...


def task_factory(
    loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
) -> asyncio.Task[Any]:
    """Make tasks that die with their process."""
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
    process = running.get()
    if process is not None:
        process.adopt(task)
    return task
