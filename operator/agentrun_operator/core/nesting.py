"""Documents that are nested too deeply, told and cut before anything recurses into them.

The API server takes 10,000 levels where a schema is free-form, Python's parser gives up near 1,000,
and where it gives up in a watch, all kinds of all tenants stand still. A higher recursion limit is
no way out: what recurses in C would overflow the stack, and that ends the process.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from agentrun_operator.core.documents import PLAIN

MAX_DEPTH = 256
"""More levels than any document that makes sense has, metadata around it included."""

# Possessive: to step back into a text, the matcher would keep 148 bytes for each byte of it.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]')


def is_deeper(document: Any, depth: int) -> bool:
    """Whether a document has more than so many levels; a text or number has none."""
    level = [document]
    for _ in range(depth + 1):
        nodes = [n for n in level if type(n) not in PLAIN and isinstance(n, Mapping | list)]
        if not nodes:
            return False
        level = [
            child
            for node in nodes
            for child in (node.values() if isinstance(node, Mapping) else node)
        ]
    return True


def has_more_values(document: Any, most: int) -> bool:
    """Whether a document holds more than so many values, itself and maps and lists included.

    Stops as soon as that is known.
    """
    left, waiting = most - 1, [document]
    while waiting and left >= 0:
        node = waiting.pop()
        if isinstance(node, dict | list):
            left -= len(node)
            if left >= 0:
                waiting += node.values() if isinstance(node, dict) else node
    return left < 0


def holds_more_values(raw: bytes, most: int) -> bool:
    """Whether a JSON text holds more than so many values, names included, without parsing it."""
    # Each value but the first follows one of these, or opens the map or list that it stands in.
    if _marks(raw) <= most:
        return False
    # They may stand in texts, too. Without escaped quotes every second part is no text.
    bare = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    return bare.count(b'"') > 2 * most or _marks(b"".join(bare.split(b'"')[::2])) > most


def _marks(raw: bytes) -> int:
    return sum(map(raw.count, (b",", b":", b"[", b"{")))


def loads(raw: str | bytes) -> Any:
    """Parse JSON; what lies deeper than `MAX_DEPTH` becomes null.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        document = json.loads(raw)
    except RecursionError:
        pass
    else:
        if not is_deeper(document, MAX_DEPTH):
            return document
    return json.loads(_cut(raw.encode() if isinstance(raw, str) else raw))


def shallow(raw: bytes) -> bytes:
    """Return a JSON text that any parser takes, the same one unless it is nested too deeply."""
    # No text has more levels than brackets, and counting costs next to nothing.
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return raw
    return _cut(raw)


def _cut(raw: bytes) -> bytes:
    depth, kept = 0, 0
    parts: list[bytes] = []
    for token in _TOKEN.finditer(raw):
        if token[0] in (b"{", b"["):
            depth += 1
            if depth == MAX_DEPTH + 1:
                parts += (raw[kept : token.start()], b"null")
        elif token[0] in (b"}", b"]"):
            if depth == MAX_DEPTH + 1:
                kept = token.end()
            depth -= 1
    return b"".join((*parts, raw[kept:]))
