"""Which paths of a spec are compared with the cloud, and can thus be left alone."""

from collections.abc import Iterator, Mapping
from typing import Any

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.policies import MAX_PATH, MAX_PATHS
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
    # More and longer ones are refused when the spec is parsed, and would take long to judge.
    texts = (path for path in listed[:MAX_PATHS] if isinstance(path, str))
    paths = dict.fromkeys(path for path in texts if len(path) <= MAX_PATH)
    top = _Level(field_rules(kind), (spec,))
    return [path for path in paths if not top.knows(path)]


class _Level:
    """Fields, and what the spec has at their owners: many below a list.

    A spec may have thousands of items and dozens of paths, and nobody else is served meanwhile.
    So the items are gone through once, whatever the number of paths.
    """

    def __init__(self, rules: tuple[FieldRule, ...], owners: tuple[Any, ...]) -> None:
        self._owners = owners
        self._rules = tuple(_ungrouped(rules))
        self._inner: dict[int, tuple[_Level, frozenset[str]]] = {}
        """By place of the rule."""

    def knows(self, path: str) -> bool:
        """Whether a path, declared or through the items that are there, leads to a field.

        Args:
            path: As declared, from the spec. It may lead around a field as well.
        """
        below = f"{path}."
        if any(rule.path == path or rule.path.startswith(below) for rule in self._rules):
            return True
        around = [n for n, rule in enumerate(self._rules) if path.startswith(f"{rule.path}.")]
        # A derived rule may stand beside the field it is derived from, and says less of it.
        parents = [n for n in around if self._rules[n].children]
        if not parents:
            rules = [self._rules[n] for n in around]
            return any(rule.free_form or rule.exact_map for rule in rules)
        return any(self._knows_below(n, path) for n in parents)

    def _knows_below(self, place: int, path: str) -> bool:
        rule, (inner, labels) = self._rules[place], self._below(place)
        if inner.knows(path):
            return True
        rest = path.removeprefix(f"{rule.path}.")
        if rest in labels:
            return True
        return any(
            inner.knows(f"{rule.path}.{after}") for label, after in _cuts(rest) if label in labels
        )

    def _below(self, place: int) -> tuple["_Level", frozenset[str]]:
        """Return what is below a field, and the labels of its items."""
        found = self._inner.get(place)
        if found is None:
            rule = self._rules[place]
            values = tuple(_values(rule, self._owners))
            labels: frozenset[str] = frozenset()
            if rule.is_list:
                labels = frozenset(_labels(rule, values))
                values = tuple(i for value in values if isinstance(value, list) for i in value)
            found = self._inner[place] = (_Level(rule.children, values), labels)
        return found


def _cuts(path: str) -> Iterator[tuple[str, str]]:
    """Yield a path cut in two at each of its dots: a label may have dots too."""
    at = path.find(".")
    while at >= 0:
        yield path[:at], path[at + 1 :]
        at = path.find(".", at + 1)


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
