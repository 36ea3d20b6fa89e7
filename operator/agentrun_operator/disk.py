"""A shelf on disk: one file without a name, which goes with the process however that ends.

What lies there is what users wrote into specs, as it lies in the API server; no value of a Secret.
"""

import os
import queue
import tempfile
import threading
import weakref

import structlog

from agentrun_operator.reconcile.shelf import Kept, Stored

log = structlog.get_logger(__name__)

BLOCK_BYTES = 8 * 1024
MAX_WAITING = 8
"""Things that wait to be written in the thread, because a disk may take seconds."""
MAX_BYTES = 1024**3
"""Of the file. The chart gives the temporary directory twice as much, and a Pod that takes more
than it has is evicted."""


class NamelessFile:
    """A temporary file that is open as long as somebody holds this, and that no path leads to."""

    def __init__(self, directory: str) -> None:
        with tempfile.TemporaryFile(buffering=0, dir=directory) as file:
            self.number = os.dup(file.fileno())
        weakref.finalize(self, os.close, self.number)


class DiskShelf:
    """Lays things away in blocks of a temporary file; in memory where there is no room for it."""

    def __init__(self, most: int = MAX_BYTES, directory: str | None = None) -> None:
        """Open the file, which gets no larger than `most` bytes; by default where others do."""
        self._directory = directory
        self._most = most // BLOCK_BYTES
        self._free: list[int] = []
        self._blocks = 0
        self._is_full = False
        self._writer: threading.Thread | None = None
        self._waiting: queue.SimpleQueue[weakref.ref[OnDisk]] = queue.SimpleQueue()
        self._file: NamelessFile | None = None
        try:
            # There may be none at all that can be written to.
            self._directory = directory or tempfile.gettempdir()
            self._file = NamelessFile(self._directory)
        except OSError as error:
            self._tell(error.strerror)

    @property
    def blocks(self) -> int:
        """How many blocks the file has, free ones included."""
        return self._blocks

    def put(self, data: bytes) -> Stored:
        """Lay something away."""
        needed = -(-len(data) // BLOCK_BYTES)
        if self._file is None or needed > self._most - self._blocks + len(self._free):
            self._tell("it is full")
            return Kept(data)
        places = [self._take() for _ in range(needed)]
        stored = OnDisk(self._file, places, data)
        weakref.finalize(stored, self._free.extend, places)
        self._write(stored)
        return stored

    def _write(self, stored: "OnDisk") -> None:
        """Write in the thread; where that is far behind, memory is what matters."""
        if self._waiting.qsize() < MAX_WAITING:
            self._waiting.put(weakref.ref(stored))
            if self._writer is None:
                self._writer = threading.Thread(target=self._run, name="shelf", daemon=True)
                self._writer.start()
        else:
            self._try(stored)

    def _run(self) -> None:
        while True:
            stored = self._waiting.get()()
            if stored is not None:
                self._try(stored)
            del stored

    def _try(self, stored: "OnDisk") -> None:
        try:
            stored.write()
        except OSError as error:
            self._tell(error.strerror)

    def _take(self) -> int:
        if self._free:
            return self._free.pop()
        self._blocks += 1
        return self._blocks - 1

    def _tell(self, why: str | None) -> None:
        if not self._is_full:
            log.warning(
                "no room for large objects on disk, so they stay in memory; "
                "give the temporary directory more room",
                directory=self._directory,
                why=why,
            )
        self._is_full = True


class OnDisk:
    """Stored in blocks of the file, and in memory until it is written there."""

    def __init__(self, file: NamelessFile, places: list[int], data: bytes) -> None:
        self._file = file
        self._places = places
        self._size = len(data)
        self._data: bytes | None = data

    def write(self) -> None:
        """Write it; it stays in memory where that fails.

        Raises:
            OSError: that.
        """
        data = self._data or b""
        for number, place in enumerate(self._places):
            part = data[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES]
            _write(self._file.number, part, place * BLOCK_BYTES)
        self._data = None

    def read(self) -> bytes:
        """Return it."""
        data = self._data
        if data is not None:
            return data
        parts = [os.pread(self._file.number, BLOCK_BYTES, n * BLOCK_BYTES) for n in self._places]
        return b"".join(parts)[: self._size]


def _write(file: int, data: bytes, at: int) -> None:
    while data:
        done = os.pwrite(file, data, at)
        data, at = data[done:], at + done
