"""Notices what holds the loop, which serves all tenants, for too long.

The loop leaves a time stamp several times within the limit. A thread looks at it, and where it is
too old, notes which task runs and where: only names of tasks, functions and lines, never a value.
"""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Self

import structlog

log = structlog.get_logger(__name__)

BEATS = 4
"""Time stamps within the limit."""
FRAMES = 3
"""Innermost calls to name."""
UNKNOWN = "unknown"


def unobserved(_seconds: float) -> None:
    """Count nothing; the default of the hook for the lag."""


class Watchdog:
    """Watches the running loop while its context lasts.

    Args:
        seconds: How long one task may hold the loop.
        held: Told the name of each task that held it longer, and for how many seconds.
        lag: Told at each time stamp how many seconds late it came.
    """

    def __init__(
        self,
        seconds: float,
        held: Callable[[str, float], None],
        *,
        lag: Callable[[float], None] = unobserved,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = seconds
        self._pause = seconds / BEATS
        self._held = held
        self._lag = lag
        self._monotonic = monotonic
        self._beat_at = monotonic()
        self._seen: tuple[float, str, str] | None = None
        """Of which beat, which task, and where it was."""
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread_id = 0
        self._next: asyncio.TimerHandle | None = None

    def seconds_since_beat(self) -> float:
        """Return how long the loop has not come round; any thread may ask."""
        return self._monotonic() - self._beat_at

    def look(self) -> None:
        """Note what runs, if the loop has been held for too long; for the thread."""
        beat = self._beat_at
        is_noted = self._seen is not None and self._seen[0] == beat
        if self._loop is None or is_noted or self._monotonic() - beat <= self._limit:
            return
        task = asyncio.current_task(self._loop)
        frame = sys._current_frames().get(self._thread_id)  # noqa: SLF001 - there is no other way
        self._seen = (beat, task.get_name() if task else UNKNOWN, _place(frame))

    def beat(self) -> None:
        """Leave a time stamp; tell of what kept it from coming in time."""
        before, self._beat_at = self._beat_at, self._monotonic()
        late = self._beat_at - before - self._pause
        self._lag(max(0.0, late))
        if late > self._limit:
            seen = self._seen if self._seen is not None and self._seen[0] == before else None
            _, task, place = seen or (before, UNKNOWN, UNKNOWN)
            log.warning("the loop was held", seconds=round(late, 3), task=task, place=place)
            self._held(task, late)
        if self._loop is not None and not self._stop.is_set():
            self._next = self._loop.call_later(self._pause, self.beat)

    def _watch(self) -> None:
        while not self._stop.wait(self._pause):
            self.look()

    def __enter__(self) -> Self:
        self._loop, self._thread_id = asyncio.get_running_loop(), threading.get_ident()
        self._beat_at = self._monotonic()
        self._next = self._loop.call_later(self._pause, self.beat)
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._next is not None:
            self._next.cancel()


def _place(frame: FrameType | None) -> str:
    calls = traceback.extract_stack(frame)[-FRAMES:] if frame is not None else []
    found = (f"{each.filename.rpartition('/')[2]}:{each.lineno} {each.name}" for each in calls)
    return " > ".join(found) or UNKNOWN
