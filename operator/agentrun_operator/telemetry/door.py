"""Who may hold a connection to the metrics port, and for how long.

aiohttp waits without a bound for the first request of a connection: whoever opens thousands and
says nothing would take the process's file descriptors, and probes would no longer get in.
"""

import asyncio
from collections.abc import Callable
from typing import Any

CONNECTION_SECONDS = 10.0
"""From its start to the end of the answer. A scraper takes milliseconds."""
MAX_CONNECTIONS = 64
"""At once. A new one takes the place of the oldest: a probe, which asks at once and is answered at
once, always gets in."""


class Door:
    """Hands out protocols whose connections end in time, and are few.

    Args:
        handler: Makes the protocol that serves a connection.
        seconds: How long a connection may last.
        most: How many there may be.
    """

    def __init__(
        self, handler: Callable[[], asyncio.Protocol], *, seconds: float, most: int
    ) -> None:
        self._handler = handler
        self._seconds = seconds
        self._most = most
        self._guests: dict[Guest, None] = {}
        """Oldest first."""

    def guest(self) -> "Guest":
        """Return the protocol of one more connection."""
        return Guest(self._handler(), self)

    def entered(self, guest: "Guest") -> asyncio.TimerHandle:
        """Count a connection, cut the oldest one where there are too many, and set its end."""
        if len(self._guests) >= self._most:
            next(iter(self._guests)).cut()
        self._guests[guest] = None
        return asyncio.get_running_loop().call_later(self._seconds, guest.cut)

    def left(self, guest: "Guest") -> None:
        """Count a connection no longer."""
        self._guests.pop(guest, None)

    def close(self) -> None:
        """Cut every connection."""
        for guest in list(self._guests):
            guest.cut()


class Guest(asyncio.Protocol):
    """One connection: passes everything on to the protocol that serves it."""

    def __init__(self, served_by: asyncio.Protocol, door: Door) -> None:
        self._served_by = served_by
        self._door = door
        self._transport: asyncio.Transport | None = None
        self._end: asyncio.TimerHandle | None = None

    def cut(self) -> None:
        """End the connection now, whatever is still to be read or written."""
        self._door.left(self)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        self._end = self._door.entered(self)
        self._served_by.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._end is not None:
            self._end.cancel()
        self._door.left(self)
        self._served_by.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        self._served_by.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on."""
        return self._served_by.eof_received()

    def pause_writing(self) -> None:
        """Pass on."""
        self._served_by.pause_writing()

    def resume_writing(self) -> None:
        """Pass on."""
        self._served_by.resume_writing()
