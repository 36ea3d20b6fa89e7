"""One operator on fakes: real engine, real client, real simulator; the test is the scheduler.

Nothing runs by itself. `drain` serves what is ready, `elapse` lets virtual time pass and does
what is due on the way, `restart` is a new process on the same cluster and cloud.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from agentrun_operator.core.conditions import without_request_id
from agentrun_operator.core.identity import AccountIdentity, ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.settings import Settings
from agentrun_operator.kinds import catalogue
from agentrun_operator.kube.connections import ConfigMapConnectionWriter
from agentrun_operator.kube.writer import StatusAndFinalizerWriter
from agentrun_operator.reconcile.engine import Engine
from agentrun_operator.reconcile.guard import check_leadership
from agentrun_operator.reconcile.ports import AccountConnection, ExternalAPI, Json
from agentrun_operator.reconcile.tracing import UNTRACED, Tracer
from agentrun_operator.reconcile.wiring import Adapters, assemble
from agentrun_operator.reconcile.world import World
from agentrun_simulator.simulator import Simulator
from fakes.calls import Calls
from fakes.clock import VirtualClock
from fakes.cloud import MAIN, SimulatedCloud, keys_of
from fakes.cluster import FakeCluster
from fakes.metrics import CountingMetrics

CLUSTER_ID = "cluster-1"
_MAX_PASSES = 500


class FakeLeadership:
    """`ports.Leadership` as a switch."""

    def __init__(self) -> None:
        self.holds = True

    def is_valid(self) -> bool:
        return self.holds


class Lab:
    """A cluster, a cloud, and one operator process between them."""

    def __init__(
        self,
        settings: Settings | None = None,
        kinds: Mapping[str, ResourceKind] | None = None,
        *,
        transition_seconds: float = 2.0,
        cluster_id: str = CLUSTER_ID,
        beside: "Lab | None" = None,
        tracer: Tracer = UNTRACED,
    ) -> None:
        """Start with an empty cluster; it shares the cloud and the clock of another one's lab."""
        self.cluster_id = cluster_id
        self.clock: VirtualClock = VirtualClock(jumps=True) if beside is None else beside.clock
        self.leadership = FakeLeadership()
        self.calls: Calls = Calls() if beside is None else beside.calls
        self.cluster = FakeCluster(self.clock, self.calls)
        self.cloud: SimulatedCloud = (
            SimulatedCloud(self.clock, self.calls, transition_seconds=transition_seconds)
            if beside is None
            else beside.cloud
        )
        self.cloud.tracer = self.tracer = tracer
        self.settings = settings or Settings()
        self.kinds = dict(kinds or catalogue())
        self.echoes_first = False
        """Whether the watch shows a write of ours before its answer arrives."""
        self._inbox: deque[tuple[str, Json]] = deque()
        self.restart()

    @property
    def simulator(self) -> Simulator:
        return self.cloud.simulator

    def restart(self) -> None:
        """Let a new process take over: everything in memory is gone, the barrier is passed."""
        self.calls.crash_after = None
        self.metrics = CountingMetrics()
        self.world = self._world()
        self.engine = Engine(self.world, self.cluster, self.metrics)
        self._inbox.clear()
        self.cluster.notify = self._notified
        self.cluster.reference_changed = self.engine.reference_changed
        for raw in self.cluster.all():
            self.engine.observe(None, raw)
        self.world.listings.count()
        self.engine.is_synced = True

    def _world(self) -> World:
        client, check = self.cluster.client, partial(check_leadership, self.leadership)
        adapters = Adapters(
            clock=self.clock,
            leadership=self.leadership,
            reader=self.cluster,
            writer=StatusAndFinalizerWriter(client, self.kinds.values(), check=check),
            connections=ConfigMapConnectionWriter(client, check),
            events=self.cluster,
            cloud=self.cloud,
            jitter=lambda: 1.0,
            tracer=self.tracer,
        )
        return assemble(self.kinds, self.settings, adapters, cluster_id=self.cluster_id)

    # ------------------------------------------------ scheduling

    def _notified(self, event: str, raw: Json) -> None:
        self._inbox.append((event, raw))
        if self.echoes_first:
            self.deliver()

    def deliver(self) -> None:
        """Hand the watch events of the cluster to the engine."""
        while self._inbox:
            self.engine.observe(*self._inbox.popleft())

    async def drain(self) -> int:
        """Serve what is ready until nothing is; return how many passes that took."""
        queue = self.engine.queue
        for served in range(_MAX_PASSES):
            self.deliver()
            queue._promote()
            if not len(queue):
                return served
            work = await queue.take()
            try:
                await self.engine._serve(work)
            finally:
                queue.done(work.key)
        raise AssertionError(f"no rest after {_MAX_PASSES} passes: a hot loop")

    async def elapse(self, seconds: float) -> None:
        """Let time pass, polling and serving what becomes due on the way."""
        await self.drain()
        end = self.clock.monotonic() + seconds
        while (left := end - self.clock.monotonic()) > 0:
            due = self.engine.queue._promote()
            # The poller ticks each second where it has something to poll; else nothing happens.
            pause = 1.0 if self.world.listings.count() else left
            self.clock.advance(min(left, pause, left if due is None else max(due, 0.001)))
            await self.poll()
            await self.drain()

    async def poll(self) -> None:
        """Let the poller tick once, and wait for what it began."""
        try:
            async with asyncio.TaskGroup() as polls:
                self.engine._poller.start_due(polls)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    # ------------------------------------------------ shortcuts

    async def ready_account(self, name: str = "default", *, namespace: str = "team-a") -> ObjectKey:
        """Apply an Account of MAIN with its Secret, and let it become Ready."""
        self.cluster.put_secret(f"{name}-keys", keys_of(MAIN), namespace=namespace)
        key = self.cluster.apply("Account", name, account_spec(f"{name}-keys"), namespace=namespace)
        await self.drain()
        assert self.ready(key) == ("True", "Available")
        self.calls.take()
        return key

    def outsider(self) -> ExternalAPI:
        """Return somebody else's client of MAIN."""

        async def at_once() -> None:
            return None

        identity = AccountIdentity(MAIN.account_id, "cn-hangzhou")
        return self.cloud.connect(AccountConnection(identity, None, keys_of(MAIN), 20.0), at_once)

    async def publish_by_hand(self, key: ObjectKey, times: int = 1) -> None:
        """Publish versions of an object's resource as somebody else would."""
        rest, ident = self.kinds[key.kind].rest, self.get(key).external_id
        assert rest is not None
        assert rest.versions is not None
        for _ in range(times):
            await self.outsider().create(rest.versions, {"description": "by hand"}, parent=ident)

    def get(self, key: ObjectKey) -> KubeObject:
        return self.cluster.get(key)

    def ready(self, key: ObjectKey) -> tuple[str, str]:
        """Return status and reason of the Ready condition, ("", "") without one."""
        return self.condition(key, "Ready")

    def condition(self, key: ObjectKey, name: str) -> tuple[str, str]:
        """Return status and reason of a condition, ("", "") without it."""
        found = self.get(key).condition(name) or {}
        return str(found.get("status", "")), str(found.get("reason", ""))

    def message(self, key: ObjectKey) -> str:
        """Return the message of the Ready condition, but for the request id, which is random."""
        return without_request_id(str(self.get(key).ready.get("message", "")))

    def edit(self, key: ObjectKey, **changes: Any) -> None:
        """Change fields of a spec; None removes one."""
        merged = {**self.get(key).spec, **changes}
        self.cluster.edit(key, spec={n: v for n, v in merged.items() if v is not None})

    def annotate(self, key: ObjectKey, **annotations: str) -> None:
        """Set annotations of ours by their last part; underscores stand for dashes."""
        named = {f"agentrun.dev/{n.replace('_', '-')}": v for n, v in annotations.items()}
        self.cluster.edit(key, annotations={**self.get(key).annotations, **named})

    def resources(self, family: str, account_id: str = MAIN.account_id) -> list[Json]:
        """Return what the cloud holds of a family, the account's default workspace aside."""
        return made_in(self.simulator, family, account_id)

    def writes_to_cloud(self, since: int = 0) -> list[str]:
        """Return the actions of all requests that may change something."""
        return [r["action"] for r in self.cloud_writes(since)]

    def cloud_writes(self, since: int = 0) -> list[Json]:
        """Return the requests that may change something; to ask whose keys these are may not."""
        return [
            r
            for r in self.simulator.requests(since)
            if r["method"] != "GET" and r["action"] != "GetCallerIdentity"
        ]


def made_in(cloud: Simulator, family: str, account_id: str = MAIN.account_id) -> list[Json]:
    """Return what a cloud holds of a family, the account's default workspace aside."""
    found = cloud.resources(account_id).get(family, [])
    return [each for each in found if not each.get("isDefault")]


def account_spec(secret: str, account_id: str = MAIN.account_id, **more: Any) -> Json:
    """Return the spec of an Account."""
    return {
        "accountId": account_id,
        "region": "cn-hangzhou",
        "credentials": {"secretRef": {"name": secret}},
        **more,
    }


def quick(settings: Settings | None = None, **changes: Any) -> Settings:
    """Return settings with some of them changed."""
    return replace(settings or Settings(), **changes)
