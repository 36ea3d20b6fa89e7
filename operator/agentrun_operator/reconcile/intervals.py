"""How often an object is looked at, for how long a look counts, and how pauses grow."""

from agentrun_operator.core.identity import POLL_INTERVAL_ANNOTATION
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.settings import Polling

MIN_POLL_SECONDS = 5.0
_MAX_DOUBLINGS = 16


def patience_of(obj: KubeObject, polling: Polling, *, is_shared: bool) -> float:
    """Return for how many seconds a look at an object counts: a few of its own poll intervals."""
    interval = polling.steady_seconds
    asked = asked_interval(obj)
    if asked is not None:
        # A LIST that shows it goes on beside the looks that were asked for.
        interval = min(asked, interval) if is_shared else asked
    return interval * polling.unseen_intervals


def asked_interval(obj: KubeObject) -> float | None:
    """Return the poll interval that an object asks for by annotation."""
    asked = obj.annotations.get(POLL_INTERVAL_ANNOTATION, "")
    # Not `isdigit`, which lets "²" through, and that is no number.
    return max(float(asked), MIN_POLL_SECONDS) if asked.isdecimal() else None


def doubled(seconds: float, times: int, most: float = float("inf")) -> float:
    """Return a pause that was doubled so many times, a negative number counting as none."""
    return min(seconds * 2.0 ** min(max(times, 0), _MAX_DOUBLINGS), most)
