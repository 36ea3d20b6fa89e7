"""Kubernetes Events: posted in the background, deduplicated, paced, and never fatal."""

import asyncio
import contextlib
import hashlib
from collections import OrderedDict

import structlog

from agentrun_operator.core.conditions import without_request_id
from agentrun_operator.core.identity import API_VERSION, FIELD_MANAGER
from agentrun_operator.core.objects import KubeObject, timestamp
from agentrun_operator.kube.client import KubeClient, core_path
from agentrun_operator.kube.event_turns import EventTurns
from agentrun_operator.reconcile.ports import (
    Clock,
    ClusterUnavailable,
    EventType,
    Json,
    ObjectConflict,
    ObjectGone,
)

log = structlog.get_logger(__name__)

MAX_MESSAGE = 1024
"""The API server refuses longer ones."""
DEDUPE_SECONDS = 600.0
MAX_REMEMBERED = 4096
PER_SECOND = 10.0
BURST = 25.0
FLUSH_SECONDS = 2.0
"""How long the last Events may take at the end."""
_COMPONENT = "agentrun-operator"


class BackgroundEventRecorder:
    """Implements `ports.EventRecorder`."""

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        """Post through a client; `clock` stamps and paces."""
        self._client = client
        self._clock = clock
        self._waiting = EventTurns()
        self._news = asyncio.Event()
        self._rest = asyncio.Event()
        """Nothing waits, and nothing is being posted."""
        self._recent: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._tokens = BURST
        self._filled_at = clock.monotonic()
        self._has_complained = False

    def emit(self, obj: KubeObject, kind: EventType, reason: str, message: str) -> None:
        """Record one transition; the same one again within ten minutes is dropped."""
        text = message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
        # Of a call that fails again and again each try has another request id.
        # It stands at the end, so it is taken out before the rest is cut.
        same = without_request_id(message)[:MAX_MESSAGE]
        if self._is_repeated((obj.uid, reason, same)):
            return
        self._rest.clear()
        self._news.set()
        if not self._waiting.add(obj.key.namespace, kind, self._event(obj, kind, reason, text)):
            self._complain("too many Events are waiting")

    def _is_repeated(self, what: tuple[str, str, str]) -> bool:
        now = self._clock.monotonic()
        last = self._recent.get(what)
        if last is not None and now - last < DEDUPE_SECONDS:
            return True
        self._recent[what] = now
        self._recent.move_to_end(what)
        while len(self._recent) > MAX_REMEMBERED:
            self._recent.popitem(last=False)
        return False

    def _event(self, obj: KubeObject, kind: EventType, reason: str, message: str) -> Json:
        now = self._clock.now()
        key = obj.key
        # An Event needs a namespace; those of cluster-scoped objects go to `default` by custom.
        namespace = key.namespace or "default"
        identity = f"{obj.uid}/{reason}/{message}/{now.timestamp()}"
        digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
        stamp = timestamp(now)
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": namespace, "name": f"{key.name[:200]}.{digest}"},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": key.kind,
                "name": key.name,
                "namespace": key.namespace,
                "uid": obj.uid,
                "resourceVersion": obj.resource_version,
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": _COMPONENT},
            "reportingComponent": _COMPONENT,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Post until `stop` is set, then give the rest two seconds."""
        poster = asyncio.create_task(self._post_all(), name="event poster")
        stopper = asyncio.create_task(stop.wait(), name="event stopper")
        try:
            await asyncio.wait([poster, stopper], return_when=asyncio.FIRST_COMPLETED)
            if poster.done():
                await poster
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._rest.wait()
        finally:
            poster.cancel()
            stopper.cancel()
            await asyncio.gather(poster, stopper, return_exceptions=True)

    async def _post_all(self) -> None:
        while True:
            if not self._waiting:
                self._rest.set()
                self._news.clear()
                await self._news.wait()
            await self._pace()
            # Order: what came meanwhile may be more urgent.
            await self._post(self._waiting.take())

    async def _pace(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._filled_at) * PER_SECOND)
        self._filled_at = now
        self._tokens -= 1
        if self._tokens < 0:
            await self._clock.sleep(-self._tokens / PER_SECOND)

    async def _post(self, event: Json) -> None:
        path = core_path("events", event["metadata"]["namespace"])
        try:
            await self._client.post(path, event, params={"fieldManager": FIELD_MANAGER})
        except (ClusterUnavailable, ObjectConflict, ObjectGone) as error:
            # An Event for a namespace that is going away is refused, and nobody will miss it.
            self._complain(str(error))

    def _complain(self, why: str) -> None:
        """Warn once, then only whisper: Events are harmless to lose."""
        if self._has_complained:
            log.debug("another Event is lost", error=why)
        else:
            log.warning("an Event is lost", error=why)
        self._has_complained = True
