"""Shares and factors: whole percents in a spec, where floats have no place; numbers on the wire."""

from typing import Any

from agentrun_operator.core.fields import EncodedBy
from agentrun_operator.core.resolution import Resolution


def in_percent(attribute: str) -> EncodedBy:
    """Return the marker of an attribute in percent that the API takes as a number: 70 is 0.7."""

    def share(holder: Any, _: Resolution) -> float:
        percent: int = getattr(holder, attribute)
        return percent / 100

    return EncodedBy(share, _percent)


def _percent(share: Any) -> Any:
    """Return a number of the API in percent, to show it; anything else as it is."""
    if isinstance(share, bool) or not isinstance(share, int | float):
        return share
    return round(share * 100, 4)
