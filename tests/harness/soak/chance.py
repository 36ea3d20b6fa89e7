"""Chance that the seed decides, one independent stream per purpose.

Numbers depend on (seed, stream, position in the stream) alone, so that leaving a step out of a
schedule disturbs the others as little as possible: that is what makes minimising work.
"""

from collections.abc import Sequence
from typing import TypeVar
from zlib import crc32

T = TypeVar("T")
_RANGE = 2.0**32


class Chance:
    """Numbers of one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._positions: dict[str, int] = {}

    def unit(self, stream: str) -> float:
        """Return the next number of a stream, 0 up to but not including 1."""
        position = self._positions.get(stream, 0)
        self._positions[stream] = position + 1
        # Twice, or neighbouring positions would give neighbouring numbers.
        first = crc32(f"{self._seed}/{stream}/{position}".encode())
        return crc32(first.to_bytes(4, "big"), first) / _RANGE

    def between(self, stream: str, low: float, high: float) -> float:
        """Return a number of an interval."""
        return low + (high - low) * self.unit(stream)

    def choice(self, stream: str, of: Sequence[T]) -> T:
        """Return one of several."""
        return of[int(self.unit(stream) * len(of))]

    def happens(self, stream: str, probability: float) -> bool:
        """Return whether something of this probability happens now."""
        return probability > 0 and self.unit(stream) < probability
