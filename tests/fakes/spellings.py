"""How somebody may quote a value: what the tests say in place of the cloud."""

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from agentrun_operator.core.redaction import RUN


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
    if len(value) >= RUN:
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
