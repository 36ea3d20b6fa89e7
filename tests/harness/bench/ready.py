"""How long after the cloud a fleet in transition is Ready, and what it costs to see that.

The engine runs by itself, passes side by side, on virtual time: lags and counts are its own, and
do not depend on the machine. The processor costs nothing here; what keeps passes waiting is the
budget of the account.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.settings import Settings
from agentrun_simulator.faults import Fault
from bench.real.figures import percentile
from fakes.clock import START
from fakes.lab import Lab
from fakes.live import Live, running

RUNTIME = {"container": {"image": "registry.example.com/agent:v1"}}
PER_SECOND = 200
"""Requests that the account allows, if nothing else is said."""
CLASSES = "abcdefghi"
"""A resource takes as long as the last letter of its name says."""
WRITES = {"add_finalizer", "write_status"}
LIMIT_SECONDS = 600.0


@dataclass(frozen=True)
class Scenario:
    """One fleet that is created at once."""

    objects: int
    shortest: float
    """Seconds that a create takes in the cloud, at least."""
    longest: float

    def seconds_of(self, letter: str) -> float:
        """Return how long a resource is in transition whose name ends with a letter."""
        step = (self.longest - self.shortest) / (len(CLASSES) - 1)
        return self.shortest + step * CLASSES.index(letter)


SCENARIOS = {
    "few": Scenario(3, 3.0, 3.0),
    "short": Scenario(200, 3.0, 3.0),
    "long": Scenario(200, 16.0, 24.0),
    "many": Scenario(2000, 3.0, 3.0),
}


@dataclass
class Wave:
    """Objects that are created at one time, and when each was Ready."""

    lab: Lab
    scenario: Scenario
    names: list[str]
    begun_at: float
    ready_at: dict[str, float] = field(default_factory=dict)

    def take(self, _event: str, key: ObjectKey, raw: dict[str, Any]) -> None:
        """Note the first time that an object is Ready; a listener of the cluster."""
        conditions = raw.get("status", {}).get("conditions", ())
        if any((c["type"], c["status"]) == ("Ready", "True") for c in conditions):
            self.ready_at.setdefault(key.name, self.lab.clock.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether all are Ready."""
        return all(name in self.ready_at for name in self.names)

    def figures(self) -> dict[str, float]:
        """Return lags in seconds, and calls and writes per object."""
        in_cloud = dict(self._ready_in_cloud())
        lags = [self.ready_at[name] - in_cloud[name] for name in self.names]
        after = [self.ready_at[name] - self.begun_at for name in self.names]
        found = Counter(self.lab.calls.take())
        writes = sum(found[name] for name in WRITES)
        calls = sum(n for name, n in found.items() if name.endswith(("AgentRuntime", "Runtimes")))
        return {
            "lag_p50": round(percentile(lags, 50), 2),
            "lag_p99": round(percentile(lags, 99), 2),
            "ready_p50": round(percentile(after, 50), 1),
            "ready_last": round(max(after), 1),
            "calls_per_object": round(calls / len(self.names), 3),
            "writes_per_object": round(writes / len(self.names), 3),
        }

    def _ready_in_cloud(self) -> Iterable[tuple[str, float]]:
        for entry in self.lab.simulator.requests():
            if entry["action"] == "CreateAgentRuntime":
                name = entry["body"]["agentRuntimeName"]
                at = (datetime.fromisoformat(entry["time"]) - START).total_seconds()
                yield name, at + self.scenario.seconds_of(name[-1])


class Waves:
    """One running engine, and the fleets that it brings to Ready one after the other."""

    def __init__(self, live: Live, scenario: Scenario) -> None:
        self._live = live
        self._scenario = scenario
        self._count = 0

    async def next(self) -> dict[str, float]:
        """Create a fleet and delete it; return its figures.

        Raises:
            RuntimeError: it was not Ready in time.
        """
        self._count += 1
        lab, size = self._live.lab, self._scenario.objects
        letters = [CLASSES[n % len(CLASSES)] for n in range(size)]
        names = [f"wave{self._count}-{n}-{letter}" for n, letter in enumerate(letters)]
        lab.calls.take()
        wave = Wave(lab, self._scenario, names, lab.clock.monotonic())
        lab.cluster.server.listeners.append(wave.take)
        keys = [lab.cluster.apply("AgentRuntime", name, RUNTIME) for name in names]
        while not wave.is_over:
            await self._live.elapse(1)
            if lab.clock.monotonic() - wave.begun_at > LIMIT_SECONDS:
                raise RuntimeError("the fleet was not Ready in time")
        lab.cluster.server.listeners.remove(wave.take)
        figures = wave.figures()
        for key in keys:
            lab.cluster.delete(key)
        while any(lab.cluster.raw(key) for key in keys):
            await self._live.elapse(5)
        return figures


async def measure(
    scenario: Scenario,
    waves: int = 2,
    *,
    per_second: int = PER_SECOND,
    settings: Settings | None = None,
) -> list[dict[str, float]]:
    """Return the figures of so many fleets; nothing is known of the account at the first."""
    lab = Lab(settings)
    account = await lab.ready_account()
    lab.edit(account, requestsPerSecond=per_second)
    await lab.elapse(5)
    for letter in CLASSES:
        lab.simulator.inject(
            Fault(
                action="CreateAgentRuntime",
                name=f".*-{letter}",
                effect="slow",
                seconds=scenario.seconds_of(letter),
                times=None,
            )
        )
    async with running(lab) as live:
        subject = Waves(live, scenario)
        return [await subject.next() for _ in range(waves)]


async def measure_all(names: Iterable[str] = SCENARIOS) -> dict[str, Any]:
    """Return the figures of each scenario: of its first fleet, and of one after it."""
    found: dict[str, Any] = {}
    for name in names:
        waves = await measure(SCENARIOS[name], waves=1 if name == "many" else 2)
        found |= {f"{name}_{count}": figures for count, figures in enumerate(waves, start=1)}
    return found
