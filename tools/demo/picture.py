"""The story as a picture of a terminal, for the README."""

import io
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

WIDTH = 100
"""In columns, as wide as any line of the story."""
TITLE = "make demo"

# As rich's own, without its fonts from the network, which no page loads for an image.
FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-family: sans-serif; font-size: 18px; font-weight: bold; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class Picture:
    """Takes in what a terminal of fixed width would show.

    Attributes:
        console: Where to print.
    """

    def __init__(self) -> None:
        self.console = Console(
            file=io.StringIO(), record=True, width=WIDTH, force_terminal=True,
            color_system="truecolor", highlight=False,
        )  # fmt: skip

    def save(self, file: Path) -> None:
        """Write an SVG of all that was printed."""
        drawn = self.console.export_svg(
            title=TITLE, theme=MONOKAI, code_format=FORMAT, unique_id="demo"
        )
        file.write_text(
            "".join(f"{line.rstrip()}\n" for line in drawn.splitlines() if line.strip())
        )
