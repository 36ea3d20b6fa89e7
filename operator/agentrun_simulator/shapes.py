"""Odd shapes of answers: fields that were never set, and what a DELETE leaves of a record."""

from functools import cache
from typing import Any

from agentrun_simulator import schema
from agentrun_simulator.store import Record


@cache
def zeros(family: str) -> dict[str, Any]:
    """Return the empty value of every scalar field of a family."""
    declared = schema.properties(schema.named(family))
    found = {name: schema.zero_of(below) for name, below in declared.items()}
    return {name: zero for name, zero in found.items() if zero is not None}


def blanked(record: Record, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the odd answer of a runtime's DELETE: only the id means anything (§5.2 [S])."""
    kept = {name: zero for name, zero in zeros(record.family.name).items() if name in answer}
    return kept | {record.family.key_field: record.key, "status": record.status}
