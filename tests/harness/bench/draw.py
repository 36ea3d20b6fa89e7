"""Draws lines over two axes as an SVG: curves over time, and cost against the size of a fleet."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dashboard.svg import COLORS, LEGEND, legend, text

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 66, 20, 34, 46
"""Pixels around the plot; the legend stands below them."""
TICKS = 5
_STYLE = """
text { font-family: system-ui, sans-serif; font-size: 12px; fill: #24292f; }
.title { font-weight: 600; } .x { text-anchor: middle; } .y { text-anchor: end; }
.x, .y { fill: #57606a; font-size: 11px; } .grid { stroke: #d8dee4; }
"""

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        name: What the legend calls it.
        points: In the order in which they are joined; never empty.
        color: Number of its colour: lines of one contestant have the same.
        dashes: As `stroke-dasharray` has them; empty: a whole line.
        has_dots: Whether each point is shown.
    """

    name: str
    points: Sequence[Point]
    color: int = 0
    dashes: str = ""
    has_dots: bool = False


@dataclass(frozen=True)
class Axis:
    """One axis; it begins at 0, or with the smallest value where it is logarithmic."""

    label: str
    is_log: bool = False

    def scale(self, values: Sequence[float]) -> "Scale":
        """Return the scale for some values."""
        top = max(values, default=1.0)
        if not self.is_log:
            step = _step((top or 1.0) / TICKS)
            return Scale(0.0, math.ceil((top or 1.0) / step - 1e-9) * step, step)
        low = math.floor(math.log10(min(values)))
        return Scale(low, max(math.ceil(math.log10(top)), low + 1), 1.0, is_log=True)


@dataclass(frozen=True)
class Scale:
    """Where values lie; ends and step of a logarithmic one are exponents of ten."""

    low: float
    high: float
    step: float
    is_log: bool = False

    def share(self, value: float) -> float:
        """Return where a value lies, from 0 to 1."""
        place = math.log10(value) if self.is_log else value
        return (place - self.low) / (self.high - self.low)

    def ticks(self) -> Iterator[float]:
        """Yield the values at which a line is drawn."""
        for number in range(round((self.high - self.low) / self.step) + 1):
            place = self.low + number * self.step
            yield 10.0**place if self.is_log else place


def chart(title: str, lines: Sequence[Line], x: Axis, y: Axis) -> str:
    """Return an SVG of some lines."""
    points = [point for line in lines for point in line.points]
    across, up = x.scale([p[0] for p in points]), y.scale([p[1] for p in points])
    entries = list(legend((line.name for line in lines), WIDTH))
    height = HEIGHT + LEGEND * (1 + max((entry[0] for entry in entries), default=0))
    found = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        text(10, 20, title, "title"),
        *_grid(across, up, x, y),
    ]
    for line in lines:
        found += _line(line, across, up)
    for row, left, name, number in entries:
        at = HEIGHT + row * LEGEND + 4
        found.append(_key(left, at - 4, lines[number]))
        found.append(text(left + 26, at, name))
    return "\n".join((*found, "</svg>", ""))


def _grid(across: Scale, up: Scale, x: Axis, y: Axis) -> Iterator[str]:
    for value in up.ticks():
        at = _y(up, value)
        yield f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>'
        yield text(LEFT - 6, at + 4, shown(value), "y")
    for value in across.ticks():
        at = _x(across, value)
        yield f'<path class="grid" d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
        yield text(at, HEIGHT - BOTTOM + 16, shown(value), "x")
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 32, x.label, "x")
    yield text(WIDTH - RIGHT, 20, y.label, "y")


def _line(line: Line, across: Scale, up: Scale) -> Iterator[str]:
    places = [(_x(across, x), _y(up, y)) for x, y in line.points]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{joined}" {_stroke(line)}/>'
    if line.has_dots:
        color = COLORS[line.color % len(COLORS)]
        for x, y in places:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>'


def _key(x: float, y: float, line: Line) -> str:
    return f'<path d="M{x:.0f} {y:.0f}h20" {_stroke(line)}/>'


def _stroke(line: Line) -> str:
    dashes = f' stroke-dasharray="{line.dashes}"' if line.dashes else ""
    color = COLORS[line.color % len(COLORS)]
    return f'fill="none" stroke="{color}" stroke-width="2"{dashes}'


def _x(scale: Scale, value: float) -> float:
    return LEFT + (WIDTH - RIGHT - LEFT) * scale.share(value)


def _y(scale: Scale, value: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * scale.share(value)


def _step(least: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * each for each in (1, 2, 5, 10) if power * each >= least * (1 - 1e-9))


def shown(value: float) -> str:
    """Return a number as people read it: three digits, thousands apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
