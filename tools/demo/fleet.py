"""What depends on what: the objects of one namespace as a tree."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentrun_operator.core.dependencies import CONFIG_MAP, SECRET, Dependency, dependencies
from agentrun_operator.kinds import catalogue
from rig.waiting import condition

Name = tuple[str, str]
"""Kind and name."""
ACCOUNT = "Account"


@dataclass
class Node:
    """One object, and those that cannot do without it.

    An object that needs several others stands below each of them; what needs it, only below the
    first.
    """

    kind: str
    name: str
    ready: str = ""
    reason: str = ""
    path: str = ""
    """Where its spec refers to the object above."""
    reads: tuple[str, ...] = ()
    """Secrets and ConfigMaps that its spec names."""
    children: list["Node"] = field(default_factory=list)


class Fleet:
    """The objects of one namespace, and their references."""

    def __init__(self, objects: Iterable[Mapping[str, Any]]) -> None:
        self._bodies = {(e["kind"], e["metadata"]["name"]): e for e in objects}
        self._needs = {
            name: dependencies(catalogue()[body["kind"]], body["spec"])
            for name, body in self._bodies.items()
        }
        self._users: dict[Name, list[tuple[Name, str]]] = defaultdict(list)
        for name in sorted(self._needs):
            for need in self._needed(name):
                self._users[need.kind, need.name].append((name, need.path))

    def missing(self) -> list[str]:
        """Return the references to objects of ours that are not there."""
        return [
            f"{kind}/{name}: {need.path}: no {need.kind}/{need.name}"
            for kind, name in self._needs
            for need in self._needed((kind, name))
            if (need.kind, need.name) not in self._bodies
        ]

    def trees(self) -> list[Node]:
        """Return the objects that need no other one here, each with all that needs it."""
        told: set[Name] = set()
        roots = [
            name
            for name in sorted(self._bodies)
            if not any((need.kind, need.name) in self._bodies for need in self._needed(name))
        ]
        return [self._node(name, "", told) for name in roots]

    def _node(self, name: Name, path: str, told: set[Name]) -> Node:
        ready = condition(self._bodies[name], "Ready")
        reads = tuple(f"{n.kind}/{n.name}" for n in self._needs[name] if _is_read(n))
        node = Node(*name, ready.get("status", ""), ready.get("reason", ""), path, reads)
        if name not in told:
            told.add(name)
            node.children = [self._node(*user, told) for user in self._users[name]]
        return node

    def _needed(self, name: Name) -> Iterator[Dependency]:
        """Yield the objects that one refers to; its account where it refers to none."""
        found = [need for need in self._needs[name] if not _is_read(need)]
        account = self._bodies[name].get("status", {}).get("account", {})
        if not found and account.get("kind") == ACCOUNT:
            found = [Dependency(ACCOUNT, account["name"], "")]
        yield from found


def count(nodes: Sequence[Node]) -> int:
    """Return how many objects some trees show."""

    def names(below: Sequence[Node]) -> Iterator[Name]:
        for each in below:
            yield each.kind, each.name
            yield from names(each.children)

    return len(set(names(nodes)))


def _is_read(need: Dependency) -> bool:
    return need.kind in (SECRET, CONFIG_MAP)
