"""One history from its first event to its last: world, processes, trace, checks."""

import asyncio
import logging
import random
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from agentrun_operator.core.settings import Backoff, Polling, Settings
from agentrun_operator.reconcile.ports import Json
from fakes.kube_server import KubeServer
from soak.actions import Actions
from soak.chance import Chance
from soak.checks import Checks, Violation
from soak.cloud import SimulatedCloud
from soak.cloud_checks import CloudChecks
from soak.endings import Endings
from soak.freshness import CHECK_SECONDS, Freshness
from soak.loop import START, START_SECONDS, SimulatedLoop, StuckError, to_loop
from soak.process import OPERATOR_NAMESPACE, Process, task_factory
from soak.schedule import Schedule
from soak.wire import KubeFault

_DAY_SECONDS = 86_400.0
_TALKATIVE = 5
"""Of so many histories one logs at debug level."""


@dataclass(slots=True)
class History:
    """What became of a schedule."""

    schedule: Schedule
    violations: list[Violation] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    reasons: set[str] = field(default_factory=set)
    """Reasons of Ready that a status ever had."""
    calls: int = 0
    sent: list[str] = field(default_factory=list)
    """Names of the calls of all processes, in the order of sending."""
    active_calls: int = 0
    """How many of them were sent while users were at work."""
    crashes: int = 0
    """How many processes died at a planned call."""
    virtual_seconds: float = 0.0


def settings_for(schedule: Schedule) -> Settings:
    """Return settings with the same proportions as the defaults, on a shorter scale."""
    return Settings(
        operator_namespace=OPERATOR_NAMESPACE,
        workers=4,
        polling=Polling(
            transition_seconds=4.0,
            steady_seconds=20.0,
            detail_seconds=60.0,
            slow_seconds=20.0,
            few=schedule.few,
        ),
        backoff=Backoff(base_seconds=1.0, cap_seconds=20.0),
        resync_seconds=60.0,
        create_settle_seconds=20.0,
        absence_confirm_seconds=2.0,
        create_timeout_seconds=120,
        update_timeout_seconds=120,
        delete_timeout_seconds=120,
        leader_election=schedule.two_leaders,
        drain_seconds=5.0,
    )


class Simulation:
    """The world of one history."""

    def __init__(self, schedule: Schedule, loop: SimulatedLoop, *, verbose: bool) -> None:
        self.schedule = schedule
        self.loop = loop
        self.verbose = verbose
        self.chance = Chance(schedule.seed)
        self.wall_offset = timedelta()
        self.kube = KubeServer(self.true_now)
        self.cloud = SimulatedCloud(self.true_now, loop.time, self.chance, schedule.seed)
        self.kube_faults: list[KubeFault] = []
        self.history = History(schedule)
        self.checks = Checks(self)
        self.settings = settings_for(schedule)
        self.actions = Actions(self)
        self.freshness = Freshness(self)
        self.watch_seconds = 0.3
        self.processes: list[Process] = []
        self.is_over = False
        """The active part is: nobody acts on his own any more."""
        self.is_calm = False
        """Nothing goes wrong, and what did is long past."""
        self._lives = 0

    # ------------------------------------------------ time, trace, small services

    def true_now(self) -> datetime:
        """Return the time of API server and cloud."""
        return START + timedelta(seconds=self.loop.time() - START_SECONDS)

    def now(self) -> datetime:
        """Return what the operator's machine takes for the time."""
        return self.true_now() + self.wall_offset

    @staticmethod
    def seconds_of(raw: Json) -> float:
        """Return when an object was created, in the loop's time; full seconds, rounded up."""
        return to_loop(datetime.fromisoformat(raw["metadata"]["creationTimestamp"])) + 1.0

    def trace(self, line: str) -> None:
        """Add a line to the trace."""
        if self.verbose:
            self.history.trace.append(f"{self.loop.time() - START_SECONDS:9.3f} {line}")

    def watch_delay(self) -> float:
        """Return how long the next event travels."""
        return self.chance.unit("watch") ** 2 * self.watch_seconds

    def cloud_checks(self, process: Process) -> CloudChecks:
        """Return the watcher of one process's calls to the cloud."""
        return CloudChecks(self, self.checks, process)

    def living(self) -> list[Process]:
        """Return the processes that run."""
        return [process for process in self.processes if process.wire.is_alive]

    def silence(self, seconds: float, *, relists: bool) -> None:
        """Let the present watches lose events for a while."""
        feeds = list(self.kube.feeds)
        for feed in feeds:
            feed.is_silent = True

        def end() -> None:
            for feed in feeds:
                feed.is_silent = False
                if relists:
                    feed.expire()

        self.loop.call_later(seconds, end)

    # ------------------------------------------------ the course of events

    async def run(self) -> None:
        """Live through the schedule, then check how it ended."""
        self.actions.tenants.set_the_stage()
        replicas = ["alpha", "beta"] if self.schedule.two_leaders else ["alpha"]
        keepers = [self.loop.create_task(self._keep_alive(name)) for name in replicas]
        keepers.append(self.loop.create_task(self._watch_dates()))
        for step in self.schedule.steps:
            await self._until(step.at)
            self.trace(f"> {step}")
            self.actions.perform(step)
            if self.history.violations:
                break
        await self._until(self.schedule.active_seconds)
        self.is_over = True
        self.history.active_calls = len(self.history.sent)
        await Endings(self).run()
        for keeper in keepers:
            keeper.cancel()
        for process in self.living():
            process.kill("the end")
        await asyncio.gather(*keepers, return_exceptions=True)

    async def _until(self, at: float) -> None:
        left = START_SECONDS + at - self.loop.time()
        if left > 0:
            await asyncio.sleep(left)

    async def _watch_dates(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.freshness.check()
            for process in self.living():
                process.turns.check()

    async def _keep_alive(self, replica: str) -> None:
        """Start the operator again whenever it ended, as a kubelet does."""
        while True:
            self._lives += 1
            process = Process(self, f"{replica}-{self._lives}", self.settings)
            self.processes = [p for p in self.processes if p.wire.is_alive] + [process]
            process.start()
            await process.ended.wait()
            await asyncio.sleep(self.chance.between("restart", 0.1, 4.0))

    def number(self, name: str) -> int:
        """Note a call that is about to be sent; return its number in the history, from 1."""
        self.history.sent.append(name)
        return len(self.history.sent)

    def count(self, process: Process) -> None:
        """Add the calls of a process that ended."""
        self.history.calls += process.wire.calls

    def faults_end(self) -> None:
        """From now on the world behaves."""
        self.trace("> faults end")
        self.cloud.simulator.clear_faults()
        self.kube_faults.clear()
        self.actions.definitions.all_back()
        self.watch_seconds = 0.3
        for process in self.living():
            process.wire.plan = None
        for feed in self.kube.feeds:
            feed.is_silent = False


def run(schedule: Schedule, *, verbose: bool = False) -> History:
    """Live through one schedule; the result depends on nothing but it."""
    loop = SimulatedLoop(schedule.seed)
    loop.set_task_factory(task_factory)
    state = random.getstate()
    random.seed(schedule.seed)
    simulation = Simulation(schedule, loop, verbose=verbose)
    try:
        with _logs_to(simulation):
            asyncio.set_event_loop(loop)
            limit = asyncio.wait_for(simulation.run(), _DAY_SECONDS)
            loop.run_until_complete(limit)
    except (StuckError, TimeoutError) as error:
        simulation.checks.violated("progress", f"the simulation does not end: {error!r}")
    finally:
        loop.run_until_complete(_bury())
        asyncio.set_event_loop(None)
        loop.close()
        random.setstate(state)
    history = simulation.history
    history.virtual_seconds = loop.time() - START_SECONDS
    return history


async def _bury() -> None:
    """Let everything end that is still under way."""
    for _ in range(10):
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.sleep(1.0)


@contextmanager
def _logs_to(simulation: Simulation) -> Iterator[None]:
    """Show the engine's warnings to the checks, and nothing to the terminal."""

    # At debug level even the most talkative line is shown to the checks; it takes its time.
    level = logging.DEBUG if simulation.schedule.seed % _TALKATIVE == 0 else logging.WARNING

    def show(_logger: Any, method: str, event: MutableMapping[str, Any]) -> Any:
        simulation.checks.log(method, dict(event))
        raise structlog.DropEvent

    before = structlog.get_config()
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    structlog.configure(
        processors=[show],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)
        logging.disable(disabled)
