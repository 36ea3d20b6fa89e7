"""The log of requests that tests count and people read, with secrets masked."""

import re
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

MASK = "***"
MAX_LOG_BYTES = 64 * 1024 * 1024
"""Of all requests in the log together: anybody may send them, and each may be megabytes."""

# Names from the "secret" column of the control-plane reference, §8.0, and their like.
_SECRET_NAME = re.compile(r"secret|password|apikey|licensekey|privatekey|token$", re.IGNORECASE)
_SECRET_MAPS = frozenset({"environmentVariables", "authConfig", "headers", "protocolSpec"})


def masked(value: Any) -> Any:
    """Return a body in which every value that may be a secret is replaced."""
    if isinstance(value, list):
        return [masked(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _masked_field(name, item) for name, item in value.items()}


def _masked_field(name: str, value: Any) -> Any:
    if name in _SECRET_MAPS:
        return dict.fromkeys(value, MASK) if isinstance(value, dict) else MASK
    if _SECRET_NAME.search(name) and not isinstance(value, dict):
        return MASK
    return masked(value)


@dataclass
class Entry:
    """One request as it was received and answered."""

    seq: int
    time: datetime
    request_id: str
    method: str
    path: str
    """Raw path, without the query."""
    query: str
    size: int
    """Bytes of its path, query and body."""
    action: str = ""
    """Operation name; empty when the path is unknown."""
    account: str = ""
    region: str = ""
    body: Any = None
    """Masked JSON body; None when there was none."""
    status: int | None = None
    """HTTP status answered; None while in progress, and when the connection was dropped."""
    fault: str | None = None
    """Effect of the fault that it met."""

    def shown(self) -> dict[str, Any]:
        """Return the entry as JSON."""
        return {
            "seq": self.seq,
            "time": self.time.astimezone(UTC).isoformat(),
            "requestId": self.request_id,
            "account": self.account,
            "region": self.region,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "action": self.action,
            "status": self.status,
            "fault": self.fault,
            "body": self.body,
        }


class RequestLog:
    """The last requests, oldest first; the newest is always there."""

    def __init__(self, max_entries: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=max_entries)
        self._sequence = count(1)
        self._bytes = 0

    def open(
        self, *, time: datetime, request_id: str, method: str, path: str, query: str, body: int = 0
    ) -> Entry:
        """Add an entry for a request that has just come in, with a body of so many bytes."""
        size = len(path) + len(query) + body
        entry = Entry(next(self._sequence), time, request_id, method, path, query, size)
        self._bytes += size
        if len(self._entries) == self._entries.maxlen:
            self._drop_oldest()
        while self._entries and self._bytes > MAX_LOG_BYTES:
            self._drop_oldest()
        self._entries.append(entry)
        return entry

    def _drop_oldest(self) -> None:
        self._bytes -= self._entries.popleft().size

    def entries(self, since: int = 0) -> list[Entry]:
        """Return the entries with a larger sequence number, oldest first."""
        return [entry for entry in self._entries if entry.seq > since]

    def clear(self) -> None:
        """Forget all entries; sequence numbers go on."""
        self._entries.clear()
        self._bytes = 0
