"""When each watch last showed that it lives: it began, or brought an event."""

import time
from collections.abc import Callable, Mapping


class WatchAges:
    """The streams of all sessions, by their paths; one that ended counts until it begins anew."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Start with none."""
        self._monotonic = monotonic
        self._alive_at: dict[str, float] = {}

    def note(self, path: str) -> None:
        """Note that the watch of a collection lives."""
        self._alive_at[path] = self._monotonic()

    def forget(self, namespace: str) -> None:
        """Count the watches of a namespace no longer, until one of them lives again."""
        place = ["namespaces", namespace]
        gone = [path for path in self._alive_at if path.split("/")[-3:-1] == place]
        for path in gone:
            del self._alive_at[path]

    def seconds(self) -> Mapping[str, float]:
        """Return by resource how long its oldest watch has shown nothing: one of each namespace."""
        now = self._monotonic()
        oldest: dict[str, float] = {}
        for path, at in self._alive_at.items():
            resource = path.rpartition("/")[2]
            oldest[resource] = max(now - at, oldest.get(resource, 0.0))
        return oldest
