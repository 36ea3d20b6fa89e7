"""From times to figures: percentiles, spreads and curves. Pure, so that a test needs no process."""

from collections.abc import Iterable, Sequence

POINTS = 120
"""Of a curve; a picture shows no more."""


def percentile(values: Iterable[float], percent: float) -> float:
    """Return a percentile, between the two nearest values where it falls between them.

    Raises:
        ValueError: there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values, so no percentile")
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def spread(values: Iterable[float]) -> dict[str, float] | None:
    """Return p50, p99 and the largest in seconds; None where nothing was measured."""
    found = list(values)
    if not found:
        return None
    return {
        "p50": round(percentile(found, 50), 3),
        "p99": round(percentile(found, 99), 3),
        "last": round(max(found), 3),
    }


def curve(times: Iterable[float], since: float) -> list[list[float]]:
    """Return how many there are after how many seconds: from (0, 0) to the last one.

    Long curves are thinned out: every point is one that was measured.
    """
    ordered = sorted(times)
    points = [[0.0, 0.0]]
    points += [[round(at - since, 3), float(count)] for count, at in enumerate(ordered, start=1)]
    return _thinned(points)


def _thinned(points: Sequence[list[float]]) -> list[list[float]]:
    step = (len(points) - 1) / POINTS
    if step <= 1:
        return list(points)
    return [points[round(number * step)] for number in range(POINTS + 1)]
