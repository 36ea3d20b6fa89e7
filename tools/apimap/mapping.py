"""What the kinds map: read off their declarations, so that nobody has to keep a list."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.kind import KeyedBy, ResourceKind, Rest
from agentrun_operator.core.wire import field_rules
from agentrun_operator.crdgen.ram import read_actions, write_actions
from apimap.description import Description, Node, Operation, Schema


@dataclass(frozen=True)
class Settable:
    """A field that some write of a kind takes."""

    path: str
    """On the wire, dotted; items of lists have the path of the list."""
    where: str
    """The spec field that sets it, or who else does, in Markdown; empty: nobody."""


def mapped_operations(kinds: Iterable[ResourceKind]) -> Mapping[str, str]:
    """Return the name of each operation that a kind calls → the kind."""
    return {
        action.partition(":")[2]: kind.kind
        for kind in kinds
        if kind.rest is not None
        for action in (*read_actions(kind), *write_actions(kind))
    }


def kinds_of_tags(description: Description, operations: Mapping[str, str]) -> Mapping[str, str]:
    """Return the API's word for a kind of resource → our kind, where one maps an operation."""
    return {
        each.tag: operations[action]
        for action, each in description.operations.items()
        if action in operations
    }


def settable(kind: ResourceKind, description: Description) -> Mapping[str, Settable]:
    """Return what the writes of a kind take, by path; of what nobody sets, the topmost object."""
    found: dict[str, Settable] = {}
    for action in write_actions(kind):
        operation = description.operations.get(action.partition(":")[2])
        for each in _of_operation(kind, operation, description) if operation else ():
            if each.where or each.path not in found:
                found[each.path] = each
    return dict(sorted(found.items()))


def _of_operation(
    kind: ResourceKind, operation: Operation, description: Description
) -> Iterator[Settable]:
    yield from (Settable(name, "") for name in operation.query)
    rules = field_rules(kind)
    names = {info.alias for info in kind.spec.model_fields.values()}
    follows = {rule.api for rule in rules if not rule.is_group and _head(rule) not in names}
    companions = {rule.clear_with.api: rule.path for rule in rules if rule.clear_with}
    for node in description.nodes(operation.body):
        if node.name == _key_of(kind.rest):
            yield Settable(node.name, _name_of(kind.rest))
        elif node.name in companions:
            left = companions[node.name]
            yield Settable(node.name, f"sent when `spec.{left}` is removed")
        elif node.name in follows:
            yield Settable(node.name, "follows from other fields")
        else:
            yield from _below(node, rules, "", description)


def _head(rule: FieldRule) -> str:
    return rule.path.partition(".")[0]


def _key_of(rest: Rest | None) -> str:
    return (rest.name_field or rest.id_field) if rest else ""


def _name_of(rest: Rest | None) -> str:
    if rest is not None and rest.key is KeyedBy.CHOSEN_ID:
        return "chosen by the operator"
    return "`metadata.name`, or `spec.externalName`"


def _below(
    node: Node, rules: tuple[FieldRule, ...], above: str, description: Description
) -> Iterator[Settable]:
    path = f"{above}{node.name}"
    rule = next((each for each in rules if each.api == node.name), None)
    if rule is None:
        yield Settable(path, "")
    elif rule.children and _is_free_form(node.item):
        yield from _declared(rule, path)
    elif rule.children:
        for child in description.nodes(node.item):
            yield from _below(child, rule.children, f"{path}.", description)
    else:
        yield Settable(path, f"`spec.{rule.path}`")


def _is_free_form(item: Schema) -> bool:
    """Whether the description says nothing of an object's fields; a kind may know some."""
    return "properties" not in item


def _declared(rule: FieldRule, path: str) -> Iterator[Settable]:
    """Yield what a kind knows of an object of which the description says nothing."""
    for child in rule.children:
        below = f"{path}.{child.api}"
        if child.children:
            yield from _declared(child, below)
        else:
            yield Settable(below, f"`spec.{child.path}`")
