"""What is secret in a value: what stands in it, and what that is an encoding of."""

import base64
import json
from collections.abc import Iterator
from typing import Final

from agentrun_operator.core.documents import values_in

_SHORTEST: Final = 6
"""Characters; less is never hidden."""


def secrets_in(document: str) -> Iterator[str]:
    """Yield what is secret in a value: of a JSON document the texts and numbers in it.

    The names in a document are no secrets, and in a registry login they are hosts that a message
    must be able to name. What is base64 of a text counts as that text as well.
    """
    for text in _texts_in(document):
        yield text
        if len(text) >= _SHORTEST and (plain := _decoded_text(text)):
            yield plain


def _texts_in(document: str) -> Iterator[str]:
    if document.lstrip()[:1] in ("{", "["):
        try:
            found = (value for value in values_in(json.loads(document)) if value is not None)
            yield from (each if isinstance(each, str) else json.dumps(each) for each in found)
        except (ValueError, RecursionError):
            pass
        else:
            return
    yield document


def _decoded_text(text: str) -> str | None:
    """Return the text that a value is base64 of, such as the login of a registry."""
    try:
        plain = base64.b64decode(text, validate=True).decode()
    except ValueError:
        return None
    return plain if plain.isprintable() else None
