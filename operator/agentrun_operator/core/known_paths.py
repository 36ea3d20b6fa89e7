"""Which paths of a spec are compared with the cloud, and can thus be left alone."""

from collections.abc import Iterator, Mapping
from typing import Any

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.wire import field_rules


def unknown_paths(kind: ResourceKind, spec: Mapping[str, Any]) -> list[str]:
    """Return the paths in `ignoreFields` that no field has.

    Args:
        kind: Declares the fields.
        spec: As it is stored, which may be older than any rule of admission.
    """
    listed = spec.get("ignoreFields")
    if kind.rest is None or not isinstance(listed, list):
        return []
    paths = dict.fromkeys(path for path in listed if isinstance(path, str))
    return [path for path in paths if not _is_known(field_rules(kind), path, (spec,))]


def _is_known(rules: tuple[FieldRule, ...], path: str, owners: tuple[Any, ...]) -> bool:
    """Whether a path, declared or through the items that are there, leads to or around a field.

    Args:
        rules: Of the owner.
        path: As declared, from the spec.
        owners: What the spec has at the owner; many below a list.
    """
    flat = tuple(_ungrouped(rules))
    if any(rule.path == path or rule.path.startswith(f"{path}.") for rule in flat):
        return True
    around = [rule for rule in flat if path.startswith(f"{rule.path}.")]
    # A derived rule may stand beside the field that it is derived from, and says less of it.
    parents = [rule for rule in around if rule.children]
    if not parents:
        return any(rule.free_form or rule.exact_map for rule in around)
    return any(_is_known_below(rule, path, owners) for rule in parents)


def _is_known_below(rule: FieldRule, path: str, owners: tuple[Any, ...]) -> bool:
    values = tuple(_values(rule, owners))
    if not rule.is_list:
        return _is_known(rule.children, path, values)
    items = tuple(item for value in values if isinstance(value, list) for item in value)
    if _is_known(rule.children, path, items):
        return True
    rest = path.removeprefix(f"{rule.path}.")
    for label in _labels(rule, values):
        if rest == label:
            return True
        if rest.startswith(f"{label}."):
            declared = f"{rule.path}.{rest.removeprefix(f'{label}.')}"
            if _is_known(rule.children, declared, items):
                return True
    return False


def _ungrouped(rules: tuple[FieldRule, ...]) -> Iterator[FieldRule]:
    """Yield rules that have a path; a group on the wire has none, and its children stand for it."""
    for rule in rules:
        if rule.is_group:
            yield from _ungrouped(rule.children)
        else:
            yield rule


def _values(rule: FieldRule, owners: tuple[Any, ...]) -> Iterator[Any]:
    name = rule.path.rpartition(".")[2]
    yield from (owner.get(name) for owner in owners if isinstance(owner, Mapping))


def _labels(rule: FieldRule, values: tuple[Any, ...]) -> Iterator[str]:
    """Yield what tells the items of a list in the spec apart: their key, or their place."""
    key = rule.item_key
    child = next((c for c in rule.children if key in (c.path.rpartition(".")[2], c.api)), None)
    for value in values:
        for place, item in enumerate(value if isinstance(value, list) else ()):
            if key is None:
                yield str(place)
            elif child is not None and isinstance(item, Mapping):
                yield str(item.get(child.path.rpartition(".")[2]))
