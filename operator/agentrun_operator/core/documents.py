"""What a JSON document holds, whatever its shape."""

from collections.abc import Iterator, Mapping
from typing import Any


def values_in(node: Any) -> Iterator[Any]:
    """Yield every value of a document that holds no others."""
    if isinstance(node, Mapping):
        for value in node.values():
            yield from values_in(value)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from values_in(item)
    else:
        yield node
