"""What is laid away comes back as it was, and its room is used again."""

import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from agentrun_operator.disk import BLOCK_BYTES, MAX_WAITING, DiskShelf, OnDisk


class Queued:
    """Something that waits to be written; `write` is what then happens in the thread."""

    def __init__(self, shelf: DiskShelf, write: Callable[[], object]) -> None:
        self.write = write
        shelf._waiting.put(cast("Any", lambda: self))


def written(shelf: DiskShelf) -> None:
    """Return when everything that was laid away before is on the disk, or failed to get there."""
    done = threading.Event()
    Queued(shelf, done.set)
    assert done.wait(30)


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """Let the system refuse it, with an error of the kind that a full disk gives."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, 5 * BLOCK_BYTES - 1])
def test_what_is_laid_away_comes_back(size: int) -> None:
    shelf = DiskShelf()
    one, other = os.urandom(size), os.urandom(size)
    first, second = shelf.put(one), shelf.put(other)
    assert (first.read(), second.read()) == (one, other)
    written(shelf)
    assert (first.read(), second.read(), first.read()) == (one, other, one)


def test_room_of_what_nobody_holds_is_used_again() -> None:
    shelf = DiskShelf()
    kept = shelf.put(b"k" * BLOCK_BYTES)
    for _ in range(1000):
        shelf.put(os.urandom(3 * BLOCK_BYTES))
    written(shelf)
    assert shelf.blocks <= 1 + 3 * (MAX_WAITING + 2)
    assert kept.read() == b"k" * BLOCK_BYTES


def test_beyond_its_bound_the_file_grows_no_more() -> None:
    shelf = DiskShelf(most=4 * BLOCK_BYTES)
    with capture_logs() as logs:
        kept = [shelf.put(b"x" * 2 * BLOCK_BYTES) for _ in range(10)]
    assert shelf.blocks == 4
    assert len(logs) == 1
    assert {each.read() for each in kept} == {b"x" * 2 * BLOCK_BYTES}


def test_nothing_of_it_has_a_name(tmp_path: Path) -> None:
    shelf = DiskShelf(directory=str(tmp_path))
    shelf.put(b"x")
    assert list(tmp_path.iterdir()) == []


def test_without_a_directory_it_stays_in_memory(tmp_path: Path) -> None:
    with capture_logs() as logs:
        shelf = DiskShelf(directory=str(tmp_path / "missing"))
        assert [shelf.put(b"x").read(), shelf.put(b"y").read()] == [b"x", b"y"]
    assert ["no room for large objects" in log["event"] for log in logs] == [True]


def test_on_a_full_disk_it_stays_in_memory() -> None:
    shelf = DiskShelf()
    before = shelf.put(b"before")
    written(shelf)
    with capture_logs() as logs, no_file_grows_beyond(BLOCK_BYTES):
        kept = [shelf.put(b"x"), shelf.put(b"y")]
        written(shelf)
    assert [each.read() for each in kept] == [b"x", b"y"]
    assert len(logs) == 1
    assert before.read() == b"before"


def test_what_is_written_is_no_longer_in_memory() -> None:
    shelf = DiskShelf()
    stored = [shelf.put(os.urandom(100)) for _ in range(5)]
    written(shelf)
    assert [each._data for each in stored if isinstance(each, OnDisk)] == [None] * 5


def test_a_disk_that_takes_its_time_does_not_fill_the_memory() -> None:
    shelf, slow = DiskShelf(), threading.Event()
    Queued(shelf, lambda: slow.wait(30))
    stored = [shelf.put(os.urandom(100)) for _ in range(50)]
    in_memory = [each for each in stored if isinstance(each, OnDisk) and each._data is not None]
    assert len(in_memory) <= MAX_WAITING + 1
    slow.set()
    written(shelf)
