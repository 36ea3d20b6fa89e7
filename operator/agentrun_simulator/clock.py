"""Time as the simulated cloud sees it: one injected clock, so that lifecycles need no waiting."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Protocol

CHINA_STANDARD_TIME = timezone(timedelta(hours=8))


class Clock(Protocol):
    """Tells the time; tests pass one they can move."""

    def now(self) -> datetime:
        """Return the current moment, aware and in UTC."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the current moment, aware and in UTC."""
        return datetime.now(UTC)


def wire_timestamp(moment: datetime) -> str:
    """Format a moment as the service does: microseconds and `+08:00`.

    Source: control-plane reference, §5.4 [E].
    """
    return moment.astimezone(CHINA_STANDARD_TIME).isoformat(timespec="microseconds")


def http_date(moment: datetime) -> str:
    """Format a moment for the `Date` header."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
