"""How long an answer asks us to wait before the next call."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from agentrun_operator.api.exchange import Answer

MAX_PAUSE_SECONDS: Final = 300.0
"""A longer one is cut: a mistake, or malice, must not stop an account for hours."""
MAX_DIGITS: Final = 12
"""More seconds than that are as good as none."""

ACS_RETRY_AFTER: Final = "x-acs-retry-after"


def asked_pause(answer: Answer) -> float | None:
    """Read how long the API wants us to wait, in seconds; None where it says nothing usable.

    `x-acs-retry-after` counts milliseconds [T], `retry-after` seconds or names a date.
    """
    if (millis := answer.headers.get(ACS_RETRY_AFTER, "").strip()).isdecimal():
        seconds = float(millis[:MAX_DIGITS]) / 1000
    elif (value := answer.headers.get("retry-after", "").strip()).isdecimal():
        seconds = float(value[:MAX_DIGITS])
    elif value:
        seconds = _seconds_until(value, answer.date or datetime.now(UTC))
    else:
        return None
    return seconds if seconds > 0 else None


def _seconds_until(http_date: str, now: datetime) -> float:
    try:
        return (parsedate_to_datetime(http_date) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0.0
