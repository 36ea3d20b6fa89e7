"""Paths: where a field stands in an answer, in an item of a list, and in a document."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentrun_operator.core.documents import PLAIN
from agentrun_operator.core.field_rule import FieldRule


def read_path(owner: Mapping[str, Any], path: tuple[str, ...]) -> tuple[Any, bool]:
    """Return (value, whether it is there) at a path of field names in an answer."""
    node: Any = owner
    for step in path:
        if not isinstance(node, Mapping) or step not in node:
            return None, False
        node = node[step]
    return node, True


def below(node: Any, steps: tuple[tuple[str, bool], ...]) -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of what stands at a place of a raw spec, once for each item of a list.

    `steps` are (JSON name, is a list) from the spec down. What has another shape is left out.
    """
    yield from _below(node, steps, "")


def _below(node: Any, steps: tuple[tuple[str, bool], ...], path: str) -> Iterator[tuple[str, Any]]:
    if not steps:
        yield path, node
        return
    (name, is_list), rest = steps[0], steps[1:]
    found = node.get(name) if isinstance(node, Mapping) else None
    here = f"{path}.{name}" if path else name
    if is_list and isinstance(found, list):
        for index, item in enumerate(found):
            yield from _below(item, rest, f"{here}[{index}]")
    elif found is not None and not is_list:
        yield from _below(found, rest, here)


def item_labels(
    rule: FieldRule, items: Sequence[Any], *, observed: bool = False
) -> tuple[str, ...]:
    """Return what tells the items of a list on the wire apart: their key, or their place.

    The key of `observed` items, those of an answer, may have another name.
    """
    key = rule.item_key
    if key is None:
        return tuple(str(place) for place in range(len(items)))
    child = next((c for c in rule.children if key in (c.path.rpartition(".")[2], c.api)), None)
    if child is None:
        steps: tuple[str, ...] = (key,)
    else:
        steps = child.reads if observed else (child.api,)
    return tuple(str(read_path(item, steps)[0]) for item in items)


def placed(rule: FieldRule, declared: str, place: str) -> str:
    """Return a rule's path below one item of a list.

    `declared` is the path of the list as declared, `place` that of the item. Both are empty outside
    of lists.
    """
    return place + rule.path.removeprefix(declared)


def document_leaves(path: str, document: Any) -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of every leaf of a free-form document."""
    if type(document) in PLAIN:
        yield path, document
    elif isinstance(document, Mapping):
        for name, value in document.items():
            yield from document_leaves(f"{path}.{name}", value)
    elif isinstance(document, list):
        for place, value in enumerate(document):
            yield from document_leaves(f"{path}.{place}", value)
    else:
        yield path, document
