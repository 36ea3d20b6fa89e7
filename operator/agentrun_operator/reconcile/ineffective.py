"""Updates that the API takes and that change nothing."""

from dataclasses import dataclass

MAX_TRIES = 2
"""Updates that may change nothing before we stop: the first may have got lost."""


@dataclass(slots=True)
class Ineffective:
    """What an update was to change, and how often it was sent since a look found it in place."""

    attempt: bytes = b""
    """Digest of what was desired, and of what stood there instead."""
    times: int = 0

    def note(self, attempt: bytes) -> None:
        """Count an update that was sent."""
        self.times = self.times + 1 if attempt == self.attempt else 1
        self.attempt = attempt

    def is_enough(self, attempt: bytes) -> bool:
        """Whether an update was sent as often as it may be."""
        return (self.attempt, self.times) == (attempt, MAX_TRIES)

    def end(self) -> None:
        """Forget the count: everything is in place, or somebody asks for another try."""
        self.attempt, self.times = b"", 0
