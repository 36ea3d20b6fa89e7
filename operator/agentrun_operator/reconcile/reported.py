"""What this process wrote into the status of one object, and when."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentrun_operator.core.record import told_of


@dataclass(slots=True)
class Reported:
    """The last status write, and the first report that was held back."""

    digest: bytes | None = None
    """Of what the status tells since our last pass."""
    at: float = float("-inf")
    """Monotonic time of the last write of a verdict."""
    held_since: float | None = None
    """Monotonic time of the first pass that had nothing to tell but that it waits."""

    def note_told(self, status: Mapping[str, Any]) -> None:
        """Remember what the status tells, before it is written: its event may come first."""
        self.digest = _digest(told_of(status))

    def is_ours(self, told: Mapping[str, Any]) -> bool:
        """Whether a status tells what we agreed with; all else was written by somebody else."""
        return self.digest == _digest(told)

    def note_written(self, now: float) -> None:
        """Remember that a verdict was written."""
        self.at = now

    def hold(self, now: float) -> float:
        """Note a report that may be held back; return when the first one was."""
        if self.held_since is None:
            self.held_since = now
        return self.held_since


def _digest(told: Mapping[str, Any]) -> bytes:
    # There is one for each object; what it stands for would fill the memory.
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).digest()
