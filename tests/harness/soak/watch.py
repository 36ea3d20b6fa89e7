"""The watches of one process on our kinds, as kopf keeps them.

kopf itself stays outside, because it is bound to aiohttp. What stands here in its place does what
`kopf._cogs.clients.watching.continuous_watch` does (LIST, then WATCH from its version; on from the
last version after a cut; LIST anew after a 410), and the guard over it is the shipped one. Secrets
and ConfigMaps are watched by the shipped `MetadataWatch`.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.kinds import catalogue
from agentrun_operator.kube.client import ListExpired, custom_path
from agentrun_operator.kube.handlers import slim
from agentrun_operator.kube.source import Watcher, WatchLostError
from agentrun_operator.reconcile.engine import Engine
from agentrun_operator.reconcile.ports import ClusterUnavailable, Json
from soak.wire import SimulatedKubeClient

if TYPE_CHECKING:
    from soak.process import Process

STREAM_SECONDS = 130
"""Half of what kopf asks for; nobody but the end of that time notices a dead connection."""
RECONNECT_SECONDS = 1.0
_WORKER_SECONDS = 0.05
"""kopf has a task per object: order holds per object and for nothing else."""


class Watch(Watcher):
    """Carries events from the API server to one engine."""

    def __init__(self, process: "Process", client: SimulatedKubeClient, engine: Engine) -> None:
        access: Any = None
        super().__init__(access=access, kinds=catalogue().values(), observe=engine.observe)
        self._process = process
        self._client = client
        self._due: dict[str, float] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """By kind; kopf begins none whose CRD it does not find, and never looks again."""

    def expected(self) -> list[str]:
        # Two processes share the loop, and the guard knows tasks by their names.
        return [f"{name} of {self._process.name}" for name in super().expected()]

    @property
    def is_complete(self) -> bool:
        """Whether each kind is watched; a process that lacks one ends when its patience does."""
        return self._tasks.keys() >= {kind.kind for kind in self._kinds}

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set; raise WatchLostError as the shipped one does."""
        unserved = self._process.simulation.actions.definitions.unserved
        for kind, name in zip(self._kinds, self.expected(), strict=True):
            if kind.kind not in unserved:
                self._tasks[kind.kind] = asyncio.create_task(self._follow(kind), name=name)
        guard = asyncio.create_task(self.guard())
        stopper = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([guard, stopper], return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                raise WatchLostError(str(guard.exception()))
        finally:
            ending = [guard, stopper, *self._tasks.values()]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    def lose(self, kind: str) -> None:
        """Let a stream end without a trace, as kopf's do when cancelled at a bad moment."""
        if (task := self._tasks.get(kind)) is not None:
            task.cancel()

    async def _follow(self, kind: ResourceKind) -> None:
        path, version = custom_path(kind.plural), ""
        while True:
            try:
                if not version:
                    version = await self._list(kind, path)
                stream = self._client.stream(
                    path, version=version, seconds=STREAM_SECONDS, patience=2.0 * STREAM_SECONDS
                )
                async for event in stream:
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._deliver(event["type"], slim(event["object"], kind.kind))
            except ListExpired:
                version = ""
            except ClusterUnavailable as error:
                self._process.simulation.trace(f"  {self._process.name} watch: {error}")
            await self._process.clock.sleep(RECONNECT_SECONDS)

    async def _list(self, kind: ResourceKind, path: str) -> str:
        version = ""
        async for page in self._client.pages(path):
            version = page["metadata"]["resourceVersion"]
            for raw in page["items"]:
                self._deliver(None, slim(raw, kind.kind))
        return version

    def _deliver(self, event: str | None, raw: Json) -> None:
        chance = self._process.simulation.chance
        times = 2 if event is not None and chance.happens("event twice", 0.1) else 1
        for _ in range(times):
            self._later(event, raw)

    def _later(self, event: str | None, raw: Json) -> None:
        loop, wire = asyncio.get_running_loop(), self._process.wire
        uid = raw["metadata"]["uid"]
        delay = self._process.simulation.chance.unit("worker") * _WORKER_SECONDS
        due = max(self._due.get(uid, 0.0) + 1e-6, loop.time() + delay, wire.frozen_until)
        self._due[uid] = due

        def arrive() -> None:
            if wire.is_alive:
                self._observe(event, raw)

        loop.call_at(due, arrive)
