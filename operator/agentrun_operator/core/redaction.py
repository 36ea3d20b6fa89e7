"""Texts of the cloud without the values that it may quote: no six characters of one stay.

A text is compared as it stands and decoded, as UTF-8, without case and with any line breaks. The
values are searched for the runs that the text has, so that the cost is the sum of both and not the
product, and a part of a value counts as much as the whole.

Signs between letters and digits do not count either, so that a value that was cut to pieces, or
stands there byte by byte, is still one run.

Values under six characters, and what of a text shares fewer with a value, stay: they stand in
ordinary words.
"""

import base64
import html
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ahocorasick_rs import BytesAhoCorasick

from agentrun_operator.core.secret_contents import secrets_in

RUN = 6
"""So many characters in a row that a text and a value share are hidden."""
HIDDEN = "(secret)"

_DEPTH = 2
"""So often base64 and hex are decoded; escapes are before, between and after."""
_ESCAPES = 3
"""So often escapes of escapes are."""
_FEW = 4096
"""Characters of values: below, a set of their runs is made faster than an automaton."""
_BATCH = 65_536
"""Characters of values that are looked at in one go, which nothing else can interrupt."""
_OVERLAP = 512
"""A run that is escaped more than once is shorter than this."""
_BETWEEN = b"\xff"
"""Between values; in no text."""

_GAP = re.compile(rb"[\x00-\x20\x7f]+")
"""White space and control characters; what else is none to be seen has become a space before."""
_WIDE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{1,3}")
_SIGNS = re.compile(rb"[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+")
"""All of ASCII but letters and digits: what stands between the pieces of a text that was split.
Beyond ASCII `_without_sign` has made a space of it before."""
_SIGNS_OF_A_LINE = re.compile(rb"[\x00-\x09\x0b-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+")
"""The same in a value, line by line, or the end of a heading would make a word of the next line."""
_NUMBERS = re.compile(rb"[0-9]{1,3}(?:[, \n]{1,3}[0-9]{1,3}){5,}")
"""Bytes as a list of decimal numbers."""
_BYTE = 255
_ESCAPE = re.compile(
    rb"""
      %u[0-9a-f]{4} | %[0-9a-f]{2} | \+ | (?:=[0-9a-f]{2}){4,} | 0x[0-9a-f]{2}(?![0-9a-f])
    | (?-i:\\U)[0-9a-f]{8} | \\u d[89ab][0-9a-f]{2} \\u d[c-f][0-9a-f]{2}
    | \\u[0-9a-f]{4} | \\[ux]\{[0-9a-f]{1,6}\}
    | \\x[0-9a-f]{2} | \\[0-7]{3} | \\[\x21-\x7e]
    | &\#0*[0-9]{1,7};? | &\#x0*[0-9a-f]{1,6};? | &[a-z][a-z0-9]{1,31};?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ZEROS = re.compile(rb"(?<=#)0+(?=[0-9])|(?<=#[xX])0+(?=[0-9a-fA-F])")
_COMBINING = frozenset({"Mn", "Me"})
"""Accents and variation selectors: many of them show nothing."""
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters of Hangul and a sign of braille that show nothing."""
_CONTROLS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_HEX = re.compile(rb"[0-9A-Fa-f]{12,}")
_SIX_CHARACTERS = re.compile(rb"(?:[\x00-\x7f]|[\xc2-\xf4][\x80-\xbf]{1,3}){6}")
"""What a run of a plain value is decoded to; most of an id, read as base64, is not even that."""
_ANYTHING = re.compile(rb"")
_OF_BYTES = ("%", "\\", "&", "=", "0x", "0X")
"""What begins an escape that may mean bytes which are no characters."""

_CLEAN: set[tuple[str, int]] = set()
"""Texts and the hash of the values with which they share nothing: each pass shows the same ids."""
_MOST_CLEAN = 8192
_SHORT = 256


def masked(
    texts: Sequence[str], values: Iterable[str], *, public: Collection[str] = ()
) -> list[str]:
    """Return texts in which nothing is left of some values, nor of what those hold.

    What a value shares with something `public` gives nothing away.
    """
    known_by = frozenset(values)
    # Of the values only a hash, salted anew by each process, or they would be kept here for good.
    compared_with = hash((known_by, frozenset(public)))
    new = [text for text in texts if (text, compared_with) not in _CLEAN]
    if not new:
        return [*texts]
    held = [*dict.fromkeys(part for value in known_by for part in secrets_in(value))]
    if not any(len(part) >= RUN for part in held):
        return [*texts]
    legible = _SIX_CHARACTERS if all(map(_is_plain, held)) else _ANYTHING
    known = _common(_runs_of(new, legible), held)
    if known:
        known -= _runs_of(public, legible)
    if not known:
        _note_clean(new, compared_with)
    return [_hidden(text, known) for text in texts] if known else [*texts]


def _note_clean(texts: Iterable[str], compared_with: int) -> None:
    """Remember short texts that share nothing with some values."""
    if len(_CLEAN) >= _MOST_CLEAN:
        _CLEAN.clear()
    _CLEAN.update((text, compared_with) for text in texts if len(text) <= _SHORT)


# ---------------------------------------------------------------- the text, and where it stands


@dataclass(frozen=True, slots=True)
class _View:
    """A text, decoded in some way."""

    data: bytes
    spans: Sequence[tuple[int, int]] | None = None
    """Which characters of the text each byte comes from; most texts hold nothing to be hidden, and
    for these None saves the better part of the work."""

    def replaced(self, pattern: re.Pattern[bytes], by: Callable[[bytes], bytes] | bytes) -> "_View":
        """Return the view with each match replaced; the same where there is none."""
        if self.spans is None:
            plain = pattern.sub(by if isinstance(by, bytes) else lambda m: by(m[0]), self.data)
            return self if plain == self.data else _View(plain)
        data, spans, done = bytearray(), list[tuple[int, int]](), 0
        for match in pattern.finditer(self.data):
            start, end = match.span()
            new = by if isinstance(by, bytes) else by(match[0])
            data += self.data[done:start] + new
            spans += self.spans[done:start]
            spans += [(self.spans[start][0], self.spans[end - 1][1])] * len(new)
            done = end
        if not done:
            return self
        return _View(bytes(data + self.data[done:]), [*spans, *self.spans[done:]])


def _runs_of(texts: Iterable[str], legible: re.Pattern[bytes]) -> set[bytes]:
    """Return the runs of all views of some texts, of what was decoded those that are legible."""
    wholes = (_View(text.encode(errors="surrogatepass")) for text in texts)
    return {
        run for whole in wholes for view in _compared(whole, legible) for run in _runs(view.data)
    }


def _view(text: str) -> _View:
    parts = [char.encode(errors="surrogatepass") for char in text]
    spans = [(at, at + 1) for at, part in enumerate(parts) for _ in part]
    return _View(b"".join(parts), spans)


def _compared(whole: _View, legible: re.Pattern[bytes] = _ANYTHING) -> Iterator[_View]:
    """Yield the views of a text that are compared, each once.

    In one line, without white space, and without any sign.
    """
    found: set[bytes] = set()
    layer = [whole]
    for depth in range(_DEPTH + 1):
        below: list[_View] = []
        for view in layer:
            for plain in _unescaped(view):
                folded = plain.replaced(_WIDE, _folded)
                line, tight = folded.replaced(_GAP, b" "), folded.replaced(_GAP, b"")
                bare = plain.replaced(_WIDE, _without_sign).replaced(_SIGNS, b"")
                if depth < _DEPTH:
                    below += (*_from_base64(tight), *_from_hex(bare), *_from_numbers(plain))
                for each in (line, tight, bare):
                    data = each.data.lower()
                    if len(data) >= RUN and data not in found:
                        found.add(data)
                        yield _View(data, each.spans)
        layer = [view for view in below if legible.search(view.data)]


def _unescaped(view: _View) -> Iterator[_View]:
    yield view
    for _ in range(_ESCAPES):
        before, view = view, view.replaced(_ESCAPE, _meant)
        if view.data == before.data:
            return
        yield view


def _from_base64(view: _View) -> Iterator[_View]:
    """Yield what runs of base64 hold, wherever in a group of four they begin."""
    runs = [match.span() for match in _BASE64.finditer(view.data)]
    for shift in range(4) if runs else ():
        data, spans = bytearray(), list[tuple[int, int]]()
        for start, end in ((start + shift, end) for start, end in runs):
            whole = start + (end - start) // 4 * 4
            end = end if end - whole > 1 else whole  # noqa: PLW2901 - one character is no byte
            padding = b"=" * (-(end - start) % 4)
            held = base64.b64decode(view.data[start:end].translate(_STANDARD) + padding)
            data += held + b"\n"
            if view.spans is not None:
                places = ((at * 8 // 6, (at * 8 + 7) // 6) for at in range(len(held)))
                spans += _joined(view.spans, start, places)
                spans.append(view.spans[end - 1])
        yield _View(bytes(data), None if view.spans is None else spans)


def _from_hex(view: _View) -> Iterator[_View]:
    runs = [match.span() for match in _HEX.finditer(view.data)]
    for shift in range(2) if runs else ():
        data, spans = bytearray(), list[tuple[int, int]]()
        for start, end in ((start + shift, end) for start, end in runs):
            held = bytes.fromhex(view.data[start : end - (end - start) % 2].decode())
            data += held + b"\n"
            if view.spans is not None:
                spans += _joined(
                    view.spans, start, ((n, n + 1) for n in range(0, 2 * len(held), 2))
                )
                spans.append(view.spans[end - 1])
        yield _View(bytes(data), None if view.spans is None else spans)


def _from_numbers(view: _View) -> Iterator[_View]:
    found = view.replaced(_NUMBERS, _bytes_of)
    if found is not view:
        yield found


def _bytes_of(numbers: bytes) -> bytes:
    found = [int(number) for number in re.findall(rb"[0-9]+", numbers)]
    return bytes(found) if max(found) <= _BYTE else numbers


def _joined(
    spans: Sequence[tuple[int, int]], start: int, places: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield from where to where the characters at two places behind `start` stand."""
    return ((spans[start + first][0], spans[start + last][1]) for first, last in places)


def _hidden(text: str, known: set[bytes]) -> str:
    """Return a text without the characters that a known run comes from."""
    hidden = bytearray(len(text))
    for view in _compared(_view(text)):
        for at, run in enumerate(_runs(view.data)):
            if run in known:
                spans = (view.spans or ())[at : at + RUN]
                start, end = min(s for s, _ in spans), max(e for _, e in spans)
                hidden[start:end] = b"\x01" * (end - start)
    return "".join(
        HIDDEN if match[0][0] else text[slice(*match.span())]
        for match in re.finditer(rb"\x00+|\x01+", hidden)
    )


# ---------------------------------------------------------------- the values


def _common(runs: set[bytes], values: Sequence[str]) -> set[bytes]:
    """Return which runs of a text some values have."""
    if sum(map(len, values)) <= _FEW:
        return runs & {run for value in _batches(values) for f in _forms(value) for run in _runs(f)}
    patterns = [*runs]
    search = BytesAhoCorasick(patterns)
    found: set[int] = set()
    for batch in _batches(values):
        for form in _forms(batch):
            found.update(hit[0] for hit in search.find_matches_as_indexes(form, overlapping=True))
    return {patterns[index] for index in found}


def _is_plain(value: str) -> bool:
    """Whether all that a value may mean is in ASCII; base64 may end with the sign of an escape."""
    told = value.rstrip("=")
    return told.isascii() and not any(sign in told for sign in _OF_BYTES)


def _batches(values: Iterable[str]) -> Iterator[bytes]:
    """Yield values, several short ones in one and a long one in several that overlap."""
    batch = bytearray()
    for value in values:
        for start in range(0, len(value), _BATCH):
            part = value[start : start + _BATCH + _OVERLAP]
            batch += part.encode(errors="surrogatepass") + _BETWEEN
            if len(batch) >= _BATCH:
                yield bytes(batch)
                batch.clear()
    yield bytes(batch)


def _forms(form: bytes) -> set[bytes]:
    """Return values as they are compared: with escapes and without."""
    found: set[bytes] = set()
    for _ in range(_ESCAPES + 1):
        folded = _WIDE.sub(lambda match: _folded(match[0]), form).lower()
        bare = _WIDE.sub(lambda match: _without_sign(match[0]), form).lower()
        found |= {_GAP.sub(b" ", folded), _GAP.sub(b"", folded), _SIGNS_OF_A_LINE.sub(b"", bare)}
        before, form = form, _ESCAPE.sub(lambda match: _meant(match[0]), form)
        if form == before:
            break
    return found


# ---------------------------------------------------------------- both


def _runs(data: bytes) -> Iterator[bytes]:
    return (data[at : at + RUN] for at in range(len(data) - RUN + 1))


def _folded(char: bytes) -> bytes:
    """Return a character without its case, and a space for a combining one or what nobody sees.

    Some capitals have several small letters, which are all the same here.
    """
    try:
        text = char.decode()
    except UnicodeDecodeError:
        return char
    if not text.isprintable() or text in _BLANK or unicodedata.category(text) in _COMBINING:
        return b" "
    return unicodedata.normalize("NFKC", text).upper().casefold().encode()


def _without_sign(char: bytes) -> bytes:
    """Return a letter or digit as `_folded` does, and a space for any other character.

    A modifier letter counts as a sign: it is as small as an accent. Bytes that are no character
    stay.
    """
    text = char.decode(errors="ignore")
    is_letter = text.isalnum() and unicodedata.category(text) != "Lm"
    return _folded(char) if is_letter or not text else b" "


def _meant(escape: bytes) -> bytes:
    """Return what an escape stands for: one of a URL, of mail, of JSON and its like, or of HTML."""
    kind, rest = escape[:1], escape[1:]
    if kind in b"=0" or (kind == b"%" and rest[:1] not in b"uU"):
        return bytes.fromhex(re.sub(rb"^0[xX]|[%=]", b"", escape).decode())
    if kind == b"+":
        return b" "
    if kind == b"&":
        # Thousands of zeros before it are more than Python reads.
        escape = _ZEROS.sub(b"", escape)
        return html.unescape(escape.decode()).encode(errors="surrogatepass")
    if len(rest) == 1:
        return _CONTROLS.get(rest, escape if rest.isalnum() else rest)
    if rest.isdigit():
        return bytes([int(rest, 8) & 0xFF])
    # A character beyond sixteen bits is written as two halves.
    code, *low = (int(half, 16) for half in re.findall(rb"[0-9a-fA-F]+", rest[1:]))
    if low:
        code = 0x10000 + ((code - 0xD800) << 10) + low[0] - 0xDC00
    return chr(min(code, 0x10FFFF)).encode(errors="surrogatepass")
