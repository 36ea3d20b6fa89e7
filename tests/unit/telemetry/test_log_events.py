"""The table of events and the calls of loggers in the source say the same."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from agentrun_operator.telemetry.log_events import EVENTS

SOURCE = Path(__file__).parents[3] / "operator" / "agentrun_operator"
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")


class Said(NamedTuple):
    """One call of a logger."""

    msg: str
    level: str
    keys: frozenset[str]
    where: str


def _calls(path: Path) -> Iterator[Said]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        of, where = node.func.value, f"{path.relative_to(SOURCE)}:{node.lineno}"
        if isinstance(of, ast.Name) and of.id == "log" and node.func.attr in LEVELS:
            words = node.args[0]
            assert isinstance(words, ast.Constant), f"{where}: the event has to be a literal"
            # What is handed over in a lump are the keys of an object, which any line may have.
            keys = frozenset(each.arg for each in node.keywords if each.arg)
            yield Said(str(words.value), node.func.attr, keys, where)


CALLS = [call for path in sorted(SOURCE.rglob("*.py")) for call in _calls(path)]
MADE_BY_HAND = {"log lines failed"}
"""Told by the handler itself, which cannot log."""


def test_every_line_is_in_the_table_with_its_level_and_keys() -> None:
    known = {event.msg: event for event in EVENTS}
    wrong = [
        call
        for call in CALLS
        if (event := known.get(call.msg)) is None
        or event.level != call.level
        or not {*event.keys} <= call.keys <= {*event.keys, *event.may_have}
    ]
    assert wrong == [], "bring telemetry/log_events.py up to date, then `make generate`"


def test_every_event_is_told_somewhere() -> None:
    assert {e.msg for e in EVENTS} - {call.msg for call in CALLS} == MADE_BY_HAND


def test_no_event_is_listed_twice() -> None:
    assert len({event.msg for event in EVENTS}) == len(EVENTS)
