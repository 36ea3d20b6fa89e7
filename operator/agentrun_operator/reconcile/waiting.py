"""Lets a pass give up its worker while it waits for the cloud.

What a pass waits for (its turn in a budget, an endpoint that is slow, another pass that asks the
same) costs nothing but memory. With the worker kept, a few dozen passes at an endpoint that never
answers would stop the passes of everybody.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Worker:
    """What one pass works with, until it ends."""

    def __init__(self, give_up: Callable[[], None], take_back: Callable[[], None]) -> None:
        """Call `give_up` when the pass begins to wait, and `take_back` when it goes on."""
        self._give_up = give_up
        self._take_back = take_back
        self._waits = 0
        self._has_ended = False

    def wait(self) -> None:
        """Begin to wait; waits may be nested, or go on side by side."""
        self._waits += 1
        if self._waits == 1 and not self._has_ended:
            self._give_up()

    def go_on(self) -> None:
        """End one wait. Nobody waits for a free worker here: a pass may be between two writes."""
        self._waits -= 1
        if self._waits == 0 and not self._has_ended:
            self._take_back()

    def end(self) -> None:
        """End with the pass; a LIST that it began for others may go on."""
        self._has_ended = True


_worker: ContextVar[Worker | None] = ContextVar("worker", default=None)


@contextmanager
def working(worker: Worker) -> Iterator[None]:
    """Make `worker` the one that the pass within gives up while it waits."""
    token = _worker.set(worker)
    try:
        yield
    finally:
        _worker.reset(token)
        worker.end()


@contextmanager
def waiting() -> Iterator[None]:
    """Give up the worker of this pass meanwhile; outside of a pass there is none."""
    worker = _worker.get()
    if worker is None:
        yield
        return
    worker.wait()
    try:
        yield
    finally:
        worker.go_on()
