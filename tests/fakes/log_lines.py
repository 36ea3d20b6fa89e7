"""What is logged, set up as in production, and held to the schema that the operator declares."""

import io
import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import jsonschema_rs
import structlog

from agentrun_operator.telemetry.log_schema import schema
from agentrun_operator.telemetry.logs import configure_logging

_LINE = jsonschema_rs.validator_for(dict(schema()))


@contextmanager
def listening(level: str) -> Iterator[io.StringIO]:
    """Yield where the lines go from a level on; at the end each of them is as declared."""
    root, said = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    configure_logging(level=level, stream=said)
    try:
        yield said
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        structlog.reset_defaults()
    assert strangers(said.getvalue().splitlines()) == []


def parsed(said: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines."""
    return [json.loads(line) for line in said.getvalue().splitlines()]


def strangers(lines: Iterable[str]) -> list[str]:
    """Return what is no line as `telemetry/log_events.py` and `log_schema.py` describe it."""
    return [line for line in lines if line.strip() and not _is_known(line)]


def _is_known(line: str) -> bool:
    try:
        return _LINE.is_valid(json.loads(line))
    except ValueError:
        return False
