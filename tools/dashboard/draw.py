"""Draws panels as an SVG, after the manner of Grafana."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dashboard.panels import Panel
from dashboard.server import Series
from dashboard.svg import COLORS, LEGEND, legend, text

_COLUMN, _ROW, _GAP = 50, 24, 6
"""Pixels of one cell of the grid, and between two panels."""
_HEAD = 26
"""Pixels of a title."""
_AXIS = 62
"""Pixels left of a graph."""
_UNITS = {"reqps": " req/s", "ops": " ops/s", "s": " s"}
_STYLE = """
text { font-family: system-ui, sans-serif; font-size: 12px; fill: #c7d0d9; }
.title { font-weight: 600; } .row { font-size: 15px; font-weight: 600; }
.big { font-size: 34px; font-weight: 600; fill: #7eb26d; text-anchor: middle; }
.axis { text-anchor: end; fill: #8e9aa6; font-size: 10px; } .grid { stroke: #2c3235; }
"""

Named = Mapping[str, Sequence[Series]]


def drawn(panels: Sequence[Panel], found: Named, start: float, end: float) -> str:
    """Return an SVG of all panels, with what was found for each title from start to end."""
    height = max(p.place["y"] + p.place["h"] for p in panels) * _ROW
    width = 24 * _COLUMN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#111217"/>',
    ]
    for panel in panels:
        place = {name: value * _COLUMN for name, value in panel.place.items() if name in "xw"}
        place |= {name: value * _ROW for name, value in panel.place.items() if name in "yh"}
        lines.append(f'<g transform="translate({place["x"]} {place["y"]})">')
        lines += _panel(panel, found.get(panel.title, ()), (place["w"], place["h"]), (start, end))
        lines.append("</g>")
    return "\n".join((*lines, "</svg>", ""))


def _panel(
    panel: Panel, found: Sequence[Series], size: tuple[int, int], span: tuple[float, float]
) -> Iterator[str]:
    width, height = size[0] - _GAP, size[1] - _GAP
    if panel.kind == "row":
        yield text(4, 17, panel.title, "row")
        return
    yield f'<rect width="{width}" height="{height}" rx="3" fill="#181b1f" stroke="#25292e"/>'
    yield text(10, 18, panel.title, "title")
    if panel.kind == "stat":
        told = _value(found[0].points[-1][1], panel.unit) if found else "–"
        yield text(width / 2, height / 2 + 20, told, "big")
    elif panel.kind == "table":
        yield from _table(found, width)
    elif found:
        yield from _graph(panel, found, (width, height), span)
    else:
        yield text(width / 2 - 20, height / 2 + 8, "No data")


def _table(found: Sequence[Series], width: int) -> Iterator[str]:
    """Yield the rows that stand at the end."""
    last = max((each.points[-1][0] for each in found), default=0.0)
    rows = [each for each in found if each.points[-1][0] == last]
    names = sorted({name for each in rows for name in each.labels})
    cells = [[*names, "objects"]]
    cells += [
        [*(row.labels.get(name, "") for name in names), _value(row.points[-1][1], "short")]
        for row in rows
    ]
    for number, row in enumerate(cells):
        for column, cell in enumerate(row):
            at = 10 + column * width / len(row)
            yield text(at, 42 + 20 * number, cell, "title" if number == 0 else "")


def _graph(
    panel: Panel, found: Sequence[Series], size: tuple[int, int], span: tuple[float, float]
) -> Iterator[str]:
    entries = list(legend((each.name for each in found), size[0]))
    bottom = size[1] - 8 - LEGEND * (1 + max(line for line, *_ in entries))
    curves = [dict(each.points) for each in found]
    if panel.is_stacked:
        curves = _stacked(curves)
    top = max(value for curve in curves for value in curve.values()) or 1.0
    left, right = _AXIS, size[0] - 10

    def at(moment: float, value: float) -> str:
        x = left + (right - left) * (moment - span[0]) / (span[1] - span[0])
        return f"{x:.1f},{bottom - (bottom - _HEAD - 8) * value / top:.1f}"

    for share in (0.0, 0.5, 1.0):
        y = float(at(span[0], top * share).partition(",")[2])
        yield f'<path class="grid" d="M{left} {y:.1f}H{right}"/>'
        yield text(left - 6, y + 4, _value(top * share, panel.unit), "axis")
    for number, curve in enumerate(curves):
        points = " ".join(at(*point) for point in sorted(curve.items()))
        color = COLORS[number % len(COLORS)]
        yield f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>'
    for line, x, name, number in entries:
        y = bottom + 16 + line * LEGEND
        color = COLORS[number % len(COLORS)]
        yield f'<rect x="{x:.0f}" y="{y - 7}" width="12" height="4" fill="{color}"/>'
        yield text(x + 17, y, name)


def _stacked(curves: Iterable[Mapping[float, float]]) -> list[dict[float, float]]:
    below: dict[float, float] = {}
    found = []
    for curve in curves:
        found.append({moment: value + below.get(moment, 0.0) for moment, value in curve.items()})
        below |= found[-1]
    return found


def _value(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{value:.0%}"
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    if unit == "s" and 0 < value < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g}{_UNITS.get(unit, '')}"
