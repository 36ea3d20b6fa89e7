"""Processor time and memory of processes with their children, as /proc tells them."""

import threading
from collections.abc import Callable, Iterable
from typing import Self

import psutil

SAMPLE_SECONDS = 0.5


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all below it; nobody where it has ended."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process, of its children, and of those that have ended."""
    spent = 0.0
    for each in family(pid):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system + times.children_user + times.children_system
    return spent


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process and of its children; what they share counts twice."""
    held = 0.0
    for each in family(pid):
        try:
            held += each.memory_info().rss / 2**20
        except psutil.NoSuchProcess:
            continue
    return held


class Peak:
    """The most memory that somebody held since `begin`; a context manager with a thread."""

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        """Prepare.

        Args:
            pids: Of whom, asked anew for each sample: a process may be started again.
        """
        self._pids = pids
        self._most = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample_on, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def begin(self) -> None:
        """Forget what was."""
        self._most = self._now()

    def most_mib(self) -> float:
        """Return the largest sample, the one of now included."""
        self._most = max(self._most, self._now())
        return self._most

    def _now(self) -> float:
        return sum(resident_mib(pid) for pid in self._pids())

    def _sample_on(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self._most = max(self._most, self._now())
