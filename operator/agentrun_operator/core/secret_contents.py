"""What is secret in a value: what stands in it, and what that is an encoding of.

A program that is handed a value reads it, and says what it found: the password in the header of a
basic login, a claim of a token, a line of a document in base64. All of that is decoded here, twice
at most, because a registry login is base64 in a document that may be in base64 itself.

Only what yields a text counts, or a word of eight letters would be taken for base64 of something.
No step yields more than it is given, so that the cost is that of reading the value a few times.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from agentrun_operator.core.documents import values_in

_DECODED: Final = 2
"""So often what a value holds is decoded; a JSON document is read before, between and after."""
_NESTED: Final = 2
"""So many JSON documents are read that stand in one another."""
_SHORTEST: Final = 8
"""Characters of base64 that hold six."""

_STANDARD: Final = re.compile(r"[A-Za-z0-9+/]{8,}")
_OF_A_URL: Final = re.compile(r"[A-Za-z0-9_-]{8,}")
"""Base64 in its other alphabet. What is a sign of one ends a piece of the other, such as a path."""
_SIGNS: Final = re.compile(r"[+/_-]")
_TO_STANDARD: Final = str.maketrans("-_", "+/")
_HEX: Final = re.compile(r"[0-9A-Fa-f]{12,}")
_LINES: Final = re.compile(
    r"""
    (?<![A-Za-z0-9+/_-]) [A-Za-z0-9+/_-]{16,}+
    (?: [ \t]*+\r?\n[ \t]*+ [A-Za-z0-9+/_-]{2,}+ (?= ={0,2}["',;)\]}]? [ \t\r]*+ (?:\n|\Z) ) )+
    """,
    re.VERBOSE,
)
"""Base64 or hex in lines, without words of a line that has others too."""
_LIKE_A_KEY: Final = re.compile(r"(?=(?:\D*\d){4})[^\s./:]{12,}")
"""What of the names in a document is secret: tokens that are mapped to users. Hosts are not, as a
message must be able to name a registry, and neither is `x509_cert_url`."""
_NO_TEXT: Final = bytes({*range(0x20), 0x7F} - {*b"\t\n\v\f\r"})
_SPOILT: Final = 8
"""One character in so many may be none: a login in Latin-1, a document that is cut."""


def secrets_in(value: str) -> Iterator[str]:
    """Yield what is secret in a value: as it stands, and decoded.

    Of a JSON document these are the texts and numbers in it, of its names only those like a key.
    """
    return _secrets_in(value, _DECODED)


def _secrets_in(value: str, depth: int) -> Iterator[str]:
    for text in _texts_in(value, _NESTED):
        yield text
        if depth and len(text) >= _SHORTEST:
            for plain in _decoded(text):
                yield from _secrets_in(plain, depth - 1)


def _texts_in(document: str, depth: int) -> Iterator[str]:
    found = _leaves(document) if depth else None
    if found is None:
        yield document
        return
    for leaf in found:
        yield from _texts_in(leaf, depth - 1)


def _leaves(document: str) -> list[str] | None:
    """Return what stands in a JSON document; None for anything else."""
    text = document.lstrip("\ufeff \t\r\n")
    if text[:1] not in ("{", "["):
        return None
    try:
        # Numbers as they are written, and both values of a name that stands there twice.
        read = json.loads(text, object_pairs_hook=_members, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    found = (value for value in values_in(read) if value is not None)
    return [each if isinstance(each, str) else json.dumps(each) for each in found]


def _members(pairs: list[tuple[str, Any]]) -> list[Any]:
    keys = [name for name, _ in pairs if _LIKE_A_KEY.fullmatch(name)]
    return [*keys, *(value for _, value in pairs)]


def _decoded(text: str) -> Iterator[str]:
    """Yield the texts that parts of a text are base64 or hex of."""
    tried: set[str] = set()
    for part in _encoded_in(text):
        if part not in tried:
            tried.add(part)
            for data in _bytes_of(part):
                plain = _text_of(data)
                if plain is not None:
                    yield plain


def _encoded_in(text: str) -> Iterator[str]:
    if "\n" in text:
        for lines in _LINES.finditer(text):
            yield "".join(lines[0].split())
    patterns = (_STANDARD, _OF_A_URL, _HEX) if _SIGNS.search(text) else (_STANDARD, _HEX)
    for pattern in patterns:
        for match in pattern.finditer(text):
            yield match[0]


def _bytes_of(part: str) -> Iterator[bytes]:
    if _HEX.fullmatch(part):
        yield bytes.fromhex(part[: len(part) // 2 * 2])
    # One character behind whole groups is no byte.
    whole = part[:-1] if len(part) % 4 == 1 else part
    yield base64.b64decode(whole.translate(_TO_STANDARD) + "=" * (-len(whole) % 4))


def _text_of(data: bytes) -> str | None:
    """Return what bytes say in UTF-8, if nearly all of them are characters that one can read."""
    room = len(data) // _SPOILT - len(data) + len(data.translate(None, _NO_TEXT))
    if room < 0:
        return None
    text = data.decode(errors="replace")
    # With a blank for what is none: it tells nothing, and ASCII is compared faster.
    return text.replace("\ufffd", " ") if text.count("\ufffd") <= room else None
