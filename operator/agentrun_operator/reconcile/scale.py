"""Lets few passes over large objects run at a time; all others pass by.

A pass holds its object several times: as text, parsed, on the wire, and in the answer.
"""

from collections.abc import Callable

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.queue import Work, WorkQueue

LARGE_BYTES = 64 * 1024
MAX_BYTES = 4 * 1024 * 1024
"""Of the objects whose passes run at a time; a larger one runs alone."""


class Scale:
    """Who may run now, and who waits. A pass that waits holds no worker."""

    def __init__(
        self, queue: WorkQueue, size_of: Callable[[ObjectKey], int], most: int = MAX_BYTES
    ) -> None:
        """Stand between a queue and the workers."""
        self._queue = queue
        self._size_of = size_of
        self._most = most
        self._on: dict[ObjectKey, int] = {}
        self._waiting: dict[str, dict[ObjectKey, bool]] = {}
        """By namespace: none waits for all of another one's objects."""

    async def take(self) -> Work:
        """Wait for the next key that may run, and mark it in flight; `done` must follow."""
        while not self._admits(work := await self._queue.take()):
            self._queue.done(work.key)
        return work

    def done(self, key: ObjectKey) -> None:
        """End the pass of a key; whose turn it is now comes into the queue again."""
        self._queue.done(key)
        was_on = self._on.pop(key, None) is not None
        self._waiting = {name: keys for name, keys in self._waiting.items() if keys}
        # Whose turn it was may be small by now, or gone: then the next pass to end goes on.
        if self._waiting and (was_on or not self._on):
            namespace = next(iter(self._waiting))
            keys = self._waiting.pop(namespace)
            turn = next(iter(keys))
            self._queue.add(turn, fresh=keys.pop(turn))
            self._waiting[namespace] = keys

    def _admits(self, work: Work) -> bool:
        size = self._size_of(work.key)
        keys = self._waiting.setdefault(work.key.namespace, {})
        if size <= LARGE_BYTES:
            keys.pop(work.key, None)
            return True
        if self._on and sum(self._on.values()) + size > self._most:
            keys[work.key] = keys.get(work.key, False) or work.fresh
            return False
        keys.pop(work.key, None)
        self._on[work.key] = size
        return True
