"""What pictures of graphs have in common: texts, colours, and the places of a legend."""

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

COLORS = (
    "#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0",
    "#508642", "#cca300", "#447ebc", "#c15c17",
)  # fmt: skip
LEGEND = 18
"""Pixels of one line of a legend."""
_LETTER = 6.6
"""Pixels of a letter of the legend, at most."""


def legend(names: Iterable[str], width: int) -> Iterator[tuple[int, float, str, int]]:
    """Yield line, x, name and number of each entry."""
    line, x = 0, 10.0
    for number, name in enumerate(names):
        wide = 30 + _LETTER * len(name)
        if x + wide > width and x > 10:  # noqa: PLR2004 - not the first of its line
            line, x = line + 1, 10.0
        yield line, x, name, number
        x += wide


def text(x: float, y: float, words: str, style: str = "") -> str:
    """Return a text; `style` is a class of the picture's own."""
    shown = f' class="{style}"' if style else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{shown}>{escape(words)}</text>'
