"""What a user of the cluster sees: when each object became Ready, and when it was gone."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import httpx

Body = Mapping[str, Any]
WATCH_SECONDS = 6 * 3600
"""Longer than any run: a watch that ends leaves a gap."""


class Seen:
    """Watches collections from now on; a context manager with a thread for each of them."""

    def __init__(
        self,
        client: Callable[[], httpx.Client],
        paths: Sequence[str],
        is_ready: Callable[[Body], bool],
    ) -> None:
        """Prepare.

        Args:
            client: Makes a client of the API server.
            paths: Of the collections, in all namespaces.
            is_ready: Judges an object.
        """
        self.ready: dict[str, dict[int, float]] = {}
        """Name → generation → POSIX time at which it was Ready with it for the first time."""
        self.gone: dict[str, float] = {}
        """Name → POSIX time."""
        self._client = client
        self._paths = paths
        self._is_ready = is_ready
        self._http: list[httpx.Client] = []
        self._threads: list[threading.Thread] = []
        self._is_over = False
        self._broken = ""

    def __enter__(self) -> Self:
        for path in self._paths:
            http = self._client()
            answer = http.get(path, params={"limit": 1}).raise_for_status().json()
            version = answer["metadata"]["resourceVersion"]
            thread = threading.Thread(target=self._watch, args=(http, path, version), daemon=True)
            thread.start()
            self._http.append(http)
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        for http in self._http:
            http.close()

    def ready_since(self, name: str, generation: int) -> float | None:
        """Return when an object became Ready with a generation or a newer one.

        Raises:
            RuntimeError: a watch ended, so that nobody knows.
        """
        if self._broken:
            raise RuntimeError(self._broken)
        found = [at for each, at in self.ready.get(name, {}).items() if each >= generation]
        return min(found, default=None)

    def _watch(self, http: httpx.Client, path: str, version: str) -> None:
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(WATCH_SECONDS)}
        why = "it was closed"
        try:
            with http.stream("GET", path, params=query, timeout=None) as answer:
                answer.raise_for_status()
                for line in answer.iter_lines():
                    self._take(json.loads(line), time.time())
        except (httpx.HTTPError, OSError, RuntimeError) as error:
            why = repr(error)
        if not self._is_over:
            self._broken = f"the watch of {path} ended: {why}"

    def _take(self, event: Mapping[str, Any], at: float) -> None:
        if event["type"] == "ERROR":
            raise RuntimeError(str(event["object"]))
        seen = event["object"]
        name = seen["metadata"]["name"]
        if event["type"] == "DELETED":
            self.gone[name] = at
        elif self._is_ready(seen):
            self.ready.setdefault(name, {}).setdefault(seen["metadata"]["generation"], at)
