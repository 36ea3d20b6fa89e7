"""Watches Secrets and ConfigMaps by their metadata: who changed, never what it says.

kopf would hold the bodies: a thousand Helm-release Secrets peaked at 275 MB. We keep one
resourceVersion per object, and leave the Helm releases to the server's field selector.
"""

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Self

import structlog

from agentrun_operator.kube.client import (
    METADATA,
    METADATA_LIST,
    KubeClient,
    ListExpired,
    core_path,
)
from agentrun_operator.reconcile.ports import ClusterForbidden, ClusterUnavailable, Json, ObjectGone

log = structlog.get_logger(__name__)

Changed = Callable[[str, str, str, str], None]
"""(kind, namespace, name, resourceVersion): this object appeared or changed; "": it went."""

STREAM_SECONDS = (240, 300)
"""Asked of the server; spread, so that not all streams start over at once."""
FORBIDDEN_SECONDS = 60.0
BACKOFF_CAP_SECONDS = 30.0
RECONNECT_SECONDS = 0.5
"""Between two streams, so that a server which hangs up at once is not stormed."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A core/v1 kind to watch by metadata."""

    kind: str
    plural: str
    field_selector: str = ""
    namespaces: tuple[str, ...] = ()
    """Where, if not wherever the others are watched."""

    @property
    def params(self) -> Mapping[str, str]:
        """Return the query parameters of its LIST and WATCH."""
        return {"fieldSelector": self.field_selector} if self.field_selector else {}


SECRETS = Watched("Secret", "secrets", "type!=helm.sh/release.v1")
CONFIG_MAPS = Watched("ConfigMap", "configmaps")


class MetadataWatch:
    """Calls `changed` for every change of the watched kinds, across reconnects and expiries.

    The first LIST is silent, because nobody has read anything yet; wait for `answered` before you
    do. Where that LIST failed, the first one that succeeds reports every object instead. Every
    `relist_seconds` it lists anew, so that a change which a stream skipped is noticed after all.
    """

    def __init__(
        self,
        client: KubeClient,
        changed: Changed,
        *,
        watched: tuple[Watched, ...] = (SECRETS, CONFIG_MAPS),
        namespaces: tuple[str, ...] = (),
        relist_seconds: float = 600.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch the given namespaces, or the whole cluster."""
        self._streams = tuple(
            Stream(client, changed, what, namespace, _Pace(relist_seconds, sleep, monotonic))
            for what in watched
            for namespace in what.namespaces or namespaces or ("",)
        )

    async def answered(self) -> None:
        """Return when every first LIST has been answered, be it by a refusal."""
        for stream in self._streams:
            await stream.answered.wait()

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set; any other end is a bug and raises."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(s.run(), name=f"watch {s.what}") for s in self._streams]
            try:
                await stop.wait()
            finally:
                for task in tasks:
                    task.cancel()


@dataclass(slots=True)
class _Pace:
    """When to list anew, and how to wait."""

    relist_seconds: float
    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]
    _listed_at: float = 0.0

    def listed(self) -> None:
        """Count from now to the next LIST."""
        self._listed_at = self.monotonic()

    def is_list_due(self) -> bool:
        """Return whether the last LIST is too old."""
        return self._left() <= 0

    def stream_seconds(self) -> int:
        """Return how long a stream may last: to the next LIST at most."""
        longest = random.randint(*STREAM_SECONDS)  # noqa: S311 - jitter
        return min(longest, max(1, math.ceil(self._left())))

    def _left(self) -> float:
        return self._listed_at + self.relist_seconds - self.monotonic()


class Stream:
    """One kind in one namespace, or in all."""

    def __init__(
        self,
        client: KubeClient,
        changed: Changed,
        watched: Watched,
        namespace: str,
        pace: _Pace,
    ) -> None:
        self.what = f"{watched.plural}@{namespace or 'cluster'}"
        self.answered = asyncio.Event()
        self._client = client
        self._changed = changed
        self._watched = watched
        self._path = core_path(watched.plural, namespace)
        self._pace = pace
        self._known: dict[tuple[str, str], str] = {}
        self._version: str | None = None
        """Where to continue; None: list first."""
        self._is_silent = True
        self._is_forbidden = False

    async def run(self) -> None:
        """List and watch, again and again, until cancelled."""
        failures = 0
        while True:
            try:
                if self._version is None or self._pace.is_list_due():
                    await self.relist()
                failures = 0
                await self._follow(self._version or "")
                delay = random.uniform(RECONNECT_SECONDS / 2, RECONNECT_SECONDS)  # noqa: S311 - jitter
            except ListExpired:
                log.debug("a watch expired", what=self.what)
                self._version = None
                delay = random.uniform(0, RECONNECT_SECONDS)  # noqa: S311 - jitter
            except ClusterForbidden as error:
                self._warn_forbidden(error)
                self._version = None
                delay = FORBIDDEN_SECONDS
            except (ClusterUnavailable, ObjectGone) as error:
                failures += 1
                log.debug("a watch was interrupted", what=self.what, error=str(error))
                ceiling = min(BACKOFF_CAP_SECONDS, 2.0**failures)
                delay = random.uniform(0, ceiling)  # noqa: S311 - jitter
            if self._version is None:
                self._is_silent = False
            self.answered.set()
            await self._pace.sleep(delay)

    def _warn_forbidden(self, error: ClusterForbidden) -> None:
        if not self._is_forbidden:
            log.warning(
                "a watch is forbidden",
                what=self.what,
                error=str(error),
                effect=f"changes of {self._watched.plural} are seen at the poll interval only",
            )
        self._is_forbidden = True

    async def relist(self) -> None:
        """Read everything anew, and tell of what changed meanwhile."""
        found: dict[tuple[str, str], str] = {}
        version = ""
        pages = self._client.pages(self._path, params=self._watched.params, accept=METADATA_LIST)
        async for page in pages:
            version = page["metadata"]["resourceVersion"]
            for item in page["items"]:
                place = _Place.of(item)
                found[place.key] = place.version
        before, self._known = self._known, found
        self._version = version
        self._pace.listed()
        self._is_forbidden = False
        silent, self._is_silent = self._is_silent, False
        self.answered.set()
        if not silent:
            for key in before.keys() | found.keys():
                if before.get(key) != found.get(key):
                    self._changed(self._watched.kind, *key, found.get(key, ""))

    async def _follow(self, version: str) -> None:
        events = self._client.watch(
            self._path,
            version=version,
            seconds=self._pace.stream_seconds(),
            params=self._watched.params,
            accept=METADATA,
        )
        async with aclosing(events):
            async for event in events:
                place = _Place.of(event["object"])
                self._version = place.version
                if event["type"] == "BOOKMARK":
                    continue
                version = "" if event["type"] == "DELETED" else place.version
                if version:
                    self._known[place.key] = version
                else:
                    self._known.pop(place.key, None)
                self._changed(self._watched.kind, *place.key, version)


@dataclass(frozen=True, slots=True)
class _Place:
    key: tuple[str, str]
    version: str

    @classmethod
    def of(cls, item: Json) -> Self:
        metadata = item["metadata"]
        key = (metadata.get("namespace") or "", metadata.get("name") or "")
        return cls(key, metadata["resourceVersion"])
