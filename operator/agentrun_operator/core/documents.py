"""What a JSON document holds, whatever its shape."""

from collections.abc import Iterator, Mapping
from typing import Any

PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types of values that hold no others. To ask for an abstract type takes ten times as long."""


def values_in(node: Any) -> Iterator[Any]:
    """Yield every value of a document that holds no others, in its order."""
    # Without recursion: each value would go through as many generators as it lies deep.
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if type(node) in PLAIN:
            yield node
        elif isinstance(node, Mapping):
            waiting += [*node.values()][::-1]
        elif isinstance(node, list | tuple):
            waiting += node[::-1]
        else:
            yield node
