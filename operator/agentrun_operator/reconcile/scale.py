"""Lets few passes over large objects run at a time; all others pass by.

A pass holds its object several times: as text, parsed, on the wire, and in the answer. It does so
while it waits for the cloud, too. So no namespace may have more than half of what the others leave:
objects of one tenant at an endpoint without an answer leave room for those of another one.
"""

from collections.abc import Callable

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.queue import Work, WorkQueue

LARGE_BYTES = 64 * 1024
MAX_BYTES = 6 * 1024 * 1024
"""Of the objects whose passes run at a time; a larger one runs alone."""


class Scale:
    """Who may run now, and who waits. A pass that waits here holds no worker."""

    def __init__(
        self, queue: WorkQueue, size_of: Callable[[ObjectKey], int], most: int = MAX_BYTES
    ) -> None:
        """Stand between a queue and the workers."""
        self._queue = queue
        self._size_of = size_of
        self._most = most
        self._on: dict[ObjectKey, int] = {}
        self._waiting: dict[str, dict[ObjectKey, Work]] = {}
        """By namespace, the next one first: none waits for all of another one's objects."""

    async def take(self) -> Work:
        """Wait for the next key that may run, and mark it in flight; `done` must follow."""
        while not self._admits(work := await self._queue.take()):
            self._queue.done(work.key)
        return work

    def done(self, key: ObjectKey) -> None:
        """End the pass of a key; whose turn it is now comes into the queue again."""
        self._queue.done(key)
        self._on.pop(key, None)
        self._call_next()

    def _admits(self, work: Work) -> bool:
        key, size = work.key, self._size_of(work.key)
        if not self._has_room(key, size):
            keys = self._waiting.setdefault(key.namespace, {})
            keys[key] = keys.get(key, work) | work
            return False
        self._forget(key)
        if size > LARGE_BYTES:
            self._on[key] = size
            # One pass that ended may leave room for several.
            self._call_next()
        return True

    def _has_room(self, key: ObjectKey, size: int) -> bool:
        if size <= LARGE_BYTES or not self._on:
            return True
        mine = sum(has for at, has in self._on.items() if at.namespace == key.namespace)
        left = self._most - (sum(self._on.values()) - mine)
        # The first of a namespace may have all that is left, or a large one would never run.
        return mine + size <= (left // 2 if mine else left)

    def _call_next(self) -> None:
        """Put one key that waits and has room now into the queue, by turns of the namespaces.

        Where it is gone by its turn, the next pass to end calls another one.
        """
        for namespace, keys in self._waiting.items():
            turn = next(iter(keys))
            if self._has_room(turn, self._size_of(turn)):
                self._queue.ask(keys[turn])
                self._forget(turn)
                if keys:
                    self._waiting[namespace] = self._waiting.pop(namespace)
                return

    def _forget(self, key: ObjectKey) -> None:
        keys = self._waiting.get(key.namespace, {})
        keys.pop(key, None)
        if not keys:
            self._waiting.pop(key.namespace, None)
