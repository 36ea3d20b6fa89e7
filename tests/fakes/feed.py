"""A watch connection of the API server: in order, late, with bookmarks, and mortal."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any

from agentrun_operator.kube.client import ListExpired
from agentrun_operator.reconcile.ports import ClusterUnavailable, Json

if TYPE_CHECKING:
    from fakes.kube_server import KubeServer, Place

BOOKMARK_SECONDS = 30.0
"""Half of the API server's."""


class Feed:
    """One connection, from its opening to its end. Nothing is pushed before `events` runs."""

    def __init__(self, server: "KubeServer", place: "Place", delay: Callable[[], float]) -> None:
        """Follow the collection of a place; each event takes `delay()` seconds."""
        self._server = server
        self._place = place
        self._delay = delay
        self._items: asyncio.Queue[Json | Exception | None] = asyncio.Queue()
        self._due = 0.0
        self._patience = self._heard_at = 0.0
        self.is_silent = False
        """Nothing arrives, and nobody notices."""

    async def events(
        self, since: int, *, seconds: float, patience: float
    ) -> AsyncGenerator[Json, None]:
        """Yield what happens after a version.

        Args:
            since: The version.
            seconds: After how long the server ends the stream.
            patience: How long nothing may arrive before the client gives the connection up.

        Raises:
            ListExpired: the version is too old.
            ClusterUnavailable: the connection broke, or has been silent for too long.
        """
        loop = asyncio.get_running_loop()
        self._server.feeds[self] = None
        self._patience, self._heard_at = patience, loop.time()
        end = loop.call_later(seconds, self._put, None)
        self._bookmark_later()
        for version, event, raw in self._server.since(self._place, since):
            self.push(version, event, raw)
        try:
            while True:
                item = await self._items.get()
                self._heard_at = loop.time()
                if item is None:
                    return
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            end.cancel()
            self._server.feeds.pop(self, None)

    def matches(self, place: "Place") -> bool:
        """Whether an object belongs to the collection."""
        return (self._place.kind, self._place.namespace) in (
            (place.kind, ""),
            (place.kind, place.namespace),
        )

    def push(self, _version: int, event: str, raw: Json) -> None:
        """Send an event on its way."""
        if not self.is_silent:
            self._send({"type": event, "object": raw})

    def hang_up(self) -> None:
        """End as a connection does that is cut."""
        self._put(ClusterUnavailable(f"{self._place}: the connection was cut"))

    def expire(self) -> None:
        """End with an ERROR event of code 410."""
        self._put(ListExpired(f"{self._place}: too old resource version"))

    def _put(self, item: Json | Exception | None) -> None:
        self._items.put_nowait(item)

    def _send(self, item: Json) -> None:
        loop = asyncio.get_running_loop()
        self._due = max(self._due + 1e-6, loop.time() + self._delay())
        loop.call_at(self._due, self._put, item)

    def _bookmark_later(self) -> None:
        asyncio.get_running_loop().call_later(BOOKMARK_SECONDS, self._bookmark)

    def _bookmark(self) -> None:
        if self not in self._server.feeds:
            return
        if asyncio.get_running_loop().time() - self._heard_at > self._patience:
            # The client's own timeout; noticed here, for a timer per event would cost too much.
            self._put(ClusterUnavailable(f"{self._place}: the stream is silent"))
        elif not self.is_silent:
            meta: dict[str, Any] = {"resourceVersion": str(self._server.version)}
            self._send({"type": "BOOKMARK", "object": {"metadata": meta}})
        self._bookmark_later()
