"""Bounds the bytes of all answers that are being read or used at one time, over all calls.

Each answer has a bound of its own; a hundred of them at once would still fill the memory. Nobody
waits for room: two readers that wait for each other would never end, and an endpoint that trickles
would keep all others waiting. Instead the largest unfinished answer is given up.
"""

import threading
from dataclasses import dataclass, field

MAX_BYTES = 48 * 1024 * 1024
"""Of all answers together; parsed, they take several times as much for a moment."""


class ShedError(Exception):
    """This answer was given up, because all answers together were too large."""


class AnswersInFlight:
    """Counts the bytes of the answers of all calls of a process, in one event loop."""

    def __init__(self, most: int = MAX_BYTES) -> None:
        """Start with none."""
        self._most = most
        # Race: an answer may be collected, and so end, in any thread and at any line.
        self._lock = threading.RLock()
        self._unfinished: set[HeldAnswer] = set()
        self.size = 0
        """Bytes held now."""

    def begin(self) -> "HeldAnswer":
        """Return the place of one more answer; its `end` has to follow."""
        answer = HeldAnswer(self)
        with self._lock:
            self._unfinished.add(answer)
        return answer

    def grow(self, by: int) -> None:
        """Count bytes, and make room where they are too many."""
        with self._lock:
            self.size += by
            while self.size > self._most and self._unfinished:
                largest = max([*self._unfinished], key=lambda each: len(each.body))
                if not largest.body:
                    return
                largest.shed()

    def finish(self, answer: "HeldAnswer") -> None:
        """Count an answer on that can no longer be given up: somebody uses it."""
        with self._lock:
            self._unfinished.discard(answer)

    def drop(self, answer: "HeldAnswer") -> None:
        """Count the bytes of an answer no longer."""
        with self._lock:
            self._unfinished.discard(answer)
            self.size -= answer.counted
            answer.counted, answer.body = 0, bytearray()


@dataclass(eq=False, slots=True)
class HeldAnswer:
    """The bytes of one answer."""

    _owner: AnswersInFlight
    body: bytearray = field(default_factory=bytearray, repr=False)
    counted: int = 0
    _is_shed: bool = False

    def add(self, chunk: bytes) -> None:
        """Take in what was read.

        Raises:
            ShedError: there was no room, here or since the last chunk.
        """
        if not self._is_shed:
            self.body += chunk
            self.counted += len(chunk)
            self._owner.grow(len(chunk))
        if self._is_shed:
            raise ShedError

    def shed(self) -> None:
        """Give the bytes up now; whoever reads them hears of it with the next chunk."""
        self._is_shed = True
        self.end()

    def take(self) -> bytes:
        """Return the whole answer, which counts until `end`.

        Raises:
            ShedError: it was given up meanwhile.
        """
        if self._is_shed:
            raise ShedError
        self._owner.finish(self)
        body, self.body = bytes(self.body), bytearray()
        return body

    def end(self) -> None:
        """Count the answer no longer; ending twice is fine."""
        self._owner.drop(self)
