"""Runs one pass for each key that the queue hands out, and lets them end at shutdown."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from agentrun_operator.reconcile.ports import Clock, Leadership, Metrics
from agentrun_operator.reconcile.queue import Work, WorkQueue
from agentrun_operator.reconcile.scale import Scale
from agentrun_operator.reconcile.waiting import Worker, working

_DRAIN_TICK_SECONDS = 0.05


class Workers:
    """Passes in flight, each a task of its own. How many there may be is the queue's to say."""

    def __init__(
        self,
        queue: WorkQueue,
        scale: Scale,
        serve: Callable[[Work], Awaitable[None]],
        metrics: Metrics,
        *,
        limit: int,
    ) -> None:
        """Run `serve` for each work of `queue`, as many at a time as `scale` lets through.

        `limit` is what the metrics show.
        """
        self._queue = queue
        self._scale = scale
        self._serve = serve
        self._metrics = metrics
        self._limit = limit

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            LeadershipLost: nothing may be written any more.
        """
        try:
            async with asyncio.TaskGroup() as passes:
                while True:
                    work = await self._scale.take()
                    # The name tells whoever watches the loop which object is being served.
                    passes.create_task(self._work(work), name=f"pass {work.key}")
        except BaseExceptionGroup as group:
            # Whoever ends the process asks for the kind of error, not for a group of them.
            raise group.exceptions[0] from None

    async def _work(self, work: Work) -> None:
        queue, key = self._queue, work.key
        worker = Worker(partial(queue.leave, key), partial(queue.come_back, key))
        self._show()
        try:
            with working(worker):
                await self._serve(work)
        finally:
            self._scale.done(key)
            self._show()

    def _show(self) -> None:
        self._metrics.workers(active=self._queue.at_work, limit=self._limit)

    async def drain(self, clock: Clock, leadership: Leadership, seconds: float) -> None:
        """Let passes in flight end: one between a POST and its record is worth waiting for.

        Without the lease nothing can be recorded any more, and the process had better be gone.
        """
        until = clock.monotonic() + seconds
        self._queue.close()
        while self._queue.in_flight and leadership.is_valid():
            if clock.monotonic() >= until:
                break
            await clock.sleep(_DRAIN_TICK_SECONDS)
