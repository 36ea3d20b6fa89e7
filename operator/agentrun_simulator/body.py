"""Reading a request body so that nothing in it can hurt later steps."""

import json
import math
from typing import Any

from agentrun_simulator.errors import bad_request

MAX_DEPTH = 64
"""Deepest accepted nesting; the API's own structures need less than ten."""


def parsed(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a request body; an empty body is an empty object.

    Raises:
        ServiceError: 400 for what is not UTF-8, not JSON, not an object, or nested too deeply.
    """
    if not body:
        return {}
    try:
        text = body.decode("utf-8")
        document = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        if "\\u" in text:
            # A lone surrogate is legal JSON, but no answer could carry it.
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise bad_request("the request body is not valid JSON") from None
    if not isinstance(document, dict):
        raise bad_request("the request body must be a JSON object")
    if _is_deeper_than(MAX_DEPTH, document):
        raise bad_request("the request body is nested too deeply")
    return document


def _refuse(name: str) -> float:
    raise ValueError(name)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _is_deeper_than(limit: int, document: Any) -> bool:
    level = [document]
    for _ in range(limit):
        level = [
            item
            for value in level
            for item in (value.values() if isinstance(value, dict) else value)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True
