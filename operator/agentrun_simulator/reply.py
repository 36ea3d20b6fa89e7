"""What goes back over the wire."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer; None as status means a dropped connection."""

    status: int | None
    headers: dict[str, str]
    body: bytes
    parts: tuple[bytes, ...] = ()
    """The body of a streamed answer, piece by piece; `body` is empty then."""


def json_bytes(document: Any) -> bytes:
    """Serialise a document as the service does: compact, raw UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
