"""CRDs that somebody deletes, and applies again a while later."""

import asyncio
from typing import TYPE_CHECKING

from agentrun_operator.core.identity import ObjectKey

if TYPE_CHECKING:
    from soak.simulation import Simulation

_LOOK_SECONDS = 1.0


class Definitions:
    """One method per step name.

    With its CRD every object of a kind is deleted. The kind is served until the last finalizer is
    gone, but nothing new is taken; then its watches end, and no process can begin to watch it.
    """

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._ending: set[str] = set()
        self.unserved: set[str] = set()
        """Kinds that the API server does not know."""

    def crd(self, kind: str, seconds: float) -> None:
        """Delete the CRD of a kind, and bring it back so many seconds after it is gone."""
        if kind in self._ending | self.unserved:
            return
        self._ending.add(kind)
        kube = self._simulation.kube
        for key in sorted(key for key in kube.objects if key.kind == kind):
            kube.delete(key)
        self._await_the_last(kind, seconds)

    def refuses(self, key: ObjectKey) -> bool:
        """Whether the API server takes no new object of that kind, or in that namespace."""
        is_ending = key.namespace in self._simulation.kube.terminating
        return is_ending or key.kind in self._ending | self.unserved

    def all_back(self) -> None:
        """Let every kind be served. Whatever deletion has begun goes on."""
        self._ending.clear()
        self.unserved.clear()

    def _await_the_last(self, kind: str, seconds: float) -> None:
        if kind not in self._ending:
            return
        loop = asyncio.get_running_loop()
        if any(key.kind == kind for key in self._simulation.kube.objects):
            loop.call_later(_LOOK_SECONDS, self._await_the_last, kind, seconds)
            return
        self._ending.remove(kind)
        self.unserved.add(kind)
        self._simulation.trace(f"> the CRD of {kind} is gone")
        for process in self._simulation.living():
            if process.watch is not None:
                process.watch.lose(kind)
        loop.call_later(seconds, self.unserved.discard, kind)
