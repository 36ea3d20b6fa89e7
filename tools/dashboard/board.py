"""Scrapes a run of the operator, and asks for everything that the dashboard asks for."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from dashboard.draw import drawn
from dashboard.panels import Panel, panels
from dashboard.server import Prometheus, QueryError, Series

_VARIABLES = {
    "$__rate_interval": "15s",
    "$namespace": "agentrun-system",
    "$job": "agentrun-operator",
}
SILENT = frozenset(
    {
        *("Loop held", "Times the loop was held", "Missing resources by account"),
        # Over before the next scrape, or seen in one scrape alone, of which there is no rate.
        *("Oldest deletion", "Rotation pending", "Time to Ready"),
    }
)
"""Panels that may have nothing to show after the story of the demo."""
_SETTLE_SECONDS = 3.0
"""Of the last scrape and its ingestion."""


class BoardError(Exception):
    """A panel shows nothing, or an expression cannot be evaluated; the message names them."""


class Server(Protocol):
    """What evaluates the expressions; see `Prometheus`."""

    def query(self, expression: str, start: float, end: float) -> list[Series]:
        """Evaluate one expression between two times, in seconds of the epoch."""

    def stop(self) -> None:
        """End; stopping twice is fine."""


class Board:
    """The dashboard over one run; `stop` ends the Prometheus behind it."""

    def __init__(
        self, server: Server | None = None, *, settle_seconds: float = _SETTLE_SECONDS
    ) -> None:
        """Prepare; nothing is scraped yet, unless by a `server` that runs already."""
        self._server = server
        self._settle_seconds = settle_seconds
        self._started = 0.0

    def start(self, url: str) -> None:
        """Scrape /metrics of an operator from now on."""
        names = _VARIABLES
        # The port is another one in each run.
        labels = {"namespace": names["$namespace"], "instance": "operator"}
        prometheus = Prometheus(urlsplit(url).netloc, names["$job"], labels)
        self._server = prometheus
        prometheus.start()
        self._started = time.time()

    def draw(self, file: Path) -> int:
        """Evaluate every expression over the run so far, and write the picture of all panels.

        Returns how many expressions there are.

        Raises:
            BoardError: one of them fails, or shows nothing although the run gave it something.
        """
        time.sleep(self._settle_seconds)
        ended = time.time()
        shown = panels(_VARIABLES)
        found: dict[str, list[Series]] = {}
        wrong = []
        for panel in shown:
            try:
                found[panel.title] = self._series(panel, ended)
            except QueryError as error:
                wrong.append(f"{panel.title}: {error}")
                continue
            is_silent = not found[panel.title] and panel.kind != "row"
            if is_silent and panel.title not in SILENT:
                wrong.append(f"{panel.title}: shows nothing")
        if wrong:
            raise BoardError("\n".join(wrong))
        file.write_text(drawn(shown, found, self._started, ended))
        return sum(len(panel.targets) for panel in shown)

    def stop(self) -> None:
        """End Prometheus; stopping twice is fine."""
        if self._server is not None:
            self._server.stop()

    def _series(self, panel: Panel, ended: float) -> list[Series]:
        if self._server is None:
            raise QueryError("nothing is scraped")
        return [
            replace(each, name=_named(target.legend, each.labels))
            for target in panel.targets
            for each in self._server.query(target.expression, self._started, ended)
        ]


def _named(legend: str, labels: Mapping[str, str]) -> str:
    for name, value in labels.items():
        legend = legend.replace(f"{{{{{name}}}}}", value)
    return legend
