"""What this process wrote into the status of one object, and when."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentrun_operator.core.record import record_and_conditions


@dataclass(slots=True)
class Reported:
    """The last status write, and the first report that was held back."""

    digest: bytes | None = None
    """Of the record and the conditions as our last pass left them."""
    at: float = float("-inf")
    """Monotonic time of the last write of a verdict."""
    held_since: float | None = None
    """Monotonic time of the first pass that had nothing to tell but that it waits."""

    def note_status(self, status: Mapping[str, Any]) -> None:
        """Remember a status before it is written: its event may come first."""
        self.digest = _digest(status)

    def is_ours(self, status: Mapping[str, Any]) -> bool:
        """Whether a status is as our last pass left it; else somebody else has written it."""
        return self.digest == _digest(status)

    def note_written(self, now: float) -> None:
        """Remember that a verdict was written."""
        self.at = now

    def hold(self, now: float) -> float:
        """Note a report that may be held back; return when the first one was."""
        if self.held_since is None:
            self.held_since = now
        return self.held_since


def _digest(status: Mapping[str, Any]) -> bytes:
    # There is one for each object; what it stands for would fill the memory.
    text = json.dumps(record_and_conditions(status), sort_keys=True)
    return hashlib.sha256(text.encode()).digest()
