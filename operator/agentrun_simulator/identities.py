"""Ids that look random, and repeat when a seed says so."""

import random
from uuid import UUID


class Identities:
    """A source of UUIDs, and of the chance in latencies.

    Args:
        seed: Same seed, same sequence; None means a new one every time.
    """

    def __init__(self, seed: int | None) -> None:
        # Not for secrets: what must repeat cannot come from the machine's entropy.
        self.random = random.Random(seed)  # noqa: S311 - no secret

    def new(self) -> UUID:
        """Return the next UUID, version 4."""
        return UUID(int=self.random.getrandbits(128), version=4)
