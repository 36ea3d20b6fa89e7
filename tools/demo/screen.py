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

from demo.fleet import Node
from demo.picture import Picture
from rig.waiting import condition, is_ready

Objects = Sequence[Mapping[str, Any]]
WIDTH = 100
"""Of a line, in columns. What is longer goes on below itself, also where nobody watches."""
INDENT = 7


class Screen:
    """Writes to standard output; knows whether somebody watches.

    Attributes:
        is_terminal: Whether somebody watches.
    """

    def __init__(self, console: Console | None = None, picture: Picture | None = None) -> None:
        """Write to `console`, and whatever holds on every machine to `picture` too."""
        self._console = console or Console(highlight=False)
        self._picture = picture
        self.is_terminal = self._console.is_terminal
        if not self.is_terminal:
            self._console.width = WIDTH
        self._width = min(WIDTH, self._console.width)
        self._started = time.monotonic()

    def headline(self, number: int, count: int, title: str) -> None:
        """Open a step."""
        self._bold(f"{number}/{count}  {title}")

    def say(self, text: str) -> None:
        """Tell what is being done."""
        self._print("·", "dim", text)

    def say_here(self, text: str) -> None:
        """Tell what holds in this run alone, such as an address; the picture leaves it out."""
        self._print("·", "dim", text, is_pictured=False)

    def command(self, text: str) -> None:
        """Show a command a reader could type."""
        self._print("$", "cyan", text)

    def note(self, text: str) -> None:
        """Say what the lines that follow are for."""
        self._bold(text)

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
        self._bold(f"{text} ({seconds:.0f} s)", "bold green")

    @contextmanager
    def table(self, order: Sequence[tuple[str, str]]) -> Iterator["ObjectTable"]:
        """Show objects while they change; `order` holds kind and name of those to come."""
        if self.is_terminal:
            with Live(console=self._console, refresh_per_second=8) as live:
                shown = ObjectTable(self, order, live)
                yield shown
        else:
            shown = ObjectTable(self, order, None)
            yield shown
        if self._picture is not None:
            self._picture.console.print(shown.last())

    def tree(self, nodes: Sequence[Node]) -> None:
        """Show what depends on what."""
        for node in nodes:
            for line in _branches(node, " " * INDENT, ""):
                for console in self._consoles():
                    console.print(line, no_wrap=True, overflow="ellipsis", width=self._width)

    def _bold(self, text: str, style: str = "bold") -> None:
        self._write("")
        for line in self._wrapped(text, self._width):
            self._write(f"[{style}]{escape(line)}[/{style}]")

    def _print(self, sign: str, style: str, text: str, *, is_pictured: bool = True) -> None:
        for line in self._wrapped(text, self._width - INDENT):
            told = f"     [{style}]{sign}[/{style}] {escape(line)}"
            self._write(told, is_pictured=is_pictured)
            sign = " "

    def _write(self, told: str, *, is_pictured: bool = True) -> None:
        for console in self._consoles(is_pictured=is_pictured):
            console.print(told, soft_wrap=True)

    def _consoles(self, *, is_pictured: bool = True) -> Iterator[Console]:
        yield self._console
        if is_pictured and self._picture is not None:
            yield self._picture.console

    @staticmethod
    def _wrapped(text: str, width: int) -> list[str]:
        found = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
        return found or [""]


def _branches(node: Node, before: str, corner: str) -> Iterator[str]:
    """Yield the lines of an object and all below it; `before` stands in front of each."""
    yield f"[dim]{before}{corner}[/dim]{_label(node)}"
    below = before + {"": "", "├── ": "│   ", "└── ": "    "}[corner]
    for child in node.children:
        yield from _branches(child, below, "└── " if child is node.children[-1] else "├── ")


def _label(node: Node) -> str:
    style = "green" if node.ready == "True" else "yellow"
    state = f"[{style}]{node.ready or 'Unknown'} ({escape(node.reason)})[/{style}]"
    told = ", ".join((*filter(None, [node.path]), *(f"reads {each}" for each in node.reads)))
    return f"{node.kind}/{node.name}  {state}" + (f"  [dim]{escape(told)}[/dim]" if told else "")


class ObjectTable:
    """Kind, name, READY and REASON of objects, as `kubectl get` shows them."""

    def __init__(self, screen: Screen, order: Sequence[tuple[str, str]], live: Live | None) -> None:
        self._screen = screen
        self._order = order
        self._live = live
        self._last: dict[tuple[str, str], tuple[str, str]] = {}
        self._found: dict[tuple[str, str], Mapping[str, Any]] = {}

    def show(self, objects: Objects) -> None:
        """Show how the objects are now."""
        self._found = {(each["kind"], each["metadata"]["name"]): each for each in objects}
        if self._live is not None:
            self._live.update(self.last())
            return
        for key in self._order:
            state = _state(self._found.get(key))
            if state != self._last.get(key) and key in self._found:
                kind, name = key
                self._screen.say_here(f"{kind}/{name}: Ready={state[0]} ({state[1]})")
                self._last[key] = state

    def last(self) -> Table:
        """Return the objects as they were last shown."""
        table = Table(box=None, padding=(0, 1))
        for title in ("KIND", "NAME", "READY", "REASON"):
            table.add_column(title, no_wrap=True)
        # What a narrow terminal cuts, since the only one that may shrink.
        table.add_column("EXTERNAL-ID", overflow="ellipsis")
        for kind, name in self._order:
            body = self._found.get((kind, name))
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
