"""Renews the lease in a thread, with a loop and connections of its own.

A pass may hold the operator's loop for seconds: then nothing of ours is written either, and a
standby that took over would gain nobody anything. The process that holds the lease is the one that
would write, so fencing stays as it was: a process that was frozen finds that its lease has run out,
in this thread and in the loop alike. What never moves again does not keep the lease for ever.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable

from agentrun_operator.kube.client import KubeClient
from agentrun_operator.kube.lease import LeaseElector

END_SECONDS = 2.0
"""How long a renewal under way may take once nobody wants the lease any more."""


class LeaseThread:
    """Holds a lease that was acquired.

    Args:
        elector: Holds the lease already.
        open_client: Opens a client inside the thread's loop.
        may_renew: Asked in the thread before each renewal; see `LeaseElector.hold`.
    """

    def __init__(
        self,
        elector: LeaseElector,
        open_client: Callable[[], KubeClient],
        *,
        may_renew: Callable[[], bool],
    ) -> None:
        self._elector = elector
        self._open_client = open_client
        self._may_renew = may_renew
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    async def hold(self) -> None:
        """Renew until cancelled; raises what `LeaseElector.hold` does."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[BaseException | None] = loop.create_future()
        thread = threading.Thread(target=self._run, args=(loop, ended), name="lease", daemon=True)
        thread.start()
        try:
            error = await asyncio.shield(ended)
        except asyncio.CancelledError:
            self._cancel()
            await asyncio.wait([ended], timeout=END_SECONDS)
            raise
        if error is not None:
            raise error

    def _run(
        self, outer: asyncio.AbstractEventLoop, ended: asyncio.Future[BaseException | None]
    ) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._hold())
        except BaseException as raised:  # noqa: BLE001 - the other thread raises it
            error = raised

        def tell() -> None:
            if not ended.done():
                ended.set_result(error)

        with contextlib.suppress(RuntimeError):  # the other loop is closed: nobody waits
            outer.call_soon_threadsafe(tell)

    async def _hold(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        async with self._open_client() as client:
            await self._elector.hold(client, self._may_renew)

    def _cancel(self) -> None:
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(self._task.cancel)
