"""What the user told us to leave alone, put into the desired state as it stands in the cloud.

An update carries top-level fields whole, and whether the API replaces or merges what is inside them
is not known. Whatever goes along with a field beside it must therefore be the observed value, or
its absence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentrun_operator.core.equality import pair_items, same
from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.paths import document_leaves, item_labels, placed, read_path
from agentrun_operator.core.wire import field_rules

Paths = frozenset[str]

_FEW = 4
"""Paths that are compared one by one, sooner than a path is cut at each of its dots."""
_LONG = 512
"""Characters of a path that is not cut; only keys of documents make longer ones."""


def is_within(ignored: Paths, path: str) -> bool:
    """Whether a spec path, or an object or list around it, is to be left alone."""
    if path in ignored:
        return True
    if len(ignored) <= _FEW or len(path) > _LONG:
        return any(path.startswith(f"{i}.") for i in ignored)
    # Asked for each field of each item, several times in a pass: 64 paths are to take no longer
    # than a few, or thousands of items hold everybody for seconds.
    at = path.find(".")
    while at >= 0:
        if path[:at] in ignored:
            return True
        at = path.find(".", at + 1)
    return False


@dataclass(frozen=True, slots=True)
class _Walk:
    """Where a walk stands, and what it carries along."""

    ignored: Paths
    partial: bool
    declared: str = ""
    place: str = ""
    """Path of the list item around us, as declared and in full; both empty outside of lists."""
    is_top: bool = False
    leaving: Paths | None = None
    """Paths that left the spec and are to go; None: what the spec does not set is not added."""

    def keeps(self, rule: FieldRule, seen: Any) -> bool:
        """Whether a value that the spec does not set goes along as it stands.

        What is left alone gets here where nothing is observed.
        """
        if self.leaving is None or (not seen and not rule.default):
            return False
        return seen is not None and not is_within(
            self.leaving, placed(rule, self.declared, self.place)
        )

    def leaves_alone(self, rule: FieldRule) -> bool:
        """Whether a rule's value stays; in a list both `list.field` and `list.item.field` do."""
        if not rule.path or not self.ignored:
            return False
        full = placed(rule, self.declared, self.place)
        return is_within(self.ignored, rule.path) or is_within(self.ignored, full)

    def below(self, path: str) -> Iterator[str]:
        """Yield what the ignored paths below a path have in addition to it."""
        yield from (i.removeprefix(f"{path}.") for i in self.ignored if i.startswith(f"{path}."))


def left_alone(
    kind: ResourceKind,
    desired: Mapping[str, Any],
    observed: Mapping[str, Any],
    ignored: Paths,
    *,
    partial: bool = False,
    leaving: Paths | None = None,
) -> dict[str, Any]:
    """Return the desired state with the observed values of all ignored paths.

    Top-level fields that the spec does not set are not added: nothing would send them. What no read
    shows keeps its desired value.

    Args:
        kind: Declares the fields.
        desired: Body as `wire.encode` makes it.
        observed: A GET, or a LIST item.
        ignored: Spec paths.
        partial: True for a LIST item, whose missing fields say nothing.
        leaving: Given for an update: what the spec does not set inside of what it does set goes
            along as it stands, the paths aside that left the spec. An API that replaces objects
            whole would drop it otherwise.
    """
    if not ignored and leaving is None:
        return dict(desired)
    walk = _Walk(ignored, partial, is_top=True, leaving=leaving)
    return _overlaid(field_rules(kind), walk, desired, observed)


def _overlaid(
    rules: tuple[FieldRule, ...],
    walk: _Walk,
    desired: Mapping[str, Any],
    owner: Mapping[str, Any],
) -> dict[str, Any]:
    body = dict(desired)
    inside = replace(walk, is_top=False)
    for rule in rules:
        wanted = desired.get(rule.api)
        seen, present = read_path(owner, rule.reads)
        is_unsent = walk.is_top and wanted is None
        if is_unsent or rule.write_only or (walk.partial and not present):
            continue
        value = _value(rule, inside, wanted, seen)
        if value is None:
            body.pop(rule.api, None)
        else:
            body[rule.api] = value
    return body


def _value(rule: FieldRule, walk: _Walk, wanted: Any, seen: Any) -> Any:
    """Return what to send for a rule; None for nothing."""
    if rule.children and not rule.is_list:
        inner = seen if isinstance(seen, Mapping) else {}
        found = _overlaid(rule.children, walk, wanted or {}, inner)
        return found if found or wanted is not None else None
    if walk.leaves_alone(rule) and seen is not None:
        is_same = wanted is not None and same(rule, wanted, seen, partial=False)
        return wanted if is_same else _sendable(rule, seen)
    if wanted is None or walk.leaves_alone(rule):
        return _sendable(rule, seen) if walk.keeps(rule, seen) else None
    path = placed(rule, walk.declared, walk.place)
    if rule.children:
        return _items(rule, walk, path, wanted, seen)
    if isinstance(wanted, Mapping):
        return _document(rule, walk, path, wanted, seen)
    return wanted


def _items(rule: FieldRule, walk: _Walk, path: str, wanted: Any, seen: Any) -> list[Any]:
    """Overlay the items of a list, each with the observed one that it belongs to."""
    there = seen if isinstance(seen, list) else []
    labels = item_labels(rule, wanted)
    found = _partners(rule, walk, wanted, there)
    items = []
    for label, item in zip(labels, wanted, strict=True):
        inside = replace(walk, declared=rule.path, place=f"{path}.{label}")
        partner = found.get(label)
        if isinstance(partner, Mapping):
            items.append(_overlaid(rule.children, inside, item, partner))
        elif rule.item_key is None or not is_within(walk.ignored, f"{path}.{label}"):
            items.append(item)
    return [*items, *_strangers(rule, walk, path, labels, there)]


def _strangers(
    rule: FieldRule, walk: _Walk, path: str, labels: Sequence[str], there: list[Any]
) -> Iterator[Any]:
    """Yield the items that only the cloud has, and that are left alone as whole items."""
    if rule.item_key is None:
        return
    for label, item in zip(item_labels(rule, there, observed=True), there, strict=True):
        is_alone = is_within(walk.ignored, f"{path}.{label}")
        if label not in labels and is_alone and isinstance(item, Mapping):
            yield _known(rule.children, item)


def _partners(rule: FieldRule, walk: _Walk, wanted: list[Any], there: list[Any]) -> dict[str, Any]:
    """Return the observed item of each desired one, by the label of the latter.

    Without a key they are paired by what they hold, that which is left alone aside; what then has
    no partner has changed elsewhere too, and takes the first that is free.
    """
    told = tuple(child for child in rule.children if not walk.leaves_alone(child))
    pairs = pair_items(replace(rule, children=told), wanted, there, partial=walk.partial)
    found = {label: item for label, _, item in pairs}
    if rule.unordered is not None and rule.unordered.key is None:
        taken = {id(item) for item in found.values()}
        free = [item for item in there if id(item) not in taken]
        lonely = [label for label in item_labels(rule, wanted) if label not in found]
        found |= dict(zip(lonely, free, strict=False))
    return found


def _document(
    rule: FieldRule, walk: _Walk, path: str, wanted: Mapping[str, Any], seen: Any
) -> dict[str, Any]:
    document = dict(wanted)
    if walk.leaving is not None and not rule.exact_map:
        document = _kept(rule, walk.leaving, path, wanted, seen)
    aligned = _aligned(rule, wanted, seen)
    # Order: what is taken over whole comes last, and in the order of the cloud.
    for rest in sorted({*walk.below(path), *walk.below(rule.path)}, reverse=True):
        steps = (rest,) if rule.exact_map else tuple(rest.split("."))
        document = _replaced(document, seen if len(steps) == 1 else aligned, steps)
    return document


def _kept(
    rule: FieldRule, leaving: Paths, path: str, wanted: Mapping[str, Any], seen: Any
) -> dict[str, Any]:
    """Return a document with what only the cloud has of it, at any depth."""
    if not isinstance(seen, Mapping):
        return dict(wanted)
    whole = rule.document.owned if rule.document else frozenset()
    found = dict(wanted)
    for name, value in seen.items():
        below = f"{path}.{name}"
        if name not in wanted:
            left = any(is_within(leaving, leaf) for leaf, _ in document_leaves(below, value))
            if value not in (None, "", [], {}) and not left:
                found[name] = value
        elif name not in whole and isinstance(wanted[name], Mapping):
            found[name] = _kept(rule, leaving, below, wanted[name], value)
    return found


def _aligned(rule: FieldRule, wanted: Mapping[str, Any], seen: Any) -> Any:
    """Return an observed document whose lists without order stand in the order of the desired."""
    if rule.document is None or not isinstance(seen, Mapping):
        return seen
    found = dict(seen)
    for name, key in rule.document.sets.items():
        items = seen.get(name)
        if isinstance(items, list) and isinstance(wanted.get(name), list):
            there = {str(i.get(key)): i for i in items if isinstance(i, Mapping)}
            found[name] = [there.get(str(item.get(key))) for item in wanted[name]]
    return found


def _replaced(wanted: Any, seen: Any, steps: tuple[str, ...]) -> Any:
    """Return a document with the observed value at a path, or without one."""
    if isinstance(wanted, list) and isinstance(seen, list) and steps[0].isdecimal():
        return _item_replaced(wanted, seen, int(steps[0]), steps[1:])
    if not isinstance(wanted, Mapping | None):
        return wanted  # something else stands where the path goes on
    there = seen if isinstance(seen, Mapping) else {}
    document = dict(wanted or {})
    step, rest = steps[0], steps[1:]
    if rest and (step in document or step in there):
        document[step] = _replaced(document.get(step), there.get(step), rest)
    elif step in there:
        document[step] = there[step]
    else:
        document.pop(step, None)
    return document


def _item_replaced(
    wanted: list[Any], seen: list[Any], place: int, rest: tuple[str, ...]
) -> list[Any]:
    if place >= min(len(wanted), len(seen)) or seen[place] is None:
        return wanted
    item = _replaced(wanted[place], seen[place], rest) if rest else seen[place]
    return [*wanted[:place], item, *wanted[place + 1 :]]


def _sendable(rule: FieldRule, seen: Any) -> Any:
    """Return an observed value under the names of a request, the server's own additions aside."""
    if not rule.children:
        return seen
    if rule.is_list:
        items = seen if isinstance(seen, list) else []
        return [_known(rule.children, item) for item in items if isinstance(item, Mapping)]
    return _known(rule.children, seen) if isinstance(seen, Mapping) else None


def _known(rules: tuple[FieldRule, ...], owner: Mapping[str, Any]) -> dict[str, Any]:
    found = {rule.api: _sendable(rule, read_path(owner, rule.reads)[0]) for rule in rules}
    return {api: value for api, value in found.items() if value is not None}
