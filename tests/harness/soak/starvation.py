"""No starvation: who asked for a pass gets it, however much the others ask for."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soak.process import Process

_MAX_WAIT_SECONDS = 5.0
_MAX_TROUBLED_WAIT_SECONDS = 60.0
"""While calls to the cloud hang until their timeout, four workers have little to give."""


class Turns:
    """Knows how long the keys in the queue of one process wait for their turn."""

    def __init__(self, process: "Process") -> None:
        self._process = process
        self._depths: dict[str, int] = {}
        self._since: dict[str, float] = {}
        """By kind, if any of it wait: since when none of it had its turn."""

    def took(self, kind: str, seconds: float) -> None:
        """Note that a key has its turn, after so long."""
        self._check(kind, seconds)

    def note_depth(self, kind: str, depth: int) -> None:
        """Note how many keys of a kind wait for their turn."""
        before = self._depths.get(kind, 0)
        self._depths[kind] = depth
        if not depth:
            self._since.pop(kind, None)
        elif depth < before or not before:
            self._since[kind] = self._process.clock.monotonic()

    def check(self) -> None:
        """Look for kinds that wait, and none of them ever has its turn."""
        engine = self._process.engine
        if engine is None or not engine.is_synced or self._process.stop.is_set():
            return
        for kind, since in self._since.items():
            self._check(kind, self._process.clock.monotonic() - since)

    def _check(self, kind: str, seconds: float) -> None:
        simulation, process = self._process.simulation, self._process
        was_frozen = process.clock.monotonic() - process.wire.frozen_until < seconds
        limit = _MAX_WAIT_SECONDS if simulation.is_calm else _MAX_TROUBLED_WAIT_SECONDS
        if seconds > limit and not was_frozen:
            message = f"{process.name}: a {kind} waited {seconds:.1f}s"
            simulation.checks.violated("no starvation", message)
