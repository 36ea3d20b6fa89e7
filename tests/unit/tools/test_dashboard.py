"""The picture of the dashboard: what it draws, and what it takes for a failure."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dashboard import Board, BoardError
from dashboard.board import SILENT
from dashboard.draw import drawn
from dashboard.panels import Panel, Target, panels
from dashboard.server import QueryError, Series

REPOSITORY = Path(__file__).parents[3]
SVG = "{http://www.w3.org/2000/svg}"


def panel(title: str, kind: str, unit: str = "short", *, is_stacked: bool = False) -> Panel:
    place = {"x": 0, "y": 0, "w": 12, "h": 8}
    return Panel(title, kind, unit, is_stacked, place, (Target("up", "{{kind}}"),))


def series(name: str, *values: float) -> Series:
    points = tuple((float(at), value) for at, value in enumerate(values))
    return Series({"kind": name}, points, name)


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314


def lines(svg: str) -> list[list[str]]:
    found = ET.fromstring(svg).iter(f"{SVG}polyline")  # noqa: S314 - our own
    return [each.attrib["points"].split() for each in found]


def test_a_graph_has_a_line_and_a_name_for_each_series() -> None:
    found = [series("Tool & more", 0, 4, 2), series("Account", 1, 1, 1)]
    svg = drawn([panel("Objects", "timeseries")], {"Objects": found}, 0, 2)
    assert len(lines(svg)) == 2
    assert {"Objects", "Tool & more", "Account", "4", "2", "0"} <= set(texts(svg))


def test_stacked_series_stand_on_top_of_each_other() -> None:
    found = [series("a", 2, 2), series("b", 3, 3)]
    svg = drawn([panel("Objects", "timeseries", is_stacked=True)], {"Objects": found}, 0, 1)
    assert "5" in texts(svg)
    below, above = (float(line[0].split(",")[1]) for line in lines(svg))
    assert above < below


def test_numbers_are_told_with_their_unit() -> None:
    shown = {"s": "250 ms", "bytes": "3 MiB", "percentunit": "25%", "reqps": "0.25 req/s"}
    for unit, told in shown.items():
        value = 3 * 2**20 if unit == "bytes" else 0.25
        svg = drawn([panel("One", "stat", unit)], {"One": [series("", value)]}, 0, 1)
        assert told in texts(svg)


def test_a_table_shows_what_stands_at_the_end() -> None:
    found = [series("Gone", 1), series("Stays", 1, 1)]
    told = texts(drawn([panel("Now", "table")], {"Now": found}, 0, 1))
    assert "Stays" in told
    assert "Gone" not in told


class Answering:
    """Answers each query alike, or with an error."""

    def __init__(self, answer: Sequence[Series] | Exception) -> None:
        self.answer = answer

    def query(self, expression: str, start: float, end: float) -> list[Series]:
        assert "$" not in expression
        assert start <= end
        if isinstance(self.answer, Exception):
            raise self.answer
        return list(self.answer)

    def stop(self) -> None:
        """Nothing runs."""


@pytest.mark.parametrize(
    ("answer", "told"),
    [([], "Objects: shows nothing"), (QueryError("parse error"), "Objects: parse error")],
    ids=["nothing", "an error"],
)
def test_a_panel_without_an_answer_is_a_failure(
    tmp_path: Path, answer: Sequence[Series] | Exception, told: str
) -> None:
    board = Board(Answering(answer), settle_seconds=0.0)
    with pytest.raises(BoardError, match=told):
        board.draw(tmp_path / "dashboard.svg")


def test_what_may_be_silent_is_a_panel() -> None:
    assert {each.title for each in panels({})} >= SILENT


def test_the_picture_of_the_docs_names_no_machine() -> None:
    svg = (REPOSITORY / "docs/dashboard.svg").read_text()
    assert {"Fleet", "Account", "Engine"} <= set(texts(svg))
    assert "127.0.0.1" not in svg
    assert "localhost" not in svg
