"""What the demo shows: a live table on a terminal, plain lines elsewhere."""

import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from rig.waiting import condition, is_ready

Objects = Sequence[Mapping[str, Any]]
WIDTH = 100
"""Of a line, in columns. What is longer goes on below itself, on a terminal and elsewhere."""
INDENT = 7


class Screen:
    """Writes to standard output; knows whether somebody watches.

    Attributes:
        is_terminal: Whether somebody watches.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self.is_terminal = self._console.is_terminal
        self._started = time.monotonic()

    def headline(self, number: int, count: int, title: str) -> None:
        """Open a step."""
        self._console.print(f"\n[bold]{number}/{count}  {escape(title)}[/bold]")

    def say(self, text: str) -> None:
        """Tell what is being done."""
        self._print("·", "dim", text)

    def command(self, text: str) -> None:
        """Show a command a reader could type."""
        self._print("$", "cyan", text)

    def note(self, text: str) -> None:
        """Say what the lines that follow are for."""
        self._console.print(f"\n[bold]{escape(text)}[/bold]", soft_wrap=True)

    def offer(self, lines: Sequence[str]) -> None:
        """Show lines to be copied, with nothing before them."""
        self._console.print("\n".join(lines), markup=False, soft_wrap=True)

    def quote(self, text: str) -> None:
        """Show what another program said."""
        for line in text.strip().splitlines():
            self._print("|", "yellow", line)

    def verified(self, text: str) -> None:
        """Tell what has been proved."""
        self._print("✓", "green", text)

    def failed(self, title: str, text: str) -> None:
        """Tell which step failed, and why."""
        self._console.print(f"\n[bold red]FAILED: {escape(title)}[/bold red]")
        self._console.print(text, markup=False, soft_wrap=True)

    def end(self, text: str) -> None:
        """Close the story with its duration."""
        seconds = time.monotonic() - self._started
        told = f"\n[bold green]{escape(text)}[/bold green] ({seconds:.0f} s)"
        self._console.print(told, soft_wrap=True)

    @contextmanager
    def table(self, order: Sequence[tuple[str, str]]) -> Iterator["ObjectTable"]:
        """Show objects while they change; `order` holds kind and name of those to come."""
        if not self.is_terminal:
            yield ObjectTable(self, order, None)
            return
        with Live(console=self._console, refresh_per_second=8) as live:
            yield ObjectTable(self, order, live)

    def _print(self, sign: str, style: str, text: str) -> None:
        lines = textwrap.wrap(
            text, WIDTH - INDENT, break_long_words=False, break_on_hyphens=False
        ) or [""]
        for line in lines:
            told = f"     [{style}]{sign}[/{style}] {escape(line)}"
            self._console.print(told, soft_wrap=True)
            sign = " "


class ObjectTable:
    """Kind, name, READY and REASON of objects, as `kubectl get` shows them."""

    def __init__(self, screen: Screen, order: Sequence[tuple[str, str]], live: Live | None) -> None:
        self._screen = screen
        self._order = order
        self._live = live
        self._last: dict[tuple[str, str], tuple[str, str]] = {}

    def show(self, objects: Objects) -> None:
        """Show how the objects are now."""
        found = {(each["kind"], each["metadata"]["name"]): each for each in objects}
        if self._live is not None:
            self._live.update(self._table(found))
            return
        for key in self._order:
            state = _state(found.get(key))
            if state != self._last.get(key) and key in found:
                kind, name = key
                self._screen.say(f"{kind}/{name}: Ready={state[0]} ({state[1]})")
                self._last[key] = state

    def _table(self, found: Mapping[tuple[str, str], Mapping[str, Any]]) -> Table:
        table = Table(box=None, padding=(0, 1))
        for title in ("KIND", "NAME", "READY", "REASON"):
            table.add_column(title, no_wrap=True)
        # What a narrow terminal cuts, since the only one that may shrink.
        table.add_column("EXTERNAL-ID", overflow="ellipsis")
        for kind, name in self._order:
            body = found.get((kind, name))
            ready, reason = _state(body)
            style = "green" if body is not None and is_ready(body) else "yellow"
            external = body["status"].get("externalId", "") if body is not None else ""
            row = (kind, name, f"[{style}]{ready}[/{style}]", reason, external)
            table.add_row(*row)
        return table


def _state(body: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return status and reason of Ready."""
    if body is None:
        return "", ""
    ready = condition(body, "Ready")
    return ready.get("status", ""), ready.get("reason", "")
