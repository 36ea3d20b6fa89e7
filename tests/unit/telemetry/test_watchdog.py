"""What holds the loop is named, with its place and the time it took."""

import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from agentrun_operator.telemetry.metrics import PrometheusMetrics
from agentrun_operator.telemetry.watchdog import Watchdog


class Clock:
    """Moves when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Run:
    """A watchdog whose thread looks when a test says so."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.held: list[tuple[str, float]] = []
        self.lags: list[float] = []
        self.dog = Watchdog(0.2, self._held, lag=self.lags.append, monotonic=self.clock)
        self.dog._loop = asyncio.get_running_loop()
        self.dog._thread_id = threading.get_ident()
        self.dog._stop.set()

    def _held(self, task: str, seconds: float) -> None:
        self.held.append((task, round(seconds, 3)))

    async def work(self, seconds: float, *, looks: int = 1) -> None:
        """Hold the loop, in a task of its own, while the thread looks."""

        async def hold() -> None:
            self.clock.now += seconds
            for _ in range(looks):
                self.dog.look()

        await asyncio.create_task(hold(), name="pass AgentRuntime team/it")
        self.dog.beat()


async def test_a_pass_that_holds_the_loop_is_named_with_its_place() -> None:
    run = Run()
    with capture_logs() as logs:
        await run.work(3.0, looks=2)
    assert run.held == [("pass AgentRuntime team/it", 2.95)]
    assert logs[0]["task"] == "pass AgentRuntime team/it"
    assert "test_watchdog.py" in logs[0]["place"]


async def test_what_stays_within_the_limit_is_not_told() -> None:
    run = Run()
    for _ in range(10):
        await run.work(0.2)
    assert run.held == []


async def test_each_beat_tells_how_late_it_came() -> None:
    run = Run()
    await run.work(3.0)
    await run.work(0.05)
    assert run.lags == pytest.approx([2.95, 0.0])


async def test_what_the_thread_could_not_see_is_told_without_a_name() -> None:
    run = Run()
    await run.work(3.0, looks=0)
    assert run.held == [("unknown", 2.95)]
    await run.work(3.0)
    assert run.held[1][0].startswith("pass ")


async def test_the_time_since_a_beat_is_known_while_held() -> None:
    run = Run()
    run.clock.now += 40
    assert await asyncio.to_thread(run.dog.seconds_since_beat) == 40
    run.dog.beat()
    assert run.dog.seconds_since_beat() == 0


async def test_a_real_loop_that_is_held_is_noticed_by_the_thread() -> None:
    held: list[str] = []
    asyncio.current_task().set_name("pass Sandbox team/it")  # type: ignore[union-attr]
    with Watchdog(0.02, lambda task, _: held.append(task)) as dog:
        while dog._seen is None:
            threading.Event().wait(0.01)
        threading.Event().wait(0.02)  # a beat subtracts its pause: what is just seen is not told
        await asyncio.sleep(0.01)  # the beat is due before this is
    assert held[0] == "pass Sandbox team/it"


def test_a_held_loop_is_counted_by_the_kind_of_the_pass() -> None:
    metrics = PrometheusMetrics()
    metrics.loop_held("pass AgentRuntime team/it", 0.5)
    metrics.loop_held("watcher for agentruntimes", 1.5)
    text = metrics.render()[0].decode()
    assert 'agentrun_operator_loop_held_total{by="agentruntime"} 1.0' in text
    assert 'agentrun_operator_loop_held_seconds_total{by="other"} 1.5' in text
