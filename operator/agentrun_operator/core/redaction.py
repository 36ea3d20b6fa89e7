"""Texts of others without our values: a cloud may quote what it was sent, in spellings of its own.

What was cut short counts as well: a validator that shows the first half of a key shows a key.
"""

import base64
import html
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import takewhile
from typing import Any
from urllib.parse import quote, quote_plus

from agentrun_operator.core.one_line import without_line_break

MIN_SECRET = 6
"""Shorter values stand in ordinary words, and a text without those words would say nothing."""
HIDDEN = "(secret)"
_MIN_PART = 10
"""So much of the beginning of a longer value is taken for the value."""


def spellings(value: str) -> frozenset[str]:
    """Return how a text may be quoted: as it is, in JSON, Python, a URL, HTML, base64, hex."""
    raw = value.encode(errors="surrogatepass")
    found = {
        value,
        json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(value)[1:-1],
        repr(value)[1:-1],
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
        html.escape(value),
    }
    if len(value) >= MIN_SECRET:
        found |= {raw.hex(), raw.hex().upper(), *_in_base64(raw)}
    return frozenset(found)


def _in_base64(raw: bytes) -> Iterator[str]:
    """Yield what stands for a value in base64, alone or after a user's name and a colon.

    Three bytes make four characters: where others stand before and behind, those at either end
    speak of both, and are left out.
    """
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")
        for before in range(3):
            encoded = encode(bytes(before) + raw).decode().rstrip("=")
            has_rest = (before + len(raw)) % 3 != 0
            yield encoded[(0, 2, 3)[before] : len(encoded) - has_rest]


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return a text without any spelling of some secrets, nor the beginning of one."""
    # No more of a value can stand in the text than the text is long.
    held = {value[: len(text)] for value in secrets if len(value) >= MIN_SECRET}
    found = {spelling for value in held for spelling in spellings(value) if value}
    for spelling in sorted(found, key=len, reverse=True):
        text = text.replace(spelling, HIDDEN)
    for head in sorted({spelling[:_MIN_PART] for spelling in found}):
        text = _without_beginnings(text, head, [s for s in found if s.startswith(head)])
    return text


def _without_beginnings(text: str, head: str, spellings_of_it: list[str]) -> str:
    at = text.find(head)
    while at >= 0:
        end = at + max(_common(text[at:], spelling) for spelling in spellings_of_it)
        text = f"{text[:at]}{HIDDEN}{text[end:]}"
        at = text.find(head, at + len(HIDDEN))
    return text


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def secrets_in(document: str) -> Iterator[str]:
    """Yield the value of a Secret, and the texts inside of one that is a JSON document.

    Each also without the line breaks at its end, which need not go out. Of a registry's `auth` that
    is also the password in it, which is what goes out.
    """
    for text in _texts_in(document):
        yield text
        if (bare := without_line_break(text)) != text:
            yield bare


def _texts_in(document: str) -> Iterator[str]:
    yield document
    if document.lstrip()[:1] in ("{", "["):
        try:
            yield from _leaves(json.loads(document))
        except (ValueError, RecursionError):
            return


def _leaves(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from _leaves(value)
            if name == "auth" and isinstance(value, str):
                yield from _password_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(value)


def _password_in(auth: str) -> Iterator[str]:
    with suppress(ValueError):
        yield base64.b64decode(auth).decode().partition(":")[2]
