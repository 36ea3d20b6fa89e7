"""The watches of one process: late, repeated, out of order across objects, and silent at times."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.engine import Engine
from agentrun_operator.reconcile.ports import Json
from soak.kube import OURS
from soak.wire import Wire

if TYPE_CHECKING:
    from soak.simulation import Simulation

_REFERENCES = ("Secret", "ConfigMap")


class Watch:
    """Carries events from the API server to one engine.

    Order holds per object (kopf keeps a stream per uid) and for nothing else. While silent,
    events are lost; `relist` is what follows a 410: everything that exists, and no deletion.
    """

    def __init__(self, simulation: "Simulation", wire: Wire, engine: Engine) -> None:
        self._simulation = simulation
        self._wire = wire
        self._engine = engine
        self._due: dict[str, float] = {}
        self._versions: dict[ObjectKey, str] = {}
        self._is_open = False
        self.is_silent = False

    def open(self) -> None:
        """List everything, and listen from then on."""
        self._is_open = True
        self._simulation.kube.listeners.append(self._changed)
        self.relist()

    def close(self) -> None:
        """Hear nothing any more."""
        if self._is_open:
            self._is_open = False
            self._simulation.kube.listeners.remove(self._changed)

    def relist(self) -> None:
        """Show everything that exists, as a stream does when it begins anew."""
        seen = set()
        for key, raw in sorted(self._simulation.kube.objects.items()):
            if key.kind in OURS:
                self._send(None, raw)
            elif key.kind in _REFERENCES:
                seen.add(key)
                version = raw["metadata"]["resourceVersion"]
                if self._versions.get(key) != version:
                    self._versions[key] = version
                    self._later(key.name, lambda key=key: self._reference(key))  # type: ignore[misc]
        for key in [k for k in self._versions if k not in seen]:
            del self._versions[key]
            self._later(key.name, lambda key=key: self._reference(key))  # type: ignore[misc]

    def _changed(self, event: str, key: ObjectKey, raw: Json) -> None:
        if self.is_silent:
            return
        if key.kind in OURS:
            self._send(event, raw)
            if self._simulation.chance.happens("event twice", 0.1):
                self._send(event, raw)
        elif key.kind in _REFERENCES:
            if event == "DELETED":
                self._versions.pop(key, None)
            else:
                self._versions[key] = raw["metadata"]["resourceVersion"]
            self._later(str(key), lambda: self._reference(key))

    def _send(self, event: str | None, raw: Json) -> None:
        def deliver() -> None:
            self._engine.observe(event, raw)

        self._later(raw["metadata"]["uid"], deliver)

    def _reference(self, key: ObjectKey) -> None:
        self._engine.reference_changed(key.kind, key.namespace, key.name)

    def _later(self, stream: str, deliver: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        delay = self._simulation.watch_delay()
        due = max(self._due.get(stream, 0.0) + 1e-6, loop.time() + delay, self._wire.frozen_until)
        self._due[stream] = due

        def arrive() -> None:
            if self._is_open:
                deliver()

        loop.call_at(due, arrive)
